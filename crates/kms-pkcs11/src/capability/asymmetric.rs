//! RSA and elliptic curves.

use cryptoki::mechanism::MechanismType;
use cryptoki::object::ObjectHandle;
use kms_core::primitives::ecc::{EccPrivateKey, EccPublicKey, signature_to_der};
use kms_core::primitives::hash::hash;
use kms_core::primitives::rsa::RsaPublicKey;
use kms_core::{
    Algorithm, AlgorithmSet, EncryptionAlgorithm, Error, KeySpec, KeyUsage, SigningAlgorithm, SystemRandom,
};

use super::symmetric::there_and_back;
use super::{Capabilities, asked};
use crate::fault::Fault;
use crate::object::Made;
use crate::point;
use crate::template::{Name, Purpose};
use crate::token::Attempt;

const PROBE: &[u8] = b"kms asks what this token can do";

/// Makes a pair that may be wrapped if the token wraps, and tries `works` on the private key: the one that was
/// unwrapped, if it can be. Answers the algorithms that work, what was said of the others, and whether it was wrapped.
fn tried(
    attempt: &Attempt<'_>,
    found: &Capabilities,
    purpose: Purpose,
    mut works: impl FnMut(&Made, ObjectHandle) -> Result<(AlgorithmSet, String), Fault>,
) -> Result<(AlgorithmSet, String, bool), Fault> {
    let optional = found.optional;
    if let Some(mechanism) = found.wrap {
        let mut outcome = (AlgorithmSet::empty(), String::new());
        let wrapped = there_and_back(attempt, mechanism, purpose, (optional, found.unwrapped), |made, back| {
            outcome = works(made, back)?;
            Ok(!outcome.0.is_empty())
        });
        if let Ok(true) = asked(wrapped)? {
            return Ok((outcome.0, outcome.1, true));
        }
    }
    let made = match asked(attempt.generate(purpose, Name::NOBODY, false, optional))? {
        Ok(made) => made,
        Err(reason) => return Ok((AlgorithmSet::empty(), reason, false)),
    };
    let outcome = works(&made, made.handle);
    attempt.unmake(&made);
    let (algorithms, reason) = outcome?;
    Ok((algorithms, reason, false))
}

fn wrong(what: &'static str) -> Fault {
    Error::unsupported(what).into()
}

/// One algorithm, against the core's software.
fn check(attempt: &Attempt<'_>, spki: &[u8], spec: KeySpec, key: ObjectHandle, one: Algorithm) -> Result<(), Fault> {
    match one {
        Algorithm::Encryption(algorithm) => oaep_works(attempt, spki, key, algorithm),
        Algorithm::Signing(algorithm) => signature_works(attempt, spki, spec, key, algorithm),
        Algorithm::KeyAgreement(_) => agreement_works(attempt, spki, spec, key),
        _ => Err(wrong("not an algorithm of key pairs")),
    }
}

/// Encrypts in software and decrypts in the token.
pub(crate) fn oaep_works(
    attempt: &Attempt<'_>,
    spki: &[u8],
    key: ObjectHandle,
    algorithm: EncryptionAlgorithm,
) -> Result<(), Fault> {
    let hash = algorithm.oaep_hash().ok_or_else(|| Error::unsupported(algorithm.as_str()))?;
    let sealed = RsaPublicKey::from_spki(spki)?.encrypt_oaep(hash, PROBE, &SystemRandom)?;
    if attempt.decrypt_oaep(algorithm, key, &sealed)?.ct_eq(PROBE) {
        Ok(())
    } else {
        Err(wrong("it decrypts to something else"))
    }
}

fn signature_works(
    attempt: &Attempt<'_>,
    spki: &[u8],
    spec: KeySpec,
    key: ObjectHandle,
    algorithm: SigningAlgorithm,
) -> Result<(), Fault> {
    let digest = hash(algorithm.hash(), PROBE);
    let signature = attempt.sign(algorithm, key, &digest)?;
    let verified = if spec.is_rsa() {
        RsaPublicKey::from_spki(spki)?.verify_digest(algorithm, &digest, &signature)
    } else {
        EccPublicKey::from_spki(spec, spki)?.verify_digest(&digest, &signature_to_der(spec, &signature)?)
    };
    verified.map_err(|_| wrong("its signature does not verify"))
}

fn agreement_works(attempt: &Attempt<'_>, spki: &[u8], spec: KeySpec, key: ObjectHandle) -> Result<(), Fault> {
    let peer = EccPrivateKey::generate(spec, &SystemRandom)?;
    let ours = peer.agree(&EccPublicKey::from_spki(spec, spki)?)?;
    let point = point::uncompressed(&peer.public_key().to_spki()?)?;
    if attempt.agree(key, &point, ours.len())?.ct_eq(ours.expose()) {
        Ok(())
    } else {
        Err(wrong("it agrees on another secret"))
    }
}

/// Everything that a spec and usage could do, tried one after the other.
fn all(
    attempt: &Attempt<'_>,
    found: &Capabilities,
    spec: KeySpec,
    usage: KeyUsage,
) -> Result<(AlgorithmSet, String, bool), Fault> {
    let purpose = Purpose::Master { spec, usage, derives: false };
    tried(attempt, found, purpose, |made, key| {
        let (mut works, mut reason) = (AlgorithmSet::empty(), String::new());
        let spki = made.public_key.as_deref().unwrap_or_default();
        for one in AlgorithmSet::of(spec, usage).iter() {
            match asked(check(attempt, spki, spec, key, one))? {
                Ok(()) => works = works.with(one),
                Err(said) => reason = said,
            }
        }
        Ok((works, reason))
    })
}

/// RSA, tried with keys of 2,048 bits: making larger ones takes some tokens minutes. Their sizes are those that the
/// token lists.
pub(super) fn rsa(attempt: &Attempt<'_>, found: &mut Capabilities) -> Result<(), Fault> {
    let info = attempt.pkcs11.get_mechanism_info(attempt.connection.slot, MechanismType::RSA_PKCS_KEY_PAIR_GEN);
    let most = asked(info.map_err(Fault::from))?.map_or(0, |info| info.max_key_size());
    for &usage in KeySpec::Rsa2048.usages() {
        let (works, reason, wrapped) = all(attempt, found, KeySpec::Rsa2048, usage)?;
        for (spec, bits) in [(KeySpec::Rsa2048, 2048), (KeySpec::Rsa3072, 3072), (KeySpec::Rsa4096, 4096)] {
            if bits > most && most != 0 {
                let reason = format!("the token makes RSA keys of at most {most} bits");
                found.found(spec, usage, AlgorithmSet::empty(), &reason);
                continue;
            }
            found.found(spec, usage, works, &reason);
            if wrapped && !found.wraps.contains(&spec) {
                found.wraps.push(spec);
            }
        }
    }
    Ok(())
}

/// The four curves, for signatures and for agreement.
pub(super) fn curves(attempt: &Attempt<'_>, found: &mut Capabilities) -> Result<(), Fault> {
    for &spec in KeySpec::ALL.iter().filter(|spec| spec.is_ecc()) {
        for &usage in spec.usages() {
            let (works, reason, wrapped) = all(attempt, found, spec, usage)?;
            found.found(spec, usage, works, &reason);
            if wrapped && !found.wraps.contains(&spec) {
                found.wraps.push(spec);
            }
        }
    }
    Ok(())
}

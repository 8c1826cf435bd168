//! The same material in two backends: each reads, verifies and agrees with what the other made.

use kms_core::{
    Algorithm, AlgorithmSet, Call, EncryptionAlgorithm, ErrorKind, Key, KeySpec, KeyUsage, MaterialId, MessageType,
    SignatureScheme, SystemRandom,
};

use super::check::{At, Fault, Outcome, ensure, refused};
use super::run::Run;
use super::work::{context, equal};

const SYMMETRIC_DEFAULT: Algorithm = Algorithm::Encryption(EncryptionAlgorithm::SymmetricDefault);

/// Puts every pair of key spec and usage that AWS KMS has into both.
pub(super) fn run(ours: &Run<'_, '_>, theirs: &Run<'_, '_>) {
    let pairs = KeySpec::ALL.iter().flat_map(|&spec| spec.usages().iter().map(move |&usage| (spec, usage)));
    for (spec, usage) in pairs {
        let on = format!("{spec} {usage}");
        if let Some((what, reason)) = one_sided(ours, spec, usage).or_else(|| one_sided(theirs, spec, usage)) {
            ours.absent(what, reason);
            continue;
        }
        let both: Vec<Algorithm> = {
            let (a, b) = (ours.subject.advertised(spec, usage), theirs.subject.advertised(spec, usage));
            for algorithm in AlgorithmSet::of(spec, usage).iter().filter(|&one| !a.contains(one) || !b.contains(one)) {
                ours.absent(format!("{algorithm} of {on}"), lacking(ours, theirs, spec, usage, algorithm));
            }
            a.iter().filter(|&one| b.contains(one)).collect()
        };
        let mut keys = None;
        ours.check("parity: the same material is the same key in both", &on, || {
            let [a, b] = keys.insert(imported(ours, theirs, spec, usage)?);
            ensure(a.info().id == b.info().id, "two ids")?;
            match spec.is_asymmetric() {
                true => ensure(a.public_key()? == b.public_key()?, "two public keys"),
                false => Ok(()),
            }
        });
        let Some([a, b]) = keys else { continue };
        let takes = |len| ours.subject.takes(len) && theirs.subject.takes(len);
        for algorithm in both {
            ours.check("parity: each reads and confirms what the other made", format!("{on} {algorithm}"), || {
                same(&a, &b, algorithm, &takes).at(format!("from {} to {}", ours.subject.name, theirs.subject.name))?;
                same(&b, &a, algorithm, &takes).at(format!("from {} to {}", theirs.subject.name, ours.subject.name))
            });
        }
    }
}

/// Why a pair cannot be compared, if one of the two is the reason.
fn one_sided(run: &Run<'_, '_>, spec: KeySpec, usage: KeyUsage) -> Option<(String, String)> {
    let name = &run.subject.name;
    let reason = if run.subject.advertised(spec, usage).is_empty() {
        format!("{name} does not have them")
    } else if let Some(reason) = run.subject.no_import_of(spec) {
        format!("{name} does not import them: {reason}")
    } else if let (Some(reason), KeySpec::SymmetricDefault) = (&run.subject.foreign_blobs, spec) {
        format!("{name} has ciphertexts of its own: {reason}")
    } else {
        return None;
    };
    Some((format!("{spec} keys for {usage}"), reason))
}

fn lacking(a: &Run<'_, '_>, b: &Run<'_, '_>, spec: KeySpec, usage: KeyUsage, algorithm: Algorithm) -> String {
    let lacks = |run: &Run<'_, '_>| !run.subject.advertised(spec, usage).contains(algorithm);
    match (lacks(a), lacks(b)) {
        (true, true) => "neither has it".into(),
        (true, false) => format!("{} does not have it", a.subject.name),
        _ => format!("{} does not have it", b.subject.name),
    }
}

/// One material under one id in both, since blobs are bound to the id.
fn imported(ours: &Run<'_, '_>, theirs: &Run<'_, '_>, spec: KeySpec, usage: KeyUsage) -> Result<[Key; 2], Fault> {
    let known = ours.known(spec)?;
    let id = MaterialId::from(kms_core::KeyId::random(&SystemRandom)?);
    let into = |run: &Run<'_, '_>| {
        let at = run.place_of(id);
        let answer = run.backend().import(&at, spec, usage, known.material()?, &Call::default());
        Ok::<_, Fault>(Key::new(answer.at(format!("import into {}", run.subject.name))?))
    };
    Ok([into(ours)?, into(theirs)?])
}

/// What `a` makes is right for `b`.
fn same(a: &Key, b: &Key, algorithm: Algorithm, takes: &dyn Fn(usize) -> bool) -> Outcome {
    let call = Call::default();
    match algorithm {
        SYMMETRIC_DEFAULT => {
            let context = context()?;
            for len in [0, 1, 31, 32, 4096].into_iter().filter(|&len| takes(len)) {
                let plaintext = vec![7; len];
                let sealed = a.encrypt(&plaintext, &context, &call)?;
                equal(&b.decrypt(sealed.as_bytes(), &context, &call)?, &plaintext).at(format!("{len} bytes"))?;
            }
            let (data_key, sealed) = a.generate_data_key(32, &context, &call)?;
            equal(&b.decrypt(sealed.as_bytes(), &context, &call)?, data_key.expose()).at("a data key")?;
            let other = kms_core::EncryptionContext::empty();
            refused(b.decrypt(sealed.as_bytes(), &other, &call), &[ErrorKind::Rejected]).at("under another context")
        }
        Algorithm::Encryption(one) => {
            let sealed = a.public_key()?.encrypt(one, b"payload", &SystemRandom)?;
            equal(&b.decrypt_asymmetric(one, &sealed, &call)?, b"payload")
        }
        Algorithm::Signing(one) => {
            let signature = a.sign(one, MessageType::Raw, b"message", &call)?;
            b.verify(one, MessageType::Raw, b"message", &signature)?;
            // The only signatures here that are the same each time.
            let fixed = one.scheme() == SignatureScheme::RsaPkcs1V15;
            ensure(!fixed || signature == b.sign(one, MessageType::Raw, b"message", &call)?, "two signatures")
        }
        Algorithm::Mac(one) => {
            for len in [0, 1, 64, 4096].into_iter().filter(|&len| takes(len)) {
                let mac = a.generate_mac(one, &vec![7; len], &call)?;
                equal(&b.generate_mac(one, &vec![7; len], &call)?, mac.expose()).at(format!("{len} bytes"))?;
            }
            Ok(())
        }
        Algorithm::KeyAgreement(_) => {
            let peer = kms_core::primitives::ecc::EccPrivateKey::generate(a.info().spec, &SystemRandom)?.public_key();
            let secret = a.derive_shared_secret(&peer.clone().into(), &call)?;
            equal(&b.derive_shared_secret(&peer.into(), &call)?, secret.expose())
        }
        other => Err(format!("{other}: not an algorithm of this version of the suite").into()),
    }
}

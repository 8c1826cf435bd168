//! Secrets: HMAC, wrapping, derivation, AES-GCM, import.

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::types::Ulong;
use cryptoki_sys::CK_ULONG;
use kms_core::primitives::mac::hmac;
use kms_core::{AlgorithmSet, Error, KeySpec, KeyUsage, MacAlgorithm, RandomSource, SystemRandom};

use super::{Capabilities, GcmBehaviour, asked};
use crate::fault::Fault;
use crate::import;
use crate::object::Made;
use crate::template::{Name, Optional, Purpose};
use crate::token::Attempt;
use crate::wrap::WrapMechanism;

const PROBE: &[u8] = b"kms asks what this token can do";

pub(super) const SYMMETRIC: Purpose =
    Purpose::Master { spec: KeySpec::SymmetricDefault, usage: KeyUsage::EncryptDecrypt, derives: false };

/// The optional attributes that the token takes: all, or those it takes alone. Asked with an object that stays, for as
/// long as it takes: NSS takes for a session's objects what it refuses for others.
pub(super) fn optional_attributes(attempt: &Attempt<'_>) -> Result<Optional, Fault> {
    let takes = |optional: Optional| -> Result<bool, Fault> {
        let mut id = [0; 20];
        SystemRandom.fill(&mut id)?;
        let name = Name { id: &id, label: "kms probe", token: true };
        match asked(attempt.generate(SYMMETRIC, name, false, optional))? {
            Ok(made) => {
                attempt.unmake(&made);
                Ok(true)
            }
            Err(_) => Ok(false),
        }
    };
    if takes(Optional::ALL)? {
        return Ok(Optional::ALL);
    }
    Ok(Optional {
        copyable: takes(Optional { copyable: true, ..Optional::NONE })?,
        modifiable: takes(Optional { modifiable: true, ..Optional::NONE })?,
        allowed_mechanisms: takes(Optional { allowed_mechanisms: true, ..Optional::NONE })?,
    })
}

/// A wrapping key for this session.
pub(super) fn wrapping_key(attempt: &Attempt<'_>, optional: Optional) -> Result<Made, Fault> {
    attempt.generate(Purpose::Wrap, Name::NOBODY, false, optional)
}

/// Wraps a key made for it, unwraps it, and hands both to `same`.
pub(super) fn there_and_back(
    attempt: &Attempt<'_>,
    mechanism: WrapMechanism,
    purpose: Purpose,
    (optional, unwrapped): (Optional, Optional),
    same: impl FnOnce(&Made, ObjectHandle) -> Result<bool, Fault>,
) -> Result<bool, Fault> {
    let under = wrapping_key(attempt, optional)?;
    let outcome = attempt.generate(purpose, Name::NOBODY, true, optional).and_then(|made| {
        let outcome = attempt.wrap(mechanism, under.handle, made.handle).and_then(|wrapped| {
            // RFC 3394 and RFC 5649 add eight bytes to a key of 32; another padding adds more.
            let is_standard = made.public_key.is_some() || wrapped.len() == 40;
            let template = purpose.secret(Name::NOBODY, false, unwrapped);
            let back = attempt.unwrap(mechanism, under.handle, &wrapped, &template)?;
            let outcome = same(&made, back);
            attempt.session.destroy_object(back)?;
            Ok(outcome? && is_standard)
        });
        attempt.unmake(&made);
        outcome
    });
    attempt.unmake(&under);
    outcome
}

/// Which mechanism wraps a secret and gives it back the same, and which optional attributes it takes back.
pub(super) fn wrapping(attempt: &Attempt<'_>, found: &mut Capabilities) -> Result<(), Fault> {
    let all = found.optional;
    // SoftHSM refuses to unwrap what cannot be modified.
    let fewer =
        [all, Optional { modifiable: false, ..all }, Optional { allowed_mechanisms: false, ..all }, Optional::NONE];
    for mechanism in WrapMechanism::ALL {
        for unwrapped in fewer {
            let same = |made: &Made, back: ObjectHandle| {
                let before = attempt.mac(MacAlgorithm::HmacSha256, made.handle, PROBE)?;
                Ok(attempt.mac(MacAlgorithm::HmacSha256, back, PROBE)?.ct_eq(before.expose()))
            };
            if let Ok(true) = asked(there_and_back(attempt, mechanism, SYMMETRIC, (all, unwrapped), same))? {
                found.wrap = Some(mechanism);
                found.wrap_mechanism = Some(mechanism.name());
                found.unwrapped = unwrapped;
                found.wraps.push(KeySpec::SymmetricDefault);
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Whether the KDF of ciphertext blobs, run in the token, gives the key that an HMAC gives.
pub(super) fn derivation(attempt: &Attempt<'_>, found: &mut Capabilities) -> Result<(), Fault> {
    let purpose = Purpose::Master { spec: KeySpec::SymmetricDefault, usage: KeyUsage::EncryptDecrypt, derives: true };
    let works = attempt.generate(purpose, Name::NOBODY, false, found.optional).and_then(|made| {
        let outcome = crate::derive::agrees_with_hmac(attempt, made.handle);
        attempt.unmake(&made);
        outcome
    });
    found.derives_inside = matches!(asked(works)?, Ok(true));
    Ok(())
}

/// The symmetric spec and the HMAC specs: a key is made, and gives two equal codes for equal messages. Where a secret
/// can be brought in, the code is compared with that of the core's software.
pub(super) fn macs(attempt: &Attempt<'_>, found: &mut Capabilities) -> Result<(), Fault> {
    for (spec, algorithm) in [
        (KeySpec::SymmetricDefault, MacAlgorithm::HmacSha256),
        (KeySpec::Hmac224, MacAlgorithm::HmacSha224),
        (KeySpec::Hmac256, MacAlgorithm::HmacSha256),
        (KeySpec::Hmac384, MacAlgorithm::HmacSha384),
        (KeySpec::Hmac512, MacAlgorithm::HmacSha512),
    ] {
        let usage = spec.usages().first().copied().unwrap_or(KeyUsage::GenerateVerifyMac);
        let purpose = Purpose::Master { spec, usage, derives: false };
        let works = attempt.generate(purpose, Name::NOBODY, false, found.optional).and_then(|made| {
            let outcome = attempt.mac(algorithm, made.handle, PROBE).and_then(|first| {
                if attempt.mac(algorithm, made.handle, PROBE)?.ct_eq(first.expose()) {
                    Ok(())
                } else {
                    Err(Error::unsupported("its codes differ for one message").into())
                }
            });
            attempt.unmake(&made);
            outcome
        });
        let outcome = match asked(works)? {
            Ok(()) => known_answer(attempt, purpose, algorithm, found.optional)?,
            Err(reason) => Err(reason),
        };
        match outcome {
            Ok(()) => {
                found.found(spec, usage, AlgorithmSet::of(spec, usage), "");
                if found.wrap.is_some() && spec != KeySpec::SymmetricDefault {
                    found.wraps.push(spec);
                }
            }
            Err(reason) => found.found(spec, usage, AlgorithmSet::empty(), &reason),
        }
    }
    Ok(())
}

/// A code under a known secret. A token that takes no secrets is believed.
fn known_answer(
    attempt: &Attempt<'_>,
    purpose: Purpose,
    algorithm: MacAlgorithm,
    optional: Optional,
) -> Result<Result<(), String>, Fault> {
    let secret = vec![0x6b; algorithm.hash().output_len().max(32)];
    let Ok(handle) = asked(import::create_secret(attempt, purpose, Name::NOBODY, &secret, false, optional))? else {
        return Ok(Ok(()));
    };
    let mac = asked(attempt.mac(algorithm, handle, PROBE));
    attempt.session.destroy_object(handle)?;
    Ok(match mac? {
        Ok(mac) if mac.ct_eq(hmac(algorithm, &secret, PROBE).expose()) => Ok(()),
        Ok(_) => Err("its codes are wrong".into()),
        Err(reason) => Err(reason),
    })
}

fn aes_key(attempt: &Attempt<'_>) -> Result<ObjectHandle, Fault> {
    let len: CK_ULONG = 32;
    let template = [
        Attribute::Token(false),
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
        Attribute::ValueLen(Ulong::from(len)),
    ];
    Ok(attempt.session.generate_key(&Mechanism::AesKeyGen, &template)?)
}

/// AES-GCM under an AES key: who makes the nonce, and what a forgery is answered.
pub(super) fn direct(attempt: &Attempt<'_>, found: &mut Capabilities) -> Result<(), Fault> {
    let Ok(key) = asked(aes_key(attempt))? else { return Ok(()) };
    // Not all zero: a token that makes the nonce is seen by its changing this.
    let given = [0x5a; 12];
    let mut nonce = given;
    let behaviour = match asked(attempt.seal_gcm(key, &mut nonce, b"aad", PROBE))? {
        Err(_) => None,
        Ok(mut sealed) => {
            let opens = asked(attempt.open_gcm(key, &nonce, b"aad", &sealed))?;
            if let Some(last) = sealed.last_mut() {
                *last ^= 1;
            }
            let forged = asked(attempt.open_gcm(key, &nonce, b"aad", &sealed))?;
            match (opens, forged) {
                (Ok(plaintext), Err(forged)) if plaintext.expose() == PROBE => {
                    Some(GcmBehaviour { token_makes_nonce: nonce != given, forged })
                }
                _ => None,
            }
        }
    };
    attempt.session.destroy_object(key)?;
    found.gcm = behaviour;
    Ok(())
}

/// How a secret can be brought in.
pub(super) fn import(attempt: &Attempt<'_>, found: &mut Capabilities) -> Result<(), Fault> {
    let secret = [0x6b; 32];
    let optional = found.optional;
    if let Ok(handle) = asked(import::create_secret(attempt, SYMMETRIC, Name::NOBODY, &secret, false, optional))? {
        attempt.session.destroy_object(handle)?;
        found.creates = true;
    }
    if let Some(wrap) = found.wrap {
        let brought = import::unwrap_secret(attempt, SYMMETRIC, Name::NOBODY, &secret, wrap, false, found.unwrapped);
        if let Ok(handle) = asked(brought)? {
            let mac = asked(attempt.mac(MacAlgorithm::HmacSha256, handle, PROBE));
            attempt.session.destroy_object(handle)?;
            let expected = hmac(MacAlgorithm::HmacSha256, &secret, PROBE);
            found.unwraps = mac?.is_ok_and(|mac| mac.ct_eq(expected.expose()));
        }
    }
    Ok(())
}

//! RSAES-OAEP: software encrypts, the backend decrypts, and every bad ciphertext is the same refusal.

use kms_core::{Algorithm, Call, EncryptionAlgorithm, ErrorKind, Key, KeyUsage, SystemRandom};

use super::check::{At, Outcome, ensure, refused};
use super::forgery::flipped;
use super::run::{Made, Run};
use super::work::{equal, oaep};

const REJECTED: &[ErrorKind] = &[ErrorKind::Rejected];
/// Which bytes of a ciphertext of a slow key are flipped: every one at this distance.
const SAMPLE: usize = 61;

pub(super) fn run(run: &Run<'_, '_>) {
    for (spec, usage) in run.subject.pairs() {
        if !spec.is_rsa() || usage != KeyUsage::EncryptDecrypt {
            continue;
        }
        let slow = run.subject.is_slow(spec);
        for algorithm in run.subject.advertised(spec, usage).iter() {
            let Algorithm::Encryption(algorithm) = algorithm else { continue };
            let on = format!("{spec} {algorithm}");
            run.check("oaep: what software encrypts comes back, up to the longest", &on, || {
                lengths(&run.shared(spec, usage)?.key(), algorithm)
            });
            run.check("oaep: every bad ciphertext is Rejected", &on, || {
                bad_ciphertexts(&run.shared(spec, usage)?, algorithm, if slow { SAMPLE } else { 1 })
            });
            if !slow {
                run.check("oaep: a ciphertext that begins with a zero byte opens", &on, || {
                    leading_zero(&run.shared(spec, usage)?.key(), algorithm)
                });
                run.check("oaep: another key's ciphertext is Rejected", &on, || {
                    let (ours, other) = (run.shared(spec, usage)?.key(), run.create(spec, usage)?);
                    let sealed = other.key().public_key()?.encrypt(algorithm, b"payload", &SystemRandom)?;
                    refused(ours.decrypt_asymmetric(algorithm, &sealed, &Call::default()), REJECTED)?;
                    oaep(&ours, algorithm, b"the next one")
                });
            }
        }
    }
}

fn lengths(key: &Key, algorithm: EncryptionAlgorithm) -> Outcome {
    let longest = key.info().spec.max_plaintext(algorithm).ok_or("no limit for this algorithm")?;
    for len in [0, 1, 32, longest - 1, longest] {
        for byte in [0, 7] {
            oaep(key, algorithm, &vec![byte; len]).at(format!("{len} bytes of {byte}"))?;
        }
    }
    let too_long = key.public_key()?.encrypt(algorithm, &vec![7; longest + 1], &SystemRandom);
    refused(too_long, &[ErrorKind::InvalidInput]).at("one byte too long")
}

fn bad_ciphertexts(made: &Made, algorithm: EncryptionAlgorithm, step: usize) -> Outcome {
    let (key, call) = (made.key(), Call::default());
    let sealed = key.public_key()?.encrypt(algorithm, b"payload", &SystemRandom)?;
    let len = sealed.len();
    let opens = || equal(&key.decrypt_asymmetric(algorithm, &sealed, &call).at("the right one after it")?, b"payload");
    let refuses = |bad: &[u8]| refused(made.master.decrypt(algorithm, bad, &call), REJECTED);
    for index in (0..len).step_by(step) {
        refuses(&flipped(&sealed, index, 1)).at(format!("byte {index}"))?;
    }
    opens()?;
    let cut = |len: usize| sealed.iter().copied().take(len).collect::<Vec<_>>();
    let longer = |before: usize, after: usize| [&vec![0; before], &*sealed, &vec![0; after]].concat();
    let number = |last: u8| [&vec![0; len - 1], &[last][..]].concat();
    for (what, bad) in [
        ("nothing", Vec::new()),
        ("one byte", cut(1)),
        ("half", cut(len / 2)),
        ("shorter by one byte", cut(len - 1)),
        ("longer by a zero byte at the end", longer(0, 1)),
        ("longer by a zero byte at the beginning", longer(1, 0)),
        ("twice as long", [&*sealed, &*sealed].concat()),
        ("zero", number(0)),
        ("one", number(1)),
        ("more than the modulus", vec![0xff; len]),
    ] {
        refuses(&bad).at(what)?;
        opens().at(what)?;
    }
    for &other in EncryptionAlgorithm::ALL {
        if other != algorithm && other.oaep_hash().is_some() {
            let of_other = key.public_key()?.encrypt(other, b"payload", &SystemRandom)?;
            refuses(&of_other).at(format!("one of {other}"))?;
        }
    }
    opens()
}

/// One in 256 does; a number whose zeros are dropped on the way no longer has the length of the modulus.
fn leading_zero(key: &Key, algorithm: EncryptionAlgorithm) -> Outcome {
    let public = key.public_key()?;
    for _ in 0..10_000 {
        let sealed = public.encrypt(algorithm, b"payload", &SystemRandom)?;
        if sealed.first() == Some(&0) {
            return equal(&key.decrypt_asymmetric(algorithm, &sealed, &Call::default())?, b"payload");
        }
    }
    ensure(false, "none of 10,000 ciphertexts begins with a zero byte")
}

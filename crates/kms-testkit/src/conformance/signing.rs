//! Signatures: the backend signs, software verifies.

use kms_core::primitives::ecc::signature_to_der;
use kms_core::primitives::hash::hash;
use kms_core::{Algorithm, Call, ErrorKind, KeyUsage, MessageType, SigningAlgorithm};

use super::check::{At, Outcome, ensure, refused};
use super::run::{Made, Run};
use super::work::sign_and_verify;

/// Enough that some r and some s begin with a zero byte.
const SIGNATURES: usize = 100;

pub(super) fn run(run: &Run<'_, '_>) {
    for (spec, usage) in run.subject.pairs() {
        if usage != KeyUsage::SignVerify {
            continue;
        }
        for algorithm in run.subject.advertised(spec, usage).iter() {
            let Algorithm::Signing(algorithm) = algorithm else { continue };
            let on = format!("{spec} {algorithm}");
            let key = || run.shared(spec, usage);
            run.check("sign: software verifies signatures over messages of every length", &on, || {
                for len in [0, 1, 32, 4096, 100_000] {
                    sign_and_verify(&key()?.key(), algorithm, &vec![7; len]).at(format!("{len} bytes"))?;
                }
                Ok(())
            });
            run.check("sign: a digest and its message have the same signatures", &on, || digest(&key()?, algorithm));
            run.check("sign: a digest of another length is InvalidInput", &on, || digest_lengths(&key()?, algorithm));
            if spec.is_ecc() {
                run.check("sign: ECDSA signatures are r || s, each in its range", &on, || ranges(&key()?, algorithm));
            } else {
                run.check("sign: RSA signatures have the length of the modulus", &on, || modulus(&key()?, algorithm));
            }
        }
    }
}

fn digest(made: &Made, algorithm: SigningAlgorithm) -> Outcome {
    let (key, call) = (made.key(), Call::default());
    let digest = hash(algorithm.hash(), b"message");
    let of_digest = key.sign(algorithm, MessageType::Digest, &digest, &call)?;
    let public = key.public_key()?;
    public.verify(algorithm, MessageType::Raw, b"message", &of_digest).at("signed as a digest")?;
    let of_message = key.sign(algorithm, MessageType::Raw, b"message", &call)?;
    public.verify(algorithm, MessageType::Digest, &digest, &of_message).at("signed as a message")?;
    let of_another = key.sign(algorithm, MessageType::Raw, b"massage", &call)?;
    refused(public.verify(algorithm, MessageType::Raw, b"message", &of_another), &[ErrorKind::Rejected])
        .at("the signature of another message")
}

fn digest_lengths(made: &Made, algorithm: SigningAlgorithm) -> Outcome {
    let len = algorithm.hash().output_len();
    for wrong in [0, 1, len - 1, len + 1] {
        let answer = made.key().sign(algorithm, MessageType::Digest, &vec![7; wrong], &Call::default());
        refused(answer, &[ErrorKind::InvalidInput]).at(format!("{wrong} bytes"))?;
    }
    Ok(())
}

fn ranges(made: &Made, algorithm: SigningAlgorithm) -> Outcome {
    let spec = made.master.info().spec;
    let public = made.key().public_key()?;
    for number in 0..SIGNATURES {
        let digest = hash(algorithm.hash(), &number.to_be_bytes());
        let signature = made.master.sign_digest(algorithm, &digest, &Call::default())?;
        let expected = spec.fixed_signature_len().ok_or("not a curve")?;
        ensure(signature.len() == expected, format!("a signature of {} bytes, not {expected}", signature.len()))?;
        let der = signature_to_der(spec, &signature).at("r or s is zero, or not below the order")?;
        public.verify(algorithm, MessageType::Digest, &digest, &der).at(format!("signature {number}"))?;
    }
    Ok(())
}

fn modulus(made: &Made, algorithm: SigningAlgorithm) -> Outcome {
    let digest = vec![7; algorithm.hash().output_len()];
    let signature = made.master.sign_digest(algorithm, &digest, &Call::default())?;
    let expected = made.master.info().spec.modulus_len().ok_or("not an RSA key")?;
    ensure(signature.len() == expected, format!("a signature of {} bytes, not {expected}", signature.len()))
}

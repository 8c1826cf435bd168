//! What an RSA key leaves in memory: with an allocator that wipes what is freed, nothing on the heap. See `docs/RSA.md`
//! for what is left without one.

#![cfg(target_os = "linux")]
#![expect(clippy::indexing_slicing, reason = "a test stops at the first surprise")]

extern crate alloc;

#[path = "support/scanner.rs"]
mod scanner;

use std::alloc::System;

use kms_core::primitives::rsa::RsaPrivateKey;
use kms_core::{
    Backend, Call, EncryptionAlgorithm, Key, KeyId, KeyMaterial, KeySpec, KeyUsage, MessageType, Secret,
    SigningAlgorithm, SystemRandom,
};
use kms_soft::SoftBackend;
use scanner::Pattern;
use zeroizing_alloc::ZeroAlloc;

#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// The integers d, p, q, dP, dQ and qInv of an RSAPrivateKey (RFC 8017, appendix A.1.2) in PKCS#8, each without its
/// first bytes, which may be zero.
fn secrets(der: &Secret) -> Vec<(&'static str, Pattern)> {
    let der = der.expose();
    let head = |at: usize| match der[at + 1] {
        0x82 => (at + 4, usize::from(der[at + 2]) << 8 | usize::from(der[at + 3])),
        0x81 => (at + 3, usize::from(der[at + 2])),
        len => (at + 2, usize::from(len)),
    };
    let next = |at: usize| head(at).0 + head(at).1;
    let (version, _) = head(0);
    let (sequence, _) = head(next(next(version)));
    let (first, _) = head(sequence);
    let secret = next(next(next(first)));
    ["d", "p", "q", "dP", "dQ", "qInv"]
        .into_iter()
        .scan(secret, |at, name| {
            let (start, len) = head(*at);
            *at = start + len;
            Some((name, Pattern::from_fn(len - 8, |index| der[start + 8 + index])))
        })
        .collect()
}

fn traces(pattern: &Pattern) -> Vec<String> {
    [pattern.traces(), pattern.reversed().traces()].concat()
}

#[test]
fn nothing_of_an_rsa_key_is_left() {
    let call = Call::default();
    let der = RsaPrivateKey::generate(KeySpec::Rsa2048, &SystemRandom).unwrap().to_pkcs8().unwrap();
    let secrets = secrets(&der);
    for (name, pattern) in &secrets {
        assert!(!traces(pattern).is_empty(), "the scanner does not see {name}, which is there");
    }
    for &usage in KeySpec::Rsa2048.usages() {
        let backend = SoftBackend::new(SystemRandom);
        let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
        let material = KeyMaterial::Pkcs8(Secret::copy_from(der.expose()));
        let key = Key::new(backend.import(&at, KeySpec::Rsa2048, usage, material, &call).unwrap());
        if usage == KeyUsage::EncryptDecrypt {
            let algorithm = EncryptionAlgorithm::RsaesOaepSha256;
            let sealed = key.public_key().unwrap().encrypt(algorithm, b"payload", &SystemRandom).unwrap();
            drop(key.decrypt_asymmetric(algorithm, &sealed, &call).unwrap());
        } else {
            let algorithm = SigningAlgorithm::RsassaPssSha256;
            drop(key.sign(algorithm, MessageType::Raw, b"message", &call).unwrap());
        }
    }
    drop(der);
    for (name, pattern) in &secrets {
        let traces = traces(pattern);
        assert!(traces.is_empty(), "{name}: {traces:#?}");
    }
}

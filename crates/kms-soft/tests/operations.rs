//! Every key spec and usage through the caller's face, over keys in memory.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use kms_core::{
    Algorithm, Backend, Call, EncryptionContext, ErrorKind, Key, KeyId, KeySpec, KeyUsage, MessageType, Supported,
    SystemRandom,
};
use kms_soft::SoftBackend;

fn create(backend: &SoftBackend, spec: KeySpec, usage: KeyUsage) -> Key {
    let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
    Key::new(backend.create(&at, spec, usage, &Call::default()).unwrap())
}

fn round_trip(key: &Key, other: &Key, algorithm: Algorithm) {
    let call = Call::default();
    let context = EncryptionContext::new([("tenant", "42")]).unwrap();
    match algorithm {
        Algorithm::Encryption(algorithm) if algorithm.oaep_hash().is_none() => {
            let sealed = key.encrypt(b"payload", &context, &call).unwrap();
            assert_eq!(key.decrypt(sealed.as_bytes(), &context, &call).unwrap().expose(), b"payload");
            let (data_key, sealed) = key.generate_data_key(32, &context, &call).unwrap();
            assert!(key.decrypt(sealed.as_bytes(), &context, &call).unwrap().ct_eq(data_key.expose()));
            let refused = key.decrypt(sealed.as_bytes(), &EncryptionContext::empty(), &call).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Rejected);
            let refused = other.decrypt(sealed.as_bytes(), &context, &call).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::IncorrectKey);
        }
        Algorithm::Encryption(algorithm) => {
            let public = key.public_key().unwrap();
            let longest = vec![7; key.info().spec.max_plaintext(algorithm).unwrap()];
            let mut sealed = public.encrypt(algorithm, &longest, &SystemRandom).unwrap();
            assert_eq!(key.decrypt_asymmetric(algorithm, &sealed, &call).unwrap().expose(), longest);
            let too_long = public.encrypt(algorithm, &[longest, vec![7]].concat(), &SystemRandom).unwrap_err();
            assert_eq!(too_long.kind(), ErrorKind::InvalidInput);
            sealed[40] ^= 1;
            let refused = key.decrypt_asymmetric(algorithm, &sealed, &call).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Rejected);
        }
        Algorithm::Signing(algorithm) => {
            let mut signature = key.sign(algorithm, MessageType::Raw, b"message", &call).unwrap();
            key.verify(algorithm, MessageType::Raw, b"message", &signature).unwrap();
            let digest = kms_core::primitives::hash::hash(algorithm.hash(), b"message");
            key.verify(algorithm, MessageType::Digest, &digest, &signature).unwrap();
            assert!(key.verify(algorithm, MessageType::Raw, b"massage", &signature).is_err());
            assert!(other.verify(algorithm, MessageType::Raw, b"message", &signature).is_err());
            assert!(key.sign(algorithm, MessageType::Digest, &digest[1..], &call).is_err());
            *signature.last_mut().unwrap() ^= 1;
            let refused = key.verify(algorithm, MessageType::Raw, b"message", &signature).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Rejected);
        }
        Algorithm::Mac(algorithm) => {
            let mac = key.generate_mac(algorithm, b"message", &call).unwrap();
            key.verify_mac(algorithm, b"message", mac.expose(), &call).unwrap();
            let refused = other.verify_mac(algorithm, b"message", mac.expose(), &call).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Rejected);
        }
        Algorithm::KeyAgreement(_) => {
            let ours = key.derive_shared_secret(&other.public_key().unwrap(), &call).unwrap();
            let theirs = other.derive_shared_secret(&key.public_key().unwrap(), &call).unwrap();
            assert!(ours.ct_eq(theirs.expose()));
        }
        other => panic!("untested algorithm {other}"),
    }
}

#[test]
fn every_advertised_algorithm_works() {
    let backend = SoftBackend::new(SystemRandom);
    // Generating RSA-3072 and RSA-4096 takes seconds each; their operations differ from RSA-2048 in size only and
    // are run by `larger_rsa_keys`.
    for &Supported { spec, usage, algorithms, .. } in backend.supported() {
        if matches!(spec, KeySpec::Rsa3072 | KeySpec::Rsa4096) {
            continue;
        }
        let (key, other) = (create(&backend, spec, usage), create(&backend, spec, usage));
        algorithms.iter().for_each(|algorithm| round_trip(&key, &other, algorithm));
    }
}

#[test]
fn larger_rsa_keys() {
    let backend = SoftBackend::new(SystemRandom);
    let smaller = create(&backend, KeySpec::Rsa2048, KeyUsage::SignVerify);
    for spec in [KeySpec::Rsa3072, KeySpec::Rsa4096] {
        for &usage in spec.usages() {
            let key = create(&backend, spec, usage);
            key.info().algorithms.iter().for_each(|algorithm| round_trip(&key, &smaller, algorithm));
        }
    }
}

#[test]
fn a_key_does_only_what_it_is_for() {
    let backend = SoftBackend::new(SystemRandom);
    let signing = create(&backend, KeySpec::EccNistP256, KeyUsage::SignVerify);
    let agreeing = create(&backend, KeySpec::EccNistP256, KeyUsage::KeyAgreement);
    let call = Call::default();
    let kind = |error: kms_core::Error| error.kind();
    let refused = signing.derive_shared_secret(&agreeing.public_key().unwrap(), &call).map_err(kind).unwrap_err();
    assert_eq!(refused, ErrorKind::Unsupported);
    let algorithm = kms_core::SigningAlgorithm::EcdsaSha256;
    let refused = agreeing.sign(algorithm, MessageType::Raw, b"", &call).map_err(kind).unwrap_err();
    assert_eq!(refused, ErrorKind::Unsupported);
    let refused = signing.encrypt(b"", &EncryptionContext::empty(), &call).map_err(kind).unwrap_err();
    assert_eq!(refused, ErrorKind::Unsupported);
}

#[test]
fn a_locator_names_one_key() {
    let backend = SoftBackend::new(SystemRandom);
    let call = Call::default();
    let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
    assert_eq!(backend.open(&at, &call).unwrap_err().kind(), ErrorKind::KeyUnavailable);
    let first = Key::new(backend.create(&at, KeySpec::Hmac256, KeyUsage::GenerateVerifyMac, &call).unwrap());
    let again = Key::new(backend.create(&at, KeySpec::Hmac256, KeyUsage::GenerateVerifyMac, &call).unwrap());
    let algorithm = kms_core::MacAlgorithm::HmacSha256;
    let mac = first.generate_mac(algorithm, b"m", &call).unwrap();
    again.verify_mac(algorithm, b"m", mac.expose(), &call).unwrap();
    let clash = backend.create(&at, KeySpec::Hmac512, KeyUsage::GenerateVerifyMac, &call).unwrap_err();
    assert_eq!(clash.kind(), ErrorKind::InvalidInput);
    backend.destroy(&at, &call).unwrap();
    backend.destroy(&at, &call).unwrap();
    assert_eq!(backend.open(&at, &call).unwrap_err().kind(), ErrorKind::KeyUnavailable);
}

/// Without the face, which would refuse all of this by itself.
#[test]
fn a_bare_key_does_only_what_it_is_for() {
    let backend = SoftBackend::new(SystemRandom);
    let call = Call::default();
    let bare = |spec: KeySpec, usage| {
        let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
        backend.create(&at, spec, usage, &call).unwrap()
    };
    // This one would give away the keys of blobs.
    let symmetric = bare(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let refused = symmetric.mac(kms_core::MacAlgorithm::HmacSha256, b"", &call).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    let curve = bare(KeySpec::EccNistP256, KeyUsage::SignVerify);
    let refused = curve.agree(curve.public_key().unwrap(), &call).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    let refused = curve.sign_digest(kms_core::SigningAlgorithm::EcdsaSha384, &[7; 48], &call).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    let rsa = bare(KeySpec::Rsa2048, KeyUsage::EncryptDecrypt);
    let refused = rsa.sign_digest(kms_core::SigningAlgorithm::RsassaPssSha256, &[7; 32], &call).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
}

#[test]
fn what_is_not_advertised_is_unsupported() {
    let backend = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
    for (spec, usage) in [
        (KeySpec::Hmac256, KeyUsage::EncryptDecrypt),
        (KeySpec::EccSecgP256k1, KeyUsage::KeyAgreement),
        (KeySpec::Rsa4096, KeyUsage::KeyAgreement),
    ] {
        let refused = backend.create(&at, spec, usage, &Call::default()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported, "{spec} {usage}");
    }
}

#[test]
fn material_of_another_spec_is_invalid_input() {
    use kms_core::primitives::ecc::EccPrivateKey;
    use kms_core::primitives::rsa::RsaPrivateKey;
    use kms_core::{KeyMaterial, Secret};
    let backend = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
    let curve = EccPrivateKey::generate(KeySpec::EccNistP384, &SystemRandom).unwrap().to_pkcs8().unwrap();
    let rsa = RsaPrivateKey::generate(KeySpec::Rsa2048, &SystemRandom).unwrap().to_pkcs8().unwrap();
    for (spec, der, kind) in [
        (KeySpec::EccNistP256, &curve, ErrorKind::InvalidInput),
        (KeySpec::Rsa2048, &curve, ErrorKind::InvalidInput),
        (KeySpec::EccNistP256, &rsa, ErrorKind::InvalidInput),
        (KeySpec::Rsa3072, &rsa, ErrorKind::InvalidInput),
        (KeySpec::Rsa3072, &Secret::from(vec![0x30; 9]), ErrorKind::Malformed),
        (KeySpec::EccNistP256, &Secret::from(vec![0x30; 9]), ErrorKind::Malformed),
    ] {
        let material = KeyMaterial::Pkcs8(Secret::copy_from(der.expose()));
        let refused = backend.import(&at, spec, KeyUsage::SignVerify, material, &Call::default()).unwrap_err();
        assert_eq!(refused.kind(), kind, "{spec}: {refused}");
    }
}

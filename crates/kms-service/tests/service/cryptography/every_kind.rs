//! Each kind of key with each operation and algorithm.

use kms_core::primitives::ecc::{EccPrivateKey, EccPublicKey};
use kms_core::{PublicKey, SystemRandom};
use kms_service::api::*;
use kms_service::{Exception, KmsError};

use super::{encrypt_with, mac_with, not_for, sign_with, text};
use crate::desk::{Desk, refused};
use crate::kinds;

fn lacks<T: core::fmt::Debug>(outcome: Result<T, KmsError>, key: &KeyMetadata, algorithm: &str) {
    let text = format!("Algorithm {algorithm} is incompatible with key spec {}.", key.key_spec.unwrap());
    refused(outcome, Exception::InvalidKeyUsage, &text);
}

fn encryption_algorithms(spec: KeySpec) -> &'static [EncryptionAlgorithmSpec] {
    use EncryptionAlgorithmSpec as A;
    match spec {
        KeySpec::SymmetricDefault => &[A::SymmetricDefault],
        KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => &[A::RsaesOaepSha1, A::RsaesOaepSha256],
        _ => &[],
    }
}

fn signing_algorithms(spec: KeySpec) -> &'static [SigningAlgorithmSpec] {
    use SigningAlgorithmSpec as A;
    match spec {
        KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => &[
            A::RsassaPssSha256,
            A::RsassaPssSha384,
            A::RsassaPssSha512,
            A::RsassaPkcs1V15Sha256,
            A::RsassaPkcs1V15Sha384,
            A::RsassaPkcs1V15Sha512,
        ],
        KeySpec::EccNistP256 | KeySpec::EccSecgP256k1 => &[A::EcdsaSha256],
        KeySpec::EccNistP384 => &[A::EcdsaSha384],
        KeySpec::EccNistP521 => &[A::EcdsaSha512],
        _ => &[],
    }
}

fn mac_algorithms(spec: KeySpec) -> &'static [MacAlgorithmSpec] {
    use MacAlgorithmSpec as A;
    match spec {
        KeySpec::Hmac224 => &[A::HmacSha224],
        KeySpec::Hmac256 => &[A::HmacSha256],
        KeySpec::Hmac384 => &[A::HmacSha384],
        KeySpec::Hmac512 => &[A::HmacSha512],
        _ => &[],
    }
}

/// All that this service has: the others are refused by name.
const SIGNING: [SigningAlgorithmSpec; 9] = [
    SigningAlgorithmSpec::RsassaPssSha256,
    SigningAlgorithmSpec::RsassaPssSha384,
    SigningAlgorithmSpec::RsassaPssSha512,
    SigningAlgorithmSpec::RsassaPkcs1V15Sha256,
    SigningAlgorithmSpec::RsassaPkcs1V15Sha384,
    SigningAlgorithmSpec::RsassaPkcs1V15Sha512,
    SigningAlgorithmSpec::EcdsaSha256,
    SigningAlgorithmSpec::EcdsaSha384,
    SigningAlgorithmSpec::EcdsaSha512,
];

const fn digest_len(algorithm: SigningAlgorithmSpec) -> usize {
    use SigningAlgorithmSpec as A;
    match algorithm {
        A::RsassaPssSha384 | A::RsassaPkcs1V15Sha384 | A::EcdsaSha384 => 48,
        A::RsassaPssSha512 | A::RsassaPkcs1V15Sha512 | A::EcdsaSha512 => 64,
        _ => 32,
    }
}

fn public_key(desk: &Desk, key: &KeyMetadata) -> Result<GetPublicKeyResponse, KmsError> {
    desk.ask(GetPublicKeyRequest { key_id: key.key_id.as_str().into(), ..Default::default() })
}

fn encrypts(desk: &Desk, key: &KeyMetadata) {
    let spec = key.key_spec.unwrap();
    for &algorithm in EncryptionAlgorithmSpec::ALL {
        let outcome = desk.ask(encrypt_with(key, algorithm));
        if algorithm == EncryptionAlgorithmSpec::Sm2pke {
            assert_eq!(outcome.unwrap_err().exception(), Exception::UnsupportedOperation);
        } else if key.key_usage != Some(KeyUsageType::EncryptDecrypt) {
            not_for(outcome, key, "Encrypt");
        } else if encryption_algorithms(spec).contains(&algorithm) {
            let sealed = outcome.unwrap();
            let open = |ciphertext_blob| DecryptRequest {
                ciphertext_blob: Some(ciphertext_blob),
                key_id: Some(key.key_id.clone()),
                encryption_algorithm: Some(algorithm.into()),
                ..Default::default()
            };
            let opened = desk.ask(open(sealed.ciphertext_blob.clone())).unwrap();
            assert_eq!(opened.plaintext.unwrap().expose(), b"text");
            assert_eq!(opened.key_id, key.arn);
            assert_eq!(opened.key_material_id.is_some(), spec == KeySpec::SymmetricDefault);
            let mut tampered = sealed.ciphertext_blob.to_vec();
            *tampered.last_mut().unwrap() ^= 1;
            let refused = desk.ask(open(tampered.into())).unwrap_err();
            assert_eq!((refused.exception(), refused.message()), (Exception::InvalidCiphertext, None));
        } else {
            lacks(outcome, key, algorithm.as_str());
        }
    }
    let is_symmetric = spec == KeySpec::SymmetricDefault;
    let data_key = desk.ask(GenerateDataKeyRequest {
        key_id: key.key_id.as_str().into(),
        number_of_bytes: Some(32),
        ..Default::default()
    });
    if is_symmetric {
        data_key.unwrap();
    } else if key.key_usage == Some(KeyUsageType::EncryptDecrypt) {
        lacks(data_key, key, "SYMMETRIC_DEFAULT");
    } else {
        not_for(data_key, key, "GenerateDataKey");
    }
}

fn signs(desk: &Desk, key: &KeyMetadata) {
    let spec = key.key_spec.unwrap();
    for algorithm in SIGNING {
        let outcome = desk.ask(sign_with(key, algorithm));
        if key.key_usage != Some(KeyUsageType::SignVerify) {
            not_for(outcome, key, "Sign");
            continue;
        }
        if !signing_algorithms(spec).contains(&algorithm) {
            lacks(outcome, key, algorithm.as_str());
            continue;
        }
        let verify = |message: &[u8], message_type: MessageType, signature: &Blob| VerifyRequest {
            key_id: key.key_id.as_str().into(),
            message: text(message),
            message_type: Some(message_type.into()),
            signature: signature.clone().into(),
            signing_algorithm: algorithm.into(),
            ..Default::default()
        };
        let signature = outcome.unwrap().signature;
        assert!(desk.ask(verify(b"text", MessageType::Raw, &signature)).unwrap().signature_valid);
        let wrong = desk.ask(verify(b"other", MessageType::Raw, &signature)).unwrap_err();
        assert_eq!((wrong.exception(), wrong.message()), (Exception::KMSInvalidSignature, None));
        let junk = desk.ask(verify(b"text", MessageType::Raw, &b"junk".as_slice().into())).unwrap_err();
        assert_eq!(junk.exception(), Exception::KMSInvalidSignature);

        // Outside, with the public key alone, and over a digest.
        let public = PublicKey::from_spki_der(&public_key(desk, key).unwrap().public_key).unwrap();
        let core: kms_core::SigningAlgorithm = algorithm.as_str().parse().unwrap();
        public.verify(core, kms_core::MessageType::Raw, b"text", &signature).unwrap();
        let digest = vec![7; digest_len(algorithm)];
        let request = SignRequest {
            message: text(&digest),
            message_type: Some(MessageType::Digest.into()),
            ..sign_with(key, algorithm)
        };
        let signature = desk.ask(request).unwrap().signature;
        desk.ask(verify(&digest, MessageType::Digest, &signature)).unwrap();
        public.verify(core, kms_core::MessageType::Digest, &digest, &signature).unwrap();
        let short = SignRequest {
            message: text(&digest[1..]),
            message_type: Some(MessageType::Digest.into()),
            ..sign_with(key, algorithm)
        };
        let words = format!("Digest is invalid length for algorithm {algorithm}.");
        refused(desk.ask(short), Exception::Validation, &words);
    }
    if key.key_usage == Some(KeyUsageType::SignVerify) {
        let external = SignRequest {
            message_type: Some(MessageType::ExternalMu.into()),
            ..sign_with(key, signing_algorithms(spec)[0])
        };
        assert!(desk.ask(external).is_err(), "only for ML-DSA");
    }
}

fn authenticates(desk: &Desk, key: &KeyMetadata) {
    for &algorithm in MacAlgorithmSpec::ALL {
        let outcome = desk.ask(mac_with(key, algorithm));
        let verify = |message: &[u8], mac: Blob| VerifyMacRequest {
            key_id: key.key_id.as_str().into(),
            message: text(message),
            mac: mac.into(),
            mac_algorithm: algorithm.into(),
            ..Default::default()
        };
        if key.key_usage != Some(KeyUsageType::GenerateVerifyMac) {
            not_for(outcome, key, "GenerateMac");
            not_for(desk.ask(verify(b"text", b"mac".as_slice().into())), key, "VerifyMac");
        } else if mac_algorithms(key.key_spec.unwrap()).contains(&algorithm) {
            let mac = outcome.unwrap().mac;
            assert!(desk.ask(verify(b"text", mac.clone())).unwrap().mac_valid);
            let wrong = desk.ask(verify(b"other", mac)).unwrap_err();
            assert_eq!((wrong.exception(), wrong.message()), (Exception::KMSInvalidMac, None));
        } else {
            lacks(outcome, key, algorithm.as_str());
        }
    }
}

fn agrees(desk: &Desk, key: &KeyMetadata) {
    let spec = key.key_spec.unwrap();
    let derive = |peer: Vec<u8>| DeriveSharedSecretRequest {
        key_id: key.key_id.as_str().into(),
        key_agreement_algorithm: KeyAgreementAlgorithmSpec::Ecdh.into(),
        public_key: Blob::from(peer).into(),
        ..Default::default()
    };
    let core: kms_core::KeySpec = spec.as_str().parse().unwrap();
    let peer_spec = if core.is_ecc() { core } else { kms_core::KeySpec::EccNistP256 };
    let peer = EccPrivateKey::generate(peer_spec, &SystemRandom).unwrap();
    let outcome = desk.ask(derive(peer.public_key().to_spki().unwrap()));
    if key.key_usage != Some(KeyUsageType::KeyAgreement) {
        not_for(outcome, key, "DeriveSharedSecret");
        return;
    }
    let public = public_key(desk, key).unwrap().public_key;
    let there = peer.agree(&EccPublicKey::from_spki(core, &public).unwrap()).unwrap();
    assert_eq!(outcome.unwrap().shared_secret.unwrap().expose(), there.expose());
    let other = if core == kms_core::KeySpec::EccNistP256 {
        kms_core::KeySpec::EccNistP384
    } else {
        kms_core::KeySpec::EccNistP256
    };
    let other = EccPrivateKey::generate(other, &SystemRandom).unwrap().public_key().to_spki().unwrap();
    for peer in [other, b"not a key".to_vec()] {
        let wrong = desk.ask(derive(peer)).unwrap_err();
        assert_eq!((wrong.exception(), wrong.message()), (Exception::Validation, None));
    }
}

#[test]
fn every_kind_of_key_does_what_it_is_for_and_nothing_else() {
    let desk = Desk::new();
    for &(spec, usage) in kinds::ALL {
        let key = desk.make(spec, usage);
        assert_eq!(
            key.encryption_algorithms.len(),
            if usage == KeyUsageType::EncryptDecrypt { encryption_algorithms(spec).len() } else { 0 }
        );
        encrypts(&desk, &key);
        signs(&desk, &key);
        authenticates(&desk, &key);
        agrees(&desk, &key);
        let shown = public_key(&desk, &key);
        let is_asymmetric = !matches!(usage, KeyUsageType::GenerateVerifyMac) && spec != KeySpec::SymmetricDefault;
        if is_asymmetric {
            let shown = shown.unwrap();
            assert_eq!((shown.key_spec, shown.key_usage), (Some(spec), Some(usage)));
            assert_eq!(PublicKey::from_spki_der(&shown.public_key).unwrap().spec().to_string(), spec.as_str());
        } else {
            assert_eq!(shown.unwrap_err().exception(), Exception::UnsupportedOperation);
        }
    }
}

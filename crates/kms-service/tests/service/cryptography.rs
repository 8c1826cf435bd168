//! Every cryptographic operation with every kind of key.

use kms_core::primitives::ecc::EccPrivateKey;
use kms_core::primitives::rsa::RsaPrivateKey;
use kms_core::{EncryptionContext, Secret};
use kms_service::api::*;
use kms_service::{Exception, KmsError};

use crate::desk::{Desk, THERE, refused};
use crate::kinds;

mod dry_run;
mod every_kind;

fn text(bytes: &[u8]) -> Required<Secret> {
    Secret::copy_from(bytes).into()
}

fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
    EncryptionContext::with_reserved(pairs.iter().copied()).unwrap()
}

/// What is answered to an operation with a key that is for something else.
fn not_for<T: core::fmt::Debug>(outcome: Result<T, KmsError>, key: &KeyMetadata, operation: &str) {
    let usage = key.key_usage.unwrap();
    let text = format!("{} key usage is {usage} which is not valid for {operation}.", key.arn);
    refused(outcome, Exception::InvalidKeyUsage, &text);
}

fn encrypt_with(key: &KeyMetadata, algorithm: EncryptionAlgorithmSpec) -> EncryptRequest {
    EncryptRequest {
        key_id: key.key_id.as_str().into(),
        plaintext: text(b"text"),
        encryption_algorithm: Some(algorithm.into()),
        ..Default::default()
    }
}

fn sign_with(key: &KeyMetadata, algorithm: SigningAlgorithmSpec) -> SignRequest {
    SignRequest {
        key_id: key.key_id.as_str().into(),
        message: text(b"text"),
        signing_algorithm: algorithm.into(),
        ..Default::default()
    }
}

fn mac_with(key: &KeyMetadata, algorithm: MacAlgorithmSpec) -> GenerateMacRequest {
    GenerateMacRequest {
        key_id: key.key_id.as_str().into(),
        message: text(b"text"),
        mac_algorithm: algorithm.into(),
        ..Default::default()
    }
}

#[test]
fn what_aws_has_and_this_service_not_is_refused_by_name() {
    let desk = Desk::new();
    for (spec, usage) in [
        (KeySpec::Sm2, KeyUsageType::SignVerify),
        (KeySpec::MlDsa44, KeyUsageType::SignVerify),
        (KeySpec::EccNistEdwards25519, KeyUsageType::SignVerify),
        (KeySpec::MlKem768, KeyUsageType::EncapsulateDecapsulate),
    ] {
        let error = desk.ask(kinds::of(spec, usage)).unwrap_err();
        assert_eq!(error.exception(), Exception::UnsupportedOperation, "{spec}: {error}");
    }
    let key = desk.key();
    for spec in [DataKeyPairSpec::Sm2, DataKeyPairSpec::EccNistEdwards25519, DataKeyPairSpec::MlKem512] {
        let request = GenerateDataKeyPairRequest {
            key_id: key.as_str().into(),
            key_pair_spec: spec.into(),
            ..Default::default()
        };
        assert_eq!(desk.ask(request).unwrap_err().exception(), Exception::UnsupportedOperation);
    }
    let recipient = || RecipientInfo {
        key_encryption_algorithm: Some(KeyEncryptionMechanism::RsaesOaepSha256.into()),
        attestation_document: Some(b"document".as_slice().into()),
    };
    let request =
        GenerateRandomRequest { number_of_bytes: Some(8), recipient: Some(recipient()), ..Default::default() };
    assert_eq!(desk.ask(request).unwrap_err().exception(), Exception::UnsupportedOperation);
}

#[test]
fn rsa_keys_encrypt_up_to_their_limit() {
    let desk = Desk::new();
    for (spec, sha1, sha256) in
        [(KeySpec::Rsa2048, 214, 190), (KeySpec::Rsa3072, 342, 318), (KeySpec::Rsa4096, 470, 446)]
    {
        let key = desk.make(spec, KeyUsageType::EncryptDecrypt);
        for (algorithm, most) in
            [(EncryptionAlgorithmSpec::RsaesOaepSha1, sha1), (EncryptionAlgorithmSpec::RsaesOaepSha256, sha256)]
        {
            let with = |len| EncryptRequest { plaintext: text(&vec![1; len]), ..encrypt_with(&key, algorithm) };
            desk.ask(with(most)).unwrap();
            let words =
                format!("Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {most} bytes.");
            refused(desk.ask(with(most + 1)), Exception::Validation, &words);
            let dry = EncryptRequest { dry_run: Some(true), ..with(most + 1) };
            refused(desk.ask(dry), Exception::Validation, &words);
        }
        let request = EncryptRequest {
            encryption_context: context(&[("a", "b")]),
            ..encrypt_with(&key, EncryptionAlgorithmSpec::RsaesOaepSha256)
        };
        refused(desk.ask(request), Exception::Validation, "EncryptionContext");
        let missing = DecryptRequest {
            ciphertext_blob: Some(vec![1; 256].into()),
            encryption_algorithm: Some(EncryptionAlgorithmSpec::RsaesOaepSha256.into()),
            ..Default::default()
        };
        refused(desk.ask(missing), Exception::Validation, "KeyId");
    }
}

#[test]
fn a_context_is_needed_again_exactly() {
    let desk = Desk::new();
    let key = desk.key();
    let pairs = [("Tenant", "42"), ("aws-crypto-public-key", "AvoFFe")];
    let request = EncryptRequest {
        key_id: key.as_str().into(),
        plaintext: text(b"text"),
        encryption_context: context(&pairs),
        ..Default::default()
    };
    let sealed = desk.ask(request).unwrap().ciphertext_blob;
    let open = |pairs: &[(&str, &str)]| {
        desk.ask(DecryptRequest {
            ciphertext_blob: Some(sealed.clone()),
            encryption_context: context(pairs),
            ..Default::default()
        })
    };
    open(&pairs).unwrap();
    open(&[pairs[1], pairs[0]]).unwrap();
    let tenant = pairs[0];
    for wrong in [vec![], vec![tenant], vec![("tenant", "42"), pairs[1]], vec![tenant, pairs[1], ("more", "")]] {
        let error = open(&wrong).unwrap_err();
        assert_eq!((error.exception(), error.message()), (Exception::InvalidCiphertext, None), "{wrong:?}");
    }
}

#[test]
fn a_ciphertext_opens_where_it_belongs_and_nowhere_else() {
    let desk = Desk::new();
    let (key, other) = (desk.key(), desk.key());
    let signing = desk.make(KeySpec::EccNistP256, KeyUsageType::SignVerify).key_id;
    let sealed = desk.encrypt(&key, b"text").unwrap().ciphertext_blob;
    let open = |key: &str| DecryptRequest {
        ciphertext_blob: Some(sealed.clone()),
        key_id: Some(key.to_owned()),
        ..Default::default()
    };
    desk.ask(open(&key)).unwrap();
    let words = "The key ID in the request does not identify a CMK that can perform this operation.";
    refused(desk.ask(open(&other)), Exception::IncorrectKey, words);
    refused(desk.ask(open(&signing)), Exception::IncorrectKey, words);
    refused(
        desk.ask_in(THERE, DecryptRequest { ciphertext_blob: Some(sealed.clone()), ..Default::default() }),
        Exception::AccessDenied,
        "the resource does not exist in this Region",
    );
    for index in 0..sealed.len() {
        let mut tampered = sealed.to_vec();
        tampered[index] ^= 1;
        let error = desk.decrypt(&tampered).unwrap_err();
        // A flipped bit of the key's id names a key that is not there.
        let exception = error.exception();
        assert!(matches!(exception, Exception::InvalidCiphertext | Exception::AccessDenied), "{index}: {error}");
        let request = DecryptRequest { ciphertext_blob: Some(tampered.into()), ..open(&key) };
        let error = desk.ask(request).unwrap_err();
        let exception = error.exception();
        assert!(matches!(exception, Exception::InvalidCiphertext | Exception::IncorrectKey), "{index}: {error}");
    }
    for length in 1..sealed.len() {
        let error = desk.decrypt(&sealed[..length]).unwrap_err();
        assert_eq!(error.exception(), Exception::InvalidCiphertext, "{length} bytes");
    }
}

#[test]
fn data_keys_are_of_the_length_that_was_asked_for_and_come_back() {
    let desk = Desk::new();
    let key = desk.key();
    for (spec, number, len) in [
        (Some(DataKeySpec::Aes128), None, 16),
        (Some(DataKeySpec::Aes256), None, 32),
        (None, Some(1), 1),
        (None, Some(1024), 1024),
    ] {
        let request = GenerateDataKeyRequest {
            key_id: key.as_str().into(),
            key_spec: spec.map(Into::into),
            number_of_bytes: number,
            encryption_context: context(&[("for", "disk")]),
            ..Default::default()
        };
        let made = desk.ask(request).unwrap();
        let plaintext = made.plaintext.unwrap();
        assert_eq!(plaintext.len(), len);
        let request = DecryptRequest {
            ciphertext_blob: Some(made.ciphertext_blob),
            encryption_context: context(&[("for", "disk")]),
            ..Default::default()
        };
        let opened = desk.ask(request).unwrap();
        assert_eq!(opened.plaintext.unwrap().expose(), plaintext.expose());
        assert_eq!(opened.key_material_id, made.key_material_id);
        let request = GenerateDataKeyWithoutPlaintextRequest {
            key_id: key.as_str().into(),
            key_spec: spec.map(Into::into),
            number_of_bytes: number,
            ..Default::default()
        };
        let sealed = desk.ask(request).unwrap();
        assert_eq!(desk.decrypt(&sealed.ciphertext_blob).unwrap().plaintext.unwrap().len(), len);
    }
}

#[test]
fn data_key_pairs_belong_together() {
    let desk = Desk::new();
    let key = desk.key();
    use DataKeyPairSpec as P;
    for spec in [P::Rsa2048, P::Rsa3072, P::Rsa4096, P::EccNistP256, P::EccNistP384, P::EccNistP521, P::EccSecgP256k1] {
        let request = GenerateDataKeyPairRequest {
            key_id: key.as_str().into(),
            key_pair_spec: spec.into(),
            ..Default::default()
        };
        let pair = desk.ask(request).unwrap();
        let private = pair.private_key_plaintext.unwrap();
        let core: kms_core::KeySpec = spec.as_str().parse().unwrap();
        let public = |der: &[u8]| {
            if core.is_rsa() {
                RsaPrivateKey::from_pkcs8(der).unwrap().public_key().to_spki().unwrap()
            } else {
                EccPrivateKey::from_pkcs8(core, der).unwrap().public_key().to_spki().unwrap()
            }
        };
        assert_eq!(public(private.expose()), pair.public_key.to_vec());
        let opened = desk.decrypt(&pair.private_key_ciphertext_blob).unwrap().plaintext.unwrap();
        assert_eq!(opened.expose(), private.expose());
        if core.is_rsa() {
            continue;
        }
        let request = GenerateDataKeyPairWithoutPlaintextRequest {
            key_id: key.as_str().into(),
            key_pair_spec: spec.into(),
            ..Default::default()
        };
        let pair = desk.ask(request).unwrap();
        let opened = desk.decrypt(&pair.private_key_ciphertext_blob).unwrap().plaintext.unwrap();
        assert_eq!(public(opened.expose()), pair.public_key.to_vec());
    }
}

#[test]
fn re_encryption_crosses_between_symmetric_and_asymmetric() {
    let desk = Desk::new();
    let (symmetric, other) = (desk.key(), desk.key());
    let rsa = desk.make(KeySpec::Rsa2048, KeyUsageType::EncryptDecrypt);
    let oaep = EncryptionAlgorithmSpec::RsaesOaepSha256;
    let sealed = desk.encrypt(&symmetric, b"text").unwrap().ciphertext_blob;
    let to_rsa = desk
        .ask(ReEncryptRequest {
            ciphertext_blob: Some(sealed),
            destination_key_id: rsa.key_id.as_str().into(),
            destination_encryption_algorithm: Some(oaep.into()),
            ..Default::default()
        })
        .unwrap();
    assert!(to_rsa.source_key_material_id.is_some());
    assert_eq!((to_rsa.destination_key_material_id, to_rsa.key_id), (None, rsa.arn.clone()));
    let from_rsa = ReEncryptRequest {
        ciphertext_blob: Some(to_rsa.ciphertext_blob),
        source_key_id: Some(rsa.key_id.clone()),
        source_encryption_algorithm: Some(oaep.into()),
        destination_key_id: other.as_str().into(),
        destination_encryption_context: context(&[("new", "context")]),
        ..Default::default()
    };
    let from_rsa = desk.ask(from_rsa).unwrap();
    assert!(from_rsa.source_key_material_id.is_none() && from_rsa.destination_key_material_id.is_some());
    let request = DecryptRequest {
        ciphertext_blob: Some(from_rsa.ciphertext_blob),
        encryption_context: context(&[("new", "context")]),
        ..Default::default()
    };
    assert_eq!(desk.ask(request).unwrap().plaintext.unwrap().expose(), b"text");

    // More than the destination holds.
    let sealed = desk.encrypt(&symmetric, &[1; 191]).unwrap().ciphertext_blob;
    let request = |dry_run| ReEncryptRequest {
        ciphertext_blob: Some(sealed.clone()),
        destination_key_id: rsa.key_id.as_str().into(),
        destination_encryption_algorithm: Some(oaep.into()),
        dry_run,
        ..Default::default()
    };
    refused(desk.ask(request(None)), Exception::Validation, "larger than 190 bytes");
    refused(desk.ask(request(Some(true))), Exception::Validation, "larger than 190 bytes");
    let hmac = desk.make(KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac);
    let to_hmac = ReEncryptRequest {
        ciphertext_blob: Some(sealed),
        destination_key_id: hmac.key_id.as_str().into(),
        ..Default::default()
    };
    not_for(desk.ask(to_hmac), &hmac, "ReEncrypt");
}

#[test]
fn random_bytes_are_as_many_as_asked_for() {
    let desk = Desk::new();
    let ask = |number| desk.ask(GenerateRandomRequest { number_of_bytes: number, ..Default::default() });
    for len in [1, 32, 1024] {
        assert_eq!(ask(i32::try_from(len).ok()).unwrap().plaintext.unwrap().len(), len);
    }
    let two = [ask(Some(32)).unwrap(), ask(Some(32)).unwrap()].map(|answer| answer.plaintext.unwrap());
    assert!(!two[0].ct_eq(two[1].expose()));
    refused(ask(None), Exception::Validation, "NumberOfBytes is required.");
    refused(ask(Some(0)), Exception::Validation, "Member must have value greater than or equal to 1");
    refused(ask(Some(1025)), Exception::Validation, "Member must have value less than or equal to 1024");
}

#[test]
fn wrong_grant_tokens_are_refused() {
    let desk = Desk::new();
    let key = desk.key();
    let request = |token: &str| EncryptRequest {
        key_id: key.as_str().into(),
        plaintext: text(b"text"),
        grant_tokens: vec![token.to_owned()],
        ..Default::default()
    };
    for token in ["token", "AAAA", "bm90IGEgdG9rZW4gb2YgdGhpcyBzZXJ2aWNl"] {
        assert_eq!(desk.ask(request(token)).unwrap_err().exception(), Exception::InvalidGrantToken);
    }
}

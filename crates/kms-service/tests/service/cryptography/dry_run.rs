//! `DryRun`: all checks, and nothing done.

use kms_core::SystemRandom;
use kms_core::primitives::ecc::EccPrivateKey;
use kms_service::api::*;
use kms_service::{Exception, Perform};

use super::{mac_with, sign_with, text};
use crate::desk::{Desk, refused};
use crate::kinds::multi_region;

const DRY_RUN: &str = "The request would have succeeded, but the DryRun option is set.";

fn dry<R: Perform>(desk: &Desk, request: R) {
    let error = desk.ask(request).unwrap_err();
    assert_eq!((error.exception(), error.message()), (Exception::DryRunOperation, Some(DRY_RUN)));
}

#[test]
fn a_dry_run_checks_everything_and_does_nothing() {
    let desk = Desk::new();
    let yes = Some(true);
    let key = desk.create(multi_region(KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt));
    let signing = desk.make(KeySpec::EccNistP256, KeyUsageType::SignVerify);
    let hmac = desk.make(KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac);
    let agreement = desk.make(KeySpec::EccNistP256, KeyUsageType::KeyAgreement);
    let id = || Required::<String>::from(key.key_id.as_str());
    let sealed = desk.encrypt(&key.key_id, b"text").unwrap().ciphertext_blob;
    let algorithm = SigningAlgorithmSpec::EcdsaSha256;
    let signature = desk.ask(sign_with(&signing, algorithm)).unwrap().signature;
    let mac = desk.ask(mac_with(&hmac, MacAlgorithmSpec::HmacSha256)).unwrap().mac;
    let uses = || {
        let key: kms_service::KmsKeyId = key.key_id.parse().unwrap();
        let (account, region) = (desk.caller.account(), &desk.caller.region);
        desk.service.generation_uses(account, region, key).unwrap()[0].uses
    };
    let before = uses();

    dry(&desk, EncryptRequest { key_id: id(), plaintext: text(b"text"), dry_run: yes, ..Default::default() });
    let decrypt =
        |ciphertext: Blob| DecryptRequest { ciphertext_blob: Some(ciphertext), dry_run: yes, ..Default::default() };
    dry(&desk, decrypt(sealed.clone()));
    let re_encrypt = |ciphertext: Blob| ReEncryptRequest {
        ciphertext_blob: Some(ciphertext),
        destination_key_id: id(),
        dry_run: yes,
        ..Default::default()
    };
    dry(&desk, re_encrypt(sealed.clone()));
    dry(&desk, GenerateDataKeyRequest { key_id: id(), number_of_bytes: Some(1), dry_run: yes, ..Default::default() });
    let request = GenerateDataKeyWithoutPlaintextRequest {
        key_id: id(),
        number_of_bytes: Some(1),
        dry_run: yes,
        ..Default::default()
    };
    dry(&desk, request);
    let spec = DataKeyPairSpec::Rsa4096;
    dry(
        &desk,
        GenerateDataKeyPairRequest { key_id: id(), key_pair_spec: spec.into(), dry_run: yes, ..Default::default() },
    );
    let request = GenerateDataKeyPairWithoutPlaintextRequest {
        key_id: id(),
        key_pair_spec: spec.into(),
        dry_run: yes,
        ..Default::default()
    };
    dry(&desk, request);
    dry(&desk, SignRequest { dry_run: yes, ..sign_with(&signing, algorithm) });
    let verify = |message: &[u8]| VerifyRequest {
        key_id: signing.key_id.as_str().into(),
        message: text(message),
        signature: signature.clone().into(),
        signing_algorithm: algorithm.into(),
        dry_run: yes,
        ..Default::default()
    };
    dry(&desk, verify(b"text"));
    dry(&desk, GenerateMacRequest { dry_run: yes, ..mac_with(&hmac, MacAlgorithmSpec::HmacSha256) });
    let verify_mac = |message: &[u8]| VerifyMacRequest {
        key_id: hmac.key_id.as_str().into(),
        message: text(message),
        mac: mac.clone().into(),
        mac_algorithm: MacAlgorithmSpec::HmacSha256.into(),
        dry_run: yes,
        ..Default::default()
    };
    dry(&desk, verify_mac(b"text"));
    let peer = EccPrivateKey::generate(kms_core::KeySpec::EccNistP256, &SystemRandom).unwrap();
    dry(
        &desk,
        DeriveSharedSecretRequest {
            key_id: agreement.key_id.as_str().into(),
            key_agreement_algorithm: KeyAgreementAlgorithmSpec::Ecdh.into(),
            public_key: Blob::from(peer.public_key().to_spki().unwrap()).into(),
            dry_run: yes,
            ..Default::default()
        },
    );
    let grant = |dry_run| CreateGrantRequest {
        key_id: id(),
        grantee_principal: Some("arn:aws:iam::111122223333:user/a".into()),
        operations: vec![GrantOperation::Encrypt.into()].into(),
        dry_run,
        ..Default::default()
    };
    dry(&desk, grant(yes));
    let made = desk.ask(grant(None)).unwrap();
    dry(&desk, RevokeGrantRequest { key_id: id(), grant_id: made.grant_id.as_str().into(), dry_run: yes });
    dry(&desk, RetireGrantRequest { grant_token: Some(made.grant_token), dry_run: yes, ..Default::default() });
    let grants = desk.ask(ListGrantsRequest { key_id: id(), ..Default::default() }).unwrap();
    assert_eq!(grants.grants.len(), 1);
    assert_eq!(uses(), before, "nothing was done");

    // What would not have succeeded is not said to.
    let mut tampered = sealed.to_vec();
    *tampered.last_mut().unwrap() ^= 1;
    let tampered = Blob::from(tampered);
    refused(desk.ask(decrypt(tampered.clone())), Exception::InvalidCiphertext, "");
    refused(desk.ask(re_encrypt(tampered.clone())), Exception::InvalidCiphertext, "");
    refused(desk.ask(verify(b"other")), Exception::KMSInvalidSignature, "");
    refused(desk.ask(verify_mac(b"other")), Exception::KMSInvalidMac, "");
    let ignore = || vec![DryRunModifierType::IgnoreCiphertext.into()];
    let ignoring =
        DecryptRequest { key_id: Some(key.key_id.clone()), dry_run_modifiers: ignore(), ..decrypt(tampered.clone()) };
    dry(&desk, ignoring);
    let without = DecryptRequest {
        key_id: Some(key.key_id.clone()),
        dry_run: yes,
        dry_run_modifiers: ignore(),
        ..Default::default()
    };
    dry(&desk, without);
    let without = ReEncryptRequest {
        source_key_id: Some(key.key_id.clone()),
        destination_key_id: id(),
        dry_run: yes,
        dry_run_modifiers: ignore(),
        ..Default::default()
    };
    dry(&desk, without);
}

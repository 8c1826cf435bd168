//! Keys that others made in the token: AES keys that do AES-GCM there, key pairs that may do several things.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod support;

use std::sync::Arc;

use cryptoki::mechanism::Mechanism;
use cryptoki::object::Attribute;
use cryptoki::session::Session;
use cryptoki::types::Ulong;
use kms_core::{
    Backend, Call, EncryptionAlgorithm, EncryptionContext, ErrorKind, InMemory, Key, KeyId, KeyUsage, Locator,
    MaterialId, MessageType, Records, SigningAlgorithm, SystemRandom,
};
use kms_pkcs11::Pkcs11Backend;
use support::backend;

fn aes(session: &Session, label: &str, len: usize) {
    let template = [
        Attribute::Token(true),
        Attribute::Label(label.into()),
        Attribute::Id(label.into()),
        Attribute::ValueLen(Ulong::try_from(len).unwrap()),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
    ];
    session.generate_key(&Mechanism::AesKeyGen, &template).unwrap();
}

fn at(backend: &Pkcs11Backend, label: &str) -> Locator {
    let mut uri = backend.token().uri();
    uri.object = Some(label.to_owned());
    Locator::new(MaterialId::from(KeyId::from_bytes([7; 16])), uri.to_string())
}

fn direct(token: test_tokens::Token) {
    let (token, backend) = backend(token);
    let records = Arc::new(InMemory::default());
    let backend = backend.with_records(records.clone());
    let bare = token.open();
    aes(&bare.session, "legacy", 32);
    aes(&bare.session, "short", 16);
    let (call, context) = (Call::default(), EncryptionContext::new([("a", "b")]).unwrap());

    assert_eq!(backend.open(&at(&backend, "short"), &call).unwrap_err().kind(), ErrorKind::Unsupported);
    let opened = backend.open_key(&at(&backend, "legacy"), None, &call).unwrap();
    let key = Key::new(Arc::new(opened.clone()));
    let blob = key.encrypt(b"payload", &context, &call).unwrap().into_bytes();
    assert_eq!(blob[..2], [0xc1, 0x02], "suite 02");
    assert_eq!(key.decrypt(&blob, &context, &call).unwrap().expose(), b"payload");
    assert_eq!(opened.nonces_used().unwrap().unwrap().0, 1);
    for index in 22..blob.len() {
        let mut forged = blob.clone();
        forged[index] ^= 1;
        assert_eq!(key.decrypt(&forged, &context, &call).unwrap_err().kind(), ErrorKind::Rejected, "byte {index}");
    }
    let empty = EncryptionContext::empty();
    assert_eq!(key.decrypt(&blob, &empty, &call).unwrap_err().kind(), ErrorKind::Rejected);
    // Forgeries use up no nonces, but for the one ciphertext that is known to be good.
    assert!(opened.nonces_used().unwrap().unwrap().0 <= 2);
    assert!(!opened.needs_rotation().unwrap());

    // Somebody else uses up the rest.
    let (id, most) = (MaterialId::from(KeyId::from_bytes([7; 16])), opened.nonces_used().unwrap().unwrap().1);
    let left = most - records.reserved_nonces(id).unwrap();
    records.reserve_nonces(id, left, most).unwrap().unwrap();
    let again = backend_over(&backend, records);
    let last = again.open_key(&at(&again, "legacy"), None, &call).unwrap();
    assert!(last.needs_rotation().unwrap());
    let last = Key::new(Arc::new(last));
    let refused = last.encrypt(b"one more", &context, &call).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::KeyUnavailable);
    assert!(refused.to_string().contains("rotate"), "{refused}");
    assert_eq!(last.decrypt(&blob, &context, &call).unwrap().expose(), b"payload", "it still decrypts");
}

fn backend_over(other: &Pkcs11Backend, records: Arc<InMemory>) -> Pkcs11Backend {
    Pkcs11Backend::new(other.token().clone()).with_records(records)
}

#[test]
fn aes_keys_of_softhsm() {
    direct(test_tokens::softhsm());
}

#[test]
fn aes_keys_of_kryoptic() {
    direct(test_tokens::kryoptic());
}

#[test]
fn aes_keys_of_nss() {
    direct(test_tokens::nss());
}

#[test]
fn a_pair_that_may_do_both_is_opened_for_one() {
    let (token, backend) = backend(test_tokens::softhsm());
    let bare = token.open();
    let named = [Attribute::Token(true), Attribute::Label(b"both".to_vec()), Attribute::Id(vec![1])];
    let bits = Attribute::ModulusBits(Ulong::try_from(2048_usize).unwrap());
    let public = [&named[..], &[bits, Attribute::Verify(true), Attribute::Encrypt(true)]].concat();
    let private = [&named[..], &[Attribute::Sign(true), Attribute::Decrypt(true)]].concat();
    bare.session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private).unwrap();
    let (call, at) = (Call::default(), at(&backend, "both"));

    let decrypts = Key::new(backend.open(&at, &call).unwrap());
    assert_eq!(decrypts.info().usage, KeyUsage::EncryptDecrypt);
    let algorithm = EncryptionAlgorithm::RsaesOaepSha1;
    let sealed = decrypts.public_key().unwrap().encrypt(algorithm, b"payload", &SystemRandom).unwrap();
    assert_eq!(decrypts.decrypt_asymmetric(algorithm, &sealed, &call).unwrap().expose(), b"payload");
    let signing = SigningAlgorithm::RsassaPssSha256;
    assert_eq!(decrypts.sign(signing, MessageType::Raw, b"m", &call).unwrap_err().kind(), ErrorKind::Unsupported);

    let signs = Key::new(backend.open_for(&at, Some(KeyUsage::SignVerify), &call).unwrap());
    let signature = signs.sign(signing, MessageType::Raw, b"m", &call).unwrap();
    signs.verify(signing, MessageType::Raw, b"m", &signature).unwrap();
    let refused = backend.open_for(&at, Some(KeyUsage::KeyAgreement), &call).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);

    let listed = backend.list(&call).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].usages, [KeyUsage::EncryptDecrypt, KeyUsage::SignVerify]);
    assert_eq!(listed[0].label.as_deref(), Some("both"));
}

#[test]
fn a_label_that_two_keys_have_names_neither() {
    let (token, backend) = backend(test_tokens::softhsm());
    let bare = token.open();
    for id in 1..=2_u8 {
        let template = [
            Attribute::Token(true),
            Attribute::Label(b"twin".to_vec()),
            Attribute::Id(vec![id]),
            Attribute::ValueLen(Ulong::try_from(32_usize).unwrap()),
            Attribute::Sign(true),
            Attribute::Verify(true),
        ];
        bare.session.generate_key(&Mechanism::GenericSecretKeyGen, &template).unwrap();
    }
    let (call, at) = (Call::default(), at(&backend, "twin"));
    assert_eq!(backend.open(&at, &call).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(backend.destroy(&at, &call).unwrap_err().kind(), ErrorKind::InvalidInput);
    let listed = backend.list(&call).unwrap();
    assert_eq!(listed.len(), 2, "and neither was destroyed");
    backend.destroy(&listed[0].at, &call).unwrap();
    assert_eq!(Key::new(backend.open(&at, &call).unwrap()).info().usage, KeyUsage::GenerateVerifyMac);
}

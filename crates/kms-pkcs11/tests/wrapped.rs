//! Wrapped keys: over restarts, and with records that somebody changed.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use kms_core::{
    Backend, Call, EncryptionContext, ErrorKind, Key, KeyId, KeySpec, KeyUsage, Locator, MacAlgorithm, MaterialId,
    SystemRandom,
};
use kms_pkcs11::{Directory, KeyOrigin, Pkcs11Backend, Token};
use support::{backend, module, options};

fn id() -> MaterialId {
    KeyId::random(&SystemRandom).unwrap().into()
}

fn create(backend: &Pkcs11Backend, at: &Locator, spec: KeySpec) -> Key {
    let usage = *spec.usages().first().unwrap();
    Key::new(backend.create(at, spec, usage, &Call::default()).unwrap())
}

#[test]
fn a_record_and_its_token_are_the_key_and_neither_alone() {
    let token = test_tokens::softhsm();
    let other = test_tokens::softhsm_beside(&token);
    let module = module(&token);
    let records = token.directory().join("records");
    let (call, context) = (Call::default(), EncryptionContext::empty());
    let reach = || {
        let reached = Token::connect(module.clone(), options(&token)).unwrap();
        Pkcs11Backend::new(reached).with_records(Directory::new(&records))
    };
    let backend = reach();
    let at = backend.locator(id());
    let sealed = create(&backend, &at, KeySpec::SymmetricDefault).encrypt(b"payload", &context, &call).unwrap();
    let listed = backend.list(&call).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].at, at);
    assert_eq!(listed[0].record.unwrap().0, KeyOrigin::Token);
    drop(backend);

    // A program that never asks what the token can do.
    let key = Key::new(reach().open(&at, &call).unwrap());
    assert_eq!(key.decrypt(sealed.as_bytes(), &context, &call).unwrap().expose(), b"payload");

    // The record, and another token.
    let elsewhere = Pkcs11Backend::new(Token::connect(module.clone(), options(&other)).unwrap());
    let elsewhere = elsewhere.with_records(Directory::new(&records));
    let there = Locator::new(at.id(), elsewhere.token().uri().to_string());
    let refused = elsewhere.open(&there, &call).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::KeyUnavailable);
    assert!(refused.to_string().contains("right token"), "{refused}");
    assert_eq!(elsewhere.open(&at, &call).unwrap_err().kind(), ErrorKind::InvalidInput, "the address names the other");

    // The token, and no record.
    std::fs::remove_dir_all(&records).unwrap();
    assert_eq!(reach().open(&at, &call).unwrap_err().kind(), ErrorKind::KeyUnavailable);
}

#[test]
fn a_record_that_somebody_changed_is_refused() {
    let token = test_tokens::softhsm();
    let records = token.directory().join("records");
    let backend = Pkcs11Backend::new(Token::connect(module(&token), options(&token)).unwrap())
        .with_records(Directory::new(&records));
    let (call, context) = (Call::default(), EncryptionContext::empty());
    let (hmac, symmetric) = (backend.locator(id()), backend.locator(id()));
    drop(create(&backend, &hmac, KeySpec::Hmac256));
    let sealed = create(&backend, &symmetric, KeySpec::SymmetricDefault).encrypt(b"payload", &context, &call).unwrap();
    let path = |at: &Locator| records.join(format!("{}.{}.key", at.id().key, at.id().generation));
    let whole = std::fs::read(path(&symmetric)).unwrap();

    for index in 0..whole.len() {
        let mut changed = whole.clone();
        changed[index] ^= 1;
        std::fs::write(path(&symmetric), changed).unwrap();
        let refused = backend.open(&symmetric, &call).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::KeyUnavailable, "byte {index}: {refused}");
    }
    // One key's record in another's place.
    std::fs::copy(path(&hmac), path(&symmetric)).unwrap();
    assert_eq!(backend.open(&symmetric, &call).unwrap_err().kind(), ErrorKind::KeyUnavailable);
    std::fs::write(path(&symmetric), whole).unwrap();
    let key = Key::new(backend.open(&symmetric, &call).unwrap());
    assert_eq!(key.decrypt(sealed.as_bytes(), &context, &call).unwrap().expose(), b"payload");
}

#[test]
fn a_symmetric_key_gives_no_macs() {
    let (_token, backend) = backend(test_tokens::softhsm());
    let key = backend
        .create(&backend.locator(id()), KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &Call::default())
        .unwrap();
    let refused = key.mac(MacAlgorithm::HmacSha256, b"message", &Call::default()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
}

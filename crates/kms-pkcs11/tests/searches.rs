//! How often the token is searched, and what many requests leave behind: counted between us and SoftHSM.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use cryptoki::mechanism::Mechanism;
use cryptoki::object::Attribute;
use cryptoki::types::Ulong;
use kms_core::{Backend, Call, EncryptionContext, ErrorKind, Key, KeyId, KeySpec, KeyUsage, Locator, SystemRandom};
use kms_pkcs11::{Directory, Pkcs11Backend, Residency};
use support::backend;
use test_tokens::Shim;

const SEARCH: &str = "C_FindObjectsInit";

fn shimmed(residency: Residency) -> (Shim, Pkcs11Backend) {
    let shim = Shim::over(test_tokens::softhsm());
    let reached = kms_pkcs11::Token::connect(support::module(shim.token()), support::options(shim.token())).unwrap();
    (shim, Pkcs11Backend::new(reached).with_residency(residency))
}

fn use_it(key: &Key, times: usize) {
    let (call, context) = (Call::default(), EncryptionContext::empty());
    for _ in 0..times {
        let sealed = key.encrypt(b"payload", &context, &call).unwrap();
        assert_eq!(key.decrypt(sealed.as_bytes(), &context, &call).unwrap().expose(), b"payload");
    }
}

#[test]
fn a_key_in_the_token_is_searched_for_once() {
    let (shim, backend) = shimmed(Residency::TokenObject);
    let at = backend.locator(KeyId::random(&SystemRandom).unwrap().into());
    let call = Call::default();
    drop(backend.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call).unwrap());
    shim.forget();
    let key = Key::new(backend.open(&at, &call).unwrap());
    assert_eq!(shim.calls(SEARCH), 1);
    use_it(&key, 20);
    assert_eq!(shim.calls(SEARCH), 1, "and then never again");
}

#[test]
fn a_key_that_is_open_is_not_searched_for_to_be_opened_again() {
    let (shim, backend) = shimmed(Residency::TokenObject);
    let call = Call::default();
    for (spec, usage) in [
        (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt),
        (KeySpec::Hmac256, KeyUsage::GenerateVerifyMac),
        (KeySpec::EccNistP256, KeyUsage::SignVerify),
    ] {
        let at = backend.locator(KeyId::random(&SystemRandom).unwrap().into());
        drop(backend.create(&at, spec, usage, &call).unwrap());
        let first = backend.open(&at, &call).unwrap();
        shim.forget();
        let again = backend.open(&at, &call).unwrap();
        assert_eq!(again.info(), first.info());
        assert_eq!(again.public_key(), first.public_key());
        assert_eq!(shim.calls(SEARCH), 0, "{spec}");
        drop((first, again));
        drop(backend.open(&at, &call).unwrap());
        assert_eq!(shim.calls(SEARCH), 1, "{spec}: nobody had it open");
    }
}

#[test]
fn a_key_that_is_open_is_not_opened_again_once_it_is_gone_or_has_another_name() {
    let (shim, backend) = shimmed(Residency::TokenObject);
    let call = Call::default();
    let named = |name: &str| {
        let mut uri = backend.token().uri();
        uri.object = Some(name.to_owned());
        Locator::new(KeyId::random(&SystemRandom).unwrap().into(), uri.to_string())
    };
    let (destroyed, renamed) = (named("destroyed"), named("renamed"));
    let others = shim.real().open();
    for label in ["destroyed", "renamed"] {
        // Not as the backend makes them: those cannot be renamed.
        let template = [
            Attribute::Token(true),
            Attribute::Label(label.into()),
            Attribute::Modifiable(true),
            Attribute::ValueLen(Ulong::try_from(32_usize).unwrap()),
            Attribute::Sign(true),
            Attribute::Verify(true),
        ];
        others.session.generate_key(&Mechanism::GenericSecretKeyGen, &template).unwrap();
    }
    let keys = [&destroyed, &renamed].map(|at| backend.open(at, &call).unwrap());
    let object = |name: &str| others.session.find_objects(&[Attribute::Label(name.into())]).unwrap()[0];
    others.session.destroy_object(object("destroyed")).unwrap();
    others.session.update_attributes(object("renamed"), &[Attribute::Label(b"other".to_vec())]).unwrap();
    for at in [&destroyed, &renamed] {
        assert_eq!(backend.open(at, &call).unwrap_err().kind(), ErrorKind::KeyUnavailable, "{at}");
    }
    drop(keys);
}

#[test]
fn the_root_is_searched_for_once_by_a_backend_that_did_not_make_it() {
    let (shim, backend) = shimmed(Residency::WrappedBlob);
    let records = shim.real().directory().join("records");
    let call = Call::default();
    let backend = backend.with_records(Directory::new(&records));
    let places: Vec<_> = (0..3).map(|_| backend.locator(KeyId::random(&SystemRandom).unwrap().into())).collect();
    for at in &places {
        drop(backend.create(at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call).unwrap());
    }
    let later = Pkcs11Backend::new(backend.token().clone()).with_records(Directory::new(&records));
    shim.forget();
    for at in &places {
        use_it(&Key::new(later.open(at, &call).unwrap()), 5);
        assert_eq!(shim.calls(SEARCH), 2, "one for each of the two objects of the root");
    }
}

#[test]
fn a_wrapped_key_costs_the_searches_for_its_root_once() {
    let (shim, backend) = shimmed(Residency::WrappedBlob);
    let call = Call::default();
    let places: Vec<_> = (0..3).map(|_| backend.locator(KeyId::random(&SystemRandom).unwrap().into())).collect();
    for at in &places {
        drop(backend.create(at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call).unwrap());
    }
    shim.forget();
    for at in &places {
        use_it(&Key::new(backend.open(at, &call).unwrap()), 5);
    }
    assert_eq!(shim.calls(SEARCH), 0, "the root was found when the keys were made");
}

#[test]
fn many_requests_leave_nothing_behind() {
    let (token, backend) = backend(test_tokens::softhsm());
    let call = Call::default();
    let objects = |bare: &test_tokens::Bare| bare.session.find_objects(&[]).unwrap().len();
    let kept = backend.locator(KeyId::random(&SystemRandom).unwrap().into());
    let key = Key::new(backend.create(&kept, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call).unwrap());
    use_it(&key, 10);
    let bare = token.open();
    let (sessions, before) = (backend.token().sessions(), objects(&bare));
    for _ in 0..50 {
        let at = backend.locator(KeyId::random(&SystemRandom).unwrap().into());
        use_it(&Key::new(backend.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call).unwrap()), 10);
        backend.destroy(&at, &call).unwrap();
        use_it(&Key::new(backend.open(&kept, &call).unwrap()), 100);
    }
    // What was dropped last is destroyed by the next operation.
    use_it(&key, 1);
    assert_eq!(backend.token().sessions(), sessions);
    assert_eq!(objects(&bare), before);
}

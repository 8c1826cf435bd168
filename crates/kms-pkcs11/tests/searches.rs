//! How often the token is searched, and what many requests leave behind: counted between us and SoftHSM.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use kms_core::{Backend, Call, EncryptionContext, Key, KeyId, KeySpec, KeyUsage, SystemRandom};
use kms_pkcs11::{Pkcs11Backend, Residency};
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

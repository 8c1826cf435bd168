//! Keys that are destroyed behind our back.

use cryptoki::object::{Attribute, ObjectClass};
use kms_core::{Backend, Call, ErrorKind, KeySpec, KeyUsage, MacAlgorithm, SigningAlgorithm};
use kms_pkcs11::Residency;
use test_tokens::Rule;

use crate::stand::{Keys, Stand, place};

#[test]
fn an_object_in_the_token() {
    let stand = Stand::new();
    let backend = stand.backend(Residency::TokenObject);
    let keys = Keys::make(&backend);
    let call = Call::default();
    let at = place(&backend);
    let key = backend.create(&at, KeySpec::Hmac256, KeyUsage::GenerateVerifyMac, &call).unwrap();
    key.mac(MacAlgorithm::HmacSha256, b"", &call).unwrap();
    let pair_at = place(&backend);
    let pair = backend.create(&pair_at, KeySpec::EccNistP256, KeyUsage::SignVerify, &call).unwrap();

    let others = stand.shim.real().open();
    for at in [&at, &pair_at] {
        let id = [&at.id().key.as_bytes()[..], &at.id().generation.to_be_bytes()].concat();
        let objects = others.session.find_objects(&[Attribute::Id(id)]).unwrap();
        assert!(!objects.is_empty());
        for object in objects {
            others.session.destroy_object(object).unwrap();
        }
    }
    drop(others);

    for _ in 0..3 {
        let error = key.mac(MacAlgorithm::HmacSha256, b"", &call).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::KeyUnavailable, "{error}");
        let error = pair.sign_digest(SigningAlgorithm::EcdsaSha256, &[7; 32], &call).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::KeyUnavailable, "{error}");
        for at in [&at, &pair_at] {
            assert_eq!(backend.open(at, &call).unwrap_err().kind(), ErrorKind::KeyUnavailable);
        }
        keys.assert_all_work();
        // Nothing of it is remembered from before the connection is made anew, either.
        stand.shim.add(Rule::restart());
    }
    backend.destroy(&at, &call).unwrap();
    stand.shim.clear();
    stand.assert_no_session_leaked();
}

#[test]
fn the_root_of_wrapped_keys() {
    let stand = Stand::new();
    let backend = stand.backend(Residency::WrappedBlob);
    let keys = Keys::make(&backend);
    let call = Call::default();
    let objects = stand.backend(Residency::TokenObject);
    let in_token = Keys::make(&objects);

    let others = stand.shim.real().open();
    let root = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Label(b"kms root key".to_vec())];
    let found = others.session.find_objects(&root).unwrap();
    assert_eq!(found.len(), 1);
    others.session.destroy_object(found[0]).unwrap();
    drop(others);

    // What is in use stays in use for as long as the connection does.
    keys.assert_all_work();
    let rule = stand.shim.add(Rule::restart());
    let error = keys.mac.mac(MacAlgorithm::HmacSha256, b"", &call).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeyUnavailable, "{error}");
    assert!(stand.shim.strikes(rule) > 0);
    in_token.assert_all_work();
}

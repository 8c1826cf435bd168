//! A key is made and the answer is lost: there is one key afterwards, and nothing else.

use cryptoki::object::{Attribute, ObjectClass};
use cryptoki_sys::{CKR_ARGUMENTS_BAD, CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_HOST_MEMORY};
use kms_core::primitives::ecc::EccPrivateKey;
use kms_core::{Backend, Call, KeyMaterial, KeySpec, KeyUsage, Locator, Secret, SystemRandom};
use kms_pkcs11::Residency;
use test_tokens::Rule;

use crate::stand::{Keys, Stand, place};

const CODES: [cryptoki_sys::CK_RV; 3] = [CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_HOST_MEMORY];

const MADE: [(&str, KeySpec, KeyUsage); 4] = [
    ("C_GenerateKey", KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt),
    ("C_GenerateKey", KeySpec::Hmac512, KeyUsage::GenerateVerifyMac),
    ("C_GenerateKeyPair", KeySpec::Rsa2048, KeyUsage::SignVerify),
    ("C_GenerateKeyPair", KeySpec::EccNistP384, KeyUsage::SignVerify),
];

/// How many objects of each kind the token shows: secret, private and public keys.
fn objects(stand: &Stand, also: &[Attribute]) -> [usize; 3] {
    let bare = stand.shim.real().open();
    [ObjectClass::SECRET_KEY, ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY].map(|class| {
        let wanted = [also, &[Attribute::Class(class)]].concat();
        bare.session.find_objects(&wanted).unwrap().len()
    })
}

fn session_objects(stand: &Stand) -> [usize; 3] {
    objects(stand, &[Attribute::Token(false)])
}

fn named(at: &Locator) -> Attribute {
    Attribute::Id([&at.id().key.as_bytes()[..], &at.id().generation.to_be_bytes()].concat())
}

const fn one(spec: KeySpec) -> [usize; 3] {
    if spec.is_asymmetric() { [0, 1, 1] } else { [1, 0, 0] }
}

#[test]
fn a_key_in_the_token() {
    let stand = Stand::new();
    let backend = stand.backend(Residency::TokenObject);
    let call = Call::default();
    for (function, spec, usage) in MADE {
        for code in CODES {
            let at = place(&backend);
            let rule = stand.shim.add(Rule::lose(code).on(function).times(1));
            let first = backend.create(&at, spec, usage, &call).unwrap();
            assert_eq!(stand.shim.strikes(rule), 1);
            let second = backend.create(&at, spec, usage, &call).unwrap();
            assert_eq!(objects(&stand, &[named(&at)]), one(spec), "{spec}");
            assert_eq!(first.public_key(), second.public_key());
        }
    }
    assert_eq!(session_objects(&stand), [0; 3]);
}

/// The first call ends with an error that nothing is done about; the user's own retry finds the key.
#[test]
fn a_key_in_the_token_that_is_asked_for_again() {
    let stand = Stand::new();
    let backend = stand.backend(Residency::TokenObject);
    let call = Call::default();
    for (function, spec, usage) in MADE {
        let at = place(&backend);
        let rule = stand.shim.add(Rule::lose(CKR_ARGUMENTS_BAD).on(function).times(1));
        backend.create(&at, spec, usage, &call).unwrap_err();
        assert_eq!(stand.shim.strikes(rule), 1);
        backend.create(&at, spec, usage, &call).unwrap();
        assert_eq!(objects(&stand, &[named(&at)]), one(spec), "{spec}");
    }
}

#[test]
fn a_wrapped_key() {
    let stand = Stand::new();
    let backend = stand.backend(Residency::WrappedBlob);
    let call = Call::default();
    drop(Keys::make(&backend));
    let before = objects(&stand, &[Attribute::Token(true)]);
    for (function, spec, usage) in MADE {
        for (function, code) in CODES.into_iter().flat_map(|code| [(function, code), ("C_WrapKey", code)]) {
            let at = place(&backend);
            let rule = stand.shim.add(Rule::lose(code).on(function).times(1));
            backend.create(&at, spec, usage, &call).unwrap();
            assert_eq!(stand.shim.strikes(rule), 1);
            backend.create(&at, spec, usage, &call).unwrap();
        }
    }
    assert_eq!(objects(&stand, &[Attribute::Token(true)]), before);
    // The keys are dropped: whatever is done next takes them out of the token.
    backend.health(&call).unwrap();
    assert_eq!(session_objects(&stand), [0; 3]);
}

#[test]
fn the_root_of_wrapped_keys() {
    let stand = Stand::new();
    let call = Call::default();
    for code in CODES {
        // The key, what authenticates its record, and what wraps it.
        for step in 0..3 {
            let backend = stand.backend(Residency::WrappedBlob);
            let rule = stand.shim.add(Rule::lose(code).on("C_GenerateKey").after(step).times(1));
            let at = place(&backend);
            backend.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call).unwrap();
            assert_eq!(stand.shim.strikes(rule), 1);
            assert_eq!(objects(&stand, &[Attribute::Token(true)]), [2, 0, 0], "step {step}");
            let bare = stand.shim.real().open();
            for object in bare.session.find_objects(&[Attribute::Token(true)]).unwrap() {
                bare.session.destroy_object(object).unwrap();
            }
        }
    }
}

#[test]
fn a_key_that_is_brought_in() {
    let stand = Stand::new();
    let backend = stand.backend(Residency::TokenObject);
    let call = Call::default();
    for code in CODES {
        let secret =
            |spec: KeySpec| KeyMaterial::Raw(Secret::copy_from(&[7; 64][..*spec.material_len().unwrap().start()]));
        for (spec, usage) in
            [(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt), (KeySpec::Hmac256, KeyUsage::GenerateVerifyMac)]
        {
            let at = place(&backend);
            let rule = stand.shim.add(Rule::lose(code).on("C_CreateObject").times(1));
            backend.import(&at, spec, usage, secret(spec), &call).unwrap();
            assert_eq!(stand.shim.strikes(rule), 1);
            assert_eq!(objects(&stand, &[named(&at)]), one(spec));
        }
        // The public half and the private one.
        for step in 0..2 {
            let private = EccPrivateKey::generate(KeySpec::EccNistP256, &SystemRandom).unwrap();
            let public = private.public_key().to_spki().unwrap();
            let at = place(&backend);
            let rule = stand.shim.add(Rule::lose(code).on("C_CreateObject").after(step).times(1));
            let material = KeyMaterial::Pkcs8(private.to_pkcs8().unwrap());
            let key = backend.import(&at, KeySpec::EccNistP256, KeyUsage::SignVerify, material, &call).unwrap();
            assert_eq!(stand.shim.strikes(rule), 1);
            assert_eq!(key.public_key(), Some(public.as_slice()));
            assert_eq!(objects(&stand, &[named(&at)]), one(KeySpec::EccNistP256), "step {step}");
        }
    }
    assert_eq!(session_objects(&stand), [0; 3]);
}

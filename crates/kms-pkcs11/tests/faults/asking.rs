//! What the token can do is not misjudged because it was away while it was asked.

use cryptoki_sys::CKR_DEVICE_ERROR;
use kms_core::{Backend, Call, KeySpec, KeyUsage};
use kms_pkcs11::{Pkcs11Backend, Residency};
use test_tokens::Rule;

use crate::stand::{Stand, place};

#[test]
fn a_restart_while_the_token_is_asked() {
    let stand = Stand::new();
    let known = stand.backend(Residency::TokenObject).capabilities(&Call::default()).unwrap();
    for after in [0, 3, 20, 60, 150, 250] {
        let rule = stand.shim.add(Rule::restart().after(after));
        let asked = stand.backend(Residency::TokenObject).capabilities(&Call::default()).unwrap();
        assert!(stand.shim.strikes(rule) > 0, "after {after} calls");
        assert_eq!(asked.supported, known.supported, "after {after} calls");
        assert_eq!(asked.lacks, known.lacks, "after {after} calls");
        assert_eq!((&asked.wraps, asked.creates, asked.unwraps), (&known.wraps, known.creates, known.unwraps));
        stand.shim.clear();
    }
}

#[test]
fn a_fault_while_a_key_is_opened() {
    let stand = Stand::new();
    let call = Call::default();
    let backend = stand.backend(Residency::TokenObject);
    let at = place(&backend);
    let key = backend.create(&at, KeySpec::Rsa2048, KeyUsage::EncryptDecrypt, &call).unwrap();
    let once = [Rule::fail(CKR_DEVICE_ERROR), Rule::lose(CKR_DEVICE_ERROR)].map(|rule| rule.on("C_Decrypt").times(1));
    for rule in once.into_iter().chain((0..10).map(|after| Rule::restart().after(after))) {
        let rule = stand.shim.add(rule);
        // One that does not know what the token can do finds out by trying.
        let opened = Pkcs11Backend::new(stand.token.clone()).open(&at, &call).unwrap();
        assert!(stand.shim.strikes(rule) > 0);
        assert_eq!(opened.info().algorithms, key.info().algorithms);
        stand.shim.clear();
    }
}

//! What three tokens say they can do, by name.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use support::backend;

#[test]
fn softhsm() {
    let (_token, backend) = backend(test_tokens::softhsm());
    let known = backend.capabilities(&kms_core::Call::default()).unwrap();
    println!("{known:#?}");
}

#[test]
fn kryoptic() {
    let (_token, backend) = backend(test_tokens::kryoptic());
    let known = backend.capabilities(&kms_core::Call::default()).unwrap();
    println!("{known:#?}");
}

#[test]
fn nss() {
    let (_token, backend) = backend(test_tokens::nss());
    let known = backend.capabilities(&kms_core::Call::default()).unwrap();
    println!("{known:#?}");
}

//! The conformance suite on three real tokens, in both residencies; what each token cannot do is listed by name.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "support/attacks.rs"]
mod attacks;
mod support;

use cryptoki::session::Session;
use kms_core::{EncryptionAlgorithm, KeySpec, KeyUsage, SystemRandom};
use kms_pkcs11::{Pkcs11Backend, Residency};
use kms_soft::SoftBackend;
use kms_testkit::conformance::{self, Extraction, Subject};
use support::backend;

fn subject<'a>(name: &str, backend: &'a Pkcs11Backend) -> Subject<'a> {
    Subject::new(name, backend, |id| backend.locator(id))
        .with_slow([KeySpec::Rsa3072, KeySpec::Rsa4096])
        .with_texts(move || vec![format!("{backend:?}")])
}

const SHA1_ONLY: &str = "SoftHSM 2.6 refuses the parameters of OAEP with anything but SHA-1";
const NO_SECP256K1: &str = "the token does not know the curve";
const NO_EC_WRAP: &str = "NSS does not wrap elliptic curve private keys under AES";

fn softhsm_lacks(subject: Subject<'_>) -> Subject<'_> {
    let oaep = EncryptionAlgorithm::RsaesOaepSha256;
    [KeySpec::Rsa2048, KeySpec::Rsa3072, KeySpec::Rsa4096]
        .into_iter()
        .fold(subject, |subject, spec| subject.without_algorithm(spec, KeyUsage::EncryptDecrypt, oaep, SHA1_ONLY))
}

fn kryoptic_lacks(subject: Subject<'_>) -> Subject<'_> {
    subject.without_spec(KeySpec::EccSecgP256k1, NO_SECP256K1)
}

fn nss_lacks(subject: Subject<'_>, residency: Residency) -> Subject<'_> {
    let subject = kryoptic_lacks(subject);
    let wrapped: &[_] = match residency {
        Residency::WrappedBlob => &[KeySpec::EccNistP256, KeySpec::EccNistP384, KeySpec::EccNistP521],
        _ => &[],
    };
    wrapped.iter().fold(subject, |subject, &spec| subject.without_spec(spec, NO_EC_WRAP))
}

/// What NSS's token gives out, measured: its PIN is all that protects a key.
const NSS_GIVES: [&str; 2] = ["copying it as extractable and wrapping the copy", "wrapping it under a fresh key"];

/// The attempts of someone with the PIN, on keys that are objects in the token.
fn attacked<'a>(subject: Subject<'a>, session: &'a Session, gives: &[&str]) -> Subject<'a> {
    attacks::ALL.into_iter().fold(subject, |subject, (name, attempt)| {
        let expected = match gives.contains(&name) {
            true => Extraction::succeeds_because("the token does not heed CKA_EXTRACTABLE"),
            false => Extraction::Refused,
        };
        let of = (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
        subject.with_attack(name, of, expected, move |at| attacks::on(session, at, attempt))
    })
}

fn conforms(
    name: &str,
    token: test_tokens::Token,
    residency: Residency,
    lacks: impl for<'a> Fn(Subject<'a>, Residency) -> Subject<'a>,
) {
    let (token, backend) = backend(token);
    let backend = backend.with_residency(residency);
    let bare = token.open();
    let mut subject = lacks(subject(name, &backend), residency);
    if residency == Residency::TokenObject {
        subject = attacked(subject, &bare.session, if name.starts_with("NSS") { &NSS_GIVES } else { &[] });
    }
    let report = conformance::run(&subject);
    println!("{report}");
    report.assert_passed();
    assert!(backend.list(&kms_core::Call::default()).unwrap().is_empty(), "the suite cleans up");
}

#[test]
fn softhsm_wrapped() {
    conforms("SoftHSM, wrapped", test_tokens::softhsm(), Residency::WrappedBlob, |s, _| softhsm_lacks(s));
}

#[test]
fn softhsm_objects() {
    conforms("SoftHSM, objects", test_tokens::softhsm(), Residency::TokenObject, |s, _| softhsm_lacks(s));
}

#[test]
fn kryoptic_wrapped() {
    conforms("Kryoptic, wrapped", test_tokens::kryoptic(), Residency::WrappedBlob, |s, _| kryoptic_lacks(s));
}

#[test]
fn kryoptic_objects() {
    conforms("Kryoptic, objects", test_tokens::kryoptic(), Residency::TokenObject, |s, _| kryoptic_lacks(s));
}

#[test]
fn nss_wrapped() {
    conforms("NSS, wrapped", test_tokens::nss(), Residency::WrappedBlob, nss_lacks);
}

#[test]
fn nss_objects() {
    conforms("NSS, objects", test_tokens::nss(), Residency::TokenObject, nss_lacks);
}

/// The same material in memory and in the token: each opens what the other sealed.
fn at_parity(
    name: &str,
    token: test_tokens::Token,
    wrapped_import: bool,
    lacks: impl for<'a> Fn(Subject<'a>, Residency) -> Subject<'a>,
) {
    let (_token, backend) = backend(token);
    let backend = if wrapped_import { backend.with_wrapped_import() } else { backend };
    let soft = SoftBackend::new(SystemRandom);
    let ours = lacks(subject(name, &backend), Residency::WrappedBlob);
    let report = conformance::parity(&ours, &Subject::new("memory", &soft, SoftBackend::locator));
    println!("{report}");
    report.assert_passed();
}

#[test]
fn softhsm_and_memory() {
    at_parity("SoftHSM", test_tokens::softhsm(), false, |s, _| softhsm_lacks(s));
}

#[test]
fn kryoptic_and_memory() {
    at_parity("Kryoptic", test_tokens::kryoptic(), false, |s, _| kryoptic_lacks(s));
}

#[test]
fn nss_and_memory() {
    at_parity("NSS", test_tokens::nss(), false, nss_lacks);
}

#[test]
fn what_comes_in_wrapped_is_the_same() {
    at_parity("SoftHSM, unwrapping", test_tokens::softhsm(), true, |s, _| softhsm_lacks(s));
}

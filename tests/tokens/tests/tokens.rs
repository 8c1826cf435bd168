//! Each kind of token is really there, alone in its directory, and computes.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::process::Command;

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectHandle};
use cryptoki::session::Session;
use test_tokens::{Bare, Token, kryoptic, nss, softhsm, softhsm_beside};

/// A 32-byte key that can do nothing but HMACs, on the token for ever.
fn generate(session: &Session) -> ObjectHandle {
    let template = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Sign(true),
        Attribute::Verify(true),
        Attribute::Id(b"hmac".to_vec()),
        Attribute::ValueLen(32.into()),
    ];
    session.generate_key(&Mechanism::GenericSecretKeyGen, &template).unwrap()
}

fn makes_an_hmac(token: &Token) {
    let Bare { session, slot, pkcs11, .. } = token.open();
    let key = generate(&session);
    let tag = session.sign(&Mechanism::Sha256Hmac, key, b"message").unwrap();
    assert_eq!(tag.len(), 32);
    session.verify(&Mechanism::Sha256Hmac, key, b"message", &tag).unwrap();
    session.verify(&Mechanism::Sha256Hmac, key, b"another", &tag).unwrap_err();

    // Another session of the same process finds the same key, logged in by the first.
    let other = pkcs11.open_ro_session(slot).unwrap();
    let found = other.find_objects(&[Attribute::Id(b"hmac".to_vec())]).unwrap();
    assert_eq!(other.sign(&Mechanism::Sha256Hmac, found[0], b"message").unwrap(), tag);
}

#[test]
fn softhsm_makes_an_hmac() {
    makes_an_hmac(&softhsm());
}

#[test]
fn nss_makes_an_hmac() {
    makes_an_hmac(&nss());
}

#[test]
fn kryoptic_makes_an_hmac() {
    makes_an_hmac(&kryoptic());
}

#[test]
fn another_process_sees_the_token_by_its_environment_alone() {
    let token = softhsm();
    let show = |command: &mut Command| String::from_utf8(command.output().unwrap().stdout).unwrap();
    let mut command = Command::new("softhsm2-util");
    let without = show(command.arg("--show-slots"));
    assert!(!without.contains(token.label()), "{without}");
    let with = show(command.envs(token.environment()));
    assert!(with.contains(token.label()), "{with}");
}

#[test]
fn two_tokens_stand_beside_each_other() {
    let first = softhsm();
    let second = softhsm_beside(&first);
    let one = first.open();
    let two = second.open();
    assert_ne!(one.slot, two.slot);
    generate(&one.session);
    assert_eq!(one.session.find_objects(&[]).unwrap().len(), 1);
    assert_eq!(two.session.find_objects(&[]).unwrap().len(), 0);
}

#[test]
fn the_directory_goes_with_the_last_token_in_it() {
    let first = softhsm();
    let second = softhsm_beside(&first);
    let directory = first.directory().to_owned();
    drop(first);
    assert!(directory.is_dir());
    drop(second);
    assert!(!directory.exists());
}

#[test]
fn tokens_of_all_kinds_share_a_process() {
    for token in [softhsm(), nss(), kryoptic()] {
        makes_an_hmac(&token);
    }
}

#[test]
fn entering_again_changes_nothing() {
    let token = softhsm();
    token.enter();
    token.enter();
    makes_an_hmac(&token);
}

#[test]
#[should_panic(expected = "cargo nextest run")]
fn a_second_softhsm_directory_is_refused() {
    softhsm().enter();
    softhsm().enter();
}

#[test]
#[should_panic(expected = "cargo nextest run")]
fn a_second_kryoptic_directory_is_refused() {
    kryoptic().enter();
    kryoptic().enter();
}

#[test]
#[should_panic(expected = "cargo nextest run")]
fn a_second_nss_directory_is_refused() {
    nss().enter();
    nss().enter();
}

//! Many thousand requests, and what they leave behind: sessions, objects of sessions, memory.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::elliptic_curve::{EcKdf, Ecdh1DeriveParams};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass};
use cryptoki::types::Ulong;
use kms_core::{Backend, Call, EncryptionContext, Key, KeyId, KeySpec, KeyUsage, Locator, MacAlgorithm, SystemRandom};
use kms_pkcs11::Pkcs11Backend;
use support::backend;

/// What a request may leave, in bytes, before it is called a leak.
const LEAK: usize = 64;
const TIMES: usize = 12_000;

fn place(backend: &Pkcs11Backend) -> Locator {
    backend.locator(KeyId::random(&SystemRandom).unwrap().into())
}

/// Resident memory in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<usize>().unwrap() * 1024
}

/// Runs `request` half as often to warm up, and then `times`; answers by how many bytes memory has grown.
fn growth(times: usize, request: impl Fn()) -> usize {
    (0..times / 2).for_each(|_| request());
    let before = resident();
    (0..times).for_each(|_| request());
    resident().saturating_sub(before)
}

/// Whether requests leave sessions, objects, or more memory than `allowed` bytes and what is no leak.
fn leaves_nothing(token: &test_tokens::Token, backend: &Pkcs11Backend, allowed: Option<usize>, request: impl Fn()) {
    let bare = token.open();
    let state = || {
        // What was dropped last is destroyed by the next operation.
        backend.health(&Call::default()).unwrap();
        (backend.token().sessions(), bare.session.find_objects(&[]).unwrap().len())
    };
    request();
    let before = state();
    let grown = growth(TIMES, request);
    assert_eq!(state(), before, "sessions and objects");
    if let Some(allowed) = allowed {
        assert!(grown < allowed + LEAK * TIMES, "{grown} bytes in {TIMES} requests, {allowed} of them the token's");
    }
}

fn seal_open_and_mac(token: test_tokens::Token) {
    let (token, backend) = backend(token);
    let (call, context) = (Call::default(), EncryptionContext::new([("tenant", "42")]).unwrap());
    let create = |spec, usage| backend.create(&place(&backend), spec, usage, &call).unwrap();
    let key = Key::new(create(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt));
    let mac = create(KeySpec::Hmac256, KeyUsage::GenerateVerifyMac);
    leaves_nothing(&token, &backend, Some(0), || {
        let sealed = key.encrypt(b"payload", &context, &call).unwrap();
        assert_eq!(key.decrypt(sealed.as_bytes(), &context, &call).unwrap().expose(), b"payload");
        drop(mac.mac(MacAlgorithm::HmacSha256, b"message", &call).unwrap());
    });
}

/// The bare loop does the same with a key of its own, and what it leaves is the token's.
fn agree(token: test_tokens::Token) {
    let (token, backend) = backend(token);
    let call = Call::default();
    let create = || backend.create(&place(&backend), KeySpec::EccNistP256, KeyUsage::KeyAgreement, &call).unwrap();
    let (key, peer) = (create(), create());
    let peer = peer.public_key().unwrap();
    let bare = token.open();
    let curve = Attribute::EcParams(vec![0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
    let private = [Attribute::Token(false), Attribute::Derive(true)];
    let own = bare.session.generate_key_pair(&Mechanism::EccKeyPairGen, &[curve], &private).unwrap().1;
    // The key's point is at the end of its SubjectPublicKeyInfo.
    let (_, point) = peer.split_last_chunk::<65>().unwrap();
    let template = [
        Attribute::Token(false),
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
        Attribute::ValueLen(Ulong::try_from(32_usize).unwrap()),
    ];
    let tokens = growth(TIMES, || {
        let mechanism = Mechanism::Ecdh1Derive(Ecdh1DeriveParams::new(EcKdf::null(), point));
        let derived = bare.session.derive_key(&mechanism, own, &template).unwrap();
        drop(bare.session.get_attributes(derived, &[AttributeType::Value]).unwrap());
        bare.session.destroy_object(derived).unwrap();
    });
    leaves_nothing(&token, &backend, Some(tokens), || drop(key.agree(peer, &call).unwrap()));
}

fn make_open_and_destroy(token: test_tokens::Token, allowed: Option<usize>) {
    let (token, backend) = backend(token);
    let call = Call::default();
    leaves_nothing(&token, &backend, allowed, || {
        let at = place(&backend);
        drop(backend.create(&at, KeySpec::Hmac256, KeyUsage::GenerateVerifyMac, &call).unwrap());
        let key = backend.open(&at, &call).unwrap();
        drop(key.mac(MacAlgorithm::HmacSha256, b"message", &call).unwrap());
        backend.destroy(&at, &call).unwrap();
    });
}

#[test]
fn sealing_opening_and_mac_in_softhsm() {
    seal_open_and_mac(test_tokens::softhsm());
}

#[test]
fn sealing_opening_and_mac_in_kryoptic() {
    seal_open_and_mac(test_tokens::kryoptic());
}

#[test]
fn agreeing_in_softhsm() {
    agree(test_tokens::softhsm());
}

#[test]
fn agreeing_in_kryoptic() {
    agree(test_tokens::kryoptic());
}

/// SoftHSM keeps memory for each session object there ever was, as the bare loop above shows: no bound on it here.
#[test]
fn making_opening_and_destroying_in_softhsm() {
    make_open_and_destroy(test_tokens::softhsm(), None);
}

#[test]
fn making_opening_and_destroying_in_kryoptic() {
    make_open_and_destroy(test_tokens::kryoptic(), Some(0));
}

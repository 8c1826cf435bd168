//! Callers of a master key that fails: what is damaged is stopped, what failed is said, and nothing is half made.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use kms_core::message::{self, DecryptOptions, EncryptOptions, KmsWrappingKey};
use kms_core::{
    Backend, Call, EncryptionContext, Error, ErrorKind, Key, KeyId, KeySpec, KeyUsage, MacAlgorithm, MessageType,
    SigningAlgorithm, SystemRandom,
};
use kms_soft::SoftBackend;
use kms_testkit::faults::{ALWAYS, Damage, Faulty, Operation};

fn faulty(spec: KeySpec, usage: KeyUsage) -> Faulty {
    let backend = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
    Faulty::new(backend.create(&at, spec, usage, &Call::default()).unwrap())
}

fn symmetric() -> Faulty {
    faulty(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt)
}

#[test]
fn a_damaged_answer_does_not_get_out() {
    let (call, context) = (Call::default(), EncryptionContext::empty());
    for damage in [Damage::Empty, Damage::Half] {
        let key = Key::from(symmetric().damages(Operation::Seal, ALWAYS, damage).into_master_key());
        let refused = key.encrypt(&[7; 200], &context, &call).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Internal, "{damage:?}");

        let key = faulty(KeySpec::EccNistP256, KeyUsage::SignVerify).damages(Operation::SignDigest, ALWAYS, damage);
        let key = Key::from(key.into_master_key());
        let refused = key.sign(SigningAlgorithm::EcdsaSha256, MessageType::Raw, b"m", &call).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Internal, "{damage:?}");

        let key = faulty(KeySpec::Hmac256, KeyUsage::GenerateVerifyMac).damages(Operation::Mac, ALWAYS, damage);
        let refused = Key::from(key.into_master_key()).generate_mac(MacAlgorithm::HmacSha256, b"m", &call);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Internal, "{damage:?}");

        let agrees = faulty(KeySpec::EccNistP256, KeyUsage::KeyAgreement).damages(Operation::Agree, ALWAYS, damage);
        let agrees = Key::from(agrees.into_master_key());
        let refused = agrees.derive_shared_secret(&agrees.public_key().unwrap(), &call).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Internal, "{damage:?}");
    }
    for damage in [Damage::Empty, Damage::Half, Damage::Zeroed] {
        let key = Key::from(symmetric().damages_data_keys(ALWAYS, damage).into_master_key());
        let refused = key.generate_data_key(32, &context, &call).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Internal, "{damage:?}");
    }
}

#[test]
fn an_error_passes_unchanged() {
    let (call, context) = (Call::default(), EncryptionContext::empty());
    for kind in [ErrorKind::Busy, ErrorKind::Disconnected, ErrorKind::TimedOut, ErrorKind::Unauthorized] {
        let fails = symmetric().fails(Operation::Seal, ALWAYS, move || Error::with_detail(kind, "why"));
        let error = Key::from(fails.into_master_key()).encrypt(b"payload", &context, &call).unwrap_err();
        assert_eq!((error.kind(), error.detail(), error.may_have_run()), (kind, Some("why"), false));
        let loses = symmetric().loses_the_answer(Operation::Seal, ALWAYS, move || kind.into());
        let error = Key::from(loses.into_master_key()).encrypt(b"payload", &context, &call).unwrap_err();
        assert_eq!((error.kind(), error.may_have_run()), (kind, true));
    }
}

#[test]
fn a_message_under_a_failing_key_is_not_made_and_the_next_one_is() {
    let fails = symmetric().fails(Operation::GenerateDataKey, 1..=1, || ErrorKind::Disconnected.into());
    let fails = fails.fails(Operation::Open, 1..=1, || ErrorKind::Busy.into());
    let key = KmsWrappingKey::new("arn:aws:kms:local:000000000000:key/x", Key::from(fails.into_master_key())).unwrap();
    let options = EncryptOptions::new(EncryptionContext::empty());
    let call = Call::default();
    let error = message::encrypt(&key, &options, b"payload", &SystemRandom, &call).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    let message = message::encrypt(&key, &options, b"payload", &SystemRandom, &call).unwrap();
    let error = message::decrypt(&key, &DecryptOptions::new(), &message, &call).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "not that no key matches, nor that it was rejected");
    assert_eq!(message::decrypt(&key, &DecryptOptions::new(), &message, &call).unwrap().plaintext.expose(), b"payload");
}

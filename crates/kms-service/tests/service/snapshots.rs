//! The snapshot workflows: the examples run, and what they rely on.

use kms_core::message::{self, DecryptOptions, EncryptOptions, WrappingKeys};
use kms_core::{Call, EncryptionContext, ErrorKind, SystemRandom};
use kms_service::api::DisableKeyRequest;
use kms_service::{Caller, KmsError, ServiceKey};

use crate::access::{key_policy, with_policy};
use crate::desk::{ACCOUNT, Desk, user};

#[path = "../../examples/move_to_another_region.rs"]
mod move_to_another_region;
#[path = "../../examples/share_a_snapshot.rs"]
mod share_a_snapshot;

#[test]
fn a_file_moves_to_another_region() {
    move_to_another_region::main().unwrap();
}

#[test]
fn a_snapshot_is_shared_with_another_account() {
    share_a_snapshot::main().unwrap();
}

fn keys(desk: &Desk, caller: &Caller, arn: &str) -> WrappingKeys<'static> {
    WrappingKeys::new().with(ServiceKey::new(desk.service.clone(), caller.clone(), arn))
}

#[test]
fn a_message_opens_only_for_those_who_may_use_its_key() {
    let desk = Desk::new();
    let (key, other) = (with_policy(&desk, &key_policy("")), with_policy(&desk, &key_policy("")));
    let options = EncryptOptions::new(EncryptionContext::new([("file", "a")]).unwrap());
    let (call, read) = (Call::default(), DecryptOptions::new());
    let message = message::encrypt(&keys(&desk, &desk.caller, &key), &options, b"text", &SystemRandom, &call).unwrap();
    let open = |caller: &Caller, arn: &str| message::decrypt(&keys(&desk, caller, arn), &read, &message, &call);
    assert_eq!(open(&desk.caller, &key).unwrap().plaintext.expose(), b"text");
    assert_eq!(open(&desk.caller, &other).unwrap_err().kind(), ErrorKind::NoMatchingKey);
    let nobody = user(ACCOUNT, "nobody", r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#);
    let error = open(&nobody, &key).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("is not authorized to perform: kms:Decrypt"), "{error}");
    // The other who may read it writes for both, with one key each.
    let both = WrappingKeys::new()
        .with(ServiceKey::new(desk.service.clone(), desk.caller.clone(), &*key))
        .with(ServiceKey::new(desk.service.clone(), desk.caller.clone(), &*other));
    let message = message::encrypt(&both, &options, b"text", &SystemRandom, &call).unwrap();
    desk.ask(DisableKeyRequest { key_id: key.as_str().into() }).unwrap();
    let opened = message::decrypt(&keys(&desk, &desk.caller, &other), &read, &message, &call).unwrap();
    assert_eq!(opened.plaintext.expose(), b"text");
    let error = message::decrypt(&keys(&desk, &desk.caller, &key), &read, &message, &call).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeyUnavailable);
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<KmsError>()).unwrap();
    assert_eq!(source.exception(), kms_service::Exception::Disabled);
}

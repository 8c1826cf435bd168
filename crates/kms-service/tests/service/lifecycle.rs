//! A key from its making to its end.

use std::sync::Arc;
use std::time::Duration;

use kms_service::api::{
    CancelKeyDeletionRequest, CreateGrantRequest, DescribeKeyRequest, DisableKeyRequest, EnableKeyRequest,
    GrantOperation, KeyState, ListKeysRequest, ScheduleKeyDeletionRequest,
};

use kms_service::{Clock, Exception, Timestamp};
use kms_store::Memory;

use crate::desk::{ACCOUNT, Desk, refused, root_key};
use crate::hooks::over_hooked_store;

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn a_key_encrypts_until_it_is_disabled_and_after_it_is_enabled_again() {
    let desk = Desk::new();
    let key = desk.key();
    let sealed = desk.encrypt(&key, b"secret").unwrap();
    let opened = desk.decrypt(&sealed.ciphertext_blob).unwrap();
    assert_eq!(opened.plaintext.unwrap().expose(), b"secret");
    assert_eq!(opened.key_id, sealed.key_id);
    desk.ask(DisableKeyRequest { key_id: key.as_str().into() }).unwrap();
    refused(desk.encrypt(&key, b"x"), Exception::Disabled, "is disabled.");
    refused(desk.decrypt(&sealed.ciphertext_blob), Exception::Disabled, "is disabled.");
    desk.ask(EnableKeyRequest { key_id: key.as_str().into() }).unwrap();
    desk.decrypt(&sealed.ciphertext_blob).unwrap();
}

#[test]
fn deletion_waits_and_really_destroys() {
    let desk = Desk::new();
    let key = desk.key();
    let sealed = desk.encrypt(&key, b"secret").unwrap();
    let schedule = ScheduleKeyDeletionRequest { key_id: key.as_str().into(), pending_window_in_days: Some(7) };
    let answer = desk.ask(schedule).unwrap();
    assert_eq!(answer.key_state, Some(KeyState::PendingDeletion));
    refused(desk.decrypt(&sealed.ciphertext_blob), Exception::KMSInvalidState, "is pending deletion.");
    desk.ask(CancelKeyDeletionRequest { key_id: key.as_str().into() }).unwrap();
    refused(desk.decrypt(&sealed.ciphertext_blob), Exception::Disabled, "is disabled.");

    let again = || ScheduleKeyDeletionRequest { key_id: key.as_str().into(), pending_window_in_days: Some(7) };
    desk.ask(again()).unwrap();
    desk.clock.advance(DAY * 7);
    assert_eq!(desk.service.run_due().unwrap().deleted, 0, "it is only seen to be due");
    desk.clock.advance(DAY);
    assert_eq!(desk.service.run_due().unwrap().deleted, 1);
    refused(
        desk.ask(DescribeKeyRequest { key_id: key.as_str().into(), ..Default::default() }),
        Exception::NotFound,
        "does not exist",
    );
    refused(desk.decrypt(&sealed.ciphertext_blob), Exception::AccessDenied, "does not exist");
    assert!(desk.service.store().records().list().unwrap().is_empty(), "the material is gone");
    assert!(desk.ask(ListKeysRequest::default()).unwrap().keys.is_empty());
}

#[test]
fn a_program_that_runs_for_a_moment_at_a_time_deletes_too_and_not_at_one_jump_of_the_clock() {
    let (store, root) = (Arc::new(Memory::new()), root_key());
    let run = |at: Timestamp| {
        let desk = Desk::over(store.clone(), root.clone(), |builder| builder.counting_between_runs(DAY / 2));
        desk.clock.jump(at);
        // What the service has run is told by a clock that starts anew.
        desk.service.run_due().unwrap().deleted
    };
    let desk = Desk::over(store.clone(), root.clone(), |builder| builder);
    let key = desk.key();
    let schedule = ScheduleKeyDeletionRequest { key_id: key.as_str().into(), pending_window_in_days: Some(7) };
    desk.ask(schedule).unwrap();
    desk.service.run_due().unwrap();
    let now = desk.clock.now();
    let due = now + DAY * 7;
    // A clock that jumps a year ahead, once, and then is looked at again and again.
    let far = now + DAY * 365;
    assert_eq!((run(far), run(far), run(far + DAY / 24)), (0, 0, 0));
    // Put right, what was seen does not count; with a day between the looks, it is time.
    assert_eq!((run(now), run(due), run(due + DAY / 2)), (0, 0, 0));
    assert_eq!(run(due + DAY), 1);
}

/// A key that has lost a part of what it was cannot come back as if nothing had happened.
#[test]
fn a_deletion_that_has_begun_is_not_called_off() {
    let (store, desk) = over_hooked_store(|builder| builder);
    let key = desk.key();
    for name in 0..45 {
        let grant = CreateGrantRequest {
            key_id: key.as_str().into(),
            grantee_principal: Some(format!("arn:aws:iam::{ACCOUNT}:user/{name}")),
            operations: vec![GrantOperation::Encrypt.into()].into(),
            ..Default::default()
        };
        desk.ask(grant).unwrap();
    }
    desk.ask(ScheduleKeyDeletionRequest { key_id: key.as_str().into(), pending_window_in_days: Some(7) }).unwrap();
    desk.clock.advance(DAY * 7);
    desk.service.run_due().unwrap();
    desk.clock.advance(DAY);
    let (service, caller, id) = (desk.service.clone(), desk.caller.clone(), key.clone());
    store.before(b"g/", move || {
        let cancel = CancelKeyDeletionRequest { key_id: id.as_str().into() };
        refused(service.call(&caller, &cancel), Exception::KMSInvalidState, "is being deleted");
    });
    assert_eq!(desk.service.run_due().unwrap().deleted, 1);
    assert!(desk.ask(ListKeysRequest::default()).unwrap().keys.is_empty());
}

/// Wherever the process ends, what has begun goes on with the next one.
#[test]
fn a_deletion_that_was_cut_off_goes_on() {
    for at in [&b"b/"[..], b"a/", b"l/", b"d/"] {
        let (store, desk) = over_hooked_store(|builder| builder);
        let key = desk.key();
        let alias =
            kms_service::api::CreateAliasRequest { alias_name: "alias/a".into(), target_key_id: key.as_str().into() };
        desk.ask(alias).unwrap();
        desk.ask(ScheduleKeyDeletionRequest { key_id: key.as_str().into(), pending_window_in_days: Some(7) }).unwrap();
        desk.clock.advance(DAY * 7);
        desk.service.run_due().unwrap();
        desk.clock.advance(DAY);
        store.before(at, || panic!("the process ends here"));
        let service = desk.service.clone();
        std::thread::spawn(move || service.run_due()).join().unwrap_err();
        desk.service.run_due().unwrap();
        assert!(desk.ask(ListKeysRequest::default()).unwrap().keys.is_empty());
        assert!(desk.service.store().records().list().unwrap().is_empty());
        assert_eq!(desk.service.store().check().unwrap().flaws, []);
        assert_eq!(desk.store.list(b"d/", None, 10).unwrap(), []);
    }
}

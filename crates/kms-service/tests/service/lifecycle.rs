//! A key from its making to its end.

use std::sync::Arc;
use std::time::Duration;

use kms_service::api::{
    CancelKeyDeletionRequest, DescribeKeyRequest, DisableKeyRequest, EnableKeyRequest, KeyState, ListKeysRequest,
    ScheduleKeyDeletionRequest,
};

use kms_service::{Clock, Exception, Timestamp};
use kms_store::Memory;

use crate::desk::{Desk, refused, root_key};

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

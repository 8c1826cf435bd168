//! Resource quotas, and clocks that jump.

use std::time::Duration;

use kms_service::api::*;
use kms_service::time::DAY;
use kms_service::{Clock, Exception, Limits, Timestamp};

use crate::desk::{Desk, THERE, refused};
use crate::kinds::multi_region;

fn limited(change: impl FnOnce(&mut Limits)) -> Desk {
    let mut limits = Limits::default();
    change(&mut limits);
    Desk::with(|builder| builder.limits(limits))
}

fn schedule(key: &str) -> ScheduleKeyDeletionRequest {
    ScheduleKeyDeletionRequest { key_id: key.into(), pending_window_in_days: Some(7) }
}

#[test]
fn the_defaults_are_those_of_aws() {
    let limits = Limits::default();
    assert_eq!((limits.keys, limits.aliases_of_key, limits.grants_of_key), (100_000, 50, 50_000));
    assert_eq!((limits.custom_key_stores, limits.on_demand_rotations, limits.key_policy), (10, 25, 32_768));
}

#[test]
fn an_account_has_so_many_keys_in_a_region() {
    let desk = limited(|limits| limits.keys = 2);
    let key = desk.create(multi_region(KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt)).key_id;
    let doomed = desk.key();
    let create = || desk.ask(CreateKeyRequest::default());
    assert_eq!(create().unwrap_err().exception(), Exception::LimitExceeded);
    assert_eq!(desk.service.store().records().list().unwrap().len(), 2, "nothing is left behind");
    for _ in 0..2 {
        desk.ask_in(THERE, CreateKeyRequest::default()).unwrap();
    }
    let replicate =
        ReplicateKeyRequest { key_id: key.as_str().into(), replica_region: THERE.into(), ..Default::default() };
    assert_eq!(desk.ask(replicate).unwrap_err().exception(), Exception::LimitExceeded);
    // A default key is nobody's.
    desk.encrypt("alias/aws/ebs", b"text").unwrap();
    // One that waits for its deletion still counts.
    desk.ask(schedule(&doomed)).unwrap();
    assert_eq!(create().unwrap_err().exception(), Exception::LimitExceeded);
    for _ in 0..2 {
        desk.clock.advance(DAY * 7);
        desk.service.run_due().unwrap();
    }
    create().unwrap();
}

#[test]
fn a_policy_has_so_many_bytes() {
    let desk = Desk::new();
    let key = desk.key();
    let policy = desk.ask(GetKeyPolicyRequest { key_id: key.as_str().into(), ..Default::default() }).unwrap().policy;
    let with = |len: usize| PutKeyPolicyRequest {
        key_id: key.as_str().into(),
        policy: format!("{policy}{}", " ".repeat(len - policy.len())).into(),
        ..Default::default()
    };
    desk.ask(with(32_768)).unwrap();
    assert_eq!(desk.ask(with(32_769)).unwrap_err().exception(), Exception::LimitExceeded);
    refused(desk.ask(with(131_073)), Exception::Validation, "less than or equal to 131072");
}

#[test]
fn a_window_is_seven_to_thirty_days() {
    let desk = Desk::new();
    let key = desk.key();
    let with = |days| ScheduleKeyDeletionRequest { key_id: key.as_str().into(), pending_window_in_days: days };
    for days in [6, 31, 0, -1] {
        assert_eq!(desk.ask(with(Some(days))).unwrap_err().exception(), Exception::Validation);
    }
    let now = desk.clock.now();
    for (days, wanted) in [(Some(7), 7), (Some(30), 30), (None, 30)] {
        let answer = desk.ask(with(days)).unwrap();
        assert_eq!(answer.pending_window_in_days, Some(wanted));
        assert_eq!(answer.deletion_date, Some(now + DAY * u32::try_from(wanted).unwrap()));
        desk.ask(CancelKeyDeletionRequest { key_id: key.as_str().into() }).unwrap();
    }
}

fn exists(desk: &Desk, key: &str) -> bool {
    desk.ask(DescribeKeyRequest { key_id: key.into(), ..Default::default() }).is_ok()
}

#[test]
fn a_clock_that_jumps_ahead_deletes_nothing() {
    let desk = Desk::new();
    let key = desk.key();
    let right = desk.clock.now();
    desk.ask(schedule(&key)).unwrap();
    // Wrong by more each time: by the clock, days pass between the looks.
    for days in 10..40 {
        desk.clock.jump(right + DAY * days);
        assert_eq!(desk.service.run_due().unwrap().deleted, 0);
    }
    desk.clock.jump(right);
    assert!(desk.service.run_due().unwrap().clock_was_set_back);
    // When the time has come, it was seen to be due before, but by a clock that was wrong.
    let mut deleted = 0;
    for _ in 0..7 {
        desk.clock.advance(DAY);
        deleted += desk.service.run_due().unwrap().deleted;
    }
    assert_eq!(deleted, 0);
    assert!(exists(&desk, &key));
    desk.clock.advance(DAY);
    assert_eq!(desk.service.run_due().unwrap().deleted, 1);
}

#[test]
fn a_jump_while_a_key_waits_does_not_shorten_the_grace() {
    let desk = Desk::new();
    let key = desk.key();
    desk.ask(schedule(&key)).unwrap();
    let right = desk.clock.now();
    desk.clock.jump(right + DAY * 20);
    desk.service.run_due().unwrap();
    desk.clock.jump(right);
    // Fifteen days later it jumps again: what was seen the first time does not count.
    desk.service.run_due().unwrap();
    desk.clock.advance(DAY * 5);
    desk.service.run_due().unwrap();
    desk.clock.jump(right + DAY * 20);
    assert_eq!(desk.service.run_due().unwrap().deleted, 0);
    assert_eq!(desk.service.run_due().unwrap().deleted, 0);
    assert!(exists(&desk, &key));
    desk.clock.jump(right + DAY * 5);
    desk.service.run_due().unwrap();
    desk.ask(CancelKeyDeletionRequest { key_id: key.as_str().into() }).unwrap();
    desk.clock.advance(DAY * 100);
    desk.service.run_due().unwrap();
    assert!(exists(&desk, &key));
}

#[test]
fn a_clock_that_is_behind_deletes_nothing_and_stops_nothing() {
    let desk = Desk::new();
    let key = desk.key();
    desk.service.run_due().unwrap();
    let right = desk.clock.now();
    desk.ask(schedule(&key)).unwrap();
    desk.clock.jump(Timestamp::from_millis(0));
    assert!(desk.service.run_due().unwrap().clock_was_set_back);
    desk.encrypt(&desk.key(), b"text").unwrap();
    desk.clock.jump(right);
    assert!(!desk.service.run_due().unwrap().clock_was_set_back);
    desk.clock.jump(right - Duration::from_secs(299));
    assert!(!desk.service.run_due().unwrap().clock_was_set_back, "clocks differ a little");
    assert!(exists(&desk, &key));
}

#[test]
fn the_grace_is_the_operators() {
    for (grace, looks) in [(Duration::ZERO, 1), (Duration::from_secs(3600), 2), (DAY * 3, 4)] {
        let desk = Desk::with(|builder| builder.deletion_grace(grace));
        let key = desk.key();
        desk.ask(schedule(&key)).unwrap();
        desk.clock.advance(DAY * 6);
        assert_eq!(desk.service.run_due().unwrap().deleted, 0);
        let mut needed = 0;
        while exists(&desk, &key) {
            desk.clock.advance(DAY);
            desk.service.run_due().unwrap();
            needed += 1;
        }
        assert_eq!(needed, looks, "{grace:?}");
    }
}

/// The grace goes on over a restart, as far as somebody was there to see the time pass.
#[test]
fn time_is_counted_over_restarts() {
    let desk = Desk::new();
    let key = desk.key();
    desk.ask(schedule(&key)).unwrap();
    desk.clock.advance(DAY * 7);
    desk.service.run_due().unwrap();
    desk.clock.advance(Duration::from_secs(12 * 3600));
    desk.service.run_due().unwrap();
    let again = Desk::over(desk.store.clone(), desk.root.clone(), |builder| builder);
    again.clock.jump(desk.clock.now() + DAY * 30);
    assert_eq!(again.service.run_due().unwrap().deleted, 0, "nobody was there");
    again.clock.advance(Duration::from_secs(12 * 3600));
    assert_eq!(again.service.run_due().unwrap().deleted, 1);
}

/// By a clock that is behind, a window would end too early.
#[test]
fn no_window_is_counted_from_the_past() {
    let desk = Desk::new();
    let key = desk.key();
    let made = desk.clock.now();
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let wrong = "The clock of the service is wrong";
    desk.clock.jump(made - minutes(6));
    refused(desk.ask(schedule(&key)), Exception::KMSInternal, wrong);
    desk.clock.jump(made + DAY);
    desk.service.run_due().unwrap();
    desk.clock.jump(made + DAY - minutes(6));
    refused(desk.ask(schedule(&key)), Exception::KMSInternal, wrong);
    desk.clock.jump(made + DAY - minutes(4));
    desk.ask(schedule(&key)).unwrap();
}

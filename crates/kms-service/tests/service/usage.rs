//! How much keys are used, and what they cost.

use std::time::Duration;

use kms_service::api::{
    CreateKeyRequest, DescribeKeyRequest, EnableKeyRotationRequest, GetKeyLastUsageRequest,
    KeyLastUsageTrackingOperation, ListAliasesRequest, OriginType, ScheduleKeyDeletionRequest,
};
use kms_service::usage::{Bill, BillLine, KeyKind, Prices};
use kms_service::{Exception, ServiceBuilder, Timestamp};

use crate::desk::{Desk, refused};

const DAY: Duration = Duration::from_secs(86_400);
/// 2027-01-01T00:00:00Z; the clock of the desk shows the 15th, 8 o'clock.
const JANUARY: u64 = 1_798_761_600_000;

fn desk() -> Desk {
    let desk = Desk::with(|builder: ServiceBuilder| builder.deletion_grace(Duration::ZERO));
    desk.clock.jump(Timestamp::from_millis(JANUARY));
    desk
}

fn bill(desk: &Desk, month: &str) -> Bill {
    let (account, region) = (desk.caller.account(), &desk.caller.region);
    desk.service.bill(account, region, month, &Prices::default()).unwrap()
}

fn line(desk: &Desk, month: &str, key: &str) -> BillLine {
    let lines: Vec<_> = bill(desk, month).lines.into_iter().filter(|line| line.key.to_string() == key).collect();
    assert_eq!(lines.len(), 1, "{month}");
    lines.into_iter().next().unwrap()
}

fn last_usage(desk: &Desk, key: &str) -> kms_service::api::GetKeyLastUsageResponse {
    desk.ask(GetKeyLastUsageRequest { key_id: key.into() }).unwrap()
}

#[test]
fn the_last_use_is_known_and_outlives_the_process() {
    let desk = Desk::new();
    let key = desk.key();
    let found = last_usage(&desk, &key);
    assert!(found.key_last_usage.is_none());
    let created = desk.ask(DescribeKeyRequest { key_id: key.as_str().into(), ..Default::default() }).unwrap();
    assert_eq!(found.key_creation_date, created.key_metadata.creation_date);
    assert!(found.key_id.ends_with(&key));
    let sealed = desk.encrypt(&key, b"x").unwrap().ciphertext_blob;
    desk.clock.advance(DAY);
    desk.decrypt(&sealed).unwrap();
    let used = last_usage(&desk, &key).key_last_usage.unwrap();
    assert_eq!(used.operation, Some(KeyLastUsageTrackingOperation::Decrypt));
    assert_eq!(used.timestamp, Some(Timestamp::from_millis(1_800_000_000_000) + DAY));
    let event = used.cloud_trail_event_id.clone().unwrap();
    assert_eq!(event.len(), 36, "{event}");

    desk.service.keep_usage().unwrap();
    let again = Desk::over(desk.store.clone(), desk.root.clone(), |builder| builder);
    assert_eq!(last_usage(&again, &key).key_last_usage, Some(used));
    let nobody = crate::desk::user(crate::desk::ACCOUNT, "nobody", r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#);
    let ask = GetKeyLastUsageRequest { key_id: key.as_str().into() };
    refused(again.service.call(&nobody, &ask), Exception::AccessDenied, "kms:GetKeyLastUsage");
}

#[test]
fn requests_that_fail_or_do_nothing_are_no_use() {
    let desk = Desk::new();
    let key = desk.key();
    let dry = kms_service::api::EncryptRequest {
        key_id: key.as_str().into(),
        plaintext: kms_core::Secret::copy_from(b"x").into(),
        dry_run: Some(true),
        ..Default::default()
    };
    refused(desk.ask(dry), Exception::DryRunOperation, "");
    desk.ask(DescribeKeyRequest { key_id: key.as_str().into(), ..Default::default() }).unwrap();
    assert!(last_usage(&desk, &key).key_last_usage.is_none());
    assert_eq!(line(&desk, "2027-01", &key).requests, 0);
}

#[test]
fn a_month_costs_what_aws_takes() {
    let desk = desk();
    let key = desk.key();
    let import = CreateKeyRequest { origin: Some(OriginType::External.into()), ..Default::default() };
    let imported = desk.create(import).key_id;
    for _ in 0..20_000 {
        desk.encrypt(&key, b"x").unwrap();
    }
    // The service's own key: made on first use, and free.
    desk.encrypt("alias/aws/s3", b"x").unwrap();
    let aliases = desk.ask(ListAliasesRequest::default()).unwrap().aliases.into_inner();
    let default = aliases[0].target_key_id.clone().unwrap();
    desk.service.keep_usage().unwrap();
    desk.clock.advance(DAY * 31);
    let used = line(&desk, "2027-01", &key);
    assert_eq!((used.kind, used.thousandths, used.requests), (KeyKind::CustomerManaged, 1000, 20_000));
    assert_eq!((used.key_cost, used.request_cost), (1_000_000, 60_000));
    let line_of_imported = line(&desk, "2027-01", &imported);
    assert_eq!((line_of_imported.kind, line_of_imported.key_cost), (KeyKind::Imported, 1_000_000));
    let free = line(&desk, "2027-01", &default);
    assert_eq!((free.kind, free.key_cost, free.requests), (KeyKind::Default, 0, 1));
    assert_eq!(bill(&desk, "2027-01").total(), 2_060_003);
    assert!(bill(&desk, "2026-12").lines.is_empty());
    for bad in ["2027", "2027-13", "january", "4294967295-12"] {
        let (account, region) = (desk.caller.account(), &desk.caller.region);
        refused(desk.service.bill(account, region, bad, &Prices::default()), Exception::Validation, "a month");
    }
}

#[test]
fn a_part_of_a_month_costs_a_part() {
    let desk = desk();
    desk.clock.advance(DAY * 15 + DAY / 2);
    let half = desk.key();
    assert_eq!(line(&desk, "2027-01", &half).thousandths, 0, "so far");
    desk.clock.advance(DAY * 15 + DAY / 2);
    assert_eq!(line(&desk, "2027-01", &half).thousandths, 500);
    assert_eq!(line(&desk, "2027-01", &half).key_cost, 500_000);
    // A key that waits for its deletion costs nothing.
    desk.clock.advance(DAY * 14);
    desk.ask(ScheduleKeyDeletionRequest { key_id: half.as_str().into(), pending_window_in_days: Some(30) }).unwrap();
    desk.clock.advance(DAY * 5);
    assert_eq!(line(&desk, "2027-02", &half).thousandths, 500);
}

#[test]
fn a_deleted_key_is_still_billed_for_its_months() {
    let desk = desk();
    let key = desk.key();
    desk.encrypt(&key, b"x").unwrap();
    desk.service.keep_usage().unwrap();
    // February passes without a use.
    desk.clock.advance(DAY * (31 + 28) + DAY * 31 / 2);
    desk.encrypt(&key, b"x").unwrap();
    desk.service.keep_usage().unwrap();
    desk.ask(ScheduleKeyDeletionRequest { key_id: key.as_str().into(), pending_window_in_days: Some(7) }).unwrap();
    let before: Vec<_> = ["2027-01", "2027-02", "2027-03"].map(|month| line(&desk, month, &key)).into();
    desk.clock.advance(DAY * 7);
    assert_eq!(desk.service.run_due().unwrap().deleted, 1);
    let after: Vec<_> = ["2027-01", "2027-02", "2027-03"].map(|month| line(&desk, month, &key)).into();
    assert_eq!(before, after);
    assert_eq!(after.iter().map(|line| line.thousandths).collect::<Vec<_>>(), [1000, 1000, 500]);
    assert_eq!(after.iter().map(|line| line.requests).collect::<Vec<_>>(), [1, 0, 1]);
    assert!(bill(&desk, "2027-04").lines.is_empty());
}

#[test]
fn rotations_cost_from_their_month_on_and_only_the_first_two() {
    let desk = desk();
    let key = desk.key();
    let enable = EnableKeyRotationRequest { key_id: key.as_str().into(), rotation_period_in_days: Some(90) };
    desk.ask(enable).unwrap();
    for _ in 0..4 {
        desk.clock.advance(DAY * 90);
        assert_eq!(desk.service.run_due().unwrap().rotated, 1);
    }
    let cost = |month| line(&desk, month, &key).key_cost;
    // Rotated on 1 April, 30 June, 28 September and 27 December.
    assert_eq!(cost("2027-03"), 1_000_000);
    assert_eq!(cost("2027-04"), 2_000_000);
    assert_eq!(cost("2027-06"), 3_000_000);
    assert_eq!(cost("2027-10"), 3_000_000);
}

#[test]
fn counts_survive_a_restart() {
    let desk = Desk::new();
    let key = desk.key();
    for _ in 0..3 {
        desk.encrypt(&key, b"x").unwrap();
    }
    desk.service.keep_usage().unwrap();
    desk.service.keep_usage().unwrap();
    let again = Desk::over(desk.store.clone(), desk.root.clone(), |builder| builder);
    again.encrypt(&key, b"x").unwrap();
    assert_eq!(line(&again, "2027-01", &key).requests, 4);
    again.service.keep_usage().unwrap();
    let third = Desk::over(desk.store.clone(), desk.root.clone(), |builder| builder);
    assert_eq!(line(&third, "2027-01", &key).requests, 4);
}

//! Decisions allocate nothing, unless a variable is involved or the service makes a value on demand.

#![expect(clippy::std_instead_of_alloc, reason = "never built without std")]

use std::sync::Arc;

use allocation_counter::measure;
use kms_service::policy::{ContextMap, Policy, PolicyKind, Principal, Request, decide};

const DEFAULT: &str = r#"{"Version":"2012-10-17","Id":"key-default-1","Statement":[
    {"Sid":"Enable IAM User Permissions","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},
        "Action":"kms:*","Resource":"*"}]}"#;
const IDENTITY: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Deny","Action":["kms:DisableKey","kms:ScheduleKeyDeletion"],"Resource":"*"},
    {"Effect":"Deny","Action":"kms:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"},
        "NotIpAddress":{"aws:SourceIp":["10.0.0.0/8","2001:db8::/32"]}}},
    {"Effect":"Allow","Action":["kms:Encrypt","kms:*crypt*","kms:GenerateDataKey*"],
        "Resource":["arn:aws:kms:*:111122223333:key/1234abcd-*","arn:aws:kms:eu-*:*:key/*"],
        "Condition":{"StringLikeIfExists":{"kms:ViaService":"s3.*.amazonaws.com"},
            "StringEqualsIgnoreCase":{"aws:PrincipalTag/team":"RED"},
            "ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/*"},
            "NumericLessThan":{"aws:MultiFactorAuthAge":"3600"},
            "DateGreaterThan":{"aws:CurrentTime":"2026-01-31T12:00:00Z"}}}]}"#;

#[test]
fn decisions_allocate_nothing() {
    let key = Policy::parse(PolicyKind::Key, DEFAULT).unwrap();
    let identity = [Arc::new(Policy::parse(PolicyKind::Identity, IDENTITY).unwrap())];
    let alice: Principal = "arn:aws:iam::111122223333:user/Alice".parse().unwrap();
    let alice = alice.with_tags([("Team", "red")]);
    let context = ContextMap::new()
        .with("aws:SecureTransport", "true")
        .with("aws:SourceIp", "10.1.2.3")
        .with("aws:MultiFactorAuthAge", "10")
        .with("aws:CurrentTime", "2026-11-25T09:23:40Z");
    let request = Request {
        principal: &alice,
        action: "kms:Decrypt",
        resource: "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        resource_account: "111122223333".parse().unwrap(),
        context: &context,
    };
    let allocations = measure(|| assert!(decide(&request, Some(&key), &identity, None).is_allowed())).count_total;
    assert_eq!(allocations, 0);
    let allocations = measure(|| assert!(!decide(&request, Some(&key), &[], None).is_allowed())).count_total;
    assert_eq!(allocations, 0);
}

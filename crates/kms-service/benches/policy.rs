//! What a decision costs.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]
#![expect(clippy::std_instead_of_alloc, clippy::std_instead_of_core, reason = "never built without std")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use kms_service::policy::{ContextMap, Policy, PolicyKind, Principal, Request, decide};

const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

const DEFAULT: &str = r#"{"Version":"2012-10-17","Id":"key-default-1","Statement":[
    {"Sid":"Enable IAM User Permissions","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},
        "Action":"kms:*","Resource":"*"}]}"#;

/// Four statements, as one finds them.
const IDENTITY: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":["kms:ListKeys","kms:ListAliases","kms:DescribeKey"],"Resource":"*"},
    {"Effect":"Allow","Action":["kms:CreateAlias","kms:UpdateAlias"],"Resource":"arn:aws:kms:*:111122223333:alias/app/*"},
    {"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*"],
        "Resource":"arn:aws:kms:*:111122223333:key/*"},
    {"Effect":"Deny","Action":["kms:DisableKey","kms:ScheduleKeyDeletion"],"Resource":"*"}]}"#;

const CONDITIONS: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Deny","Action":"kms:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}},
    {"Effect":"Allow","Action":"kms:*","Resource":"arn:aws:kms:*:111122223333:key/*","Condition":{
        "StringEquals":{"kms:EncryptionContext:AppName":"Ledger"},
        "IpAddress":{"aws:SourceIp":["10.0.0.0/8","192.168.0.0/16"]}}}]}"#;

const VARIABLES: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":"kms:*","Resource":"arn:aws:kms:*:111122223333:key/*","Condition":{
        "StringEquals":{"kms:EncryptionContext:AppName":"${aws:PrincipalTag/AppName}"}}}]}"#;

fn decisions(criterion: &mut Criterion) {
    let key = Policy::parse(PolicyKind::Key, DEFAULT).unwrap();
    let alice: Principal = "arn:aws:iam::111122223333:user/Alice".parse().unwrap();
    let alice = alice.with_tags([("AppName", "Ledger")]);
    let root = Principal::account("111122223333".parse().unwrap());
    let context = ContextMap::new()
        .with("aws:SecureTransport", "true")
        .with("aws:SourceIp", "192.168.1.2")
        .with("kms:EncryptionContext:AppName", "Ledger");
    for (name, principal, identity) in [
        ("default key policy, root", &root, None),
        ("default key policy, user with four statements", &alice, Some(IDENTITY)),
        ("default key policy, user with conditions", &alice, Some(CONDITIONS)),
        ("default key policy, user with a variable", &alice, Some(VARIABLES)),
    ] {
        let identity: Vec<_> =
            identity.iter().map(|text| Arc::new(Policy::parse(PolicyKind::Identity, text).unwrap())).collect();
        let resource_account = "111122223333".parse().unwrap();
        let request = Request { principal, action: "kms:Decrypt", resource: KEY, resource_account, context: &context };
        assert!(decide(&request, Some(&key), &identity, None).is_allowed(), "{name}");
        criterion.bench_function(&format!("policy/decide/{name}"), |bencher| {
            bencher.iter(|| decide(black_box(&request), Some(&key), &identity, None).is_allowed());
        });
    }
    criterion.bench_function("policy/parse/four statements", |bencher| {
        bencher.iter(|| Policy::parse(PolicyKind::Identity, black_box(IDENTITY)).unwrap());
    });
}

criterion_group!(benches, decisions);
criterion_main!(benches);

//! Policies: read or refused, evaluated without a surprise, and denials that deny.

#![no_main]

use kms_service::policy::{ContextMap, Policy, PolicyKind, Principal, Request, Verdict};
use libfuzzer_sys::fuzz_target;

const PRINCIPALS: [&str; 4] = [
    "arn:aws:iam::111122223333:root",
    "arn:aws:iam::111122223333:user/Alice",
    "arn:aws:sts::444455556666:assumed-role/Admin/monday",
    "s3.amazonaws.com",
];

fuzz_target!(|data: &[u8]| {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let context = ContextMap::new()
        .with("aws:SourceIp", "10.1.2.3")
        .with("aws:CurrentTime", "2026-11-25T09:23:40Z")
        .with("aws:SecureTransport", "true")
        .with("kms:EncryptionContext:AppName", "Ledger*")
        .with("kms:ViaService", text.get(..32).unwrap_or("s3.eu-central-1.amazonaws.com"))
        .with_many("kms:EncryptionContextKeys", ["AppName", "Stage"]);
    for kind in [PolicyKind::Key, PolicyKind::Identity] {
        let policy = match Policy::parse(kind, text) {
            Ok(policy) => policy,
            Err(error) => {
                assert!(!error.problem().is_empty());
                continue;
            }
        };
        assert_eq!(policy.text(), text);
        // The same, with all that is allowed denied: what was allowed is not. (Escapes would hide an Allow.)
        let opposite = text.replace("\"Allow\"", "\"Deny\"");
        let opposite = Policy::parse(kind, &opposite).ok().filter(|_| !text.contains('\\'));
        for name in PRINCIPALS {
            let principal: Principal = name.parse().unwrap();
            let request = Request {
                principal: &principal,
                action: "kms:Decrypt",
                resource: "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
                resource_account: "111122223333".parse().unwrap(),
                context: &context,
            };
            let verdict = policy.evaluate(&request);
            assert!(kind == PolicyKind::Key || !matches!(verdict, Verdict::Delegate(_)));
            if let (Verdict::Allow(_) | Verdict::Delegate(_), Some(opposite)) = (verdict, &opposite) {
                assert!(matches!(opposite.evaluate(&request), Verdict::Deny(_)));
            }
        }
    }
});

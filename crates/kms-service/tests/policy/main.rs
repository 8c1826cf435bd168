//! The policy language, end to end: texts go in, decisions come out.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]
#![expect(clippy::std_instead_of_alloc, reason = "never built without std")]

mod decisions;
mod elements;
mod errors;
mod examples;
mod operators;
mod principals;
mod properties;
mod sets;
mod variables;

use kms_service::policy::{Context, ContextMap, Policy, PolicyKind, Principal, Request, Verdict};

const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ALICE: &str = "arn:aws:iam::111122223333:user/Alice";
const BOB: &str = "arn:aws:iam::444455556666:user/team/Bob";
const ROOT: &str = "arn:aws:iam::111122223333:root";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/Admin/monday";

fn principal(text: &str) -> Principal {
    text.parse().unwrap()
}

fn key_policy(text: &str) -> Policy {
    Policy::parse(PolicyKind::Key, text).unwrap()
}

fn identity_policy(text: &str) -> Policy {
    Policy::parse(PolicyKind::Identity, text).unwrap()
}

fn request<'a>(principal: &'a Principal, action: &'a str, context: &'a dyn Context) -> Request<'a> {
    Request { principal, action, resource: KEY, resource_account: "111122223333".parse().unwrap(), context }
}

/// A context of pairs; several values are joined by `|`, and `key[]` has none of them.
fn context(pairs: &[(&str, &str)]) -> ContextMap {
    pairs.iter().fold(ContextMap::new(), |map, (key, value)| match key.strip_suffix("[]") {
        Some(key) => map.with_many(key, value.split('|').filter(|value| !value.is_empty())),
        None => map.with(key, *value),
    })
}

/// The text of a policy with one statement for everyone and everything, and this condition.
fn with_condition(effect: &str, condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Principal":"*","Action":"*","Resource":"*",
            "Condition":{condition}}}}}"#
    )
}

/// Whether a condition holds in a statement with this effect, for Alice.
fn holds_in(effect: &str, condition: &str, pairs: &[(&str, &str)]) -> bool {
    let policy = key_policy(&with_condition(effect, condition));
    let (alice, context) = (principal(ALICE), context(pairs));
    match policy.evaluate(&request(&alice, "kms:Encrypt", &context)) {
        Verdict::Allow(_) | Verdict::Deny(_) => true,
        Verdict::Delegate(_) | Verdict::NoMatch => false,
    }
}

/// Whether a condition holds; it must, or not, in both effects.
fn holds(condition: &str, pairs: &[(&str, &str)]) -> bool {
    let [allow, deny] = ["Allow", "Deny"].map(|effect| holds_in(effect, condition, pairs));
    assert_eq!(allow, deny, "{condition} {pairs:?}");
    allow
}

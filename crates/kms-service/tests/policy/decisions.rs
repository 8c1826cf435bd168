//! Key policies, identity policies and grants together.

use std::sync::Arc;

use kms_service::policy::{Decision, GrantMatch, Policy, Principal, Request, decide};

use super::{ALICE, BOB, ROOT, SESSION, identity_policy, key_policy, principal, request};

const DELEGATES: &str = r#"{"Sid":"Enable IAM User Permissions","Effect":"Allow",
    "Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}"#;
const NAMES_ALICE: &str = r#"{"Sid":"Alice","Effect":"Allow",
    "Principal":{"AWS":"arn:aws:iam::111122223333:user/Alice"},"Action":"kms:Encrypt","Resource":"*"}"#;
const NAMES_BOB: &str = r#"{"Sid":"Bob","Effect":"Allow",
    "Principal":{"AWS":"arn:aws:iam::444455556666:user/team/Bob"},"Action":"kms:Encrypt","Resource":"*"}"#;
const NAMES_BOBS_ACCOUNT: &str = r#"{"Sid":"Theirs","Effect":"Allow",
    "Principal":{"AWS":"444455556666"},"Action":"kms:Encrypt","Resource":"*"}"#;
const NAMES_EVERYONE: &str =
    r#"{"Sid":"All","Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:Encrypt","Resource":"*"}"#;
const NAMES_S3: &str =
    r#"{"Sid":"S3","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"kms:Encrypt","Resource":"*"}"#;
const DENIES: &str = r#"{"Sid":"No","Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*"}"#;

const LETS: &str = r#"{"Sid":"Lets","Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}"#;
const FORBIDS: &str = r#"{"Sid":"Forbids","Effect":"Deny","Action":"kms:Encrypt","Resource":"*"}"#;

fn document(statements: &[&str]) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

/// What is decided about `kms:Encrypt`, in words. Each identity statement is a policy of its own.
fn decided(who: &Principal, key: Option<&[&str]>, identity: &[&str], granted: bool) -> String {
    let key: Option<Policy> = key.map(|statements| key_policy(&document(statements)));
    let identity: Vec<_> =
        identity.iter().map(|statement| Arc::new(identity_policy(&document(&[statement])))).collect();
    let grant = GrantMatch { id: "0c23" };
    let decision = decide(&request(who, "kms:Encrypt", &()), key.as_ref(), &identity, granted.then_some(&grant));
    assert_eq!(decision.is_allowed(), decision.to_string().starts_with("allowed"));
    decision.to_string()
}

#[test]
fn in_one_account() {
    let (alice, session, root) = (principal(ALICE), principal(SESSION), principal(ROOT));
    for (who, key, identity, granted, wanted) in [
        // The default key policy.
        (
            &root,
            &[DELEGATES][..],
            &[][..],
            false,
            r#"allowed by the key policy, Statement[0] "Enable IAM User Permissions""#,
        ),
        (
            &alice,
            &[DELEGATES],
            &[],
            false,
            r#"denied because no identity policy allows it, to which Statement[0] "Enable IAM User Permissions" of the key policy leaves it"#,
        ),
        (
            &session,
            &[DELEGATES],
            &[LETS],
            false,
            r#"allowed by identity policy 0, Statement[0] "Lets", as Statement[0] "Enable IAM User Permissions" of the key policy lets it"#,
        ),
        (
            &alice,
            &[DELEGATES],
            &[LETS, FORBIDS],
            false,
            r#"denied explicitly by identity policy 1, Statement[0] "Forbids""#,
        ),
        // A key policy that does not delegate.
        (&alice, &[NAMES_ALICE], &[], false, r#"allowed by the key policy, Statement[0] "Alice""#),
        (
            &alice,
            &[NAMES_ALICE],
            &[FORBIDS],
            false,
            r#"denied explicitly by identity policy 0, Statement[0] "Forbids""#,
        ),
        (&root, &[NAMES_ALICE], &[], false, "denied because no statement and no grant allows it"),
        (&session, &[NAMES_ALICE], &[], false, "denied because no statement and no grant allows it"),
        (
            &session,
            &[NAMES_ALICE],
            &[LETS],
            false,
            r#"denied because the key policy allows it neither to the principal nor to its account, although identity policy 0, Statement[0] "Lets", does"#,
        ),
        (&session, &[NAMES_EVERYONE], &[], false, r#"allowed by the key policy, Statement[0] "All""#),
        // Grants.
        (&session, &[NAMES_ALICE], &[], true, "allowed by the grant 0c23"),
        (&alice, &[DELEGATES], &[], true, "allowed by the grant 0c23"),
        (&session, &[NAMES_ALICE, DENIES], &[], true, r#"denied explicitly by the key policy, Statement[1] "No""#),
        (
            &session,
            &[NAMES_ALICE],
            &[FORBIDS],
            true,
            r#"denied explicitly by identity policy 0, Statement[0] "Forbids""#,
        ),
        // The denial wins wherever it stands.
        (&alice, &[DENIES, NAMES_ALICE], &[LETS], false, r#"denied explicitly by the key policy, Statement[0] "No""#),
        (&root, &[DELEGATES, DENIES], &[], false, r#"denied explicitly by the key policy, Statement[1] "No""#),
    ] {
        assert_eq!(decided(who, Some(key), identity, granted), wanted, "{who} {key:?} {identity:?} {granted}");
    }
}

#[test]
fn across_accounts_both_sides_have_to_consent() {
    let (bob, root) = (principal(BOB), principal("arn:aws:iam::444455556666:root"));
    for (who, key, identity, granted, wanted) in [
        (
            &bob,
            &[NAMES_BOB][..],
            &[][..],
            false,
            r#"denied because no identity policy allows it, to which Statement[0] "Bob" of the key policy leaves it"#,
        ),
        (
            &bob,
            &[NAMES_BOB],
            &[LETS],
            false,
            r#"allowed by identity policy 0, Statement[0] "Lets", as Statement[0] "Bob" of the key policy lets it"#,
        ),
        (
            &bob,
            &[NAMES_BOBS_ACCOUNT],
            &[LETS],
            false,
            r#"allowed by identity policy 0, Statement[0] "Lets", as Statement[0] "Theirs" of the key policy lets it"#,
        ),
        (
            &bob,
            &[NAMES_BOBS_ACCOUNT],
            &[],
            false,
            r#"denied because no identity policy allows it, to which Statement[0] "Theirs" of the key policy leaves it"#,
        ),
        (
            &bob,
            &[NAMES_EVERYONE],
            &[],
            false,
            r#"denied because no identity policy allows it, to which Statement[0] "All" of the key policy leaves it"#,
        ),
        (
            &bob,
            &[NAMES_EVERYONE],
            &[LETS],
            false,
            r#"allowed by identity policy 0, Statement[0] "Lets", as Statement[0] "All" of the key policy lets it"#,
        ),
        (
            &bob,
            &[DELEGATES],
            &[LETS],
            false,
            r#"denied because the key policy allows it neither to the principal nor to its account, although identity policy 0, Statement[0] "Lets", does"#,
        ),
        (&bob, &[DELEGATES], &[], false, "denied because no statement and no grant allows it"),
        // A grant is enough.
        (&bob, &[DELEGATES], &[], true, "allowed by the grant 0c23"),
        (&bob, &[NAMES_BOB], &[], true, "allowed by the grant 0c23"),
        (&bob, &[DELEGATES], &[FORBIDS], true, r#"denied explicitly by identity policy 0, Statement[0] "Forbids""#),
        (&bob, &[DELEGATES, DENIES], &[LETS], true, r#"denied explicitly by the key policy, Statement[1] "No""#),
        // The other account's root is let by its own account.
        (&root, &[NAMES_BOBS_ACCOUNT], &[], false, r#"allowed by the key policy, Statement[0] "Theirs""#),
        (&root, &[NAMES_BOB], &[], false, "denied because no statement and no grant allows it"),
    ] {
        assert_eq!(decided(who, Some(key), identity, granted), wanted, "{who} {key:?} {identity:?} {granted}");
    }
}

#[test]
fn services_and_the_anonymous_have_the_key_policy_only() {
    let s3 = principal("s3.amazonaws.com");
    let nobody = Principal::Anonymous;
    assert_eq!(decided(&s3, Some(&[NAMES_S3]), &[], false), r#"allowed by the key policy, Statement[0] "S3""#);
    assert_eq!(decided(&s3, Some(&[DELEGATES]), &[], true), "allowed by the grant 0c23");
    assert_eq!(
        decided(&nobody, Some(&[NAMES_EVERYONE]), &[], false),
        r#"allowed by the key policy, Statement[0] "All""#
    );
    for who in [&s3, &nobody] {
        let none = "denied because no statement and no grant allows it";
        assert_eq!(decided(who, Some(&[DELEGATES]), &[LETS], false), none);
        assert_eq!(decided(who, None, &[LETS], false), none);
    }
}

#[test]
fn without_a_key_identity_policies_decide() {
    let (alice, bob) = (principal(ALICE), principal(BOB));
    assert_eq!(decided(&alice, None, &[LETS], false), r#"allowed by identity policy 0, Statement[0] "Lets""#);
    assert_eq!(decided(&alice, None, &[], false), "denied because no statement and no grant allows it");
    assert_eq!(
        decided(&alice, None, &[LETS, FORBIDS], false),
        r#"denied explicitly by identity policy 1, Statement[0] "Forbids""#
    );
    assert_eq!(decided(&principal(ROOT), None, &[], false), "allowed to the root of the account");
    assert_eq!(decided(&bob, None, &[LETS], false), "denied because the principal is of another account");
    let root = principal("arn:aws:iam::444455556666:root");
    assert_eq!(decided(&root, None, &[], false), "denied because the principal is of another account");
    // Made in the principal's own account.
    let theirs = Request { resource_account: "444455556666".parse().unwrap(), ..request(&root, "kms:ListKeys", &()) };
    assert!(matches!(decide(&theirs, None, &[], None), Decision::Allowed(_)));
}

#[test]
fn policies_of_the_other_kind_allow_nothing() {
    let (alice, root) = (principal(ALICE), principal(ROOT));
    let (key, identity) = (key_policy(&document(&[NAMES_EVERYONE])), identity_policy(&document(&[LETS])));
    let key = [Arc::new(key)];
    for who in [&alice, &root] {
        let request = request(who, "kms:Encrypt", &());
        assert!(!decide(&request, Some(&identity), &key, None).is_allowed());
    }
    assert!(!decide(&request(&alice, "kms:Encrypt", &()), None, &key, None).is_allowed());
}

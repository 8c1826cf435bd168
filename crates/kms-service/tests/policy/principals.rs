//! Whom a statement reaches.

use kms_service::policy::{Principal, Verdict};

use super::{ALICE, BOB, ROOT, SESSION, holds, key_policy, principal, request};

/// What a statement with this effect and element says to a principal: `deny`, `allow`, `delegate` or `-`.
fn says(effect: &str, element: &str, who: &Principal) -> &'static str {
    let policy = key_policy(&format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}",{element},"Action":"kms:*","Resource":"*"}}]}}"#
    ));
    match policy.evaluate(&request(who, "kms:Encrypt", &())) {
        Verdict::Deny(_) => "deny",
        Verdict::Allow(_) => "allow",
        Verdict::Delegate(_) => "delegate",
        Verdict::NoMatch => "-",
    }
}

fn everyone() -> [Principal; 6] {
    [
        principal(ROOT),
        principal(ALICE),
        Principal::role_session("arn:aws:iam::111122223333:role/ops/Admin", "monday").unwrap(),
        principal("arn:aws:iam::444455556666:user/team/Bob"),
        principal("s3.amazonaws.com"),
        Principal::Anonymous,
    ]
}

#[test]
fn principal_elements() {
    // To the root, Alice, a session of the role Admin, Bob of another account, S3, and nobody.
    for (element, allow) in [
        (r#""Principal":"*""#, ["allow", "allow", "allow", "allow", "allow", "allow"]),
        (r#""Principal":{"AWS":"*"}"#, ["allow", "allow", "allow", "allow", "allow", "allow"]),
        (r#""Principal":{"AWS":"111122223333"}"#, ["allow", "delegate", "delegate", "-", "-", "-"]),
        (r#""Principal":{"AWS":"arn:aws:iam::111122223333:root"}"#, ["allow", "delegate", "delegate", "-", "-", "-"]),
        (r#""Principal":{"AWS":"arn:aws:iam::111122223333:user/Alice"}"#, ["-", "allow", "-", "-", "-", "-"]),
        (r#""Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"}"#, ["-", "-", "-", "-", "-", "-"]),
        (r#""Principal":{"AWS":"arn:aws:iam::111122223333:role/ops/Admin"}"#, ["-", "-", "allow", "-", "-", "-"]),
        (r#""Principal":{"AWS":"arn:aws:iam::111122223333:role/Admin"}"#, ["-", "-", "-", "-", "-", "-"]),
        (
            r#""Principal":{"AWS":"arn:aws:sts::111122223333:assumed-role/Admin/monday"}"#,
            ["-", "-", "allow", "-", "-", "-"],
        ),
        (r#""Principal":{"AWS":"arn:aws:sts::111122223333:assumed-role/Admin/x"}"#, ["-", "-", "-", "-", "-", "-"]),
        (
            r#""Principal":{"AWS":["444455556666","arn:aws:iam::111122223333:user/Alice"],"Service":"s3.amazonaws.com"}"#,
            ["-", "allow", "-", "delegate", "allow", "-"],
        ),
        (r#""Principal":{"Service":["ec2.amazonaws.com","s3.amazonaws.com"]}"#, ["-", "-", "-", "-", "allow", "-"]),
        (r#""Principal":{"Federated":"accounts.google.com","CanonicalUser":"79a5"}"#, ["-", "-", "-", "-", "-", "-"]),
        (r#""Principal":{"AWS":[]}"#, ["-", "-", "-", "-", "-", "-"]),
    ] {
        for (who, allow) in everyone().iter().zip(allow) {
            assert_eq!(says("Allow", element, who), allow, "{element} to {who}");
            let deny = if allow == "-" { "-" } else { "deny" };
            assert_eq!(says("Deny", element, who), deny, "{element} to {who}");
        }
    }
}

#[test]
fn not_principal_exempts_only_whom_it_names_in_full() {
    let (root, user) = (ROOT, ALICE);
    let role = "arn:aws:iam::111122223333:role/ops/Admin";
    for (names, denied) in [
        (vec![user], [true, true, true, true, true, true]),
        (vec![root], [false, true, true, true, true, true]),
        (vec![user, root], [false, false, true, true, true, true]),
        (vec![role, root], [false, true, true, true, true, true]),
        (vec![SESSION, role, root], [false, true, false, true, true, true]),
        (vec![SESSION, root], [false, true, true, true, true, true]),
        (vec![BOB, "444455556666"], [true, true, true, false, true, true]),
        (vec!["*"], [false, false, false, false, false, false]),
    ] {
        let element = format!(r#""NotPrincipal":{{"AWS":{names:?}}}"#);
        for (who, denied) in everyone().iter().zip(denied) {
            assert_eq!(says("Deny", &element, who), if denied { "deny" } else { "-" }, "{element} to {who}");
        }
    }
    let element = r#""NotPrincipal":{"Service":"s3.amazonaws.com"}"#;
    assert_eq!(everyone().map(|who| says("Deny", element, &who)), ["deny", "deny", "deny", "deny", "-", "deny"]);
}

#[test]
fn not_principal_allows_only_whom_it_does_not_touch() {
    for (names, allowed) in [
        (vec![ALICE], [true, false, true, true, true, true]),
        (vec![ROOT], [false, false, false, true, true, true]),
        (vec!["arn:aws:iam::111122223333:role/ops/Admin"], [true, true, false, true, true, true]),
        (vec![SESSION], [true, true, false, true, true, true]),
    ] {
        let element = format!(r#""NotPrincipal":{{"AWS":{names:?}}}"#);
        for (who, allowed) in everyone().iter().zip(allowed) {
            assert_eq!(says("Allow", &element, who), if allowed { "allow" } else { "-" }, "{element} to {who}");
        }
    }
}

#[test]
fn principals_are_read() {
    for text in [
        ROOT,
        ALICE,
        BOB,
        SESSION,
        "arn:aws:iam::111122223333:role/a/b",
        "arn:aws-cn:iam::111122223333:root",
        "logs.eu-central-1.amazonaws.com",
    ] {
        assert_eq!(principal(text).to_string(), text);
    }
    for text in [
        "",
        "*",
        "111122223333",
        "arn:aws:iam::111122223333:group/g",
        "arn:aws:iam::111122223333:user/",
        "arn:aws:iam::111122223333:user/a//b",
        "arn:aws:iam::111122223333:user/a*",
        "arn:aws:iam::111122223333:user/a b",
        "arn:aws:iam::11112222333:user/a",
        "arn:aws:iam:us-east-1:111122223333:user/a",
        "arn:aws:sts::111122223333:assumed-role/r",
        "arn:aws:sts::111122223333:assumed-role/r/s/t",
        "arn:aws:sts::111122223333:federated-user/f",
        "arn:aws:s3:::bucket",
        "service",
        ".amazonaws.com",
    ] {
        assert!(text.parse::<Principal>().is_err(), "{text}");
    }
    for (role, session) in [(ALICE, "s"), ("x", "s"), ("arn:aws:iam::111122223333:role/r", "a/b"), (SESSION, "s")] {
        assert!(Principal::role_session(role, session).is_err(), "{role} {session}");
    }
    assert_eq!(principal(SESSION).account_id(), Some("111122223333".parse().unwrap()));
    assert_eq!(principal("s3.amazonaws.com").account_id(), None);
}

#[test]
fn condition_keys_about_the_principal() {
    let policy = |key: &str, value: &str| {
        key_policy(&super::with_condition("Allow", &format!(r#"{{"StringEquals":{{"{key}":"{value}"}}}}"#)))
    };
    let session = Principal::role_session("arn:aws:iam::111122223333:role/ops/Admin", "monday")
        .unwrap()
        .with_tags([("Team", "red"), ("team2", "blue")]);
    for (who, key, value) in [
        (&principal(ROOT), "aws:PrincipalArn", Some(ROOT)),
        (&principal(ROOT), "aws:PrincipalType", Some("Account")),
        (&principal(ROOT), "aws:username", None),
        (&principal(BOB), "aws:PrincipalArn", Some(BOB)),
        (&principal(BOB), "aws:username", Some("Bob")),
        (&principal(BOB), "kms:CallerAccount", Some("444455556666")),
        (&principal(BOB), "aws:PrincipalIsAWSService", Some("false")),
        (&principal(BOB), "aws:PrincipalType", Some("User")),
        (&session, "aws:PrincipalArn", Some("arn:aws:iam::111122223333:role/ops/Admin")),
        (&session, "aws:PrincipalAccount", Some("111122223333")),
        (&session, "aws:PrincipalType", Some("AssumedRole")),
        (&session, "aws:username", None),
        (&session, "aws:PrincipalTag/team", Some("red")),
        (&session, "aws:principaltag/TEAM2", Some("blue")),
        (&session, "aws:PrincipalTag/other", None),
        (&principal("s3.amazonaws.com"), "aws:PrincipalIsAWSService", Some("true")),
        (&principal("s3.amazonaws.com"), "aws:PrincipalServiceName", Some("s3.amazonaws.com")),
        (&principal("s3.amazonaws.com"), "aws:PrincipalAccount", None),
        (&Principal::Anonymous, "aws:PrincipalType", Some("Anonymous")),
        (&Principal::Anonymous, "aws:PrincipalArn", None),
    ] {
        // What the caller says about such keys does not count.
        let lies = super::context(&[(key, "a lie")]);
        let allows = |value: &str| policy(key, value).evaluate(&request(who, "kms:Encrypt", &lies)) != Verdict::NoMatch;
        assert!(!allows("a lie"), "{who} {key}");
        if let Some(value) = value {
            assert!(allows(value), "{who} {key}");
        }
    }
    assert!(holds(r#"{"Null":{"aws:PrincipalTag/x":"true"}}"#, &[]));
}

#[test]
fn the_principals_that_a_policy_names() {
    let policy = key_policy(
        r#"{"Statement":[
            {"Effect":"Allow","Principal":{"AWS":["111122223333","arn:aws:iam::111122223333:user/Alice"]}},
            {"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::444455556666:role/r"},"Action":"*","Resource":"*"}]}"#,
    );
    assert_eq!(policy.principals().collect::<Vec<_>>(), [ALICE, "arn:aws:iam::444455556666:role/r"]);
}

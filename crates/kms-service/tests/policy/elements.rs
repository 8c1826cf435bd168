//! Actions and resources, and what a policy says as a whole.

use kms_service::policy::{Request, StatementRef, Verdict};

use super::{ALICE, KEY, identity_policy, key_policy, principal, request};

#[test]
fn actions() {
    let alice = principal(ALICE);
    for (actions, yes, no) in [
        (r#""*""#, &["kms:Encrypt", "s3:GetObject"][..], &[][..]),
        (r#""kms:*""#, &["kms:Encrypt", "KMS:decrypt"], &["s3:GetObject", "kmsx:Encrypt"]),
        (r#""KMS:encrypt""#, &["kms:Encrypt", "Kms:ENCRYPT"], &["kms:Encrypt2", "kms:Decrypt"]),
        (r#""kms:ReEncrypt*""#, &["kms:ReEncryptFrom", "kms:ReEncryptTo"], &["kms:Encrypt"]),
        (
            r#""kms:*Key*Pair*""#,
            &["kms:GenerateDataKeyPair", "kms:GenerateDataKeyPairWithoutPlaintext"],
            &["kms:GenerateDataKey"],
        ),
        (r#""kms:?ecrypt""#, &["kms:Decrypt"], &["kms:ReDecrypt", "kms:ecrypt"]),
        (r#"["kms:Encrypt","kms:List*"]"#, &["kms:Encrypt", "kms:ListKeys"], &["kms:Decrypt"]),
        (r#""*:*""#, &["kms:Encrypt"], &[]),
        ("[]", &[], &["kms:Encrypt"]),
    ] {
        for (element, yes, no) in [("Action", yes, no), ("NotAction", no, yes)] {
            if actions == "[]" && element == "NotAction" {
                continue;
            }
            let policy = identity_policy(&format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","{element}":{actions},"Resource":"*"}}]}}"#
            ));
            let allows = |action| policy.evaluate(&request(&alice, action, &())) != Verdict::NoMatch;
            for action in yes {
                assert!(allows(action), "{element} {actions}: {action}");
            }
            for action in no {
                assert!(!allows(action), "{element} {actions}: {action}");
            }
        }
    }
}

#[test]
fn resources() {
    let alice = principal(ALICE);
    let alias = "arn:aws:kms:us-west-2:111122223333:alias/a:b";
    for (resources, yes, no) in [
        (r#""*""#, &[KEY, alias, "*"][..], &[][..]),
        (r#""arn:aws:kms:*:111122223333:key/*""#, &[KEY], &[alias, "*"]),
        (r#""arn:aws:kms:us-west-2:*:key/1234abcd-*""#, &[KEY], &[alias]),
        (r#""arn:aws:kms:us-east-?:*:*""#, &[], &[KEY, alias]),
        (r#""arn:aws:kms:*:key/*""#, &[], &[KEY]),
        (r#""arn:aws:kms""#, &[KEY, alias], &["*", "arn:aws:s3:::b"]),
        (r#""arn:aws:kms:*""#, &[KEY, alias], &["arn:aws:s3:::b"]),
        (r#"["arn:aws:s3:::b","arn:aws:kms:us-west-2:111122223333:alias/a:*"]"#, &[alias, "arn:aws:s3:::b"], &[KEY]),
    ] {
        for (element, yes, no) in [("Resource", yes, no), ("NotResource", no, yes)] {
            let statement = format!(r#""Effect":"Allow","Action":"*","{element}":{resources}"#);
            let identity = identity_policy(&format!(r#"{{"Statement":{{{statement}}}}}"#));
            let key = key_policy(&format!(r#"{{"Statement":{{{statement},"Principal":"*"}}}}"#));
            for (resources, matches) in [(yes, true), (no, false)] {
                for resource in resources {
                    let request = Request { resource, ..request(&alice, "kms:Encrypt", &()) };
                    for policy in [&identity, &key] {
                        assert_eq!(policy.evaluate(&request) != Verdict::NoMatch, matches, "{statement}: {resource}");
                    }
                }
            }
        }
    }
}

#[test]
fn key_policy_statements_without_action_or_resource_have_no_effect() {
    let alice = principal(ALICE);
    for elements in [r#""Action":"*""#, r#""Resource":"*""#, r#""NotAction":"kms:Sign""#, r#""Sid":"x""#] {
        for effect in ["Allow", "Deny"] {
            let policy =
                key_policy(&format!(r#"{{"Statement":[{{"Effect":"{effect}","Principal":"*",{elements}}}]}}"#));
            assert_eq!(policy.evaluate(&request(&alice, "kms:Encrypt", &())), Verdict::NoMatch, "{effect} {elements}");
        }
    }
}

#[test]
fn the_statement_that_decides_is_named() {
    let statement = |sid: &str, effect: &str, principal: &str, action: &str| {
        format!(
            r#"{{"Sid":"{sid}","Effect":"{effect}","Principal":{{"AWS":"{principal}"}},"Action":"{action}","Resource":"*"}}"#
        )
    };
    let policy = key_policy(&format!(
        r#"{{"Version":"2012-10-17","Id":"the id","Statement":[{},{},{},{},{}]}}"#,
        statement("account", "Allow", "111122223333", "kms:*"),
        statement("account again", "Allow", "111122223333", "kms:*"),
        statement("alice", "Allow", ALICE, "kms:Encrypt"),
        statement("alice again", "Allow", ALICE, "kms:Encrypt"),
        statement("nobody signs", "Deny", "*", "kms:Sign"),
    ));
    let alice = principal(ALICE);
    let says = |action| policy.evaluate(&request(&alice, action, &()));
    let place = |verdict| match verdict {
        Verdict::Deny(StatementRef { index, sid, .. }) => ("deny", index, sid),
        Verdict::Allow(StatementRef { index, sid, .. }) => ("allow", index, sid),
        Verdict::Delegate(StatementRef { index, sid, .. }) => ("delegate", index, sid),
        Verdict::NoMatch => ("-", 0, None),
    };
    assert_eq!(place(says("kms:Encrypt")), ("allow", 2, Some("alice")));
    assert_eq!(place(says("kms:Decrypt")), ("delegate", 0, Some("account")));
    assert_eq!(place(says("kms:Sign")), ("deny", 4, Some("nobody signs")));
    assert_eq!(place(says("s3:GetObject")), ("-", 0, None));
    assert_eq!(policy.id(), Some("the id"));
}

#[test]
fn the_text_is_kept() {
    let text = " {\"Statement\" :{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}\n";
    assert_eq!(identity_policy(text).text(), text);
}

//! Policy variables.

use kms_service::policy::Verdict;

use super::{ALICE, holds, holds_in, identity_policy, principal, request, with_condition};

#[test]
fn variables_have_values() {
    for (pattern, value, matches) in [
        ("${aws:username}", "Alice", true),
        ("${AWS:UserName}", "Alice", true),
        ("${aws:username}", "alice", false),
        ("${aws:username}/*", "Alice/x", true),
        ("?${aws:username}*", "xAlice", true),
        ("${aws:PrincipalAccount}-${a:v}", "111122223333-x*", true),
        ("${a:v}", "xy", false),
        ("${a:v}", "x*", true),
        ("a${*}", "a*", true),
        ("a${*}", "ab", false),
        ("${?}${$}{a}", "?${a}", true),
        ("$a$", "$a$", true),
        ("${a:missing, 'x y'}", "x y", true),
        ("${a:missing,'*'}", "abc", false),
        ("${a:missing,'*'}", "*", true),
        ("${a:v, 'x'}", "x", false),
        ("${a:many, 'one'}", "one", true),
        ("${a:missing, ''}", "", true),
    ] {
        for operator in ["StringLike", "StringEquals"] {
            let wild = operator == "StringEquals" && (pattern.contains("/*") || pattern.contains("?$"));
            let condition = format!(r#"{{"{operator}":{{"a:k":"{pattern}"}}}}"#);
            let given = [("a:k", value), ("a:v", "x*"), ("a:many[]", "p|q")];
            assert_eq!(holds(&condition, &given), matches && !wild, "{operator} {pattern} {value}");
        }
    }
    assert!(holds(r#"{"StringEqualsIgnoreCase":{"a:k":"${aws:username}"}}"#, &[("a:k", "ALICE")]));
    assert!(!holds(r#"{"StringNotEqualsIgnoreCase":{"a:k":"${aws:username}"}}"#, &[("a:k", "ALICE")]));
    assert!(holds(r#"{"Bool":{"a:k":"${a:v}"}}"#, &[("a:k", "true"), ("a:v", "true")]));
    assert!(!holds(r#"{"Bool":{"a:k":"${a:v}"}}"#, &[("a:k", "true"), ("a:v", "false")]));
    assert!(holds(
        r#"{"ArnLike":{"a:k":"arn:aws:iam::${aws:PrincipalAccount}:role/${aws:username}-*"}}"#,
        &[("a:k", "arn:aws:iam::111122223333:role/Alice-x")],
    ));
    assert!(!holds(r#"{"ArnLike":{"a:k":"arn:aws:${a:v}"}}"#, &[("a:k", "arn:aws:s3:::b"), ("a:v", "*")]));
    assert!(holds(r#"{"ArnEquals":{"a:k":"${aws:PrincipalArn}"}}"#, &[("a:k", ALICE)]));
    assert!(holds(r#"{"ArnLike":{"a:k":"arn:aws:s3:::${*}*"}}"#, &[("a:k", "arn:aws:s3:::*x")]));
    assert!(!holds(r#"{"ArnLike":{"a:k":"arn:aws:s3:::${*}*"}}"#, &[("a:k", "arn:aws:s3:::x")]));
}

#[test]
fn a_variable_without_value_matches_nothing() {
    for missing in ["${a:missing}", "${aws:PrincipalTag/none}", "${a:many}"] {
        let given = [("a:k", ""), ("a:many[]", "p|q")];
        for (operator, opposite) in [("StringEquals", "StringNotEquals"), ("StringLike", "StringNotLike")] {
            let condition = |operator| format!(r#"{{"{operator}":{{"a:k":"{missing}"}}}}"#);
            assert!(!holds(&condition(operator), &given), "{operator} {missing}");
            // It is not known to differ: an Allow does not take it for that, a Deny does.
            assert!(!holds_in("Allow", &condition(opposite), &given), "{opposite} {missing}");
            assert!(holds_in("Deny", &condition(opposite), &given), "{opposite} {missing}");
        }
        // The other values of the list count.
        let both = format!(r#"{{"StringEquals":{{"a:k":["{missing}","b"]}}}}"#);
        assert!(holds(&both, &[("a:k", "b")]), "{missing}");
        let neither = format!(r#"{{"StringNotEquals":{{"a:k":["{missing}","b"]}}}}"#);
        assert!(!holds(&neither, &[("a:k", "b")]), "{missing}");
    }
}

#[test]
fn version_2008_has_no_variables() {
    for version in [r#""Version":"2008-10-17","#, ""] {
        let text = with_condition("Allow", r#"{"StringEquals":{"a:k":"${aws:username}"}}"#);
        let policy = super::key_policy(&text.replace(r#""Version":"2012-10-17","#, version));
        let alice = principal(ALICE);
        for (value, result) in [("Alice", false), ("${aws:username}", true)] {
            let context = super::context(&[("a:k", value)]);
            let verdict = policy.evaluate(&request(&alice, "kms:Encrypt", &context));
            assert_eq!(matches!(verdict, Verdict::Allow(_)), result, "{version} {value}");
        }
    }
}

#[test]
fn variables_in_resources() {
    let text = |effect: &str, element: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Action":"*",
                "{element}":"arn:aws:kms:*:*:alias/${{aws:username}}-${{aws:PrincipalTag/Team}}*"}}}}"#
        )
    };
    let tagged = principal(ALICE).with_tags([("team", "a*b")]);
    let plain = principal(ALICE);
    for (who, resource, inside, allow_outside, deny_outside) in [
        (&tagged, "alias/Alice-a*b1", true, false, false),
        (&tagged, "alias/Alice-axb1", false, true, true),
        (&tagged, "alias/alice-a*b", false, true, true),
        (&plain, "alias/Alice-", false, false, true),
    ] {
        let resource = format!("arn:aws:kms:us-west-2:111122223333:{resource}");
        let request = kms_service::policy::Request { resource: &resource, ..request(who, "kms:CreateAlias", &()) };
        let applies =
            |effect, element| !matches!(identity_policy(&text(effect, element)).evaluate(&request), Verdict::NoMatch);
        assert_eq!(applies("Allow", "Resource"), inside, "{resource}");
        assert_eq!(applies("Deny", "Resource"), inside, "{resource}");
        assert_eq!(applies("Allow", "NotResource"), allow_outside, "{resource}");
        assert_eq!(applies("Deny", "NotResource"), deny_outside, "{resource}");
    }
}

//! Every operator: values that match, values that do not, and no value.

use super::{holds, holds_in};

/// Operator, its opposite if there is one, the policy's values, values that match and values that do not.
type Line = (&'static str, Option<&'static str>, &'static str, &'static [&'static str], &'static [&'static str]);

const LINES: &[Line] = &[
    ("StringEquals", Some("StringNotEquals"), r#""a""#, &["a"], &["A", "", "aa", "*"]),
    ("StringEquals", Some("StringNotEquals"), r#"["a","b*"]"#, &["a", "b*"], &["ab", "bc"]),
    ("StringEquals", Some("StringNotEquals"), "true", &["true"], &["True", "1"]),
    ("StringEquals", Some("StringNotEquals"), "12.5", &["12.5"], &["12.50"]),
    (
        "StringEqualsIgnoreCase",
        Some("StringNotEqualsIgnoreCase"),
        r#"["aB","Ä"]"#,
        &["ab", "AB", "ä"],
        &["a", "b", "a*"],
    ),
    ("StringLike", Some("StringNotLike"), r#"["a*c","?x"]"#, &["ac", "abc", "a*c", "yx", "äx"], &["AC", "x", "acd"]),
    ("NumericEquals", Some("NumericNotEquals"), r#"["10","-2.50"]"#, &["10", "10.0", "-2.5"], &["1", "11", "2.5"]),
    ("NumericEquals", Some("NumericNotEquals"), "9007199254740993", &["9007199254740993"], &["9007199254740992"]),
    ("NumericLessThan", None, "10", &["9", "-10", "9.999999999"], &["10", "10.5"]),
    ("NumericLessThanEquals", None, "10", &["9", "10"], &["10.000000001"]),
    ("NumericGreaterThan", None, "10", &["11", "10.1"], &["10", "-11"]),
    ("NumericGreaterThanEquals", None, "[10, 20]", &["10", "15"], &["9.9"]),
    (
        "DateEquals",
        Some("DateNotEquals"),
        r#""2026-01-31T12:00:00Z""#,
        &["2026-01-31T12:00:00Z", "1769860800", "2026-01-31T13:00:00+01:00"],
        &["2026-01-31T12:00:01Z", "2026-01-31"],
    ),
    ("DateLessThan", None, r#""2026-01-31""#, &["2026-01-30T23:59:59Z", "0"], &["2026-01-31T00:00:00Z", "2026-02"]),
    ("DateLessThanEquals", None, r#""2026-01-31""#, &["2026-01-31T00:00:00Z"], &["2026-01-31T00:00:01Z"]),
    ("DateGreaterThan", None, "1769860800", &["2026-01-31T12:00:01Z", "2027"], &["2026-01-31T12:00:00Z"]),
    ("DateGreaterThanEquals", None, r#""2026""#, &["2026-01-01T00:00:00Z"], &["2025-12-31T23:59:59Z"]),
    ("Bool", None, r#""true""#, &["true", "True"], &["false"]),
    ("Bool", None, "false", &["false"], &["true"]),
    ("BinaryEquals", None, r#""QmluYXJ5""#, &["QmluYXJ5"], &["qmluyxj5", "QmluYXI="]),
    (
        "IpAddress",
        Some("NotIpAddress"),
        r#"["203.0.113.0/24","2001:DB8:1234:5678::/64","10.1.2.3"]"#,
        &["203.0.113.77", "2001:db8:1234:5678::1", "10.1.2.3", "::ffff:203.0.113.1"],
        &["203.0.114.1", "2001:db8:1234:5679::1", "10.1.2.4", "::1"],
    ),
    ("IpAddress", Some("NotIpAddress"), r#""0.0.0.0/0""#, &["1.2.3.4"], &["::1"]),
];

const ARNS: &str = r#"["arn:aws:iam::111122223333:role/dev-*","arn:aws:s3:*:*:b?"]"#;
const ARN: &[&str] =
    &["arn:aws:iam::111122223333:role/dev-a/b", "arn:aws:iam::111122223333:role/dev-", "arn:aws:s3:::bx"];
const NO_ARN: &[&str] = &[
    "arn:aws:iam::111122223333:role/Dev-a",
    "arn:aws:iam::999999999999:x:111122223333:role/dev-a",
    "arn:aws:s3:::bxx",
    "arn:aws:s3",
    "dev-a",
    "",
];

#[test]
fn values_match_or_do_not() {
    let arns =
        [("ArnEquals", Some("ArnNotEquals"), ARNS, ARN, NO_ARN), ("ArnLike", Some("ArnNotLike"), ARNS, ARN, NO_ARN)];
    for (operator, opposite, wanted, yes, no) in LINES.iter().copied().chain(arns) {
        for (values, match_) in [(yes, true), (no, false)] {
            for value in values {
                for suffix in ["", "IfExists"] {
                    let condition = |operator| format!(r#"{{"{operator}{suffix}":{{"a:k":{wanted}}}}}"#);
                    let given = [("a:k", *value)];
                    assert_eq!(holds(&condition(operator), &given), match_, "{operator}{suffix} {wanted}: {value}");
                    if let Some(opposite) = opposite {
                        assert_eq!(
                            holds(&condition(opposite), &given),
                            !match_,
                            "{opposite}{suffix} {wanted}: {value}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn without_a_value_only_negated_operators_hold() {
    for (operator, opposite, wanted, ..) in LINES {
        let holds = |operator: &str| holds(&format!(r#"{{"{operator}":{{"a:k":{wanted}}}}}"#), &[("a:other", "a")]);
        assert!(!holds(operator), "{operator}");
        assert!(holds(&format!("{operator}IfExists")), "{operator}IfExists");
        if let Some(opposite) = opposite {
            assert!(holds(opposite), "{opposite}");
            assert!(holds(&format!("{opposite}IfExists")), "{opposite}IfExists");
        }
    }
    for operator in ["ArnEquals", "ArnLike"] {
        assert!(!holds(&format!(r#"{{"{operator}":{{"a:k":"*"}}}}"#), &[]), "{operator}");
    }
    for operator in ["ArnNotEquals", "ArnNotLike"] {
        assert!(holds(&format!(r#"{{"{operator}":{{"a:k":"*"}}}}"#), &[]), "{operator}");
    }
}

#[test]
fn what_is_not_of_the_type_neither_matches_nor_is_known_to_differ() {
    for (operator, opposite, wanted, value) in [
        ("NumericEquals", "NumericNotEquals", "1", "one"),
        ("NumericLessThan", "", "1", ""),
        ("DateEquals", "DateNotEquals", "1", "yesterday"),
        ("Bool", "", "true", "yes"),
        ("BinaryEquals", "", r#""QQ==""#, "QQ"),
        ("IpAddress", "NotIpAddress", r#""10.0.0.0/8""#, "localhost"),
    ] {
        let condition = |operator| format!(r#"{{"{operator}":{{"a:k":{wanted}}}}}"#);
        assert!(!holds(&condition(operator), &[("a:k", value)]), "{operator}");
        if !opposite.is_empty() {
            assert!(!holds_in("Allow", &condition(opposite), &[("a:k", value)]), "{opposite}");
            assert!(holds_in("Deny", &condition(opposite), &[("a:k", value)]), "{opposite}");
        }
    }
}

#[test]
fn null_asks_whether_there_is_a_value() {
    for (wanted, given, result) in [
        ("true", &[][..], true),
        ("true", &[("a:k", "x")], false),
        ("\"false\"", &[], false),
        ("\"false\"", &[("a:k", "x")], true),
        ("\"false\"", &[("a:k", "")], true),
        ("\"true\"", &[("a:k[]", "")], true),
        ("\"true\"", &[("a:k[]", "x|y")], false),
        ("[true, false]", &[], true),
    ] {
        assert_eq!(holds(&format!(r#"{{"Null":{{"a:k":{wanted}}}}}"#), given), result, "{wanted} {given:?}");
    }
}

#[test]
fn all_conditions_have_to_hold() {
    let condition = r#"{"StringEquals":{"a:x":"1","a:y":"2"},"Bool":{"a:z":"true"}}"#;
    assert!(holds(condition, &[("a:x", "1"), ("a:y", "2"), ("a:z", "true")]));
    assert!(!holds(condition, &[("a:x", "1"), ("a:y", "3"), ("a:z", "true")]));
    assert!(!holds(condition, &[("a:x", "1"), ("a:y", "2"), ("a:z", "false")]));
    assert!(!holds(condition, &[("a:x", "1"), ("a:y", "2")]));
    assert!(holds("{}", &[]));
}

#[test]
fn keys_know_no_case() {
    for key in ["kms:EncryptionContext:AppName", "KMS:encryptioncontext:APPNAME"] {
        let condition = format!(r#"{{"StringEquals":{{"{key}":"x"}}}}"#);
        assert!(holds(&condition, &[("kms:encryptionContext:appName", "x")]));
    }
}

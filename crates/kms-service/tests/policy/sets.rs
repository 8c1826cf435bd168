//! `ForAnyValue` and `ForAllValues`, and keys with several values.

use super::holds;

#[test]
fn quantifiers() {
    // Condition, then for no key, no values, one that matches, one that does not, both, and an empty text.
    for (operator, wanted, results) in [
        ("ForAnyValue:StringEquals", r#"["a","b"]"#, [false, false, true, false, true, false]),
        ("ForAllValues:StringEquals", r#"["a","b"]"#, [true, true, true, false, false, true]),
        ("ForAnyValue:StringLike", r#""a*""#, [false, false, true, false, true, false]),
        ("ForAllValues:StringLike", r#""a*""#, [true, true, true, false, false, true]),
        ("ForAnyValue:StringNotEquals", r#"["a","b"]"#, [false, false, false, true, true, false]),
        ("ForAllValues:StringNotEquals", r#"["a","b"]"#, [true, true, false, true, false, true]),
        ("ForAnyValue:StringEqualsIfExists", r#""a""#, [true, true, true, false, true, false]),
        ("ForAllValues:StringEqualsIfExists", r#""a""#, [true, true, true, false, false, true]),
        ("StringEquals", r#""a""#, [false, false, true, false, true, false]),
        ("StringNotEquals", r#""a""#, [true, true, false, true, false, true]),
        ("StringEqualsIfExists", r#""a""#, [true, true, true, false, true, false]),
    ] {
        let given: [&[(&str, &str)]; 6] =
            [&[], &[("a:k[]", "")], &[("a:k[]", "a")], &[("a:k[]", "z")], &[("a:k[]", "a|z")], &[("a:k", "")]];
        for (given, result) in given.into_iter().zip(results) {
            let condition = format!(r#"{{"{operator}":{{"a:k":{wanted}}}}}"#);
            assert_eq!(holds(&condition, given), result, "{condition} {given:?}");
        }
    }
}

#[test]
fn quantifiers_go_with_every_type() {
    for (operator, wanted, yes, no) in [
        ("NumericLessThan", "5", "1|2", "6|7"),
        ("DateGreaterThan", "5", "6|7", "1|2"),
        ("Bool", "true", "true|true", "false|false"),
        ("IpAddress", r#""10.0.0.0/8""#, "10.0.0.1|10.0.0.2", "11.0.0.1|::1"),
        ("ArnLike", r#""arn:aws:s3:::*""#, "arn:aws:s3:::a|arn:aws:s3:::b", "arn:aws:kms:::a|x"),
        ("BinaryEquals", r#""QQ==""#, "QQ==|QQ==", "Qg==|Qw=="),
    ] {
        let (first, last) = (yes.split('|').next().unwrap(), no.split('|').next().unwrap());
        let mixed = format!("{first}|{last}");
        for (quantifier, of_mixed) in [("ForAnyValue", true), ("ForAllValues", false)] {
            let condition = format!(r#"{{"{quantifier}:{operator}":{{"a:k":{wanted}}}}}"#);
            assert!(holds(&condition, &[("a:k[]", yes)]), "{condition}");
            assert!(!holds(&condition, &[("a:k[]", no)]), "{condition}");
            assert_eq!(holds(&condition, &[("a:k[]", &mixed)]), of_mixed, "{condition}");
        }
    }
}

#[test]
fn a_single_value_is_a_set_of_one() {
    for quantifier in ["ForAnyValue", "ForAllValues"] {
        let condition = format!(r#"{{"{quantifier}:StringEquals":{{"a:k":["a","b"]}}}}"#);
        assert!(holds(&condition, &[("a:k", "b")]));
        assert!(!holds(&condition, &[("a:k", "c")]));
    }
}

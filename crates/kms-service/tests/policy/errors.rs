//! Texts that are no policies: refused, with the place and the reason.

use kms_service::policy::{Policy, PolicyError, PolicyKind};

fn refused(kind: PolicyKind, text: &str) -> PolicyError {
    Policy::parse(kind, text).expect_err(text)
}

/// What is said about a key policy whose second statement has these elements besides the necessary ones that it lacks.
fn in_statement(elements: &str) -> String {
    let mut statement = String::from(elements);
    for (name, element) in [
        ("Effect", r#""Effect":"Allow""#),
        ("Principal", r#""Principal":"*""#),
        ("Action", r#""Action":"*""#),
        ("Resource", r#""Resource":"*""#),
    ] {
        if !elements.contains(name) {
            statement = format!("{statement},{element}");
        }
    }
    let first = r#"{"Effect":"Allow","Principal":"*"}"#;
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{first},{{{statement}}}]}}"#);
    let error = refused(PolicyKind::Key, &text);
    let shown = error.to_string();
    assert_eq!(shown, format!("{}: {}", error.path(), error.problem()));
    shown.strip_prefix("Statement[1]").expect(&shown).to_owned()
}

#[test]
fn documents() {
    let statement = r#"{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}"#;
    for (text, wanted) in [
        ("[]".to_owned(), "an object is wanted here, not a list"),
        ("\"*\"".to_owned(), "an object is wanted here, not a string"),
        ("null".to_owned(), "an object is wanted here, not null"),
        ("{}".to_owned(), "Statement: is missing"),
        (r#"{"Version":"2012-10-17"}"#.to_owned(), "Statement: is missing"),
        (r#"{"Statement":[]}"#.to_owned(), "Statement: there is no statement"),
        (r#"{"Statement":"*"}"#.to_owned(), "Statement: an object is wanted here, not a string"),
        (r#"{"Statement":[[]]}"#.to_owned(), "Statement[0]: an object is wanted here, not a list"),
        (r#"{"Statement":[null]}"#.to_owned(), "Statement[0]: an object is wanted here, not null"),
        (
            format!(r#"{{"Version":"2012-10-18","Statement":{statement}}}"#),
            "Version: neither 2012-10-17 nor 2008-10-17",
        ),
        (
            format!(r#"{{"Version":20121017,"Statement":{statement}}}"#),
            "Version: a string is wanted here, not a number",
        ),
        (format!(r#"{{"Id":7,"Statement":{statement}}}"#), "Id: a string is wanted here, not a number"),
        (format!(r#"{{"version":"2012-10-17","Statement":{statement}}}"#), "version: a policy has no such element"),
        (format!(r#"{{"Statement":{statement},"Statement":{statement}}}"#), "Statement: is there twice"),
    ] {
        assert_eq!(refused(PolicyKind::Key, &text).to_string(), wanted, "{text}");
    }
    for text in ["", "{", "{\"Statement\":1,}", "\u{feff}{}", "{} {}", &"[".repeat(100_000)] {
        let error = refused(PolicyKind::Key, text);
        assert_eq!(error.path(), "");
        assert!(error.to_string().starts_with("not JSON: "), "{error}");
    }
}

#[test]
fn statements() {
    for (elements, wanted) in [
        (r#""Effect":"allow""#, ".Effect: neither Allow nor Deny"),
        (r#""Effect":true"#, ".Effect: a string is wanted here, not a boolean"),
        (r#""Sid":1"#, ".Sid: a string is wanted here, not a number"),
        (r#""Sid":"a","Sid":"b""#, ".Sid: is there twice"),
        (r#""Effect":"Deny","Effect":"Deny""#, ".Effect: is there twice"),
        (r#""Principle":"*""#, ".Principle: a statement has no such element"),
        (r#""Conditions":{}"#, ".Conditions: a statement has no such element"),
        (r#""Action":"*","NotAction":"*""#, ".NotAction: a statement cannot have both NotAction and Action"),
        (r#""NotResource":"*","Resource":"*""#, ".Resource: a statement cannot have both Resource and NotResource"),
        (
            r#""Principal":"*","NotPrincipal":"*""#,
            ".NotPrincipal: a statement cannot have both NotPrincipal and Principal",
        ),
        (r#""Action":"Encrypt""#, ".Action: an action looks like kms:Encrypt, kms:Describe* or *"),
        (r#""Action":["kms:*","kms:"]"#, ".Action[1]: an action looks like kms:Encrypt, kms:Describe* or *"),
        (r#""Action":"k*s:Encrypt""#, ".Action: an action looks like kms:Encrypt, kms:Describe* or *"),
        (r#""Action":"kms:Encrypt x""#, ".Action: an action looks like kms:Encrypt, kms:Describe* or *"),
        (r#""Action":{}"#, ".Action: a string is wanted here, not an object"),
        (r#""Action":[["kms:*"]]"#, ".Action[0]: a string is wanted here, not a list"),
        (r#""NotAction":[]"#, ".NotAction: names nothing"),
        (r#""NotResource":[]"#, ".NotResource: names nothing"),
        (r#""Resource":"key/1""#, ".Resource: neither * nor an ARN"),
        (r#""Resource":["*","*x"]"#, ".Resource[1]: neither * nor an ARN"),
        (r#""Resource":7"#, ".Resource: a string is wanted here, not a number"),
        (
            r#""Resource":"arn:aws:kms:*:${aws:PrincipalAccount}:key/*""#,
            ".Resource: variables may only stand after the fifth colon of an ARN",
        ),
        (r#""Resource":"arn:aws:kms:*:*:${a:b""#, ".Resource: a variable ${…} has no end"),
    ] {
        assert_eq!(in_statement(elements), wanted, "{elements}");
    }
    let lacking = |text: &str| refused(PolicyKind::Key, text).to_string();
    assert_eq!(lacking(r#"{"Statement":{"Effect":"Deny","Action":"*"}}"#), "Statement: Principal is missing");
    assert_eq!(lacking(r#"{"Statement":[{"Principal":"*"}]}"#), "Statement[0]: Effect is missing");
}

#[test]
fn principals() {
    const NO_PRINCIPAL: &str = "not *, an account or the ARN of an account's root, a user, a role or a session";
    const WILDCARDS: &str = "the ARN of a principal has no wildcards";
    const SERVICE: &str = "a service is named like s3.amazonaws.com, without wildcards";
    for (element, place, problem) in [
        (r#""111122223333""#, "", r#"either "*" or an object is wanted here"#),
        ("[]", "", "an object is wanted here, not a list"),
        (r#"{"IAM":"*"}"#, ".IAM", "there is no such kind of principal"),
        (r#"{"AWS":"*","AWS":"*"}"#, ".AWS", "is there twice"),
        (r#"{"AWS":7}"#, ".AWS", "a string is wanted here, not a number"),
        (r#"{"AWS":["*",null]}"#, ".AWS[1]", "a string is wanted here, not null"),
        (r#"{"AWS":"alice"}"#, ".AWS", NO_PRINCIPAL),
        (r#"{"AWS":"11112222333"}"#, ".AWS", NO_PRINCIPAL),
        (r#"{"AWS":"AIDACKCEVSQ6C2EXAMPLE"}"#, ".AWS", NO_PRINCIPAL),
        (r#"{"AWS":"arn:aws:iam::111122223333:group/g"}"#, ".AWS", NO_PRINCIPAL),
        (r#"{"AWS":"arn:aws:iam::111122223333:user/"}"#, ".AWS", NO_PRINCIPAL),
        (r#"{"AWS":["arn:aws:iam::111122223333:root","arn:aws:iam::1:root"]}"#, ".AWS[1]", NO_PRINCIPAL),
        (r#"{"AWS":"arn:aws:iam::111122223333:user/*"}"#, ".AWS", WILDCARDS),
        (r#"{"AWS":"arn:aws:iam::*:root"}"#, ".AWS", WILDCARDS),
        (r#"{"AWS":"arn:aws:sts::111122223333:assumed-role/r/?"}"#, ".AWS", WILDCARDS),
        (r#"{"Service":"*"}"#, ".Service", SERVICE),
        (r#"{"Service":["s3.amazonaws.com","*.amazonaws.com"]}"#, ".Service[1]", SERVICE),
        (r#"{"Federated":{}}"#, ".Federated", "a string is wanted here, not an object"),
        (r#"{"CanonicalUser":[1]}"#, ".CanonicalUser[0]", "a string is wanted here, not a number"),
    ] {
        for name in ["Principal", "NotPrincipal"] {
            assert_eq!(
                in_statement(&format!(r#""{name}":{element}"#)),
                format!(".{name}{place}: {problem}"),
                "{element}"
            );
        }
    }
    for empty in ["{}", r#"{"AWS":[]}"#, r#"{"Federated":"x"}"#] {
        assert_eq!(in_statement(&format!(r#""NotPrincipal":{empty}"#)), ".NotPrincipal: names nothing", "{empty}");
    }
}

#[test]
fn conditions() {
    const NUMBER: &str = "not a decimal number of up to 18 digits before the point and 9 after it";
    const TIME: &str = "neither a time of ISO 8601 (as 2026-01-31T12:00:00Z) nor seconds since 1970";
    const NETWORK: &str = "neither an IP address nor a network in CIDR notation";
    const BOOLEAN: &str = "neither true nor false";
    const KEY: &str = "a condition key looks like kms:ViaService or aws:SourceIp";
    const OPERATOR: &str = "there is no such condition operator";
    const PERMISSIVE: &str =
        "OverlyPermissiveCondition: ForAllValues with a single-valued condition key matches requests without it";
    const DEFAULT: &str = "the default of a variable stands in single quotes: ${key, 'default'}";
    for (condition, place, problem) in [
        ("[]", "", "an object is wanted here, not a list"),
        (r#"{"StringEqual":{}}"#, ".StringEqual", OPERATOR),
        (r#"{"stringequals":{}}"#, ".stringequals", OPERATOR),
        (r#"{"NullIfExists":{}}"#, ".NullIfExists", OPERATOR),
        (r#"{"ForSomeValues:StringEquals":{}}"#, ".ForSomeValues:StringEquals", OPERATOR),
        (r#"{"Bool":{},"Bool":{}}"#, ".Bool", "is there twice"),
        (r#"{"Bool":[]}"#, ".Bool", "an object is wanted here, not a list"),
        (r#"{"Bool":{"a:k":true,"a:k":true}}"#, ".Bool.a:k", "is there twice"),
        (r#"{"Bool":{"k":true}}"#, ".Bool.k", KEY),
        (r#"{"Bool":{":k":true}}"#, ".Bool.:k", KEY),
        (
            r#"{"StringEquals":{"kms:ViaService":{}}}"#,
            ".StringEquals.kms:ViaService",
            "a string, a number or a boolean is wanted here, not an object",
        ),
        (r#"{"StringEquals":{"a:k":[]}}"#, ".StringEquals.a:k", "there is no value in the list"),
        (
            r#"{"StringEquals":{"a:k":["x",["y"]]}}"#,
            ".StringEquals.a:k[1]",
            "a string, a number or a boolean is wanted here, not a list",
        ),
        (
            r#"{"StringLike":{"a:k":null}}"#,
            ".StringLike.a:k",
            "a string, a number or a boolean is wanted here, not null",
        ),
        (r#"{"StringLike":{"a:k":"${a:b"}}"#, ".StringLike.a:k", "a variable ${…} has no end"),
        (r#"{"StringLike":{"a:k":"${}"}}"#, ".StringLike.a:k", "a variable ${…} names no condition key"),
        (r#"{"StringLike":{"a:k":"${a:b, x}"}}"#, ".StringLike.a:k", DEFAULT),
        (r#"{"StringLike":{"a:k":"${a:b, 'x}"}}"#, ".StringLike.a:k", DEFAULT),
        (r#"{"StringLike":{"a:k":"${a:b, 'x'y}"}}"#, ".StringLike.a:k", "a variable ${…} has no end"),
        (r#"{"NumericEquals":{"a:k":["1","one"]}}"#, ".NumericEquals.a:k[1]", NUMBER),
        (r#"{"NumericLessThanIfExists":{"a:k":"1e3"}}"#, ".NumericLessThanIfExists.a:k", NUMBER),
        (r#"{"NumericEquals":{"a:k":"${a:b}"}}"#, ".NumericEquals.a:k", NUMBER),
        (r#"{"NumericEquals":{"a:k":true}}"#, ".NumericEquals.a:k", NUMBER),
        (r#"{"DateLessThan":{"a:k":"2026-02-30"}}"#, ".DateLessThan.a:k", TIME),
        (r#"{"DateLessThan":{"a:k":"2026-01-31T12:00:00"}}"#, ".DateLessThan.a:k", TIME),
        (r#"{"Bool":{"a:k":"yes"}}"#, ".Bool.a:k", BOOLEAN),
        (r#"{"Bool":{"a:k":1}}"#, ".Bool.a:k", BOOLEAN),
        (r#"{"Null":{"a:k":"maybe"}}"#, ".Null.a:k", BOOLEAN),
        (r#"{"BinaryEquals":{"a:k":"QQ"}}"#, ".BinaryEquals.a:k", "not base64, with padding"),
        (r#"{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","10.0.0.0/33"]}}"#, ".IpAddress.aws:SourceIp[1]", NETWORK),
        (r#"{"NotIpAddress":{"aws:SourceIp":"10.0.0"}}"#, ".NotIpAddress.aws:SourceIp", NETWORK),
        (r#"{"IpAddress":{"aws:SourceIp":"fe80::/129"}}"#, ".IpAddress.aws:SourceIp", NETWORK),
        (r#"{"ArnEquals":{"aws:SourceArn":"role/x"}}"#, ".ArnEquals.aws:SourceArn", "neither * nor an ARN"),
        (
            r#"{"ForAllValues:StringEquals":{"kms:encryptionContext:AppName":"x"}}"#,
            ".ForAllValues:StringEquals.kms:encryptionContext:AppName",
            PERMISSIVE,
        ),
        (
            r#"{"ForAllValues:StringLike":{"aws:RequestTag/x":"x"}}"#,
            ".ForAllValues:StringLike.aws:RequestTag/x",
            PERMISSIVE,
        ),
    ] {
        assert_eq!(
            in_statement(&format!(r#""Condition":{condition}"#)),
            format!(".Condition{place}: {problem}"),
            "{condition}"
        );
    }
}

#[test]
fn identity_policies() {
    for (text, wanted) in [
        (
            r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#,
            "Statement[0].Principal: an identity policy names no principals: it is for those who have it",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","NotPrincipal":"*","Action":"*","Resource":"*"}}"#,
            "Statement.NotPrincipal: an identity policy names no principals: it is for those who have it",
        ),
        (r#"{"Statement":[{"Effect":"Allow","Resource":"*"}]}"#, "Statement[0]: Action is missing"),
        (r#"{"Statement":[{"Effect":"Allow","Action":"*"}]}"#, "Statement[0]: Resource is missing"),
        (
            r#"{"Statement":[{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"},
                {"Sid":"a","Effect":"Deny","Action":"*","Resource":"*"}]}"#,
            "Statement[1].Sid: another statement has it",
        ),
    ] {
        assert_eq!(refused(PolicyKind::Identity, text).to_string(), wanted, "{text}");
    }
}

#[test]
fn what_key_policies_may_not_say_identity_policies_may() {
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":
        {"ForAllValues:StringEquals":{"kms:EncryptionContext:AppName":"x"}}}}"#;
    assert!(Policy::parse(PolicyKind::Identity, text).is_ok());
}

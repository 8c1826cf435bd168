//! What holds for all policies.

use std::sync::Arc;

use kms_service::policy::{Policy, PolicyKind, Principal, Verdict, decide};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::{ALICE, BOB, ROOT, SESSION, context, principal, request};

fn one_of(values: &'static [&'static str]) -> impl Strategy<Value = Value> {
    select(values).prop_map(|value| json!(value))
}

/// Values for elements, right and wrong.
fn element() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        one_of(&[
            "*",
            "kms:*",
            "kms:Encrypt",
            ALICE,
            ROOT,
            "111122223333",
            "${aws:username}",
            "${a:b, 'c'}",
            "${",
            "true"
        ]),
        one_of(&["10.0.0.0/8", "2026-01-31", "QQ==", "arn:aws:kms:*:*:key/*", "1.5", "s3.amazonaws.com", "?*?*", ""]),
        any::<i32>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
        any::<bool>().prop_map(|value| json!(value)),
        ".{0,8}".prop_map(|text| json!(text)),
        Just(Value::Null),
    ];
    scalar.prop_recursive(3, 12, 4, |inner| {
        let names = select(&["AWS", "Service", "Bool", "StringLike", "a:k", "aws:username", "x"][..]);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(names, inner, 0..4)
                .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

/// Documents that have the look of policies, right ones and wrong ones.
fn document() -> impl Strategy<Value = Value> {
    let names = select(
        &["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"]
            [..],
    );
    let statement = proptest::collection::hash_map(names, element(), 0..6)
        .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Value>());
    let statement = prop_oneof![statement, right_statement("Allow"), element()];
    proptest::collection::vec(statement, 0..4)
        .prop_map(|statements| json!({"Version": "2012-10-17", "Statement": statements}))
}

/// A statement of a key policy without mistakes.
fn right_statement(effect: &'static str) -> impl Strategy<Value = Value> {
    let who = prop_oneof![
        Just(json!("*")),
        one_of(&[ALICE, BOB, ROOT, SESSION, "444455556666", "arn:aws:iam::111122223333:role/Admin"])
            .prop_map(|name| json!({"AWS": [name]})),
        Just(json!({"Service": "s3.amazonaws.com"})),
    ];
    let action = one_of(&["*", "kms:*", "kms:Encrypt", "kms:?ecrypt", "kms:Decrypt"]);
    let operator = select(
        &["StringEquals", "StringNotLike", "ForAnyValue:StringLike", "ForAllValues:StringEquals", "StringLikeIfExists"]
            [..],
    );
    let value = one_of(&["x", "x*", "*", "${aws:username}", "${a:k}", "y"]);
    let key = select(&["a:k", "a:many", "aws:username", "a:missing"][..]);
    let condition = proptest::option::of((operator, key, value));
    let names = (select(&["Principal", "NotPrincipal"][..]), select(&["Action", "NotAction"][..]));
    (who, action, condition, names).prop_map(move |(who, action, condition, (principal, actions))| {
        let mut statement = json!({"Effect": effect, principal: who, actions: action, "Resource": "*"});
        if let (Some((operator, key, value)), Some(members)) = (condition, statement.as_object_mut()) {
            members.insert("Condition".to_owned(), json!({operator: {key: value}}));
        }
        statement
    })
}

fn anyone() -> impl Strategy<Value = Principal> {
    let named = select(&[ALICE, BOB, ROOT, SESSION, "s3.amazonaws.com"][..]).prop_map(principal);
    prop_oneof![named, Just(Principal::Anonymous)]
}

fn action() -> impl Strategy<Value = &'static str> {
    select(&["kms:Encrypt", "KMS:decrypt", "kms:Sign", ""][..])
}

fn without_principals(statement: &Value) -> Value {
    let mut statement = statement.clone();
    if let Some(members) = statement.as_object_mut() {
        members.retain(|name, _| !name.ends_with("Principal"));
    }
    statement
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        for kind in [PolicyKind::Key, PolicyKind::Identity] {
            if let Err(error) = Policy::parse(kind, &text) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }

    #[test]
    fn any_document_is_refused_or_evaluated(document in document(), who in anyone(), action in action()) {
        let text = document.to_string();
        let context = context(&[("a:k", "x"), ("a:many[]", "x|y")]);
        for kind in [PolicyKind::Key, PolicyKind::Identity] {
            match Policy::parse(kind, &text) {
                Ok(policy) => {
                    prop_assert_eq!(policy.text(), &text);
                    let verdict = policy.evaluate(&request(&who, action, &context));
                    prop_assert!(kind == PolicyKind::Key || !matches!(verdict, Verdict::Delegate(_)));
                }
                Err(error) => prop_assert!(!error.problem().is_empty()),
            }
        }
    }

    #[test]
    fn a_denial_more_allows_nothing_more(
        mut statements in proptest::collection::vec(right_statement("Allow"), 1..4),
        identity in proptest::collection::vec(right_statement("Allow"), 0..3),
        denial in right_statement("Deny"),
        to_identity in any::<bool>(),
        place in any::<prop::sample::Index>(),
        (who, action) in (anyone(), action()),
    ) {
        let context = context(&[("a:k", "x"), ("a:many[]", "x|y")]);
        let mut identity: Vec<_> = identity.iter().map(without_principals).collect();
        let decided = |statements: &[Value], identity: &[Value]| {
            let key = Policy::parse(PolicyKind::Key, &json!({"Version": "2012-10-17", "Statement": statements}).to_string());
            let identity: Vec<_> = identity
                .iter()
                .map(|statement| json!({"Version": "2012-10-17", "Statement": statement}).to_string())
                .map(|text| Arc::new(Policy::parse(PolicyKind::Identity, &text).unwrap()))
                .collect();
            decide(&request(&who, action, &context), Some(&key.unwrap()), &identity, None).is_allowed()
        };
        let before = decided(&statements, &identity);
        if to_identity {
            identity.insert(place.index(identity.len() + 1), without_principals(&denial));
        } else {
            statements.insert(place.index(statements.len() + 1), denial);
        }
        let after = decided(&statements, &identity);
        prop_assert!(before || !after);
    }

    #[test]
    fn what_a_statement_allows_the_same_denial_denies(statement in right_statement("Allow"), who in anyone(), action in action()) {
        let context = context(&[("a:k", "x"), ("a:many[]", "x|y")]);
        let mut denial = statement.clone();
        denial["Effect"] = json!("Deny");
        let verdict = |statements: Value| {
            let policy = Policy::parse(PolicyKind::Key, &json!({"Version": "2012-10-17", "Statement": statements}).to_string());
            match policy.unwrap().evaluate(&request(&who, action, &context)) {
                Verdict::Allow(_) | Verdict::Delegate(_) => "allow",
                Verdict::Deny(_) => "deny",
                Verdict::NoMatch => "-",
            }
        };
        if verdict(statement.clone()) == "allow" {
            prop_assert_eq!(verdict(json!([statement, denial])), "deny");
        }
    }
}

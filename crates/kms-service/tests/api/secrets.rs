//! No request can make `validate` panic, and none shows its secrets.

use base64ct::{Base64, Encoding};
use kms_service::api::Operation;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::calls::{Seen, request, response};
use crate::model::{Member, Model, Type};
use crate::samples::members_of;

/// Puts `secret` wherever the model says that something is sensitive; bytes are public in a few such places.
fn hide(model: &Model, members: &[Member], json: &mut Value, secret: &[u8], text: &str) -> usize {
    let mut count = 0;
    for member in members {
        let Type::Named(name) = member.of else { continue };
        if let Some(inner) = model.structures.get(name) {
            count += hide(model, inner, &mut json[member.name], secret, text);
        } else if model.shapes[name].is_sensitive {
            json[member.name] =
                if model.shapes[name].kind == "blob" { Base64::encode_string(secret) } else { text.to_owned() }.into();
            count += 1;
        }
    }
    count
}

fn shows_nothing(operation: &str, seen: &Seen, secret: &[u8], text: &str) {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{secret:?}");
    let refusal = format!("{:?}", seen.validated);
    for place in [&seen.debug, &seen.trail, &refusal] {
        for form in [&hex, &list, &Base64::encode_string(secret), text, &list[1..list.len() - 1]] {
            assert!(!place.contains(form), "{operation} {place}");
        }
        assert!(!place.as_bytes().windows(secret.len()).any(|window| window == secret), "{operation}");
    }
}

fn operation() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(Operation::ALL).prop_map(Operation::as_str)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,40}".prop_map(Value::from),
        "[-a-z0-9:/._\u{e4}]{0,80}".prop_map(Value::from),
        proptest::collection::vec(any::<u8>(), 0..80).prop_map(|bytes| Base64::encode_string(&bytes).into()),
        proptest::sample::select(
            &["Encrypt", "DIGEST", "AES_256", "ECDSA_SHA_256", "IGNORE_CIPHERTEXT", "HMAC_224", "aws:"][..]
        )
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let keys = proptest::sample::select(&["TagKey", "TagValue", "SourceArn", "EncryptionContextEquals", "a"][..]);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(keys.prop_map(str::to_owned), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn secrets_are_not_shown(operation in operation(), secret in proptest::collection::vec(any::<u8>(), 8..64), text in "[A-Z2-7]{8,70}") {
        let model = Model::read();
        let definition = &model.operations[operation];
        let mut json = members_of(&model, &definition.input);
        hide(&model, &definition.input, &mut json, &secret, &text);
        let seen = request(operation, &json).unwrap();
        shows_nothing(operation, &seen, &secret, &text);
        if let Some(output) = &definition.output {
            let mut json = members_of(&model, output);
            hide(&model, output, &mut json, &secret, &text);
            let seen = response(operation, &json).unwrap().unwrap();
            shows_nothing(operation, &seen, &secret, &text);
        }
    }

    #[test]
    fn nothing_makes_validate_panic(operation in operation(), values in proptest::collection::vec(value(), 12)) {
        let model = Model::read();
        let members = &model.operations[operation].input;
        let json: serde_json::Map<_, _> = members.iter().map(|member| member.name.to_owned()).zip(values).collect();
        // One by one, so that one of a wrong type does not keep the others from being looked at.
        for (name, value) in &json {
            if let Ok(seen) = request(operation, &json!({name: value})) {
                prop_assert!(serde_json::from_str::<Value>(&seen.trail).is_ok());
            }
        }
        let fits = |(name, value): &(&String, &Value)| request(operation, &json!({*name: value})).is_ok();
        let together: serde_json::Map<_, _> =
            json.iter().filter(fits).map(|(name, value)| (name.clone(), value.clone())).collect();
        prop_assert!(request(operation, &together.into()).is_ok());
    }
}

#[test]
fn the_model_has_secrets() {
    let model = Model::read();
    let mut count = 0;
    for definition in model.operations.values() {
        let mut json = members_of(&model, &definition.input);
        count += hide(&model, &definition.input, &mut json, b"12345678", "ABCDEFGH");
    }
    // Encrypt, Sign, Verify, GenerateMac and VerifyMac; passwords and credentials of custom key stores.
    assert_eq!(count, 5 + 2 * 3);
}

//! What the audit trail shows of requests and responses.

use serde_json::{Value, json};

use crate::calls::{request, response};
use crate::model::{Member, Model, Type};
use crate::samples::members_of;

/// What the trail shows of an object with all members.
fn shown(model: &Model, members: &[Member], json: &Value) -> Value {
    let camel = |name: &str| name[..1].to_lowercase() + &name[1..];
    let mut all = serde_json::Map::new();
    for member in members {
        let value = &json[member.name];
        let value = match &member.of {
            Type::Map => value.clone(),
            Type::List("GrantTokenType", _) => continue,
            Type::Named("GrantTokenType") => continue,
            Type::Named(name) | Type::List(name, _) => match (model.structures.get(name), model.shapes.get(name)) {
                (Some(inner), _) if matches!(member.of, Type::List(..)) => json!([shown(model, inner, &value[0])]),
                (Some(inner), _) => shown(model, inner, value),
                (_, Some(shape)) if shape.is_sensitive || shape.kind == "blob" => continue,
                (_, Some(shape)) if shape.kind == "timestamp" => "2025-11-25T09:23:40Z".into(),
                _ => value.clone(),
            },
        };
        all.insert(camel(member.name), value);
    }
    all.into()
}

#[test]
fn everything_is_shown_but_secrets_bytes_and_tokens() {
    let model = Model::read();
    for (&operation, definition) in &model.operations {
        let json = members_of(&model, &definition.input);
        let trail: Value = serde_json::from_str(&request(operation, &json).unwrap().trail).unwrap();
        assert_eq!(trail, shown(&model, &definition.input, &json), "{operation}");
        let Some(output) = &definition.output else { continue };
        let json = members_of(&model, output);
        let trail: Value = serde_json::from_str(&response(operation, &json).unwrap().unwrap().trail).unwrap();
        let reads = operation.parse::<kms_service::api::Operation>().unwrap().is_read_only();
        let expected = if reads || output.is_empty() { Value::Null } else { shown(&model, output, &json) };
        assert_eq!(trail, expected, "{operation}");
    }
}

#[test]
fn nothing_shown_is_null() {
    for (operation, json) in [("ListKeys", json!({})), ("Encrypt", json!({"Plaintext": "AQ=="}))] {
        assert_eq!(request(operation, &json).unwrap().trail, "null");
    }
}

#[test]
fn as_cloudtrail_has_it() {
    let encrypt = json!({
        "KeyId": "alias/a\"b", "Plaintext": "c2VjcmV0", "EncryptionContext": {"Department": "IT\n", "a\\": "\u{1}"},
        "GrantTokens": ["token"], "EncryptionAlgorithm": "SYMMETRIC_DEFAULT", "DryRun": false,
    });
    assert_eq!(
        request("Encrypt", &encrypt).unwrap().trail,
        r#"{"keyId":"alias/a\"b","encryptionContext":{"Department":"IT\n","a\\":"\u0001"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT","dryRun":false}"#
    );
    let created = json!({"KeyMetadata": {"AWSAccountId": "111122223333", "KeyId": "k", "Arn": "a", "CreationDate": 1_764_062_620, "Enabled": true}});
    assert_eq!(
        response("CreateKey", &created).unwrap().unwrap().trail,
        r#"{"keyMetadata":{"aWSAccountId":"111122223333","keyId":"k","arn":"a","creationDate":"2025-11-25T09:23:40Z","enabled":true}}"#
    );
    let grant = json!({"GrantId": "g", "GrantToken": "token"});
    assert_eq!(response("CreateGrant", &grant).unwrap().unwrap().trail, r#"{"grantId":"g"}"#);
}

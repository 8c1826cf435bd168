//! The JSON of requests and responses.

use kms_service::Timestamp;
use kms_service::api::{
    DecryptResponse, DescribeKeyResponse, EncryptRequest, ImportKeyMaterialRequest, KeySpec, ListKeysResponse,
    Operation, TagResourceRequest, VerifyResponse,
};
use serde_json::{Value, json};

use crate::calls::{request, response};
use crate::model::{Model, Type};
use crate::samples::members_of;

#[test]
fn there_are_the_operations_of_the_model() {
    let model = Model::read();
    let ours: Vec<&str> = Operation::ALL.iter().map(|operation| operation.as_str()).collect();
    assert_eq!(ours, model.operations.keys().copied().collect::<Vec<_>>());
    for (&operation, definition) in &model.operations {
        assert_eq!(response(operation, &json!({})).is_some(), definition.output.is_some(), "{operation}");
    }
}

#[test]
fn operations_that_change_something() {
    let writes: Vec<&str> = Operation::ALL
        .iter()
        .filter(|operation| !operation.is_read_only())
        .map(|operation| operation.as_str())
        .collect();
    assert_eq!(
        writes,
        [
            "CancelKeyDeletion",
            "ConnectCustomKeyStore",
            "CreateAlias",
            "CreateCustomKeyStore",
            "CreateGrant",
            "CreateKey",
            "DeleteAlias",
            "DeleteCustomKeyStore",
            "DeleteImportedKeyMaterial",
            "DisableKey",
            "DisableKeyRotation",
            "DisconnectCustomKeyStore",
            "EnableKey",
            "EnableKeyRotation",
            "ImportKeyMaterial",
            "PutKeyPolicy",
            "ReplicateKey",
            "RetireGrant",
            "RevokeGrant",
            "RotateKeyOnDemand",
            "ScheduleKeyDeletion",
            "TagResource",
            "UntagResource",
            "UpdateAlias",
            "UpdateCustomKeyStore",
            "UpdateKeyDescription",
            "UpdatePrimaryRegion",
        ]
    );
}

#[test]
fn all_members_are_read_and_written() {
    let model = Model::read();
    for (&operation, definition) in &model.operations {
        let all = members_of(&model, &definition.input);
        assert_eq!(request(operation, &all).unwrap().json, all, "{operation}");
        if let Some(output) = &definition.output {
            let all = members_of(&model, output);
            assert_eq!(response(operation, &all).unwrap().unwrap().json, all, "{operation}");
        }
    }
}

#[test]
fn unknown_members_are_ignored_and_null_is_absent() {
    let model = Model::read();
    for (&operation, definition) in &model.operations {
        let mut json: Value = definition
            .input
            .iter()
            .map(|member| (member.name.to_owned(), Value::Null))
            .collect::<serde_json::Map<_, _>>()
            .into();
        assert_eq!(request(operation, &json).unwrap().json, json!({}), "{operation}");
        json["Surprise"] = json!({"a": [1]});
        for name in ["keyid", "Keyid", "KeyI", "KeyIdX", "Key_Id", "key_id", ""] {
            json[name] = 1.into();
        }
        assert_eq!(request(operation, &json).unwrap().json, json!({}), "{operation}");
    }
}

/// Values of other types than the shape's.
fn wrong(kind: &str) -> Vec<Value> {
    let mut all = vec![json!([]), json!({})];
    if !matches!(kind, "integer" | "timestamp") {
        all.push(1.into());
    }
    if kind != "boolean" {
        all.push(true.into());
    }
    match kind {
        "integer" => all.extend([1.5.into(), 2_147_483_648_i64.into(), "1".into()]),
        "boolean" => all.push("true".into()),
        "timestamp" => all.extend([1e300.into(), "2026-11-25T00:00:00Z".into()]),
        "blob" => all.extend(["*".into(), "AQ".into(), "AQ==\n".into(), "AQ=".into(), "_-==".into()]),
        _ => {}
    }
    all
}

#[test]
fn wrong_types_are_no_request() {
    let model = Model::read();
    for (&operation, definition) in &model.operations {
        for member in &definition.input {
            let values = match &member.of {
                Type::Named(name) => match model.shapes.get(name) {
                    Some(shape) => wrong(shape.kind),
                    None => vec![1.into(), "a".into(), json!([])],
                },
                Type::Map => vec![1.into(), "a".into(), json!([["a", "b"]]), json!({"a": 1}), json!({"a": null})],
                Type::List(..) => vec![1.into(), "a".into(), json!({}), json!([1]), json!([null]), json!([[]])],
            };
            for value in values {
                let json = json!({member.name: value});
                assert!(request(operation, &json).is_err(), "{operation} {json}");
            }
        }
        for body in [json!("a"), json!([]), json!(1), json!(null)] {
            assert!(request(operation, &body).is_err(), "{operation} {body}");
        }
    }
}

#[test]
fn enumerations_of_answers_are_closed() {
    assert!(serde_json::from_value::<DescribeKeyResponse>(json!({"KeyMetadata": {"KeySpec": "DES"}})).is_err());
    let read: DescribeKeyResponse = serde_json::from_value(json!({"KeyMetadata": {"KeySpec": "ML_DSA_87"}})).unwrap();
    assert_eq!(read.key_metadata.key_spec, Some(KeySpec::MlDsa87));
}

#[test]
fn times_are_seconds_with_or_without_a_fraction() {
    let at = |json: Value| {
        let read: ImportKeyMaterialRequest = serde_json::from_value(json!({"ValidTo": json})).unwrap();
        read.valid_to.unwrap()
    };
    assert_eq!(at(json!(1_764_062_620)), Timestamp::from_millis(1_764_062_620_000));
    assert_eq!(at(json!(1_764_062_620.125)), Timestamp::from_millis(1_764_062_620_125));
    assert_eq!(at(json!(1.764_062_620_001e9)), Timestamp::from_millis(1_764_062_620_001));
    assert_eq!(at(json!(-1)), Timestamp::from_millis(0));
    for millis in [0, 1, 999, 1000, 1_764_062_620_001, 1_764_062_620_999] {
        let valid_to = Some(Timestamp::from_millis(millis));
        let request = ImportKeyMaterialRequest { valid_to, ..Default::default() };
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<ImportKeyMaterialRequest>(&json).unwrap().valid_to, valid_to);
    }
    let whole = ImportKeyMaterialRequest { valid_to: Some(Timestamp::from_millis(5000)), ..Default::default() };
    assert_eq!(serde_json::to_string(&whole).unwrap(), r#"{"ValidTo":5}"#);
}

#[test]
fn what_always_is_there_is_written_even_if_it_is_empty() {
    let verified = VerifyResponse::default();
    assert_eq!(serde_json::to_value(&verified).unwrap(), json!({"KeyId": "", "SignatureValid": false}));
    let listed = ListKeysResponse { keys: Vec::new().into(), ..Default::default() };
    assert_eq!(serde_json::to_value(&listed).unwrap(), json!({"Keys": [], "Truncated": false}));
    let tags = TagResourceRequest { tags: Vec::new().into(), ..Default::default() };
    assert_eq!(serde_json::to_value(&tags).unwrap(), json!({"Tags": []}));
}

#[test]
fn bytes_are_bytes() {
    let read: EncryptRequest = serde_json::from_str(r#"{"Plaintext": "AAEC/w=="}"#).unwrap();
    assert_eq!(read.plaintext.expose(), [0, 1, 2, 255]);
    let answer = DecryptResponse { plaintext: Some(vec![0, 1, 2, 255].into()), ..Default::default() };
    assert_eq!(serde_json::to_value(&answer).unwrap()["Plaintext"], "AAEC/w==");
}

#[test]
fn the_context_may_have_keys_of_the_message_format() {
    let json = json!({"EncryptionContext": {"aws-crypto-public-key": "A", "b": "1"}});
    let read: EncryptRequest = serde_json::from_value(json).unwrap();
    assert_eq!(read.encryption_context.get("aws-crypto-public-key"), Some("A"));
    let long = json!({"EncryptionContext": {"a": "1".repeat(65_536)}});
    assert!(serde_json::from_value::<EncryptRequest>(long).is_err());
}

//! Values that the model allows.

use base64ct::{Base64, Encoding};
use serde_json::{Map, Value, json};

use crate::model::{Member, Model, Shape, Type};

/// A text of that many characters that the pattern matches; `None` if none is so short.
pub(crate) fn text(pattern: Option<&str>, length: usize) -> Option<String> {
    let (prefix, fill, suffix) = match pattern.unwrap_or_default() {
        "[0-9]{12}" => ("", '1', ""),
        "^[A-Z2-7]+$" => ("", 'A', ""),
        "cluster-[2-7a-zA-Z]{11,16}" => ("cluster-", 'q', ""),
        "^([a-z]+-){2,3}\\d+$" => ("eu-west-", '1', ""),
        "^https://[a-zA-Z0-9.-]+$" => ("https://", 'h', ""),
        "^(com|eu)\\.amazonaws\\.vpce\\.([a-z]+-){2,3}\\d+\\.vpce-svc-[0-9a-z]+$" => {
            ("eu.amazonaws.vpce.us-gov-east-1.vpce-svc-", '0', "")
        }
        "^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$" => ("arn:aws:s3::111122223333:", 'b', ""),
        "^([A-Za-z0-9\\-]+)\\.([A-Za-z0-9\\-]+)(\\.[A-Za-z0-9\\-]+)+$" => ("s3.amazonaws.", 'c', ""),
        "^(/[a-zA-Z0-9\\/_-]+/kms/xks/v\\d{1,2})$|^(/kms/xks/v\\d{1,2})$" if length == 11 => ("", '/', "kms/xks/v1"),
        "^(/[a-zA-Z0-9\\/_-]+/kms/xks/v\\d{1,2})$|^(/kms/xks/v\\d{1,2})$" => ("/", 'p', "/kms/xks/v12"),
        _ => ("", 'a', ""),
    };
    let count = length.checked_sub(prefix.len() + suffix.len())?;
    // What is not the fixed part must be there, unless nothing is fixed.
    if count == 0 && !prefix.is_empty() {
        return None;
    }
    Some(format!("{prefix}{}{suffix}", String::from(fill).repeat(count)))
}

pub(crate) fn bytes(length: usize) -> Value {
    Base64::encode_string(&vec![7; length]).into()
}

/// A value of a shape or structure, with everything in it.
pub(crate) fn full(model: &Model, name: &str) -> Value {
    match (model.shapes.get(name), model.structures.get(name)) {
        (Some(shape), None) => of_shape(shape),
        (None, Some(members)) => members_of(model, members),
        _ => panic!("{name}"),
    }
}

/// An object with all members.
pub(crate) fn members_of(model: &Model, members: &[Member]) -> Value {
    let all = members.iter().map(|member| (member.name.to_owned(), of_type(model, &member.of)));
    Value::Object(all.collect::<Map<_, _>>())
}

fn of_type(model: &Model, of: &Type) -> Value {
    match of {
        Type::Named(name) => full(model, name),
        Type::Map => json!({"aws-crypto-public-key": "AxY=", "tenant": "\"4\u{e4}\n\""}),
        Type::List(name, _) => json!([full(model, name)]),
    }
}

fn of_shape(shape: &Shape) -> Value {
    let bounds = shape.bounds.unwrap_or((1, 20));
    match shape.kind {
        "string" => (bounds.0..=bounds.1).find_map(|length| text(shape.pattern, length.max(1))).unwrap().into(),
        "blob" => bytes(bounds.0 + 30),
        "integer" => bounds.1.into(),
        "boolean" => true.into(),
        "timestamp" => json!(1_764_062_620.125),
        "enum" => shape.values.last().copied().unwrap().into(),
        other => panic!("{other}"),
    }
}

/// A request that is right.
pub(crate) fn right(model: &Model, operation: &str) -> Value {
    let required = model.operations[operation].input.iter().filter(|member| member.is_required);
    let mut json = members_of(model, &required.cloned().collect::<Vec<_>>());
    let more = match operation {
        "CreateAlias" | "UpdateAlias" | "DeleteAlias" => json!({"AliasName": "alias/a"}),
        "CreateGrant" => json!({"GranteePrincipal": "arn:aws:iam::111122223333:root"}),
        "Decrypt" | "ReEncrypt" => json!({"CiphertextBlob": "AQ=="}),
        "GenerateDataKey" | "GenerateDataKeyWithoutPlaintext" | "GenerateRandom" => json!({"NumberOfBytes": 32}),
        "ImportKeyMaterial" => json!({"ValidTo": 1_764_062_620}),
        "ListRetirableGrants" => json!({"RetiringPrincipal": "arn:aws:iam::111122223333:root"}),
        "RetireGrant" => json!({"KeyId": "k", "GrantId": "g"}),
        _ => json!({}),
    };
    json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json
}

//! Every member of every request at its limits, one under and one over.

use serde_json::{Value, json};

use crate::calls::{refusal, request};
use crate::model::{Member, Model, Type};
use crate::samples::{bytes, full, right, text};

/// `KeyId` in errors: `keyId`.
fn camel(name: &str) -> String {
    name[..1].to_lowercase() + &name[1..]
}

/// Makes a request that is right, but for the value of one member.
type Put<'a> = &'a dyn Fn(Value) -> Value;

/// Calls `check` with the operation, where the member is, its definition, and how to make a request that has it.
fn each_member(model: &Model, check: &dyn Fn(&str, &str, &Member, Put<'_>)) {
    for (&operation, definition) in &model.operations {
        let base = right(model, operation);
        for member in &definition.input {
            let put = |value: Value| {
                let mut json = base.clone();
                json[member.name] = value;
                json
            };
            check(operation, &camel(member.name), member, &put);
            let (structure, in_list) = match &member.of {
                Type::Named(name) => (name, false),
                Type::List(name, _) => (name, true),
                Type::Map => continue,
            };
            for inner in model.structures.get(structure).into_iter().flatten() {
                let put = |value: Value| {
                    let mut outer = full(model, structure);
                    outer[inner.name] = value;
                    put(if in_list { json!([outer]) } else { outer })
                };
                let between = if in_list { ".1.member." } else { "." };
                let at = format!("{}{between}{}", camel(member.name), camel(inner.name));
                check(operation, &at, inner, &put);
            }
        }
    }
}

/// That the member, and nothing else, is found wrong, for that reason among others.
fn refused(operation: &str, at: &str, json: &Value, constraint: &str) {
    let message = refusal(operation, json);
    assert!(message.contains("validation error"), "{operation} {at} {constraint}: {message}");
    for part in message.split_once(" detected: ").unwrap().1.split("; Value") {
        assert!(part.contains(&format!(" at '{at}' failed to satisfy constraint: ")), "{operation} {at}: {message}");
    }
    assert!(message.contains(constraint), "{operation} {at} {constraint}: {message}");
}

/// That no member is found wrong by itself.
fn passes(operation: &str, at: &str, json: &Value) {
    let message = refusal(operation, json);
    assert!(!message.contains("failed to satisfy"), "{operation} {at}: {message}");
}

#[test]
fn samples_are_right() {
    let model = Model::read();
    for &operation in model.operations.keys() {
        let seen = request(operation, &right(&model, operation)).unwrap();
        // Of the names that the model ends with, some do not go together: those are not sent.
        assert_eq!(seen.validated, Ok(()), "{operation}");
    }
}

#[test]
fn required_members_must_be_there() {
    let model = Model::read();
    let inputs = model.operations.values().flat_map(|operation| &operation.input);
    assert_eq!(inputs.filter(|member| member.is_required).count(), 80);
    each_member(&model, &|operation, at, member, put| {
        if member.is_required {
            refused(operation, at, &put(Value::Null), "Value null at");
            refused(operation, at, &put(Value::Null), "Member must not be null");
        } else if !matches!(
            (operation, member.name),
            ("Decrypt" | "ReEncrypt", "CiphertextBlob")
                | ("CreateGrant", "GranteePrincipal")
                | ("ListRetirableGrants", "RetiringPrincipal")
        ) {
            passes(operation, at, &put(Value::Null));
        }
    });
}

#[test]
fn texts_and_bytes_have_their_lengths() {
    let model = Model::read();
    each_member(&model, &|operation, at, member, put| {
        let Type::Named(name) = member.of else { return };
        let Some(shape) = model.shapes.get(name).filter(|shape| matches!(shape.kind, "string" | "blob")) else {
            return;
        };
        let Some((min, max)) = shape.bounds else { panic!("{name} has no bounds") };
        let value = |length| match shape.kind {
            "blob" => Some(put(bytes(length))),
            _ => text(shape.pattern, length).map(|text| put(text.into())),
        };
        let longest = format!("Member must have length less than or equal to {max}");
        let shortest = format!("Member must have length greater than or equal to {min}");
        passes(operation, at, &value(max).unwrap());
        refused(operation, at, &value(max + 1).unwrap(), &longest);
        if let Some(json) = value(min) {
            passes(operation, at, &json);
        }
        if let Some(under) = min.checked_sub(1) {
            let json = value(under).unwrap_or_else(|| put("a".repeat(under).into()));
            refused(operation, at, &json, &shortest);
        }
        let shown = refusal(operation, &value(max + 1).unwrap()).contains("Value at ");
        assert_eq!(shown, shape.is_sensitive || shape.kind == "blob" || name == "GrantTokenType", "{operation} {at}");
    });
}

#[test]
fn lengths_of_texts_are_in_characters() {
    let with = |count| json!({"KeyId": "k", "Description": "\u{1f511}".repeat(count)});
    passes("UpdateKeyDescription", "description", &with(8192));
    refused("UpdateKeyDescription", "description", &with(8193), "less than or equal to 8192");
}

#[test]
fn texts_match_their_patterns() {
    let model = Model::read();
    each_member(&model, &|operation, at, member, put| {
        let Type::Named(name) = member.of else { return };
        let Some(pattern) = model.shapes.get(name).and_then(|shape| shape.pattern) else { return };
        let bounds = model.shapes[name].bounds.unwrap();
        let length = (bounds.0..=bounds.1).find(|&length| length > 0 && text(Some(pattern), length).is_some()).unwrap();
        let right = text(Some(pattern), length).unwrap();
        passes(operation, at, &put(right.clone().into()));
        // In no pattern there is a character like this, at either end.
        for wrong in [format!("\u{100}{}", &right[1..]), format!("{}\u{100}", &right[..right.len() - 1])] {
            if pattern.ends_with(":.+$") && wrong.ends_with('\u{100}') {
                continue;
            }
            let constraint = format!("Member must satisfy regular expression pattern: {pattern}");
            refused(operation, at, &put(wrong.into()), &constraint);
        }
    });
}

#[test]
fn patterns_are_exact() {
    let keep = |operation: &str, member: &str, value: &str| {
        let model = Model::read();
        let mut json = right(&model, operation);
        json[member] = value.into();
        !refusal(operation, &json).contains("regular expression")
    };
    for (operation, member, right, wrong) in [
        ("CreateAlias", "AliasName", &["a:b/c_d-E9"][..], &["a b", "a.b", "\u{e4}"][..]),
        (
            "ReplicateKey",
            "ReplicaRegion",
            &["eu-central-1", "us-gov-east-12"],
            &["eu-1", "a-b-c-d-1", "eu--1", "eu-central-", "eu-central-1a", "EU-central-1", "eu-central1"],
        ),
        ("CreateGrant", "GranteePrincipal", &["arn:aws:iam::1:user/a+b=c,d.e@f"], &["a b", "a*", "a?"]),
        (
            "CreateGrant",
            "GranteeServicePrincipal",
            &["s3.amazonaws.com", "a.b.c.d-e"],
            &["s3.com", "a..b", "a.b.c.", "a.b._c"],
        ),
        ("PutKeyPolicy", "Policy", &["{\t\r\n\u{ff}}"], &["\u{100}", "\u{b}", "\0"]),
        ("PutKeyPolicy", "PolicyName", &["default_1"], &["a-b", "a b"]),
        ("ListKeys", "Marker", &[" ~\u{ff}"], &["\t", "\u{100}"]),
        ("DeleteImportedKeyMaterial", "KeyMaterialId", &[&"0a9f".repeat(16)], &[&"0A9f".repeat(16), &"0g".repeat(32)]),
        ("ImportKeyMaterial", "KeyMaterialDescription", &["", "a b\t:/_.-\n"], &["a,b", "\u{a0}"]),
        ("CreateKey", "XksKeyId", &["a-Z_9."], &["a/b", "a b"]),
        (
            "CreateCustomKeyStore",
            "CloudHsmClusterId",
            &["cluster-2345672abcZ"],
            &["cluster-0345672abcZ", "cluster-1345672abcZ", "Cluster-2345672abcZ", "cluster-2345672abc"],
        ),
        (
            "CreateCustomKeyStore",
            "XksProxyUriEndpoint",
            &["https://a.b-c"],
            &["http://abc.de", "https://", "https://a/b/c"],
        ),
        (
            "CreateCustomKeyStore",
            "XksProxyUriPath",
            &["/kms/xks/v1", "/a_b/c-d/kms/xks/v12"],
            &["kms/xks/v1", "/kms/xks/v", "/kms/xks/v123", "//kms/xks/v", "/a.b/kms/xks/v1", "a/kms/xks/v1"],
        ),
        (
            "CreateCustomKeyStore",
            "XksProxyVpcEndpointServiceName",
            &["com.amazonaws.vpce.us-east-1.vpce-svc-0a"],
            &[
                "org.amazonaws.vpce.us-east-1.vpce-svc-0a",
                "com.amazonaws.vpce.us-1.vpce-svc-0a",
                "com.amazonaws.vpce.us-east-1.vpce-svc-",
                "com.amazonaws.vpce.us-east-1.vpce-svc-A",
            ],
        ),
        ("CreateCustomKeyStore", "XksProxyVpcEndpointServiceOwner", &["000000000000"], &["00000000000a"]),
    ] {
        for value in right {
            assert!(keep(operation, member, value), "{member} {value:?}");
        }
        for value in wrong {
            assert!(!keep(operation, member, value), "{member} {value:?}");
        }
    }
    for (arn, fits) in [
        ("arn:aws:s3::111122223333:bucket", true),
        ("arn:aws-us-gov:ec2:us-east-1:111122223333:a:b/c", true),
        ("arn:aws:s3::11112222333:bucket", false),
        ("arn:aws:s3::111122223333:", false),
        ("arn:azure:s3::111122223333:bucket", false),
        ("arn:aws:::111122223333:bucket-long", false),
    ] {
        let json = json!({"KeyId": "k", "GranteePrincipal": "p", "Operations": ["Encrypt"], "Constraints": {"SourceArn": arn}});
        assert_eq!(refusal("CreateGrant", &json).is_empty(), fits, "{arn}");
    }
}

#[test]
fn numbers_have_their_ranges() {
    let model = Model::read();
    each_member(&model, &|operation, at, member, put| {
        let Type::Named(name) = member.of else { return };
        let Some(shape) = model.shapes.get(name).filter(|shape| shape.kind == "integer") else { return };
        let (min, max) = shape.bounds.unwrap();
        passes(operation, at, &put(min.into()));
        passes(operation, at, &put(max.into()));
        let under = format!(
            "Value '{}' at '{at}' failed to satisfy constraint: Member must have value greater than or equal to {min}",
            min - 1
        );
        refused(operation, at, &put((min - 1).into()), &under);
        refused(operation, at, &put((-1).into()), "greater than or equal to");
        let over = format!(
            "Value '{}' at '{at}' failed to satisfy constraint: Member must have value less than or equal to {max}",
            max + 1
        );
        refused(operation, at, &put((max + 1).into()), &over);
    });
}

#[test]
fn names_are_those_of_the_model() {
    let model = Model::read();
    each_member(&model, &|operation, at, member, put| {
        let (name, in_list) = match member.of {
            Type::Named(name) => (name, false),
            Type::List(name, _) => (name, true),
            Type::Map => return,
        };
        let Some(shape) = model.shapes.get(name).filter(|shape| shape.kind == "enum") else { return };
        let value = |text: &str| put(if in_list { json!([text]) } else { text.into() });
        for one in &shape.values {
            passes(operation, at, &value(one));
        }
        let set = format!("Member must satisfy enum value set: [{}]", shape.values.join(", "));
        let shown = if in_list { "Value '[RANDOM]' at" } else { "Value 'RANDOM' at" };
        refused(operation, at, &value("RANDOM"), &set);
        refused(operation, at, &value("RANDOM"), shown);
        refused(operation, at, &value(""), &set);
    });
}

#[test]
fn lists_have_their_sizes_and_so_have_their_elements() {
    let model = Model::read();
    each_member(&model, &|operation, at, member, put| {
        let Type::List(name, bounds) = member.of else { return };
        let element = full(&model, name);
        if let Some((min, max)) = bounds {
            let list = |count| put(Value::Array(vec![element.clone(); count]));
            passes(operation, at, &list(max));
            refused(operation, at, &list(max + 1), &format!("Member must have length less than or equal to {max}"));
            passes(operation, at, &list(min));
            if let Some(under) = min.checked_sub(1) {
                let shortest = format!("Member must have length greater than or equal to {min}");
                refused(operation, at, &list(under), &shortest);
            }
        }
        let Some((min, max)) = model.shapes.get(name).and_then(|shape| shape.bounds) else { return };
        let of = |length: usize| put(json!(["a".repeat(length.max(1)), "b".repeat(length)]));
        passes(operation, at, &of(max));
        passes(operation, at, &of(min));
        for length in [max + 1, min - 1] {
            let constraint = format!(
                "Member must satisfy constraint: [Member must have length less than or equal to {max}, \
                 Member must have length greater than or equal to {min}]"
            );
            refused(operation, at, &of(length), &constraint);
        }
    });
}

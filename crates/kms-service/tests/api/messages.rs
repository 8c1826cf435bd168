//! What requests are refused with, word for word. Answers that AWS KMS was seen to give are marked.

use kms_service::Exception;
use serde_json::{Value, json};

use crate::calls::request;
use crate::model::Model;
use crate::samples::right;

/// The exception and text of a request that is right, but for `change`.
fn refused(operation: &str, change: Value) -> (Exception, String) {
    let mut json = right(&Model::read(), operation);
    json.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let error = request(operation, &json).unwrap().validated.unwrap_err();
    (error.exception(), error.message().unwrap_or_default().to_owned())
}

fn accepted(operation: &str, change: Value) {
    let mut json = right(&Model::read(), operation);
    json.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    assert_eq!(request(operation, &json).unwrap().validated, Ok(()), "{operation} {change}");
}

fn check(exception: Exception, cases: &[(&str, Value, &str)]) {
    for (operation, change, message) in cases {
        assert_eq!(refused(operation, change.clone()), (exception, (*message).to_owned()));
    }
}

#[test]
fn single_members() {
    let one = "1 validation error detected: Value";
    check(
        Exception::Validation,
        &[
            // Recorded.
            (
                "GenerateRandom",
                json!({"NumberOfBytes": 0}),
                &format!(
                    "{one} '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1"
                ),
            ),
            // Recorded.
            (
                "GenerateRandom",
                json!({"NumberOfBytes": 1025}),
                &format!(
                    "{one} '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024"
                ),
            ),
            // Recorded.
            (
                "Encrypt",
                json!({"Plaintext": "AAAA".repeat(1366)}),
                &format!(
                    "{one} at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096"
                ),
            ),
            // Recorded.
            (
                "DeriveSharedSecret",
                json!({"KeyAgreementAlgorithm": "INVALID"}),
                &format!(
                    "{one} 'INVALID' at 'keyAgreementAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [ECDH]"
                ),
            ),
            // Recorded, with the names in another order.
            (
                "GenerateMac",
                json!({"MacAlgorithm": "INVALID"}),
                &format!(
                    "{one} 'INVALID' at 'macAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [HMAC_SHA_224, HMAC_SHA_256, HMAC_SHA_384, HMAC_SHA_512]"
                ),
            ),
            // Recorded, with the names of that time, in another order.
            (
                "CreateKey",
                json!({"KeySpec": "HMAC_random", "KeyUsage": "GENERATE_VERIFY_MAC"}),
                &format!(
                    "{one} 'HMAC_random' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [RSA_2048, RSA_3072, RSA_4096, ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_P521, ECC_SECG_P256K1, SYMMETRIC_DEFAULT, HMAC_224, HMAC_256, HMAC_384, HMAC_512, SM2, ML_DSA_44, ML_DSA_65, ML_DSA_87, ECC_NIST_EDWARDS25519, ML_KEM_512, ML_KEM_768, ML_KEM_1024]"
                ),
            ),
            // Recorded, with the names of that time, in another order.
            (
                "CreateKey",
                json!({"KeyUsage": "RANDOM"}),
                &format!(
                    "{one} 'RANDOM' at 'keyUsage' failed to satisfy constraint: Member must satisfy enum value set: [SIGN_VERIFY, ENCRYPT_DECRYPT, GENERATE_VERIFY_MAC, KEY_AGREEMENT, ENCAPSULATE_DECAPSULATE]"
                ),
            ),
            // Recorded.
            (
                "TagResource",
                json!({"Tags": [{"TagKey": "a", "TagValue": "x".repeat(257)}]}),
                &format!(
                    "{one} '{}' at 'tags.1.member.tagValue' failed to satisfy constraint: Member must have length less than or equal to 256",
                    "x".repeat(257)
                ),
            ),
            // Recorded.
            (
                "TagResource",
                json!({"Tags": [{"TagKey": "x".repeat(129), "TagValue": ""}]}),
                &format!(
                    "{one} '{}' at 'tags.1.member.tagKey' failed to satisfy constraint: Member must have length less than or equal to 128",
                    "x".repeat(129)
                ),
            ),
            (
                "Encrypt",
                json!({"KeyId": null}),
                &format!("{one} null at 'keyId' failed to satisfy constraint: Member must not be null"),
            ),
            (
                "Decrypt",
                json!({"CiphertextBlob": null}),
                &format!("{one} null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null"),
            ),
            (
                "CreateGrant",
                json!({"GranteePrincipal": null}),
                &format!("{one} null at 'granteePrincipal' failed to satisfy constraint: Member must not be null"),
            ),
            (
                "CreateGrant",
                json!({"Operations": ["Encrypt", "Fly"]}),
                &format!(
                    "{one} '[Encrypt, Fly]' at 'operations' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [Decrypt, Encrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext, ReEncryptFrom, ReEncryptTo, Sign, Verify, GetPublicKey, CreateGrant, RetireGrant, DescribeKey, GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext, GenerateMac, VerifyMac, DeriveSharedSecret, Encapsulate, Decapsulate]]"
                ),
            ),
        ],
    );
}

#[test]
fn several_members() {
    let change = json!({"KeyId": null, "NumberOfBytes": 1025, "GrantTokens": vec!["t"; 11]});
    let expected = "3 validation errors detected: \
        Value null at 'keyId' failed to satisfy constraint: Member must not be null; \
        Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024; \
        Value at 'grantTokens' failed to satisfy constraint: Member must have length less than or equal to 10";
    assert_eq!(refused("GenerateDataKey", change), (Exception::Validation, expected.to_owned()));
    let expected = "2 validation errors detected: \
        Value '' at 'aliasName' failed to satisfy constraint: Member must have length greater than or equal to 1; \
        Value '' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$";
    assert_eq!(refused("CreateAlias", json!({"AliasName": ""})), (Exception::Validation, expected.to_owned()));
}

#[test]
fn no_more_than_a_hundred() {
    let wrong = vec![json!({"TagKey": "", "TagValue": ""}); 5000];
    let (exception, message) = refused("TagResource", json!({"Tags": wrong}));
    assert_eq!(exception, Exception::Validation);
    assert!(message.starts_with("100 validation errors detected: Value '' at 'tags.1.member.tagKey' failed"));
    assert!(message.len() < 20_000);
}

#[test]
fn lengths_of_data_keys() {
    let either = "Please specify either number of bytes or key spec.";
    check(
        Exception::Validation,
        &[
            // Recorded.
            ("GenerateRandom", json!({"NumberOfBytes": null}), "NumberOfBytes is required."),
            ("GenerateDataKey", json!({"NumberOfBytes": null}), either),
            ("GenerateDataKey", json!({"KeySpec": "AES_256"}), either),
            ("GenerateDataKeyWithoutPlaintext", json!({"NumberOfBytes": null}), either),
            ("GenerateDataKeyWithoutPlaintext", json!({"KeySpec": "AES_128"}), either),
        ],
    );
    accepted("GenerateDataKey", json!({"NumberOfBytes": null, "KeySpec": "AES_256"}));
    accepted("GenerateDataKeyWithoutPlaintext", json!({"NumberOfBytes": null, "KeySpec": "AES_128"}));
}

#[test]
fn usages_of_keys() {
    let required = "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.";
    let both = "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.";
    check(
        Exception::Validation,
        &[
            // Recorded.
            ("CreateKey", json!({"KeySpec": "HMAC_256"}), required),
            ("CreateKey", json!({"CustomerMasterKeySpec": "RSA_2048"}), required),
            // Recorded.
            (
                "CreateKey",
                json!({"KeySpec": "RSA_2048", "KeyUsage": "KEY_AGREEMENT"}),
                "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048",
            ),
            (
                "CreateKey",
                json!({"KeyUsage": "SIGN_VERIFY"}),
                "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT",
            ),
            (
                "CreateKey",
                json!({"CustomerMasterKeySpec": "ECC_SECG_P256K1", "KeyUsage": "KEY_AGREEMENT"}),
                "KeyUsage KEY_AGREEMENT is not compatible with KeySpec ECC_SECG_P256K1",
            ),
            (
                "CreateKey",
                json!({"KeySpec": "RSA_2048", "CustomerMasterKeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}),
                both,
            ),
        ],
    );
    accepted("CreateKey", json!({"KeySpec": "SYMMETRIC_DEFAULT"}));
    accepted("CreateKey", json!({"CustomerMasterKeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"}));
    accepted("CreateKey", json!({"KeySpec": "ECC_NIST_P521", "KeyUsage": "KEY_AGREEMENT"}));
}

#[test]
fn digests() {
    for (algorithm, length) in [
        ("RSASSA_PSS_SHA_256", 32),
        ("RSASSA_PSS_SHA_384", 48),
        ("RSASSA_PSS_SHA_512", 64),
        ("RSASSA_PKCS1_V1_5_SHA_256", 32),
        ("RSASSA_PKCS1_V1_5_SHA_384", 48),
        ("RSASSA_PKCS1_V1_5_SHA_512", 64),
        ("ECDSA_SHA_256", 32),
        ("ECDSA_SHA_384", 48),
        ("ECDSA_SHA_512", 64),
    ] {
        for operation in ["Sign", "Verify"] {
            let digest = |length| json!({"Message": crate::samples::bytes(length), "MessageType": "DIGEST", "SigningAlgorithm": algorithm});
            accepted(operation, digest(length));
            for length in [length - 1, length + 1] {
                // Recorded.
                let message = format!("Digest is invalid length for algorithm {algorithm}.");
                assert_eq!(refused(operation, digest(length)), (Exception::Validation, message));
            }
            let mut raw = digest(5);
            raw["MessageType"] = "RAW".into();
            accepted(operation, raw);
        }
    }
}

#[test]
fn expirations_of_key_material() {
    // Recorded.
    let must = "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES";
    let must_not = "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE";
    check(
        Exception::Validation,
        &[
            ("ImportKeyMaterial", json!({"ValidTo": null}), must),
            ("ImportKeyMaterial", json!({"ValidTo": null, "ExpirationModel": "KEY_MATERIAL_EXPIRES"}), must),
            ("ImportKeyMaterial", json!({"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}), must_not),
        ],
    );
    accepted("ImportKeyMaterial", json!({"ExpirationModel": "KEY_MATERIAL_EXPIRES"}));
    accepted("ImportKeyMaterial", json!({"ValidTo": null, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}));
}

#[test]
fn tags() {
    let tag = |key: &str| json!({"TagKey": key, "TagValue": ""});
    let many = |count: usize| Value::Array((0..count).map(|number| tag(&number.to_string())).collect());
    for operation in ["TagResource", "CreateKey", "ReplicateKey"] {
        check(
            Exception::Tag,
            &[
                // Recorded, the three of them.
                (operation, json!({"Tags": [tag("a"), tag("b"), tag("a")]}), "Duplicate tag keys"),
                (operation, json!({"Tags": many(51)}), "Too many tags"),
                (operation, json!({"Tags": [tag("aws:a")]}), "Tags beginning with aws: are reserved"),
                (operation, json!({"Tags": [tag("AwS:")]}), "Tags beginning with aws: are reserved"),
            ],
        );
        accepted(operation, json!({"Tags": many(50)}));
        accepted(operation, json!({"Tags": [tag("aws"), tag("Aws"), tag("\u{e4}\u{e4}\u{e4}"), tag(" aws:")]}));
    }
}

#[test]
fn alias_names() {
    // Recorded.
    let prefix = "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html";
    for operation in ["CreateAlias", "UpdateAlias", "DeleteAlias"] {
        check(
            Exception::Validation,
            &[
                (operation, json!({"AliasName": "fakealias"}), prefix),
                (operation, json!({"AliasName": "Alias/a"}), prefix),
            ],
        );
    }
    check(Exception::InvalidAliasName, &[("CreateAlias", json!({"AliasName": "alias/"}), "")]);
    accepted("CreateAlias", json!({"AliasName": format!("alias/{}", "a".repeat(250))}));
}

#[test]
fn dry_runs_without_ciphertext() {
    let ignore = json!({"CiphertextBlob": null, "DryRun": true, "DryRunModifiers": ["IGNORE_CIPHERTEXT"]});
    for (operation, key_id, field) in [("Decrypt", "KeyId", "keyId"), ("ReEncrypt", "SourceKeyId", "sourceKeyId")] {
        let null = |field| {
            let message = format!(
                "1 validation error detected: Value null at '{field}' failed to satisfy constraint: Member must not be null"
            );
            (Exception::Validation, message)
        };
        assert_eq!(refused(operation, ignore.clone()), null(field));
        let mut change = ignore.clone();
        change[key_id] = "k".into();
        accepted(operation, change.clone());
        change["DryRun"] = false.into();
        assert_eq!(refused(operation, change), null("ciphertextBlob"));
    }
}

#[test]
fn grants() {
    let pairs = |count: usize| (0..count).map(|n| (n.to_string(), Value::from(""))).collect::<serde_json::Map<_, _>>();
    for member in ["EncryptionContextSubset", "EncryptionContextEquals"] {
        accepted("CreateGrant", json!({"Constraints": {member: pairs(8)}}));
        accepted("CreateGrant", json!({"Constraints": {member: {"a": "\u{e4}".repeat(384)}}}));
        assert_eq!(refused("CreateGrant", json!({"Constraints": {member: pairs(9)}})).0, Exception::Validation);
        let long = json!({"Constraints": {member: {"a": "a".repeat(385)}}});
        assert_eq!(refused("CreateGrant", long).0, Exception::Validation);
    }
    let service = "s3.amazonaws.com";
    accepted("CreateGrant", json!({"GranteePrincipal": null, "GranteeServicePrincipal": service}));
    accepted("ListRetirableGrants", json!({"RetiringPrincipal": null, "RetiringServicePrincipal": service}));
    for (operation, change) in [
        ("CreateGrant", json!({"GranteeServicePrincipal": service})),
        ("CreateGrant", json!({"RetiringPrincipal": "p", "RetiringServicePrincipal": service})),
        ("ListRetirableGrants", json!({"RetiringServicePrincipal": service})),
        ("ListRetirableGrants", json!({"RetiringPrincipal": null})),
        ("RetireGrant", json!({"KeyId": null})),
        ("RetireGrant", json!({"GrantId": null})),
        ("RetireGrant", json!({"GrantToken": "t"})),
    ] {
        assert_eq!(refused(operation, change).0, Exception::Validation, "{operation}");
    }
    accepted("RetireGrant", json!({"KeyId": null, "GrantId": null, "GrantToken": "t"}));
}

#[test]
fn waiting_times_of_deletion() {
    for days in [7, 30] {
        accepted("ScheduleKeyDeletion", json!({"PendingWindowInDays": days}));
    }
    let message = "PendingWindowInDays must be between 7 and 30 (inclusive).";
    for days in [1, 6, 31, 365] {
        let change = json!({"PendingWindowInDays": days});
        assert_eq!(refused("ScheduleKeyDeletion", change), (Exception::Validation, message.to_owned()));
    }
}

//! The proxy of external key stores, as AWS KMS calls it.

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use crate::house::{ALICE, AWS, House, OTHER, config, start};
use crate::sign::{Answer, Signer, exchange};

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

fn about(operation: &str) -> Value {
    json!({
        "awsPrincipalArn": "arn:aws:iam::999988887777:user/Alice", "kmsOperation": operation,
        "kmsKeyArn": "arn:aws:kms:us-east-2:999988887777:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "kmsRequestId": "4112f4d6-db54-4af4-ae30-c55a22a8dfae", "kmsViaService": "ebs",
    })
}

fn encryption() -> Value {
    json!({
        "requestMetadata": about("Encrypt"), "plaintext": Base64::encode_string(b"a data key"),
        "encryptionAlgorithm": "AES_GCM", "additionalAuthenticatedData": Base64::encode_string(b"context"),
        "ciphertextDataIntegrityValueAlgorithm": "SHA_256",
    })
}

fn call(house: &House, signer: Signer, path: &str, body: &Value) -> Answer {
    signer.post(house.address, &format!("/acme/kms/xks/v1/{path}"), JSON, body)
}

#[track_caller]
fn refused(answer: &Answer, status: u16, name: &str) {
    assert_eq!((answer.status, answer.json()["errorName"].as_str()), (status, Some(name)), "{answer:?}");
    assert!(answer.head.contains("content-type: application/json"), "{answer:?}");
}

#[test]
fn aws_kms_makes_its_four_calls() {
    let house = House::open();
    let key = house.external_key();
    let done = |path: &str, body: &Value| {
        let answer = call(&house, AWS, path, body);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    let health = done("health", &json!({ "requestMetadata": about("KmsHealthCheck") }));
    assert_eq!(health["ekmFleetDetails"][0]["healthStatus"], "ACTIVE");
    let metadata = done(&format!("keys/{key}/metadata"), &json!({ "requestMetadata": about("DescribeKey") }));
    assert_eq!(metadata, json!({ "keySpec": "AES_256", "keyUsage": ["ENCRYPT", "DECRYPT"], "keyStatus": "ENABLED" }));
    let mut sealed = done(&format!("keys/{key}/encrypt"), &encryption());
    assert!(sealed.as_object_mut().unwrap().remove("ciphertextDataIntegrityValue").is_some());
    sealed["requestMetadata"] = about("Decrypt");
    sealed["encryptionAlgorithm"] = "AES_GCM".into();
    sealed["additionalAuthenticatedData"] = Base64::encode_string(b"context").into();
    let opened = done(&format!("keys/{key}/decrypt"), &sealed);
    assert_eq!(Base64::decode_vec(opened["plaintext"].as_str().unwrap()).unwrap(), b"a data key");
    sealed["additionalAuthenticatedData"] = Base64::encode_string(b"another").into();
    let wrong = call(&house, AWS, &format!("keys/{key}/decrypt"), &sealed);
    refused(&wrong, 400, "InvalidCiphertextException");

    let metrics = exchange(house.address, b"GET /metrics HTTP/1.1\r\nHost: kms\r\nConnection: close\r\n\r\n").body;
    for line in [
        "kms_xks_calls_total{call=\"Encrypt\",status=\"200\"} 1",
        "kms_xks_calls_total{call=\"Decrypt\",status=\"400\"} 1",
        "kms_xks_call_duration_seconds_count{call=\"Decrypt\"} 2",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    house.close();
}

#[test]
fn only_aws_kms_may_call_and_only_for_the_keys_of_the_account() {
    let house = House::open();
    let key = house.external_key();
    let path = format!("keys/{key}/encrypt");
    let wrong = [
        Signer { secret: "NotTheSecretThatThisAccessKeyIdHasInTheFile=", ..AWS },
        Signer { id: "NOBODY2TEN3AND4THIRTY5CHARS6", ..AWS },
        // An access key of the one service does not sign for the other, and a signature for the one is none for the other.
        Signer { service: "kms-xks-proxy", ..ALICE },
        Signer { service: "kms", ..AWS },
        OTHER,
    ];
    for signer in wrong {
        refused(&call(&house, signer, &path, &encryption()), 401, "AuthenticationFailedException");
        refused(&call(&house, signer, "health", &json!({})), 401, "AuthenticationFailedException");
    }
    let kms = AWS.ask(house.address, "ListKeys", &json!({}));
    assert_eq!(kms.json()["__type"], "InvalidSignatureException");
    let unsigned = format!(
        "POST /acme/kms/xks/v1/{path} HTTP/1.1\r\nHost: kms\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    refused(&exchange(house.address, unsigned.as_bytes()), 401, "AuthenticationFailedException");
    let signed = AWS.request(house.address, &format!("/acme/kms/xks/v1/{path}"), JSON, &encryption().to_string());
    let changed = String::from_utf8(signed).unwrap().replace("AES_GCM", "AES_CBC");
    refused(&exchange(house.address, changed.as_bytes()), 401, "AuthenticationFailedException");
    house.close();
}

#[test]
fn keys_that_cannot_be_used_and_paths_that_are_none() {
    let house = House::open();
    let (key, symmetric) = (house.external_key(), house.key("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"));
    let encrypt = |key: &str| call(&house, AWS, &format!("keys/{key}/encrypt"), &encryption());
    refused(&encrypt("1234abcd-12ab-34cd-56ef-1234567890ab"), 404, "KeyNotFoundException");
    refused(&encrypt(&symmetric), 400, "InvalidKeyUsageException");
    house.done("DisableKey", &json!({ "KeyId": key }));
    refused(&encrypt(&key), 400, "InvalidStateException");
    let metadata =
        call(&house, AWS, &format!("keys/{key}/metadata"), &json!({ "requestMetadata": about("DescribeKey") }));
    assert_eq!(metadata.json()["keyStatus"], "DISABLED");
    house.done("EnableKey", &json!({ "KeyId": key }));
    assert_eq!(encrypt(&key).status, 200);
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:user/Alice" }, "Action": "kms:*", "Resource": "*" },
    ]});
    house.done("PutKeyPolicy", &json!({ "KeyId": key, "Policy": policy.to_string() }));
    refused(&encrypt(&key), 403, "AccessDeniedException");

    for path in ["nothing", "keys/a/b", "health/"] {
        refused(&call(&house, AWS, path, &encryption()), 404, "InvalidUriPathException");
    }
    let elsewhere = AWS.post(house.address, "/kms/xks/v1/health", JSON, &encryption());
    assert_eq!(elsewhere.status, 404);
    for method in ["GET", "PUT", "DELETE"] {
        let request = format!(
            "{method} /acme/kms/xks/v1/health HTTP/1.1\r\nHost: kms\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        let answer = exchange(house.address, request.as_bytes());
        assert_eq!(answer.status, 405, "{answer:?}");
        assert!(answer.head.contains("allow: post"), "{answer:?}");
    }
    let mut long = encryption();
    long["plaintext"] = Base64::encode_string(&[0; 4301]).into();
    let long = call(&house, AWS, &format!("keys/{key}/encrypt"), &long);
    refused(&long, 501, "UnsupportedOperationException");
    house.close();
}

#[test]
fn without_an_account_there_is_no_proxy() {
    let mut config = config();
    config.xks.account = None;
    let complaint = start(&config).err().unwrap();
    assert_eq!(complaint.place, "xks.account");
    config.xks.enabled = false;
    let house = start(&config).unwrap();
    let answer = call(&house, AWS, "health", &json!({ "requestMetadata": about("KmsHealthCheck") }));
    assert_eq!((answer.status, &*answer.body), (404, "<UnknownOperationException/>\n"));
    house.close();
}

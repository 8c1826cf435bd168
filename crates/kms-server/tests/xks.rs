//! The proxy of external key stores, over a service.

#![expect(clippy::std_instead_of_alloc, reason = "tests have an operating system under them")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use base64ct::{Base64, Encoding};
use kms_core::primitives::hash::hash;
use kms_core::{Backend, Call, HashAlgorithm, Key, KeyId, KeySpec, KeyUsage, SystemRandom};
use kms_server::xks::{Proxy, XksException};
use kms_service::api::{self, CreateKeyRequest, DisableKeyRequest, KeyUsageType, PutKeyPolicyRequest};
use kms_service::{Caller, Policy, PolicyKind, Quotas, SealedStore, Service, ServiceBuilder};
use kms_soft::{SealedBackend, SoftBackend};
use kms_store::Memory;
use serde_json::{Value, json};

const ACCOUNT: &str = "111122223333";
const KEY_ARN: &str = "arn:aws:kms:us-east-2:999988887777:key/1234abcd-12ab-34cd-56ef-1234567890ab";

struct Desk {
    service: Service,
    proxy: Proxy,
    /// AWS KMS, as the proxy knows it.
    aws: Caller,
    root: Caller,
}

impl Desk {
    fn new() -> Self {
        let backend = SoftBackend::new(SystemRandom);
        let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
        let root = Key::new(
            backend.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &Call::default()).unwrap(),
        );
        let sealed = SealedStore::open(Arc::new(Memory::new()), &root).unwrap();
        let backend = SealedBackend::new(root, sealed.records(), SystemRandom).unwrap();
        let region = "eu-central-1".parse().unwrap();
        let builder = ServiceBuilder::new(sealed, Arc::new(backend)).regions([region]).quotas(Quotas::unlimited());
        let service = builder.build().unwrap();
        let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow",
            "Action":["kms:GenerateMac","kms:DescribeKey"],"Resource":"*"}}"#;
        let policy = Arc::new(Policy::parse(PolicyKind::Identity, policy).unwrap());
        let principal = format!("arn:aws:iam::{ACCOUNT}:user/aws-kms").parse().unwrap();
        let region = || "eu-central-1".parse().unwrap();
        Self {
            proxy: Proxy::new(service.clone()).prefix("/acme"),
            service,
            aws: Caller::new(principal, region()).with_policies([policy]),
            root: Caller::root(ACCOUNT.parse().unwrap(), region()),
        }
    }

    fn key(&self, spec: api::KeySpec, usage: KeyUsageType) -> String {
        let request =
            CreateKeyRequest { key_spec: Some(spec.into()), key_usage: Some(usage.into()), ..Default::default() };
        self.service.call(&self.root, &request).unwrap().key_metadata.key_id
    }

    fn external_key(&self) -> String {
        self.key(api::KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac)
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.proxy.answer(&format!("/acme/kms/xks/v1/{path}"), body.to_string().as_bytes(), &self.aws);
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    fn done(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.post(path, body);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    #[track_caller]
    fn refused(&self, path: &str, body: &Value, exception: XksException) -> String {
        let (status, answer) = self.post(path, body);
        assert_eq!((status, answer["errorName"].as_str()), (exception.status(), Some(exception.as_str())), "{answer}");
        let message = answer["errorMessage"].as_str().unwrap();
        assert!(message.len() < 512 && message.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{message}");
        message.to_owned()
    }
}

fn about(operation: &str) -> Value {
    json!({
        "awsPrincipalArn": "arn:aws:iam::999988887777:user/Alice", "kmsKeyArn": KEY_ARN, "kmsOperation": operation,
        "kmsRequestId": "4112f4d6-db54-4af4-ae30-c55a22a8dfae", "kmsViaService": "ebs", "later": {},
    })
}

fn b64(bytes: &[u8]) -> Value {
    Base64::encode_string(bytes).into()
}

fn bytes(value: &Value) -> Vec<u8> {
    Base64::decode_vec(value.as_str().unwrap()).unwrap()
}

fn encryption(plaintext: &[u8], additional: &[u8]) -> Value {
    json!({
        "requestMetadata": about("Encrypt"), "plaintext": b64(plaintext), "encryptionAlgorithm": "AES_GCM",
        "additionalAuthenticatedData": b64(additional), "ciphertextDataIntegrityValueAlgorithm": "SHA_256",
    })
}

/// The request that decrypts what an answer to an encryption holds.
fn decryption(answer: &Value, additional: &[u8]) -> Value {
    let mut request = answer.clone();
    request.as_object_mut().unwrap().remove("ciphertextDataIntegrityValue");
    request["requestMetadata"] = about("Decrypt");
    request["encryptionAlgorithm"] = "AES_GCM".into();
    request["additionalAuthenticatedData"] = b64(additional);
    request
}

#[test]
fn what_is_encrypted_is_decrypted() {
    let desk = Desk::new();
    let key = desk.external_key();
    for (len, additional) in [(0, 0), (1, 1), (32, 32), (4096, 100), (4300, 8192)] {
        let (plaintext, additional) = (vec![7; len], vec![9; additional]);
        let sealed = desk.done(&format!("keys/{key}/encrypt"), &encryption(&plaintext, &additional));
        let [ciphertext, metadata, iv, tag] =
            ["ciphertext", "ciphertextMetadata", "initializationVector", "authenticationTag"]
                .map(|name| bytes(&sealed[name]));
        assert_eq!((ciphertext.len(), metadata.len(), iv.len(), tag.len()), (len, 20, 16, 16));
        let all = [additional.as_slice(), &metadata, &iv, &ciphertext, &tag].concat();
        assert_eq!(bytes(&sealed["ciphertextDataIntegrityValue"]), hash(HashAlgorithm::Sha256, &all));
        let opened = desk.done(&format!("keys/{key}/decrypt"), &decryption(&sealed, &additional));
        assert_eq!(bytes(&opened["plaintext"]), plaintext);
    }
    let mut without = encryption(b"x", b"");
    for name in ["additionalAuthenticatedData", "ciphertextDataIntegrityValueAlgorithm"] {
        without.as_object_mut().unwrap().remove(name);
    }
    let one = desk.done(&format!("keys/{key}/encrypt"), &without);
    assert!(one.get("ciphertextDataIntegrityValue").is_none());
    let another = desk.done(&format!("keys/{key}/encrypt"), &without);
    assert_ne!(one["initializationVector"], another["initializationVector"]);
    assert_ne!(one["ciphertextMetadata"], another["ciphertextMetadata"]);
}

#[test]
fn what_was_changed_is_refused() {
    let desk = Desk::new();
    let (key, other) = (desk.external_key(), desk.external_key());
    let sealed = desk.done(&format!("keys/{key}/encrypt"), &encryption(b"secret", b"context"));
    let request = decryption(&sealed, b"context");
    let path = format!("keys/{key}/decrypt");
    for name in
        ["ciphertext", "ciphertextMetadata", "initializationVector", "authenticationTag", "additionalAuthenticatedData"]
    {
        let right = bytes(&request[name]);
        let changes = (0..right.len() * 8).map(|bit| {
            let mut wrong = right.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            wrong
        });
        let cuts = (0..right.len()).map(|len| right[..len].to_vec());
        for wrong in changes.chain(cuts).chain([[right.as_slice(), &[0]].concat()]) {
            let mut request = request.clone();
            request[name] = b64(&wrong);
            desk.refused(&path, &request, XksException::InvalidCiphertext);
        }
    }
    // The lengths are part of what is authenticated: bytes cannot move from the one to the other.
    let mut moved = request.clone();
    moved["additionalAuthenticatedData"] =
        b64(&[b"context".as_slice(), &bytes(&request["ciphertextMetadata"])].concat());
    moved.as_object_mut().unwrap().remove("ciphertextMetadata");
    desk.refused(&path, &moved, XksException::InvalidCiphertext);
    desk.refused(&format!("keys/{other}/decrypt"), &request, XksException::InvalidCiphertext);
    desk.done(&path, &request);
}

#[test]
fn keys_say_what_they_are() {
    let desk = Desk::new();
    let key = desk.external_key();
    let request = json!({ "requestMetadata": about("DescribeKey") });
    let answer = desk.done(&format!("keys/{key}/metadata"), &request);
    assert_eq!(answer, json!({ "keySpec": "AES_256", "keyUsage": ["ENCRYPT", "DECRYPT"], "keyStatus": "ENABLED" }));
    desk.service.call(&desk.root, &DisableKeyRequest { key_id: key.as_str().into() }).unwrap();
    assert_eq!(desk.done(&format!("keys/{key}/metadata"), &request)["keyStatus"], "DISABLED");
    desk.refused(&format!("keys/{key}/encrypt"), &encryption(b"x", b""), XksException::InvalidState);

    let symmetric = desk.key(api::KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt);
    let answer = desk.done(&format!("keys/{symmetric}/metadata"), &request);
    assert_eq!(answer["keyUsage"], json!([]));
    desk.refused(&format!("keys/{symmetric}/encrypt"), &encryption(b"x", b""), XksException::InvalidKeyUsage);
    for id in ["nothing", "alias.aws", "1234abcd-12ab-34cd-56ef-1234567890ab"] {
        desk.refused(&format!("keys/{id}/metadata"), &request, XksException::KeyNotFound);
    }
}

#[test]
fn health_is_that_of_the_keys() {
    let desk = Desk::new();
    // Of health, no principal is told.
    let request = json!({ "requestMetadata": { "kmsRequestId": "1", "kmsOperation": "KmsHealthCheck" } });
    let answer = desk.done("health", &request);
    assert_eq!(
        (&answer["xksProxyFleetSize"], &answer["ekmFleetDetails"][0]["healthStatus"]),
        (&1.into(), &"ACTIVE".into())
    );
    let key = desk.external_key();
    let deep = Desk { proxy: desk.proxy.clone().health_key(&key).fleet_size(3), ..desk };
    assert_eq!(deep.done("health", &request)["xksProxyFleetSize"], 3);
    deep.service.call(&deep.root, &DisableKeyRequest { key_id: key.as_str().into() }).unwrap();
    deep.refused("health", &request, XksException::InvalidState);
}

#[test]
fn a_policy_can_tie_an_external_key_to_one_kms_key() {
    let desk = Desk::new();
    let key = desk.external_key();
    let policy = |arn: &str| {
        json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") }, "Action": "kms:*", "Resource": "*" },
            { "Effect": "Deny", "Principal": "*", "Action": "kms:GenerateMac", "Resource": "*",
                "Condition": { "ArnNotEquals": { "aws:SourceArn": arn } } },
        ]})
        .to_string()
    };
    let put = |arn: &str| {
        let request =
            PutKeyPolicyRequest { key_id: key.as_str().into(), policy: policy(arn).into(), ..Default::default() };
        desk.service.call(&desk.root, &request).unwrap();
    };
    put(KEY_ARN);
    desk.done(&format!("keys/{key}/encrypt"), &encryption(b"x", b""));
    put("arn:aws:kms:us-east-2:999988887777:key/00000000-12ab-34cd-56ef-1234567890ab");
    desk.refused(&format!("keys/{key}/encrypt"), &encryption(b"x", b""), XksException::AccessDenied);
}

#[test]
fn what_is_no_request_is_refused() {
    let desk = Desk::new();
    let key = desk.external_key();
    let path = format!("keys/{key}/encrypt");
    let right = encryption(b"x", b"");
    for (member, wrong) in [
        ("plaintext", json!("*")),
        ("plaintext", json!(1)),
        ("encryptionAlgorithm", json!("AES_CBC")),
        ("ciphertextDataIntegrityValueAlgorithm", json!("SHA_1")),
        ("additionalAuthenticatedData", json!("===")),
        ("requestMetadata", json!({ "kmsRequestId": "1", "kmsOperation": "Encrypt" })),
        ("requestMetadata", json!({ "kmsRequestId": "", "kmsOperation": "Encrypt" })),
        ("requestMetadata", json!(null)),
    ] {
        let mut request = right.clone();
        request[member] = wrong;
        desk.refused(&path, &request, XksException::Validation);
    }
    for member in ["plaintext", "encryptionAlgorithm", "requestMetadata"] {
        let mut request = right.clone();
        request.as_object_mut().unwrap().remove(member);
        desk.refused(&path, &request, XksException::Validation);
    }
    desk.refused(&path, &encryption(&[0; 4301], b""), XksException::UnsupportedOperation);
    desk.refused(&path, &encryption(b"", &[0; 8193]), XksException::UnsupportedOperation);
    // What AWS KMS may call its operations in the future is no concern of the proxy.
    let mut request = right;
    request["requestMetadata"]["kmsOperation"] = "BulkEncrypt".into();
    desk.done(&path, &request);
    for path in
        ["", "keys", "health/", "keys//metadata", "keys/a/b", "keys/a%20b/encrypt", "keys/a/encrypt/", "nothing"]
    {
        desk.refused(path, &request, XksException::InvalidUriPath);
    }
    let elsewhere = desk.proxy.answer("/other/kms/xks/v1/health", b"{}", &desk.aws);
    assert_eq!(elsewhere.status, 404);
    assert_eq!(desk.proxy.operation(&format!("/acme/kms/xks/v1/{path}")), Some("Encrypt"));
}

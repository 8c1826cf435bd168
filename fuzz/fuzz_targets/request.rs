//! Requests: whatever a client sends, to any operation, is answered or refused, and never a fault of the server.
//!
//! An input is requests with zeros between them, which no JSON has: a byte that chooses the operation, and the body. The
//! service is made anew for each input, with keys that inputs name by their aliases, or as `$aes` where an id is needed.

#![no_main]

use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::sync::Arc;

use kms_core::{Backend, Call, Key, KeyId, KeySpec, KeyUsage, SystemRandom};
use kms_server::wire::{self, Reply};
use kms_service::api::Operation;
use kms_service::{Caller, Quotas, SealedStore, Service, ServiceBuilder};
use kms_soft::{SealedBackend, SoftBackend};
use kms_store::Memory;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// The keys there are.
const KEYS: [(&str, &str); 4] = [
    ("alias/aes", r#"{"MultiRegion":true}"#),
    ("alias/mac", r#"{"KeySpec":"HMAC_256","KeyUsage":"GENERATE_VERIFY_MAC"}"#),
    ("alias/ecc", r#"{"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY"}"#),
    ("alias/import", r#"{"Origin":"EXTERNAL"}"#),
];

fn caller() -> Caller {
    Caller::root("111122223333".parse().unwrap(), "eu-central-1".parse().unwrap())
}

/// A service, and the ids of its keys.
fn service() -> (Service, Vec<String>) {
    let soft = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
    let root = soft.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &Call::default()).unwrap();
    let root = Key::new(root);
    let store = SealedStore::open(Arc::new(Memory::new()), &root).unwrap();
    let backend = SealedBackend::new(root, store.records(), SystemRandom).unwrap();
    let service = ServiceBuilder::new(store, Arc::new(backend))
        .regions(["eu-central-1", "us-east-1"].map(|region| region.parse().unwrap()))
        .quotas(Quotas::unlimited())
        .build()
        .unwrap();
    let make = |(alias, request): (&str, &str)| {
        let made = ask(&service, Operation::CreateKey, request.as_bytes());
        let id = made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
        let request = json!({"AliasName": alias, "TargetKeyId": id});
        ask(&service, Operation::CreateAlias, request.to_string().as_bytes());
        id
    };
    let ids = KEYS.into_iter().map(make).collect();
    (service, ids)
}

/// `$aes` becomes the id of `alias/aes`.
fn with_ids(body: &[u8], ids: &[String]) -> Vec<u8> {
    let Ok(text) = core::str::from_utf8(body) else { return body.to_vec() };
    let named = KEYS.iter().map(|(alias, _)| alias.replace("alias/", "$")).zip(ids);
    named.fold(text.to_owned(), |text, (name, id)| text.replace(&name, id)).into_bytes()
}

/// Without an audit log there is nothing to wait for.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("an answer that waits, without an audit log"),
    }
}

fn ask(service: &Service, operation: Operation, body: &[u8]) -> Value {
    let reply = match wire::submit(service, caller(), operation, body) {
        Ok(submission) => now(submission.here()),
        Err(error) => Reply::refusal(&error),
    };
    assert!(reply.status() < 500, "{operation}: {reply:?}");
    assert_eq!(reply.status() == 200, reply.exception().is_none());
    if reply.body().is_empty() { Value::Null } else { serde_json::from_slice(reply.body()).unwrap() }
}

fuzz_target!(|data: &[u8]| {
    // Making one takes seconds here, and reads nothing.
    let makes_rsa = |body: &[u8]| body.windows(4).any(|four| four == b"RSA_");
    let (service, ids) = service();
    for request in data.split(|&byte| byte == 0).take(8) {
        let Some((&chosen, body)) = request.split_first() else { continue };
        let body = with_ids(body, &ids);
        // Zero stands between requests.
        let operation = Operation::ALL[usize::from(chosen - 1) % Operation::ALL.len()];
        let makes_pair = matches!(
            operation,
            Operation::CreateKey
                | Operation::GenerateDataKeyPair
                | Operation::GenerateDataKeyPairWithoutPlaintext
                | Operation::GetParametersForImport
        );
        if !(makes_pair && makes_rsa(&body)) {
            ask(&service, operation, &body);
        }
    }
});

//! Every operation, with what nobody meant as a request.

use kms_server::wire::{self, Reply};
use kms_service::api::Operation;
use proptest::prelude::*;

use crate::house::{House, caller, service};

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_an_empty_request() {
    let house = House::open().await;
    for operation in Operation::ALL {
        for body in ["", "{}"] {
            let answer = house.ask(operation.as_str(), body).await;
            if answer.status != 200 {
                let (status, exception, _) = answer.refusal();
                assert_eq!(status, 400, "{operation}: {answer:?}");
                assert!(exception.ends_with("Exception"), "{operation}: {exception}");
            }
        }
    }
    assert_eq!(house.close().await.unfinished, 0);
}

/// JSON with the names and kinds of values that requests have.
fn json() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "KeyId",
        "Plaintext",
        "CiphertextBlob",
        "EncryptionContext",
        "GrantTokens",
        "NumberOfBytes",
        "KeySpec",
        "Tags",
        "Policy",
        "ValidTo",
        "Limit",
        "Marker",
        "AliasName",
        "Constraints",
        "DryRun",
        "Message",
        "Recipient",
        "x",
    ]);
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        Just("1e400".to_owned()),
        Just("-0.5".to_owned()),
        "\"[a-zA-Z0-9+/=:*]{0,24}\"",
        Just("\"\\ud800\"".to_owned()),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|list| format!("[{}]", list.join(","))),
            prop::collection::vec((name.clone(), inner), 0..5).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// Asks every operation for it.
fn ask_all(service: &kms_service::Service, body: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for &operation in Operation::ALL {
        assert_eq!(wire::operation(&format!("TrentService.{operation}")), Ok(operation));
        let reply = match wire::submit(service, caller(), operation, body) {
            Ok(submission) => runtime.block_on(submission.here()),
            Err(error) => Reply::refusal(&error),
        };
        assert!(reply.status() < 500, "{operation} of {}: {reply:?}", body.escape_ascii());
        assert_eq!(reply.status() == 200, reply.exception().is_none());
    }
}

#[test]
fn no_body_is_a_fault_of_the_server() {
    let service = service();
    let cases = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(cases, |(body in prop::collection::vec(any::<u8>(), 0..300))| ask_all(&service, &body));
}

#[test]
fn no_json_is_a_fault_of_the_server() {
    let service = service();
    let cases = ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(cases, |(body in json())| ask_all(&service, body.as_bytes()));
}

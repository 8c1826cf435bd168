//! What fails at the endpoint or on the way there, and what comes of it here.

use std::net::TcpListener;
use std::time::Duration;

use kms_aws::{AwsClient, AwsKey, AwsOptions};
use kms_core::{Backend, Call, EncryptionContext, Error, ErrorKind, Key, KeySpec, KeyUsage, MasterKey};

use crate::endpoint::{Endpoint, Fault, REGION};

/// A symmetric key at the endpoint.
fn key_at(endpoint: &Endpoint, client: &AwsClient) -> AwsKey {
    let backend = kms_aws::AwsBackend::new(client.clone());
    let at = kms_core::Locator::new(kms_core::KeyId::from_bytes([1; 16]).into(), "alias/faults");
    backend.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &Call::default()).unwrap();
    let key = client.key("alias/faults", &Call::default()).unwrap();
    endpoint.asked();
    key
}

fn sealed(key: &AwsKey, call: &Call) -> Result<(), Error> {
    key.seal(b"x", &EncryptionContext::empty(), call).map(drop)
}

#[test]
fn throttled_and_lost_requests_are_sent_again() {
    let endpoint = Endpoint::start();
    let key = key_at(&endpoint, &endpoint.client());
    for fault in [
        Fault::Exception(400, "ThrottlingException"),
        Fault::Exception(500, "KMSInternalException"),
        Fault::Exception(503, "DependencyTimeoutException"),
        Fault::Lost,
    ] {
        endpoint.fail([fault; 2]);
        sealed(&key, &Call::default()).unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
        assert_eq!(endpoint.asked(), ["Encrypt"; 3], "{fault:?}");
    }
}

#[test]
fn what_no_pause_helps_is_not_sent_again() {
    let endpoint = Endpoint::start();
    let key = key_at(&endpoint, &endpoint.client());
    for (exception, kind) in [
        ("AccessDeniedException", ErrorKind::Unauthorized),
        ("DisabledException", ErrorKind::KeyUnavailable),
        ("IncorrectKeyException", ErrorKind::IncorrectKey),
        ("InvalidCiphertextException", ErrorKind::Rejected),
        ("InvalidKeyUsageException", ErrorKind::Unsupported),
        ("KMSInvalidStateException", ErrorKind::KeyUnavailable),
        ("NotFoundException", ErrorKind::KeyUnavailable),
        ("UnrecognizedClientException", ErrorKind::Unauthorized),
        ("ValidationException", ErrorKind::InvalidInput),
        ("NewException", ErrorKind::Internal),
    ] {
        endpoint.fail([Fault::Exception(400, exception)]);
        let error = sealed(&key, &Call::default()).unwrap_err();
        assert_eq!(error.kind(), kind, "{exception}: {error:?}");
        assert!(!error.is_transient() && !error.may_have_run(), "{exception}");
        assert_eq!(endpoint.asked(), ["Encrypt"], "{exception}");
        let says_which = error.detail().is_some_and(|detail| detail.contains(exception));
        assert_eq!(says_which, kind != ErrorKind::Rejected, "{error:?}");
    }
}

#[test]
fn trouble_that_stays_is_transient() {
    let endpoint = Endpoint::start();
    let client = AwsClient::new(&endpoint.options().with_max_attempts(2)).unwrap();
    let key = key_at(&endpoint, &client);
    endpoint.fail([Fault::Exception(400, "ThrottlingException"); 2]);
    let error = sealed(&key, &Call::default()).unwrap_err();
    assert!(error.kind() == ErrorKind::Busy && !error.may_have_run(), "{error:?}");
    assert_eq!(endpoint.faults_left(), 0, "it was tried twice");

    endpoint.fail([Fault::Exception(500, "KMSInternalException"); 2]);
    let error = sealed(&key, &Call::default()).unwrap_err();
    assert!(error.kind() == ErrorKind::Busy && error.may_have_run(), "{error:?}");

    endpoint.fail([Fault::Lost; 2]);
    let error = sealed(&key, &Call::default()).unwrap_err();
    assert!(error.kind() == ErrorKind::Disconnected && error.may_have_run(), "{error:?}");
}

#[test]
fn a_budget_ends_a_call_that_hangs() {
    let endpoint = Endpoint::start();
    let key = key_at(&endpoint, &endpoint.client());
    endpoint.fail([Fault::Hang]);
    let error = sealed(&key, &Call::default().with_budget(Duration::from_millis(200))).unwrap_err();
    assert!(error.kind() == ErrorKind::TimedOut && error.may_have_run(), "{error:?}");
    // The next one has a connection of its own.
    sealed(&key, &Call::default()).unwrap();
}

#[test]
fn pauses_are_within_the_budget() {
    let endpoint = Endpoint::start();
    let client = AwsClient::new(&endpoint.options().with_max_attempts(1000)).unwrap();
    let key = key_at(&endpoint, &client);
    endpoint.fail([Fault::Exception(400, "ThrottlingException"); 1000]);
    let error = sealed(&key, &Call::default().with_budget(Duration::from_millis(300))).unwrap_err();
    // Out of time, or out of the quota that the SDK has for retries.
    assert!(matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Busy), "{error:?}");
    assert!(endpoint.faults_left() > 900, "it did not go on behind the caller's back");
}

#[test]
fn no_time_is_no_request() {
    let endpoint = Endpoint::start();
    let key = key_at(&endpoint, &endpoint.client());
    let error = sealed(&key, &Call::default().with_budget(Duration::ZERO)).unwrap_err();
    assert!(error.kind() == ErrorKind::TimedOut && !error.may_have_run(), "{error:?}");
    assert!(endpoint.asked().is_empty());
}

#[test]
fn nobody_there_did_nothing() {
    // A port that was free just now.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = AwsOptions::new().with_endpoint_url(format!("http://{address}")).with_region(REGION);
    let client = AwsClient::new(&options.with_access_key("a", "b").with_max_attempts(1)).unwrap();
    let error = client.key("alias/a", &Call::default()).unwrap_err();
    assert!(error.kind() == ErrorKind::Disconnected && !error.may_have_run(), "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[test]
fn another_keys_answer_is_none() {
    let endpoint = Endpoint::start();
    let key = Key::new(std::sync::Arc::new(key_at(&endpoint, &endpoint.client())));
    let other =
        r#"{"KeyId":"arn:aws:kms:eu-central-1:111122223333:key/other","Plaintext":"c2VjcmV0","CiphertextBlob":"AAAA"}"#;
    let (context, call) = (EncryptionContext::empty(), Call::default());
    endpoint.fail([Fault::Answer(other); 3]);
    assert_eq!(key.decrypt(b"blob", &context, &call).unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(key.encrypt(b"x", &context, &call).unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(key.generate_data_key(6, &context, &call).unwrap_err().kind(), ErrorKind::Internal);
}

/// Neither a half of an answer nor what should not be there shows in an error.
#[test]
fn no_error_shows_an_answer() {
    let endpoint = Endpoint::start();
    let client = AwsClient::new(&endpoint.options().with_max_attempts(1)).unwrap();
    let key = key_at(&endpoint, &client);
    for answer in [
        r#"{"Plaintext":"c2VjcmV0IHNlY3JldA=="#,
        r#"{"Plaintext":"c2VjcmV0IHNlY3JldA=="}"#,
        r#"{"Plaintext":"c2VjcmV0IHNlY3JldA==","KeyId":7}"#,
    ] {
        endpoint.fail([Fault::Answer(answer)]);
        let error = key.open(b"blob", &EncryptionContext::empty(), &Call::default()).unwrap_err();
        let mut shown = format!("{error} {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(error) = source {
            shown.push_str(&format!("{error} {error:?}"));
            source = error.source();
        }
        for secret in ["c2VjcmV0", "secret", "99, 50, 86, 106"] {
            assert!(!shown.contains(secret), "{answer}: {shown}");
        }
    }
}

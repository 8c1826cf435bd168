//! Envelope messages under keys at an endpoint.

use std::sync::Arc;
use std::time::Duration;

use kms_aws::{Arn, AwsBackend, AwsClient, Discovery, DiscoveryFilter};
use kms_core::message::{
    self, CacheLimits, DataKeyCache, DecryptOptions, EncryptOptions, Header, KmsWrappingKey, WrappingKeys,
};
use kms_core::{Backend, Call, EncryptionContext, ErrorKind, Key, KeyId, KeySpec, KeyUsage, Locator, SystemRandom};

use crate::endpoint::{ACCOUNT, Endpoint, OTHER_REGION, REGION};

/// The ARN of a new key.
fn new_key(client: &AwsClient) -> Arn {
    let at = Locator::new(KeyId::random(&SystemRandom).unwrap().into(), "alias/messages");
    let backend = AwsBackend::new(client.clone());
    backend.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &Call::default()).unwrap();
    client.key("alias/messages", &Call::default()).unwrap().arn().clone()
}

fn wrapping(client: &AwsClient, arn: &Arn) -> KmsWrappingKey {
    KmsWrappingKey::new(arn.as_str(), Key::new(Arc::new(client.symmetric_key(arn).unwrap()))).unwrap()
}

fn options() -> EncryptOptions {
    EncryptOptions::new(EncryptionContext::new([("tenant", "42")]).unwrap())
}

#[test]
fn a_message_names_its_keys_and_takes_one_request_for_each() {
    let endpoint = Endpoint::start();
    let client = endpoint.client();
    let (here, there) = (new_key(&client), new_key(&client.in_region(OTHER_REGION)));
    endpoint.asked();
    let keys = WrappingKeys::new().with(wrapping(&client, &here)).with(wrapping(&client, &there));
    let message = message::encrypt(&keys, &options(), b"payload", &SystemRandom, &Call::default()).unwrap();
    assert_eq!(endpoint.asked(), ["GenerateDataKey", "Encrypt"]);
    let parsed = Header::parse(&message).unwrap();
    let message::Parsed::Complete(header) = parsed else { panic!("a whole message has a whole header") };
    let named: Vec<_> = header.encrypted_data_keys.iter().map(|key| (&*key.provider_id, &*key.provider_info)).collect();
    assert_eq!(named, [("aws-kms", here.as_str().as_bytes()), ("aws-kms", there.as_str().as_bytes())]);

    // With the second alone: the first is not asked.
    let reader = WrappingKeys::new().with(wrapping(&client, &there));
    let opened = message::decrypt(&reader, &DecryptOptions::new(), &message, &Call::default()).unwrap();
    assert_eq!(opened.plaintext.expose(), b"payload");
    assert_eq!(endpoint.asked(), ["Decrypt"]);
}

#[test]
fn discovery_asks_the_keys_that_its_filter_allows() {
    let endpoint = Endpoint::start();
    let client = endpoint.client();
    let there = new_key(&client.in_region(OTHER_REGION));
    assert_eq!((client.region(), there.region()), (REGION, OTHER_REGION));
    let message =
        message::encrypt(&wrapping(&client, &there), &options(), b"payload", &SystemRandom, &Call::default()).unwrap();
    let read = |filter: DiscoveryFilter| {
        let keys = WrappingKeys::new().with(Discovery::new(client.clone(), filter));
        message::decrypt(&keys, &DecryptOptions::new(), &message, &Call::default())
    };
    endpoint.asked();
    let none = read(DiscoveryFilter::new().with_account("444455556666")).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NoMatchingKey);
    let none = read(DiscoveryFilter::new().with_partition("aws-cn")).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NoMatchingKey);
    assert!(endpoint.asked().is_empty(), "a key that is not allowed is not asked");
    for filter in [DiscoveryFilter::new(), DiscoveryFilter::new().with_account(ACCOUNT).with_partition("aws")] {
        assert_eq!(read(filter).unwrap().plaintext.expose(), b"payload");
    }
    let keys = WrappingKeys::new().with(Discovery::new(client.clone(), DiscoveryFilter::new()));
    let refusal = message::encrypt(&keys, &options(), b"payload", &SystemRandom, &Call::default()).unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::Unsupported);
}

#[test]
fn a_cache_spares_requests() {
    let endpoint = Endpoint::start();
    let client = endpoint.client();
    let arn = new_key(&client);
    let limits = CacheLimits::new(Duration::from_secs(3600)).with_max_messages(3);
    let cache = DataKeyCache::new(wrapping(&client, &arn), limits, || Duration::ZERO);
    endpoint.asked();
    let mut messages = Vec::new();
    for _ in 0..4 {
        messages.push(message::encrypt(&cache, &options(), b"payload", &SystemRandom, &Call::default()).unwrap());
    }
    assert_eq!(endpoint.asked(), ["GenerateDataKey"; 2], "three messages under the first data key");
    for message in &messages {
        let opened = message::decrypt(&cache, &DecryptOptions::new(), message, &Call::default()).unwrap();
        assert_eq!(opened.plaintext.expose(), b"payload");
    }
    assert_eq!(endpoint.asked(), ["Decrypt"; 2], "once for each data key");
}

//! How often what may be asked for.

use std::sync::Arc;
use std::time::Duration;

use kms_core::{KeySpec as Spec, SystemRandom};
use kms_service::api::{
    ConnectCustomKeyStoreRequest, CreateCustomKeyStoreRequest, CreateKeyRequest, DescribeKeyRequest, EncryptRequest,
    KeySpec, KeyUsageType, ListKeysRequest, Operation, OriginType, ReEncryptRequest, ReplicateKeyRequest, SignRequest,
    SigningAlgorithmSpec, UpdateKeyDescriptionRequest,
};
use kms_service::quota::{Class, Throttle};
use kms_service::{Caller, Exception, Quotas};
use kms_soft::SoftBackend;

use crate::access::{key_policy, with_policy};
use crate::desk::{ACCOUNT, Desk, HERE, OTHER_ACCOUNT, THERE, account, refused, region, user};

const ALL: &str = r#"{"Effect":"Allow","Action":"kms:*","Resource":"*"}"#;
const TEXT: &str = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.";

fn with(quotas: Quotas) -> Desk {
    Desk::with(|builder| builder.quotas(quotas))
}

fn describe(key: &str) -> DescribeKeyRequest {
    DescribeKeyRequest { key_id: key.into(), ..Default::default() }
}

/// How many of so many calls are not throttled.
fn passed(calls: usize, mut call: impl FnMut() -> Result<(), kms_service::KmsError>) -> usize {
    (0..calls)
        .filter(|_| match call() {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error.exception(), Exception::Throttling, "{error}");
                assert_eq!(error.message(), Some(TEXT));
                false
            }
        })
        .count()
}

#[test]
fn the_defaults_are_those_of_aws() {
    use Operation as O;
    for (class, wanted) in [
        (Class::Rsa, 500.0),
        (Class::Ecc, 300.0),
        (Class::CustomKeyStore, 1_800.0),
        (Class::DataKeyPair(Spec::EccNistP256), 25.0),
        (Class::DataKeyPair(Spec::EccNistP384), 10.0),
        (Class::DataKeyPair(Spec::EccNistP521), 5.0),
        (Class::DataKeyPair(Spec::EccSecgP256k1), 25.0),
        (Class::DataKeyPair(Spec::Rsa2048), 1.0),
        (Class::DataKeyPair(Spec::Rsa3072), 0.5),
        (Class::DataKeyPair(Spec::Rsa4096), 0.1),
    ] {
        assert_eq!(class.aws_default().to_bits(), f64::to_bits(wanted), "{class:?}");
    }
    for (wanted, operations) in [
        (2_000.0, &[O::DescribeKey, O::GetPublicKey, O::ListResourceTags][..]),
        (1_000.0, &[O::GetKeyPolicy, O::GetKeyRotationStatus]),
        (500.0, &[O::ListKeys, O::ListAliases]),
        (100.0, &[O::ListGrants, O::ListKeyPolicies, O::ListRetirableGrants]),
        (50.0, &[O::CreateGrant]),
        (30.0, &[O::RetireGrant, O::RevokeGrant]),
        (15.0, &[O::DeleteAlias, O::EnableKeyRotation, O::PutKeyPolicy, O::ScheduleKeyDeletion]),
        (10.0, &[O::TagResource]),
        (0.25, &[O::GetParametersForImport]),
        (
            5.0,
            &[
                O::CancelKeyDeletion,
                O::CreateCustomKeyStore,
                O::ConnectCustomKeyStore,
                O::DescribeCustomKeyStores,
                O::DisconnectCustomKeyStore,
                O::UpdateCustomKeyStore,
                O::DeleteCustomKeyStore,
                O::CreateAlias,
                O::UpdateAlias,
                O::CreateKey,
                O::DeleteImportedKeyMaterial,
                O::DisableKey,
                O::EnableKey,
                O::DisableKeyRotation,
                O::ImportKeyMaterial,
                O::UntagResource,
                O::UpdateKeyDescription,
                O::ReplicateKey,
                O::UpdatePrimaryRegion,
            ],
        ),
    ] {
        for &operation in operations {
            assert_eq!(Class::Operation(operation).aws_default().to_bits(), f64::to_bits(wanted), "{operation:?}");
        }
    }
    // And they hold.
    let desk = with(Quotas::aws());
    assert_eq!(passed(8, || desk.ask(CreateKeyRequest::default()).map(drop)), 5);
    assert_eq!(desk.ask(ListKeysRequest::default()).unwrap().keys.len(), 5, "nothing was done over quota");
    desk.clock.advance(Duration::from_millis(400));
    assert_eq!(passed(8, || desk.ask(CreateKeyRequest::default()).map(drop)), 2);
}

#[test]
fn quotas_are_apart_by_account_region_and_class() {
    let quotas = Quotas::unlimited().with(Class::Symmetric, 3.0).with(Class::Ecc, 2.0);
    let desk = with(quotas.with(Class::Operation(Operation::DescribeKey), 1.0));
    let key = with_policy(
        &desk,
        &key_policy(&format!(
            r#"{{"Effect":"Allow","Principal":{{"AWS":"{OTHER_ACCOUNT}"}},"Action":"kms:*","Resource":"*"}}"#
        )),
    );
    let encrypt = |caller: &Caller, key: &str| desk.encrypt_as(caller, key, b"x").map(drop);
    assert_eq!(passed(6, || encrypt(&desk.caller, &key)), 3);
    let request = CreateKeyRequest {
        key_spec: Some(KeySpec::EccNistP256.into()),
        key_usage: Some(KeyUsageType::SignVerify.into()),
        ..Default::default()
    };
    let signer = desk.create(request).key_id;
    let sign = || SignRequest {
        key_id: signer.as_str().into(),
        message: kms_core::Secret::copy_from(b"x").into(),
        signing_algorithm: kms_service::api::Named::from(SigningAlgorithmSpec::EcdsaSha256).into(),
        ..Default::default()
    };
    assert_eq!(passed(6, || desk.ask(sign()).map(drop)), 2);
    assert_eq!(passed(6, || desk.ask(describe(&key)).map(drop)), 1);
    // For a key of another account, the account of whoever asks counts.
    let theirs = user(OTHER_ACCOUNT, "dan", ALL);
    assert_eq!(passed(6, || encrypt(&theirs, &key)), 3);
    let there = Caller::root(account(ACCOUNT), region(THERE));
    let other = desk.service.call(&there, &CreateKeyRequest::default()).unwrap().key_metadata.key_id;
    assert_eq!(passed(6, || encrypt(&there, &other)), 3);
    // What is denied or not there counts for nothing.
    desk.clock.advance(Duration::from_secs(1));
    let nobody = user(ACCOUNT, "nobody", r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#);
    for _ in 0..10 {
        refused(encrypt(&nobody, &key), Exception::AccessDenied, "explicit deny");
    }
    assert_eq!(passed(6, || encrypt(&desk.caller, &key)), 3);
}

#[test]
fn over_quota_nothing_is_changed() {
    let quotas = Quotas::unlimited().with(Class::Operation(Operation::UpdateKeyDescription), 1.0);
    let desk = with(quotas);
    let key = desk.key();
    let update =
        |text: &str| UpdateKeyDescriptionRequest { key_id: key.as_str().into(), description: text.to_owned().into() };
    desk.ask(update("first")).unwrap();
    refused(desk.ask(update("second")), Exception::Throttling, TEXT);
    let found = desk.ask(describe(&key)).unwrap().key_metadata;
    assert_eq!(found.description.as_deref(), Some("first"));
}

#[test]
fn a_replica_counts_in_its_region_as_two_new_keys() {
    let desk = with(Quotas::unlimited().with(Class::Operation(Operation::CreateKey), 5.0));
    let made: Vec<_> = (0..3)
        .map(|_| desk.create(CreateKeyRequest { multi_region: Some(true), ..Default::default() }).key_id)
        .collect();
    let replicate = |key: &str| {
        let request =
            ReplicateKeyRequest { key_id: key.into(), replica_region: THERE.to_owned().into(), ..Default::default() };
        desk.ask(request).map(drop)
    };
    replicate(&made[0]).unwrap();
    replicate(&made[1]).unwrap();
    refused(replicate(&made[2]), Exception::Throttling, TEXT);
    let there = Caller::root(account(ACCOUNT), region(THERE));
    assert_eq!(desk.service.call(&there, &ListKeysRequest::default()).unwrap().keys.len(), 2);
}

#[test]
fn throttling_can_be_asked_for() {
    let desk = Desk::new();
    let (one, two) = (with_policy(&desk, &key_policy("")), with_policy(&desk, &key_policy("")));
    let alice = user(ACCOUNT, "alice", ALL);
    let encrypt = |caller: &Caller, key: &str| {
        let plaintext = kms_core::Secret::copy_from(b"x").into();
        let request = EncryptRequest { key_id: key.into(), plaintext, ..Default::default() };
        desk.service.call(caller, &request).map(drop)
    };
    let rule = |set: fn(&mut Throttle)| {
        let mut rule = Throttle::default();
        set(&mut rule);
        rule
    };
    desk.service.throttle(vec![rule(|rule| rule.operation = Some(Operation::Encrypt))]);
    assert_eq!(passed(3, || encrypt(&alice, &one)), 0);
    desk.ask(describe(&one)).unwrap();
    let mut by_key = Throttle::default();
    by_key.key = Some(one.clone());
    desk.service.throttle(vec![by_key]);
    assert_eq!(passed(3, || encrypt(&alice, &one)), 0);
    assert_eq!(passed(3, || encrypt(&alice, &two)), 3);
    let mut by_principal = Throttle::default();
    by_principal.principal = Some(format!("arn:aws:iam::{ACCOUNT}:user/alice"));
    by_principal.times = Some(2);
    desk.service.throttle(vec![by_principal]);
    assert_eq!(passed(3, || encrypt(&desk.caller, &one)), 3);
    assert_eq!(passed(5, || encrypt(&alice, &one)), 3, "two are throttled, and then no more");
    desk.service.throttle(vec![rule(|rule| rule.operation = Some(Operation::CreateKey))]);
    refused(desk.ask(CreateKeyRequest::default()), Exception::Throttling, TEXT);
    assert_eq!(desk.ask(ListKeysRequest::default()).unwrap().keys.len(), 2);
    desk.service.throttle(Vec::new());
    desk.key();
}

/// A service, and a request for a key in its custom key store.
fn with_custom_key_store(quotas: Quotas) -> (Desk, CreateKeyRequest) {
    const CLUSTER: &str = "cluster-234567abcde";
    let hsm = Arc::new(SoftBackend::new(SystemRandom));
    let desk = Desk::with(|builder| builder.quotas(quotas).cluster(CLUSTER, hsm, Duration::from_secs(60)));
    let create: CreateCustomKeyStoreRequest = serde_json::from_value(serde_json::json!({
        "CustomKeyStoreName": "hsm", "CloudHsmClusterId": CLUSTER, "KeyStorePassword": "password",
        "TrustAnchorCertificate": "certificate",
    }))
    .unwrap();
    let store = desk.ask(create).unwrap().custom_key_store_id;
    desk.ask(ConnectCustomKeyStoreRequest { custom_key_store_id: store.as_str().into() }).unwrap();
    let request = CreateKeyRequest {
        origin: Some(OriginType::AwsCloudhsm.into()),
        custom_key_store_id: Some(store),
        ..Default::default()
    };
    (desk, request)
}

#[test]
fn a_custom_key_store_has_a_quota_of_its_own_on_top() {
    let quotas = Quotas::unlimited().with(Class::Symmetric, 10.0).with(Class::CustomKeyStore, 3.0);
    let (desk, request) = with_custom_key_store(quotas);
    let (inside, outside) = (desk.create(request).key_id, desk.key());
    let encrypt = |key: &str| desk.encrypt(key, b"x").map(drop);
    assert_eq!(passed(5, || encrypt(&inside)), 3);
    // Those that the store throttled were counted for the account before.
    assert_eq!(passed(10, || encrypt(&outside)), 5);
}

/// It is the store's, whoever asks, and for what its HSM does.
#[test]
fn the_quota_of_a_custom_key_store_is_shared_by_all_who_use_it() {
    let (desk, request) = with_custom_key_store(Quotas::unlimited().with(Class::CustomKeyStore, 4.0));
    let policy = key_policy(&format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"{OTHER_ACCOUNT}"}},"Action":"kms:*","Resource":"*"}}"#
    ));
    let key = desk.create(CreateKeyRequest { policy: Some(policy), ..request }).arn;
    assert_eq!(passed(10, || desk.ask(describe(&key)).map(drop)), 10, "the HSM has no part in that");
    let stranger = Caller::root(account(OTHER_ACCOUNT), region(HERE));
    assert_eq!(passed(3, || desk.encrypt_as(&stranger, &key, b"x").map(drop)), 3);
    assert_eq!(passed(3, || desk.encrypt(&key, b"x").map(drop)), 1);
    desk.clock.advance(Duration::from_secs(1));
    // Decrypts and encrypts.
    let sealed = desk.encrypt(&key, b"x").unwrap().ciphertext_blob;
    let again = || {
        desk.ask(ReEncryptRequest {
            ciphertext_blob: Some(sealed.clone()),
            destination_key_id: key.as_str().into(),
            ..Default::default()
        })
    };
    assert_eq!(passed(3, || again().map(drop)), 1);
}

/// What is refused before any other quota counts it has one as well: nobody can ask for ever what there is.
#[test]
fn refusals_are_counted() {
    let desk = with(Quotas::unlimited().with(Class::Refused, 3.0));
    let key = desk.key();
    let outcomes = |caller: &Caller, key: &str, calls: usize| {
        (0..calls).map(|_| desk.service.call(caller, &describe(key)).err().map(|error| error.exception())).collect()
    };
    let (all, nothing) =
        (user(ACCOUNT, "all", ALL), user(ACCOUNT, "none", r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#));
    let not_there = "00000000-0000-4000-8000-000000000000";
    let first: Vec<_> = outcomes(&all, not_there, 2);
    assert_eq!(first, [Some(Exception::NotFound); 2]);
    let then: Vec<_> = outcomes(&nothing, &key, 3);
    assert_eq!(then, [Some(Exception::AccessDenied), Some(Exception::Throttling), Some(Exception::Throttling)]);
    // The whole account waits, and no other.
    let waits: Vec<_> = outcomes(&all, &key, 1);
    assert_eq!(waits, [Some(Exception::Throttling)]);
    let stranger = Caller::root(account(OTHER_ACCOUNT), region(HERE));
    let other: Vec<_> = outcomes(&stranger, not_there, 1);
    assert_eq!(other, [Some(Exception::NotFound)]);
    desk.clock.advance(Duration::from_secs(1));
    let goes_on: Vec<_> = outcomes(&all, &key, 9);
    assert_eq!(goes_on, [None; 9]);
}

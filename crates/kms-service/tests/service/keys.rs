//! Keys: how they are made, named, described and listed, and in which order a request is checked.

use kms_core::Secret;
use kms_service::api::*;
use kms_service::quota::Throttle;
use kms_service::{Caller, Exception};

use crate::desk::{ACCOUNT, Desk, HERE, OTHER_ACCOUNT, THERE, account, refused, region, user};
use crate::kinds;

fn describe(name: &str) -> DescribeKeyRequest {
    DescribeKeyRequest { key_id: name.into(), ..Default::default() }
}

fn disable(name: &str) -> DisableKeyRequest {
    DisableKeyRequest { key_id: name.into() }
}

#[test]
fn a_new_key_is_what_was_asked_for() {
    let desk = Desk::new();
    for &(spec, usage) in kinds::ALL {
        let request = CreateKeyRequest {
            description: Some("for a test".into()),
            tags: vec![Tag::new("team", "keys")],
            ..kinds::of(spec, usage)
        };
        let key = desk.create(request);
        assert_eq!(desk.ask(describe(&key.key_id)).unwrap().key_metadata, key);
        assert_eq!(key.arn, format!("arn:aws:kms:{HERE}:{ACCOUNT}:key/{}", key.key_id));
        assert_eq!((key.key_spec, key.key_usage), (Some(spec), Some(usage)));
        assert_eq!((key.key_state, key.enabled), (Some(KeyState::Enabled), true));
        assert_eq!(key.description.as_deref(), Some("for a test"));
        assert_eq!(key.origin, Some(OriginType::AwsKms));
        assert_eq!(key.key_manager, Some(KeyManagerType::Customer));
        assert_eq!(key.multi_region, Some(false));
        assert_eq!(key.current_key_material_id.is_some(), spec == KeySpec::SymmetricDefault);
    }
    let old_form = CreateKeyRequest {
        customer_master_key_spec: Some(CustomerMasterKeySpec::Hmac384.into()),
        key_usage: Some(KeyUsageType::GenerateVerifyMac.into()),
        ..Default::default()
    };
    assert_eq!(desk.create(old_form).mac_algorithms, [MacAlgorithmSpec::HmacSha384]);
    let policy = desk.ask(GetKeyPolicyRequest { key_id: desk.key().into(), ..Default::default() }).unwrap().policy;
    assert!(policy.contains(&format!("arn:aws:iam::{ACCOUNT}:root")) && policy.contains("Enable IAM User Permissions"));
}

#[test]
fn what_does_not_go_together_is_refused() {
    let desk = Desk::new();
    let spec_alone = CreateKeyRequest { key_spec: Some(KeySpec::Hmac224.into()), ..Default::default() };
    refused(
        desk.ask(spec_alone),
        Exception::Validation,
        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
    );
    for (spec, usage) in [
        (KeySpec::Rsa2048, KeyUsageType::KeyAgreement),
        (KeySpec::SymmetricDefault, KeyUsageType::SignVerify),
        (KeySpec::EccSecgP256k1, KeyUsageType::KeyAgreement),
        (KeySpec::EccNistP256, KeyUsageType::EncryptDecrypt),
        (KeySpec::Hmac256, KeyUsageType::EncryptDecrypt),
    ] {
        let text = format!("KeyUsage {usage} is not compatible with KeySpec {spec}");
        refused(desk.ask(kinds::of(spec, usage)), Exception::Validation, &text);
    }
    let hmac = || kinds::of(KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac);
    let store = CreateKeyRequest { custom_key_store_id: Some("cks-1".into()), ..hmac() };
    refused(desk.ask(store), Exception::Validation, "CustomKeyStoreId");
    let xks = CreateKeyRequest { origin: Some(OriginType::ExternalKeyStore.into()), ..Default::default() };
    assert_eq!(desk.ask(xks).unwrap_err().exception(), Exception::UnsupportedOperation);
    assert!(desk.service.store().records().list().unwrap().is_empty(), "nothing was made");
}

#[test]
fn names_are_found_in_all_forms_that_an_operation_takes() {
    let desk = Desk::new();
    let key = desk.create(CreateKeyRequest::default());
    let alias = CreateAliasRequest { alias_name: "alias/name".into(), target_key_id: key.key_id.as_str().into() };
    desk.ask(alias).unwrap();
    let alias_arn = format!("arn:aws:kms:{HERE}:{ACCOUNT}:alias/name");
    for name in [&key.key_id, &key.arn, "alias/name", &alias_arn] {
        assert_eq!(desk.ask(describe(name)).unwrap().key_metadata.arn, key.arn);
        assert_eq!(desk.encrypt(name, b"x").unwrap().key_id, key.arn);
    }
    desk.ask(disable(&key.arn)).unwrap();
    for name in ["alias/name", &alias_arn] {
        refused(desk.ask(disable(name)), Exception::NotFound, &format!("Invalid keyId '{name}'"));
    }
}

#[test]
fn names_of_nothing_are_refused_in_the_words_of_aws() {
    let desk = Desk::new();
    let key = desk.create(CreateKeyRequest::default());
    for name in ["fake-key-id", "134f2428cec14b25a1ae9048164dba47", "mrk-fake-key-id", "key_id"] {
        refused(desk.ask(describe(name)), Exception::NotFound, &format!("Invalid keyId '{name}'"));
    }
    let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let arn = format!("arn:aws:kms:{HERE}:{ACCOUNT}:key/{id}");
    for name in [id, &arn] {
        refused(desk.ask(describe(name)), Exception::NotFound, &format!("Key '{arn}' does not exist"));
    }
    let as_multi_region = format!("mrk-{}", key.key_id.replace('-', ""));
    refused(desk.ask(describe(&as_multi_region)), Exception::NotFound, "does not exist");
    let there = key.arn.replace(HERE, THERE);
    refused(desk.ask(describe(&there)), Exception::NotFound, &format!("Invalid arn {THERE}"));
    refused(desk.ask_in(THERE, describe(&key.arn)), Exception::NotFound, &format!("Invalid arn {HERE}"));
    refused(desk.ask_in(THERE, describe(&key.key_id)), Exception::NotFound, "does not exist");
    for name in ["arn:aws:kms", "arn:aws:s3:::bucket/key-of-it", "arn:aws:kms:eu-central-1:111122223333:key/x"] {
        assert_eq!(desk.ask(describe(name)).unwrap_err().exception(), Exception::InvalidArn, "{name}");
    }
    let alias_arn = format!("arn:aws:kms:{HERE}:{ACCOUNT}:alias/none");
    for name in ["alias/none", &alias_arn] {
        refused(desk.ask(describe(name)), Exception::NotFound, &format!("Alias {alias_arn} is not found."));
    }
}

#[test]
fn a_key_of_another_account_is_no_different_from_none() {
    let desk = Desk::new();
    let key = desk.create(CreateKeyRequest::default());
    let stranger = Caller::root(account(OTHER_ACCOUNT), region(HERE));
    let none = key.arn.replace(&key.key_id, "1234abcd-12ab-34cd-56ef-1234567890ab");
    let words = |arn: &str| {
        let error = desk.service.call(&stranger, &describe(arn)).unwrap_err();
        assert_eq!(error.exception(), Exception::AccessDenied);
        let (text, _) = error.message().unwrap().split_once(" because ").unwrap();
        text.replace(arn, "ARN")
    };
    assert_eq!(words(&key.arn), words(&none));
    let by_id = desk.service.call(&stranger, &describe(&key.key_id));
    refused(by_id, Exception::NotFound, &format!("arn:aws:kms:{HERE}:{OTHER_ACCOUNT}:key/{}", key.key_id));
}

#[test]
fn lists_go_on_where_they_ended_whatever_happens_in_between() {
    let desk = Desk::new();
    let mut keys: Vec<_> = (0..7).map(|_| desk.key()).collect();
    keys.sort();
    desk.ask_in(THERE, CreateKeyRequest::default()).unwrap();
    let page =
        |marker: Option<String>, limit| desk.ask(ListKeysRequest { limit: Some(limit), marker, ..Default::default() });
    let ids = |page: &ListKeysResponse| page.keys.iter().map(|key| key.key_id.clone()).collect::<Vec<_>>();
    let all = page(None, 1000).unwrap();
    assert_eq!((ids(&all), all.truncated, all.next_marker), (keys.clone(), false, None));
    let first = page(None, 3).unwrap();
    assert_eq!(ids(&first), keys[..3]);
    assert!(first.truncated);
    // The key that the page ended with is deleted, and others come.
    let doomed = ScheduleKeyDeletionRequest { key_id: keys[2].as_str().into(), pending_window_in_days: Some(7) };
    desk.ask(doomed).unwrap();
    for _ in 0..2 {
        desk.clock.advance(kms_service::time::DAY * 8);
        desk.service.run_due().unwrap();
    }
    let new: Vec<_> = (0..4).map(|_| desk.key()).collect();
    let mut rest = Vec::new();
    let mut marker = first.next_marker.clone();
    while let Some(next) = marker {
        let page = page(Some(next), 2).unwrap();
        assert!(page.keys.len() <= 2);
        assert_eq!(page.truncated, page.next_marker.is_some());
        rest.extend(ids(&page));
        marker = page.next_marker;
    }
    let mut wanted: Vec<_> = keys[3..].iter().chain(new.iter().filter(|id| **id > keys[2])).cloned().collect();
    wanted.sort();
    assert_eq!(rest, wanted);

    for wrong in ["wrong", "QUJDRA"] {
        assert_eq!(page(Some(wrong.into()), 2).unwrap_err().exception(), Exception::InvalidMarker);
    }
    let of_another_list = ListAliasesRequest { marker: first.next_marker.clone(), ..Default::default() };
    assert_eq!(desk.ask(of_another_list).unwrap_err().exception(), Exception::InvalidMarker);
    let of_another_region = ListKeysRequest { marker: first.next_marker, ..Default::default() };
    assert_eq!(desk.ask_in(THERE, of_another_region).unwrap_err().exception(), Exception::InvalidMarker);
    refused(page(None, 0), Exception::Validation, "Member must have value greater than or equal to 1");
    refused(page(None, 1001), Exception::Validation, "Member must have value less than or equal to 1000");
}

#[test]
fn descriptions_change() {
    let desk = Desk::new();
    let key = desk.key();
    let set =
        |text: &str| desk.ask(UpdateKeyDescriptionRequest { key_id: key.as_str().into(), description: text.into() });
    for text in ["new", "", &"ü".repeat(8192)] {
        set(text).unwrap();
        assert_eq!(desk.ask(describe(&key)).unwrap().key_metadata.description.as_deref(), Some(text));
    }
    refused(set(&"x".repeat(8193)), Exception::Validation, "less than or equal to 8192");
}

/// Each request fails for all reasons from one on, and is told the first.
#[test]
fn checks_come_in_the_order_of_aws() {
    let desk = Desk::new();
    let hmac = kinds::of(KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac);
    let key = desk.create(hmac);
    let denied = user(ACCOUNT, "nobody", r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#);
    let request = |key: &str, len| EncryptRequest {
        key_id: key.into(),
        plaintext: Secret::zeroed(len).into(),
        dry_run: Some(true),
        ..Default::default()
    };
    let told = |caller: &Caller, key: &str, len| desk.service.call(caller, &request(key, len)).unwrap_err().exception();
    desk.ask(disable(&key.key_id)).unwrap();
    desk.service.throttle(vec![Throttle::default()]);
    assert_eq!(told(&denied, "nonsense", 4097), Exception::Validation, "the shape");
    assert_eq!(told(&denied, "nonsense", 1), Exception::NotFound, "the key");
    assert_eq!(told(&denied, &key.key_id, 1), Exception::AccessDenied, "the permission");
    assert_eq!(told(&desk.caller, &key.key_id, 1), Exception::Throttling, "the quota");
    desk.service.throttle(Vec::new());
    assert_eq!(told(&desk.caller, &key.key_id, 1), Exception::Disabled, "the state");
    desk.ask(EnableKeyRequest { key_id: key.key_id.as_str().into() }).unwrap();
    assert_eq!(told(&desk.caller, &key.key_id, 1), Exception::InvalidKeyUsage, "the usage");
    assert_eq!(told(&desk.caller, &desk.key(), 1), Exception::DryRunOperation, "nothing else");
}

#[test]
fn default_keys_are_made_when_they_are_first_used_and_are_nobodys_to_change() {
    let desk = Desk::new();
    let sealed = desk.encrypt("alias/aws/s3", b"object").unwrap();
    assert_eq!(desk.decrypt(&sealed.ciphertext_blob).unwrap().plaintext.unwrap().expose(), b"object");
    let key = desk.ask(describe("alias/aws/s3")).unwrap().key_metadata;
    assert_eq!((key.key_manager, &key.arn), (Some(KeyManagerType::Aws), &sealed.key_id));
    assert_eq!(desk.ask(ListKeysRequest::default()).unwrap().keys.len(), 1, "made once");
    let id = || Required::<String>::from(key.key_id.as_str());
    let status = desk.ask(GetKeyRotationStatusRequest { key_id: id() }).unwrap();
    assert_eq!((status.key_rotation_enabled, status.rotation_period_in_days), (true, Some(365)));

    let denied = [
        desk.ask(disable(&key.key_id)).unwrap_err(),
        desk.ask(DisableKeyRotationRequest { key_id: id() }).unwrap_err(),
        desk.ask(ScheduleKeyDeletionRequest { key_id: id(), ..Default::default() }).unwrap_err(),
        desk.ask(UpdateKeyDescriptionRequest { key_id: id(), description: "mine".into() }).unwrap_err(),
        desk.ask(TagResourceRequest { key_id: id(), tags: vec![Tag::new("a", "b")].into() }).unwrap_err(),
        desk.ask(CreateAliasRequest { alias_name: "alias/mine".into(), target_key_id: id() }).unwrap_err(),
        desk.ask(PutKeyPolicyRequest { key_id: id(), policy: "{}".into(), ..Default::default() }).unwrap_err(),
    ];
    for error in denied {
        assert_eq!(error.exception(), Exception::AccessDenied, "{error}");
    }
    // A grant would let in whom the policy does not; services make them for their resources.
    let grant = CreateGrantRequest {
        key_id: id(),
        grantee_principal: Some(format!("arn:aws:iam::{OTHER_ACCOUNT}:root")),
        operations: vec![GrantOperation::Decrypt.into()].into(),
        ..Default::default()
    };
    assert_eq!(desk.service.call(&desk.caller, &grant).unwrap_err().exception(), Exception::AccessDenied);
    let mut through_s3 = desk.caller.clone();
    through_s3.via_service = Some("s3.eu-central-1.amazonaws.com".into());
    desk.service.call(&through_s3, &grant).unwrap();
    for name in ["alias/aws/", "alias/aws/S3", "alias/aws/s3/more", &format!("alias/aws/{}", "x".repeat(33))] {
        assert_eq!(desk.ask(describe(name)).unwrap_err().exception(), Exception::NotFound, "{name}");
    }
    // Of the account's own, not of another's, and one for each region.
    let stranger = Caller::root(account(OTHER_ACCOUNT), region(HERE));
    let request =
        EncryptRequest { key_id: key.arn.as_str().into(), plaintext: Secret::zeroed(1).into(), ..Default::default() };
    assert_eq!(desk.service.call(&stranger, &request).unwrap_err().exception(), Exception::AccessDenied);
    let there = desk.ask_in(THERE, describe("alias/aws/s3")).unwrap().key_metadata;
    assert_ne!(there.key_id, key.key_id);

    desk.clock.advance(kms_service::time::DAY * 366);
    assert_eq!(desk.service.run_due().unwrap().rotated, 2);
    assert_ne!(
        desk.ask(describe("alias/aws/s3")).unwrap().key_metadata.current_key_material_id,
        key.current_key_material_id
    );
    desk.decrypt(&sealed.ciphertext_blob).unwrap();
}

#[test]
fn pages_of_grants_follow_each_other() {
    let desk = Desk::new();
    let key = desk.key();
    let grant = |number: usize| CreateGrantRequest {
        key_id: key.as_str().into(),
        grantee_principal: Some(format!("arn:aws:iam::{ACCOUNT}:user/{number}")),
        operations: vec![GrantOperation::Encrypt.into()].into(),
        ..Default::default()
    };
    let mut made: Vec<_> = (0..9).map(|number| desk.ask(grant(number)).unwrap().grant_id).collect();
    made.sort();
    let (mut listed, mut marker) = (Vec::new(), None);
    loop {
        let request = ListGrantsRequest { key_id: key.as_str().into(), limit: Some(4), marker, ..Default::default() };
        let page = desk.ask(request).unwrap();
        listed.extend(page.grants.iter().map(|grant| grant.grant_id.clone()));
        let Some(next) = page.next_marker else { break };
        // The one that the page ended with goes.
        let last = listed.last().unwrap().as_str().into();
        desk.ask(RevokeGrantRequest { key_id: key.as_str().into(), grant_id: last, ..Default::default() }).unwrap();
        marker = Some(next);
    }
    assert_eq!(listed, made);
    let other = desk.key();
    let request = ListGrantsRequest { key_id: key.as_str().into(), limit: Some(2), ..Default::default() };
    let marker = desk.ask(request).unwrap().next_marker;
    let request = ListGrantsRequest { key_id: other.into(), marker, ..Default::default() };
    assert_eq!(desk.ask(request).unwrap_err().exception(), Exception::InvalidMarker);
}

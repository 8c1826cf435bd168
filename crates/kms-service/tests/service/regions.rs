//! Multi-region keys: one key in several regions.

use kms_service::api::*;
use kms_service::time::DAY;
use kms_service::{Exception, KmsError};

use crate::desk::{ACCOUNT, Desk, HERE, THERE, refused, region, user};
use crate::kinds::multi_region;

fn primary(desk: &Desk) -> KeyMetadata {
    desk.create(multi_region(KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt))
}

fn replicate(desk: &Desk, key: &str, to: &str) -> Result<ReplicateKeyResponse, KmsError> {
    desk.ask(ReplicateKeyRequest { key_id: key.into(), replica_region: to.into(), ..Default::default() })
}

fn describe(key: &str) -> DescribeKeyRequest {
    DescribeKeyRequest { key_id: key.into(), ..Default::default() }
}

fn open(ciphertext: &Blob) -> DecryptRequest {
    DecryptRequest { ciphertext_blob: Some(ciphertext.clone()), ..Default::default() }
}

fn schedule(key: &str) -> ScheduleKeyDeletionRequest {
    ScheduleKeyDeletionRequest { key_id: key.into(), pending_window_in_days: Some(7) }
}

#[test]
fn a_ciphertext_opens_in_both_regions() {
    let desk = Desk::new();
    let key = primary(&desk);
    let id = key.key_id.as_str();
    assert!(id.starts_with("mrk-") && id.len() == 36);
    assert_eq!(key.multi_region, Some(true));
    let before = desk.encrypt(id, b"before").unwrap().ciphertext_blob;
    let answer = replicate(&desk, id, THERE).unwrap().replica_key_metadata;
    assert_eq!((answer.key_state, answer.enabled), (Some(KeyState::Creating), false));
    assert_eq!(answer.arn, key.arn.replace(HERE, THERE));
    let replica = desk.ask_in(THERE, describe(id)).unwrap().key_metadata;
    assert_eq!(
        (replica.key_state, &replica.current_key_material_id),
        (Some(KeyState::Enabled), &key.current_key_material_id)
    );
    for (region, kind) in [(HERE, MultiRegionKeyType::Primary), (THERE, MultiRegionKeyType::Replica)] {
        let shown = desk.ask_in(region, describe(id)).unwrap().key_metadata.multi_region_configuration.unwrap();
        assert_eq!(shown.multi_region_key_type, Some(kind));
        assert_eq!(shown.primary_key.unwrap().arn, key.arn);
        assert_eq!(shown.replica_keys.iter().map(|one| one.region.as_str()).collect::<Vec<_>>(), [THERE]);
    }
    assert_eq!(desk.ask_in(THERE, open(&before)).unwrap().key_id, replica.arn);
    let request = EncryptRequest {
        key_id: id.into(),
        plaintext: kms_core::Secret::copy_from(b"there").into(),
        ..Default::default()
    };
    let sealed = desk.ask_in(THERE, request).unwrap().ciphertext_blob;
    assert_eq!(desk.decrypt(&sealed).unwrap().plaintext.unwrap().expose(), b"there");

    assert_eq!(replicate(&desk, id, THERE).unwrap_err().exception(), Exception::AlreadyExists);
    assert_eq!(replicate(&desk, id, HERE).unwrap_err().exception(), Exception::AlreadyExists);
    refused(replicate(&desk, id, "eu-west-9"), Exception::Validation, "not served");
    let from_replica = ReplicateKeyRequest { key_id: id.into(), replica_region: HERE.into(), ..Default::default() };
    let words = format!("{} is not a multi-region primary key.", replica.arn);
    refused(desk.ask_in(THERE, from_replica), Exception::UnsupportedOperation, &words);
    let single = desk.key();
    refused(replicate(&desk, &single, THERE), Exception::UnsupportedOperation, "is not a multi-region primary key.");
}

#[test]
fn state_policy_names_and_tags_are_each_regions_own() {
    let desk = Desk::new();
    let key = desk.create(CreateKeyRequest {
        description: Some("here".into()),
        tags: vec![Tag::new("region", "here")],
        ..multi_region(KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt)
    });
    let id = key.key_id.as_str();
    let request = ReplicateKeyRequest {
        key_id: id.into(),
        replica_region: THERE.into(),
        description: Some("there".into()),
        tags: vec![Tag::new("region", "there")],
        ..Default::default()
    };
    desk.ask(request).unwrap();
    desk.ask(CreateAliasRequest { alias_name: "alias/app".into(), target_key_id: id.into() }).unwrap();
    desk.ask(DisableKeyRequest { key_id: id.into() }).unwrap();
    let there = desk.ask_in(THERE, describe(id)).unwrap().key_metadata;
    assert!(there.enabled);
    assert_eq!(there.description.as_deref(), Some("there"));
    assert!(desk.ask_in(THERE, ListAliasesRequest::default()).unwrap().aliases.is_empty());
    let tags = desk.ask_in(THERE, ListResourceTagsRequest { key_id: id.into(), ..Default::default() }).unwrap();
    assert_eq!(tags.tags.to_vec(), [Tag::new("region", "there")]);
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{ACCOUNT}:root"}},"Action":"kms:*","Resource":"*"}}]}}"#
    );
    let put = PutKeyPolicyRequest { key_id: id.into(), policy: policy.as_str().into(), ..Default::default() };
    desk.ask_in(THERE, put).unwrap();
    let here = desk.ask(GetKeyPolicyRequest { key_id: id.into(), ..Default::default() }).unwrap();
    assert_ne!(here.policy, policy);
}

#[test]
fn rotation_is_the_primarys_and_all_regions_follow() {
    let desk = Desk::new();
    let key = primary(&desk);
    let id = key.key_id.as_str();
    replicate(&desk, id, THERE).unwrap();
    let enable = || EnableKeyRotationRequest { key_id: id.into(), rotation_period_in_days: Some(90) };
    assert_eq!(desk.ask_in(THERE, enable()).unwrap_err().exception(), Exception::UnsupportedOperation);
    let on_demand = || RotateKeyOnDemandRequest { key_id: id.into() };
    assert_eq!(desk.ask_in(THERE, on_demand()).unwrap_err().exception(), Exception::UnsupportedOperation);
    desk.ask(enable()).unwrap();
    let status = desk.ask_in(THERE, GetKeyRotationStatusRequest { key_id: id.into() }).unwrap();
    assert!(status.key_rotation_enabled);
    desk.ask_in(THERE, describe(id)).unwrap();
    desk.clock.advance(DAY * 90);
    assert_eq!(desk.service.run_due().unwrap().rotated, 1);
    let current = |region| desk.ask_in(region, describe(id)).unwrap().key_metadata.current_key_material_id;
    assert_ne!(current(HERE), key.current_key_material_id);
    assert_eq!(current(HERE), current(THERE));
    desk.ask(on_demand()).unwrap_err();
    desk.clock.advance(DAY);
    desk.ask(on_demand()).unwrap();
    assert_eq!(current(HERE), current(THERE));
    let sealed = desk.encrypt(id, b"text").unwrap().ciphertext_blob;
    desk.ask_in(THERE, open(&sealed)).unwrap();
}

#[test]
fn the_primary_moves() {
    let desk = Desk::new();
    let key = primary(&desk);
    let id = key.key_id.as_str();
    let to = |there: &str| UpdatePrimaryRegionRequest { key_id: id.into(), primary_region: there.into() };
    refused(desk.ask(to(THERE)), Exception::NotFound, "does not exist");
    replicate(&desk, id, THERE).unwrap();
    desk.ask(EnableKeyRotationRequest { key_id: id.into(), rotation_period_in_days: Some(90) }).unwrap();
    desk.ask(to(THERE)).unwrap();
    let replica = format!("{} is not a multi-region primary key.", key.arn);
    refused(desk.ask(to(THERE)), Exception::UnsupportedOperation, &replica);
    for (region, kind) in [(HERE, MultiRegionKeyType::Replica), (THERE, MultiRegionKeyType::Primary)] {
        let shown = desk.ask_in(region, describe(id)).unwrap().key_metadata.multi_region_configuration.unwrap();
        assert_eq!(shown.multi_region_key_type, Some(kind));
        assert_eq!(shown.primary_key.unwrap().region, THERE);
        assert_eq!(shown.replica_keys.iter().map(|one| one.region.as_str()).collect::<Vec<_>>(), [HERE]);
    }
    desk.clock.advance(DAY * 90);
    assert_eq!(desk.service.run_due().unwrap().rotated, 1, "by its new primary, once");
    desk.ask_in(THERE, to(HERE)).unwrap();
    desk.ask(RotateKeyOnDemandRequest { key_id: id.into() }).unwrap_err();
}

#[test]
fn a_primary_waits_for_its_replicas_and_material_goes_with_the_last() {
    let desk = Desk::with(|builder| builder.regions([region("ap-south-1")]));
    let key = primary(&desk);
    let id = key.key_id.as_str();
    replicate(&desk, id, THERE).unwrap();
    replicate(&desk, id, "ap-south-1").unwrap();
    let sealed = desk.encrypt(id, b"text").unwrap().ciphertext_blob;
    let answer = desk.ask(schedule(id)).unwrap();
    assert_eq!((answer.key_state, answer.deletion_date), (Some(KeyState::PendingReplicaDeletion), None));
    let shown = desk.ask(describe(id)).unwrap().key_metadata;
    assert_eq!(shown.pending_deletion_window_in_days, Some(7));
    let pass = |days| {
        let mut deleted = 0;
        for _ in 0..days {
            desk.clock.advance(DAY);
            deleted += desk.service.run_due().unwrap().deleted;
        }
        deleted
    };
    assert_eq!(pass(40), 0, "for ever");
    desk.ask_in(THERE, open(&sealed)).unwrap();
    desk.ask_in(THERE, schedule(id)).unwrap();
    assert_eq!(pass(9), 1);
    assert_eq!(desk.ask(describe(id)).unwrap().key_metadata.key_state, Some(KeyState::PendingReplicaDeletion));
    desk.ask_in("ap-south-1", schedule(id)).unwrap();
    assert_eq!(pass(9), 1);
    let shown = desk.ask(describe(id)).unwrap().key_metadata;
    assert_eq!(shown.key_state, Some(KeyState::PendingDeletion));
    assert!(shown.deletion_date.is_some(), "its own time begins now");
    assert_eq!(desk.service.store().records().list().unwrap().len(), 1);
    assert_eq!(pass(5), 0);
    assert_eq!(pass(4), 1);
    assert!(desk.service.store().records().list().unwrap().is_empty());
    refused(desk.ask(describe(id)), Exception::NotFound, "does not exist");
}

/// Asymmetric and HMAC keys too.
#[test]
fn a_signature_verifies_in_the_other_region() {
    let desk = Desk::new();
    let key = desk.create(multi_region(KeySpec::EccNistP256, KeyUsageType::SignVerify)).key_id;
    replicate(&desk, &key, THERE).unwrap();
    let message = || kms_core::Secret::copy_from(b"text").into();
    let sign = SignRequest {
        key_id: key.as_str().into(),
        message: message(),
        signing_algorithm: SigningAlgorithmSpec::EcdsaSha256.into(),
        ..Default::default()
    };
    let signature = desk.ask(sign).unwrap().signature.into();
    let verify = VerifyRequest {
        key_id: key.as_str().into(),
        message: message(),
        signature,
        signing_algorithm: SigningAlgorithmSpec::EcdsaSha256.into(),
        ..Default::default()
    };
    assert!(desk.ask_in(THERE, verify).unwrap().signature_valid);
}

/// The right to move the primary is needed on both keys, whose policies are not the same.
#[test]
fn the_primary_moves_only_where_the_replicas_policy_lets_it() {
    let desk = Desk::new();
    let id = primary(&desk).key_id;
    let mover = format!("arn:aws:iam::{ACCOUNT}:user/mover");
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let policy = |action: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"AWS":"{root}"}},"Action":"kms:PutKeyPolicy","Resource":"*"}},
            {{"Effect":"Allow","Principal":{{"AWS":"{mover}"}},"Action":"{action}","Resource":"*"}}]}}"#
        )
    };
    replicate(&desk, &id, THERE).unwrap();
    let put = |there: &str, action: &str| {
        let policy = policy(action).as_str().into();
        desk.ask_in(there, PutKeyPolicyRequest { key_id: id.as_str().into(), policy, ..Default::default() }).unwrap();
    };
    let mover = kms_service::Caller::new(mover.parse().unwrap(), region(HERE));
    let to_there = UpdatePrimaryRegionRequest { key_id: id.as_str().into(), primary_region: THERE.into() };
    put(HERE, "kms:UpdatePrimaryRegion");
    put(THERE, "kms:DescribeKey");
    refused(desk.service.call(&mover, &to_there), Exception::AccessDenied, &format!(":{THERE}:"));
    put(THERE, "kms:UpdatePrimaryRegion");
    desk.service.call(&mover, &to_there).unwrap();
}

/// Making a replica is making a key, in the region where it will be.
#[test]
fn who_may_make_keys_elsewhere_only_makes_no_replica_here() {
    let desk = Desk::new();
    let id = primary(&desk).key_id;
    let may = |condition: &str| {
        let statements = format!(
            r#"{{"Effect":"Allow","Action":"kms:ReplicateKey","Resource":"*"}},
            {{"Effect":"Allow","Action":["kms:CreateKey","kms:TagResource"],"Resource":"*","Condition":{condition}}}"#
        );
        let request = ReplicateKeyRequest {
            key_id: id.as_str().into(),
            replica_region: THERE.into(),
            tags: vec![Tag::new("a", "b")],
            ..Default::default()
        };
        desk.service.call(&user(ACCOUNT, "maker", &statements), &request)
    };
    let wrong = [
        format!(r#"{{"StringEquals":{{"aws:RequestedRegion":"{HERE}"}}}}"#),
        r#"{"StringEquals":{"kms:KeySpec":"RSA_2048"}}"#.to_owned(),
        r#"{"StringEquals":{"kms:KeyOrigin":"EXTERNAL"}}"#.to_owned(),
        r#"{"Bool":{"kms:MultiRegion":"false"}}"#.to_owned(),
    ];
    for condition in &wrong {
        refused(may(condition), Exception::AccessDenied, "kms:CreateKey");
    }
    let right = format!(
        r#"{{"StringEquals":{{"aws:RequestedRegion":"{THERE}","kms:KeySpec":"SYMMETRIC_DEFAULT",
        "kms:KeyUsage":"ENCRYPT_DECRYPT","kms:KeyOrigin":"AWS_KMS"}},"Bool":{{"kms:MultiRegion":"true"}}}}"#
    );
    may(&right).unwrap();
}

/// As many as one transaction can change, with policies as long as they may be.
#[test]
fn a_key_has_sixteen_replicas_and_is_changed_in_all_of_them() {
    let names: Vec<String> = (1..=17).map(|number| format!("xx-test-{number}")).collect();
    let desk = Desk::with(|builder| builder.regions(names.iter().map(|name| region(name))));
    let id = primary(&desk).key_id;
    let policy = desk.ask(GetKeyPolicyRequest { key_id: id.as_str().into(), ..Default::default() }).unwrap().policy;
    let padded = |with: &str| policy.clone() + &with.repeat(32_768 - policy.len());
    let put = |there: &str, policy: &str| {
        desk.ask_in(
            there,
            PutKeyPolicyRequest { key_id: id.as_str().into(), policy: policy.into(), ..Default::default() },
        )
    };
    put(HERE, &padded(" ")).unwrap();
    for name in &names[..16] {
        let request = ReplicateKeyRequest {
            key_id: id.as_str().into(),
            replica_region: name.as_str().into(),
            policy: Some(padded(" ")),
            ..Default::default()
        };
        desk.ask(request).unwrap();
    }
    refused(replicate(&desk, &id, &names[16]), Exception::LimitExceeded, "has 16 replicas");
    // A line feed takes two bytes in a record.
    refused(put(&names[3], &padded("\n")), Exception::LimitExceeded, "with 16 replicas");
    desk.ask(RotateKeyOnDemandRequest { key_id: id.as_str().into() }).unwrap();
    desk.ask(EnableKeyRotationRequest { key_id: id.as_str().into(), rotation_period_in_days: None }).unwrap();
    let to = |there: &str| UpdatePrimaryRegionRequest { key_id: id.as_str().into(), primary_region: there.into() };
    desk.ask(to(&names[7])).unwrap();
    desk.ask_in(&names[7], to(HERE)).unwrap();
    desk.ask_in(&names[0], schedule(&id)).unwrap();
    for _ in 0..2 {
        desk.clock.advance(DAY * 7);
        desk.service.run_due().unwrap();
    }
    refused(desk.ask_in(&names[0], describe(&id)), Exception::NotFound, "does not exist");
    replicate(&desk, &id, &names[16]).unwrap();
    assert_eq!(desk.service.store().check().unwrap().flaws, []);
}

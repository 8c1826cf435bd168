//! What an operator does beside requests.

use std::time::Duration;

use kms_core::{KeyId, KeyMaterial, KeySpec, KeyUsage, MaterialId, Secret, SystemRandom};
use kms_service::api::{
    CreateAliasRequest, CreateKeyRequest, DeleteImportedKeyMaterialRequest, DescribeKeyRequest,
    EnableKeyRotationRequest, KeyState, ListAliasesRequest, ListKeysRequest, OriginType, ScheduleKeyDeletionRequest,
};
use kms_service::operator::{Adopted, AdoptedGeneration};
use kms_service::{Exception, KmsKeyId, Timestamp};

use crate::desk::{ACCOUNT, Desk, HERE, OTHER_ACCOUNT, account, refused, region, user};

fn made_elsewhere(id: KeyId, imported: bool) -> Adopted {
    let mut key = Adopted::new(id, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, imported);
    for (number, byte) in [(0, 7), (2, 9)] {
        let material = KeyMaterial::Raw(Secret::from(vec![byte; 32]));
        key.generations.insert(number, AdoptedGeneration { created: Timestamp::from_millis(1000), material });
    }
    key.description = "made elsewhere".into();
    key
}

fn id() -> KeyId {
    KeyId::random(&SystemRandom).unwrap()
}

#[test]
fn an_adopted_key_keeps_its_id_its_generations_and_its_names() {
    let (desk, id) = (Desk::new(), id());
    let named = || {
        let mut key = made_elsewhere(id, false);
        key.aliases = (0..40).map(|number| format!("alias/n{number}").parse().unwrap()).collect();
        key
    };
    assert!(desk.service.adopt(&desk.caller, named()).unwrap());
    // What seals under the same material elsewhere opens here.
    let sealed = desk.encrypt(&id.to_string(), b"secret").unwrap();
    assert_eq!(
        kms_core::blob::material_id(&sealed.ciphertext_blob).unwrap(),
        MaterialId { key: id, generation: 2 },
        "the newest encrypts"
    );
    assert_eq!(desk.decrypt(&sealed.ciphertext_blob).unwrap().plaintext.unwrap().expose(), b"secret");
    let described = desk.ask(DescribeKeyRequest { key_id: "alias/n39".into(), ..Default::default() }).unwrap();
    let data = described.key_metadata;
    assert_eq!((data.key_id, data.origin), (id.to_string(), Some(OriginType::AwsKms)));
    assert_eq!(data.creation_date, Some(Timestamp::from_millis(1000)));
    assert_eq!(desk.ask(ListAliasesRequest::default()).unwrap().aliases.len(), 40);
    let known = desk.service.known(account(ACCOUNT), &region(HERE), id).unwrap().unwrap();
    assert_eq!((known.generations, known.current.generation), (vec![0, 2], 2));

    // Again: nothing new, and one more name.
    let mut again = named();
    again.aliases.insert("alias/later".parse().unwrap());
    assert!(!desk.service.adopt(&desk.caller, again).unwrap());
    assert_eq!(desk.ask(ListKeysRequest::default()).unwrap().keys.len(), 1);
    assert_eq!(desk.ask(ListAliasesRequest::default()).unwrap().aliases.len(), 41);
    assert!(desk.service.store().check().unwrap().flaws.is_empty());
    desk.ask(EnableKeyRotationRequest { key_id: id.to_string().into(), ..Default::default() }).unwrap();
}

#[test]
fn what_a_crash_left_of_an_adoption_is_done_again() {
    let (desk, id) = (Desk::new(), id());
    // The material was there, and was another; the key was not.
    let at = MaterialId { key: id, generation: 0 };
    desk.service.store().records().insert(at, b"something").unwrap();
    let outcome = desk.service.adopt(&desk.caller, made_elsewhere(id, true));
    // A record that is no key is not destroyed unasked.
    refused(outcome, Exception::Validation, "");
    desk.service.store().records().remove(at).unwrap();
    assert!(desk.service.adopt(&desk.caller, made_elsewhere(id, true)).unwrap());
    let name = id.to_string();
    desk.encrypt(&name, b"x").unwrap();
    let delete = DeleteImportedKeyMaterialRequest { key_id: name.as_str().into(), ..Default::default() };
    desk.ask(delete).unwrap();
    refused(desk.encrypt(&name, b"x"), Exception::KMSInvalidState, "is pending import");
}

#[test]
fn an_adopted_key_has_to_fit() {
    let desk = Desk::new();
    let adopt = |key| desk.service.adopt(&desk.caller, key);
    let mut key = made_elsewhere(id(), false);
    key.usage = KeyUsage::SignVerify;
    refused(adopt(key), Exception::Validation, "");
    let mut key = made_elsewhere(id(), false);
    key.generations.clear();
    refused(adopt(key), Exception::Validation, "material");
    let mut key = made_elsewhere(id(), false);
    key.aliases.insert("alias/aws/s3".parse().unwrap());
    refused(adopt(key), Exception::InvalidAliasName, "reserved");
    let mut key = made_elsewhere(id(), false);
    let short = KeyMaterial::Raw(Secret::from(vec![1; 31]));
    key.generations.insert(0, AdoptedGeneration { created: Timestamp::from_millis(1), material: short });
    refused(adopt(key), Exception::Validation, "");
    assert!(desk.ask(ListKeysRequest::default()).unwrap().keys.is_empty());

    let (first, second) = (id(), id());
    let mut key = made_elsewhere(first, false);
    key.aliases.insert("alias/one".parse().unwrap());
    adopt(key).unwrap();
    let mut key = made_elsewhere(second, false);
    key.aliases.insert("alias/one".parse().unwrap());
    refused(adopt(key), Exception::AlreadyExists, &first.to_string());
    let mut key = made_elsewhere(first, false);
    key.generations.remove(&2);
    key.spec = KeySpec::Hmac256;
    key.usage = KeyUsage::GenerateVerifyMac;
    refused(adopt(key), Exception::AlreadyExists, "");
    let nobody = user(ACCOUNT, "nobody", r#"{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}"#);
    refused(desk.service.adopt(&nobody, made_elsewhere(id(), false)), Exception::AccessDenied, "kms:CreateKey");
}

#[test]
fn a_key_that_is_pending_deletion_goes_at_once_and_no_other() {
    let desk = Desk::new();
    let key = desk.key();
    let (id, here): (KeyId, _) = (key.parse().unwrap(), region(HERE));
    refused(desk.service.delete_now(&here, id), Exception::KMSInvalidState, "is not pending deletion");
    desk.ask(ScheduleKeyDeletionRequest { key_id: key.as_str().into(), ..Default::default() }).unwrap();
    desk.service.delete_now(&here, id).unwrap();
    assert!(desk.service.known(account(ACCOUNT), &here, id).unwrap().is_none());
    assert!(desk.service.store().records().list().unwrap().is_empty(), "the material is gone");
    refused(desk.service.delete_now(&here, id), Exception::NotFound, "does not exist");
    // The note that it will be due is still there, and does nothing.
    desk.clock.advance(Duration::from_secs(40 * 86_400));
    assert!(desk.service.is_due().unwrap());
    assert_eq!(desk.service.run_due().unwrap().deleted, 0);
    assert!(!desk.service.is_due().unwrap());
    assert!(desk.service.store().check().unwrap().flaws.is_empty());
}

#[test]
fn names_are_looked_up_within_an_account() {
    let desk = Desk::new();
    let key = desk.key();
    let (here, mine) = (region(HERE), account(ACCOUNT));
    let found = |beginning: &str| desk.service.ids_from(mine, &here, beginning, 10).unwrap().len();
    assert_eq!((found(""), found(&key[..6]), found("zz")), (1, 1, 0));
    let id: KeyId = key.parse().unwrap();
    let known = desk.service.known(mine, &here, id).unwrap().unwrap();
    assert_eq!(known.metadata.key_state, Some(KeyState::Enabled));
    assert!(desk.service.known(account(OTHER_ACCOUNT), &here, id).unwrap().is_none());
    assert!(desk.service.ids_from(account(OTHER_ACCOUNT), &here, "", 10).unwrap().is_empty());
    assert!(desk.service.alias_target(mine, &here, &"alias/none".parse().unwrap()).unwrap().is_none());
}

#[test]
fn a_key_is_made_with_the_id_that_is_chosen() {
    let desk = Desk::new();
    let id: KmsKeyId = "mrk-0123456789abcdef0123456789abcdef".parse().unwrap();
    let request = CreateKeyRequest { multi_region: Some(true), ..Default::default() };
    let made = desk.service.create_key_as(&desk.caller, id, &request).unwrap().key_metadata;
    assert_eq!(made.key_id, id.to_string());
    let sealed = desk.encrypt(&made.key_id, b"secret").unwrap().ciphertext_blob;
    // Again: the key stays as it is, with its material.
    refused(desk.service.create_key_as(&desk.caller, id, &request), Exception::AlreadyExists, "");
    let elsewhere = KmsKeyId::new(id.id(), false);
    let plain = CreateKeyRequest::default();
    refused(desk.service.create_key_as(&desk.caller, elsewhere, &plain), Exception::AlreadyExists, "");
    assert_eq!(desk.decrypt(&sealed).unwrap().plaintext.unwrap().expose(), b"secret");
    assert_eq!(desk.ask(ListKeysRequest::default()).unwrap().keys.len(), 1);
    let other = KmsKeyId::random(false, &SystemRandom).unwrap();
    refused(desk.service.create_key_as(&desk.caller, other, &request), Exception::Validation, "mrk-");
    let external = CreateKeyRequest { origin: Some(OriginType::External.into()), ..Default::default() };
    desk.service.create_key_as(&desk.caller, other, &external).unwrap();
    refused(desk.service.create_key_as(&desk.caller, other, &external), Exception::AlreadyExists, "");
    assert!(desk.service.store().check().unwrap().flaws.is_empty());
}

#[test]
fn a_service_for_tests_is_emptied_and_goes_on() {
    let desk = Desk::new();
    let key = desk.create(CreateKeyRequest::default()).key_id;
    let alias = || CreateAliasRequest { alias_name: "alias/one".into(), target_key_id: key.as_str().into() };
    desk.ask(alias()).unwrap();
    for _ in 0..80 {
        desk.create(CreateKeyRequest::default());
    }
    let sealed = desk.encrypt(&key, b"secret").unwrap().ciphertext_blob;
    desk.service.empty().unwrap();
    assert!(desk.ask(ListKeysRequest::default()).unwrap().keys.is_empty());
    assert!(desk.ask(ListAliasesRequest::default()).unwrap().aliases.is_empty());
    refused(desk.decrypt(&sealed), Exception::AccessDenied, "");
    let found = desk.service.store().check().unwrap();
    assert_eq!((found.keys, found.materials, found.flaws.len()), (0, 0, 0));
    let id = key.parse().unwrap();
    desk.service.create_key_as(&desk.caller, id, &CreateKeyRequest::default()).unwrap();
    desk.ask(alias()).unwrap();
    refused(desk.decrypt(&sealed), Exception::InvalidCiphertext, "");
}

//! Rotation: new material, and the old that goes on decrypting.

use std::time::Duration;

use kms_service::api::*;
use kms_service::time::DAY;
use kms_service::usage::GenerationUses;
use kms_service::{Exception, KmsKeyId};

use crate::desk::{Desk, THERE, refused, region};
use crate::kinds::{self, external_symmetric};

fn enable(key: &str, days: Option<i32>) -> EnableKeyRotationRequest {
    EnableKeyRotationRequest { key_id: key.into(), rotation_period_in_days: days }
}

fn status(desk: &Desk, key: &str) -> GetKeyRotationStatusResponse {
    desk.ask(GetKeyRotationStatusRequest { key_id: key.into() }).unwrap()
}

fn on_demand(key: &str) -> RotateKeyOnDemandRequest {
    RotateKeyOnDemandRequest { key_id: key.into() }
}

fn rotations(desk: &Desk, key: &str, all: bool) -> Vec<RotationsListEntry> {
    let (mut entries, mut marker) = (Vec::new(), None);
    loop {
        let include = all.then(|| IncludeKeyMaterial::AllKeyMaterial.into());
        let request =
            ListKeyRotationsRequest { key_id: key.into(), include_key_material: include, limit: Some(2), marker };
        let page = desk.ask(request).unwrap();
        entries.extend(page.rotations.iter().cloned());
        match page.next_marker {
            Some(next) => marker = Some(next),
            None => return entries,
        }
    }
}

fn uses(desk: &Desk, key: &str) -> Vec<GenerationUses> {
    let key: KmsKeyId = key.parse().unwrap();
    desk.service.generation_uses(desk.caller.account(), &desk.caller.region, key).unwrap()
}

#[test]
fn a_key_rotates_when_its_period_is_over_and_old_ciphertexts_open_for_ever() {
    let desk = Desk::new();
    let key = desk.key();
    assert!(!status(&desk, &key).key_rotation_enabled);
    desk.ask(enable(&key, Some(90))).unwrap();
    let shown = status(&desk, &key);
    assert_eq!((shown.key_rotation_enabled, shown.rotation_period_in_days), (true, Some(90)));
    let mut sealed = vec![desk.encrypt(&key, b"text").unwrap().ciphertext_blob];
    for _ in 0..5 {
        desk.clock.advance(DAY * 89);
        assert_eq!(desk.service.run_due().unwrap().rotated, 0);
        desk.clock.advance(DAY);
        assert_eq!(desk.service.run_due().unwrap().rotated, 1);
        assert_eq!(desk.service.run_due().unwrap().rotated, 0, "once");
        sealed.push(desk.encrypt(&key, b"text").unwrap().ciphertext_blob);
    }
    let mut ids: Vec<_> = sealed.iter().map(|one| desk.decrypt(one).unwrap().key_material_id.unwrap()).collect();
    let listed: Vec<_> = rotations(&desk, &key, true).into_iter().map(|one| one.key_material_id.unwrap()).collect();
    assert_eq!(listed, ids);
    let only = rotations(&desk, &key, false);
    assert_eq!(only.len(), 5);
    assert!(only.iter().all(|one| one.rotation_type == Some(RotationType::Automatic) && one.rotation_date.is_some()));
    ids.dedup();
    assert_eq!(ids.len(), 6, "all different");
    desk.ask(DisableKeyRotationRequest { key_id: key.as_str().into() }).unwrap();
    desk.clock.advance(DAY * 1000);
    assert_eq!(desk.service.run_due().unwrap().rotated, 0);
}

#[test]
fn periods_have_bounds_and_a_default() {
    let desk = Desk::new();
    let key = desk.key();
    desk.ask(enable(&key, None)).unwrap();
    assert_eq!(status(&desk, &key).rotation_period_in_days, Some(365));
    for days in [90, 2560] {
        desk.ask(enable(&key, Some(days))).unwrap();
        assert_eq!(status(&desk, &key).rotation_period_in_days, Some(days));
    }
    refused(desk.ask(enable(&key, Some(89))), Exception::Validation, "greater than or equal to 90");
    refused(desk.ask(enable(&key, Some(2561))), Exception::Validation, "less than or equal to 2560");
    for &(spec, usage) in kinds::ALL.iter().filter(|(spec, _)| *spec != KeySpec::SymmetricDefault) {
        if spec.as_str().starts_with("RSA") {
            continue;
        }
        let key = desk.make(spec, usage).key_id;
        assert!(!status(&desk, &key).key_rotation_enabled, "{spec}");
        for error in [desk.ask(enable(&key, None)).unwrap_err(), desk.ask(on_demand(&key)).unwrap_err()] {
            assert_eq!((error.exception(), error.message()), (Exception::UnsupportedOperation, None), "{spec}");
        }
    }
}

#[test]
fn rotations_on_demand_are_twenty_five() {
    let desk = Desk::new();
    let key = desk.create(CreateKeyRequest::default());
    let first = desk.encrypt(&key.key_id, b"text").unwrap().ciphertext_blob;
    for _ in 0..25 {
        assert_eq!(desk.ask(on_demand(&key.key_id)).unwrap().key_id, key.arn);
    }
    let text = format!(
        "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be \
         performed for this key: {}",
        key.arn
    );
    refused(desk.ask(on_demand(&key.key_id)), Exception::LimitExceeded, &text);
    assert_eq!(rotations(&desk, &key.key_id, false).len(), 25);
    desk.decrypt(&first).unwrap();
    // Those that come by themselves are not counted.
    desk.ask(enable(&key.key_id, Some(90))).unwrap();
    desk.clock.advance(DAY * 90);
    assert_eq!(desk.service.run_due().unwrap().rotated, 1);
}

#[test]
fn none_is_made_on_demand_shortly_after_one_that_came_by_itself() {
    let desk = Desk::new();
    let key = desk.key();
    desk.ask(enable(&key, Some(90))).unwrap();
    desk.clock.advance(DAY * 90);
    desk.service.run_due().unwrap();
    desk.clock.advance(Duration::from_secs(20 * 60 - 1));
    assert_eq!(desk.ask(on_demand(&key)).unwrap_err().exception(), Exception::Conflict);
    desk.clock.advance(Duration::from_secs(1));
    desk.ask(on_demand(&key)).unwrap();
}

#[test]
fn a_rotation_that_was_missed_is_made_up_for_when_the_key_is_enabled_again() {
    let desk = Desk::new();
    let key = desk.key();
    desk.ask(enable(&key, Some(90))).unwrap();
    desk.ask(DisableKeyRequest { key_id: key.as_str().into() }).unwrap();
    desk.clock.advance(DAY * 100);
    assert_eq!(desk.service.run_due().unwrap().rotated, 0);
    desk.ask(EnableKeyRequest { key_id: key.as_str().into() }).unwrap();
    assert_eq!(desk.service.run_due().unwrap().rotated, 1);
    desk.clock.advance(DAY * 89);
    assert_eq!(desk.service.run_due().unwrap().rotated, 0);
    desk.clock.advance(DAY);
    assert_eq!(desk.service.run_due().unwrap().rotated, 1);
}

#[test]
fn it_shows_which_generations_are_still_needed() {
    let desk = Desk::new();
    let key = desk.key();
    let old = desk.encrypt(&key, b"text").unwrap().ciphertext_blob;
    desk.clock.advance(DAY);
    desk.ask(on_demand(&key)).unwrap();
    desk.encrypt(&key, b"text").unwrap();
    desk.encrypt(&key, b"text").unwrap();
    let counted: Vec<_> = uses(&desk, &key).iter().map(|one| (one.number, one.state, one.uses)).collect();
    assert_eq!(counted, [(0, KeyMaterialState::NonCurrent, 1), (1, KeyMaterialState::Current, 2)]);
    let before = uses(&desk, &key)[0].last_use.unwrap();
    // What fails is no use.
    let mut tampered = old.to_vec();
    *tampered.last_mut().unwrap() ^= 1;
    desk.decrypt(&tampered).unwrap_err();
    assert_eq!(uses(&desk, &key)[0].last_use, Some(before));
    desk.service.keep_usage().unwrap();
    desk.service.keep_usage().unwrap();
    desk.clock.advance(DAY);
    desk.decrypt(&old).unwrap();
    let after = &uses(&desk, &key)[0];
    assert_eq!((after.uses, after.last_use), (2, Some(before + DAY * 2)));
    // Counts outlive the process.
    desk.service.keep_usage().unwrap();
    let again = Desk::over(desk.store.clone(), desk.root.clone(), |builder| builder);
    assert_eq!(uses(&again, &key), uses(&desk, &key));
}

#[test]
fn imported_keys_rotate_to_material_that_waits_for_it() {
    let desk = Desk::new();
    let key = desk.create(external_symmetric());
    let id = key.key_id.as_str();
    let first = desk.import(id, &[1; 32]).unwrap().key_material_id.unwrap();
    let none = format!("No available key material pending rotation for the key: {}.", key.arn);
    refused(desk.ask(on_demand(id)), Exception::KMSInvalidState, &none);
    let old = desk.encrypt(id, b"text").unwrap().ciphertext_blob;

    let new = |request: &mut ImportKeyMaterialRequest| {
        request.import_type = Some(ImportType::NewKeyMaterial.into());
        request.key_material_description = Some("second".into());
    };
    let second = desk.import_with(id, &[2; 32], new).unwrap().key_material_id.unwrap();
    assert_ne!(first, second);
    assert_eq!(
        desk.decrypt(&desk.encrypt(id, b"x").unwrap().ciphertext_blob).unwrap().key_material_id,
        Some(first.clone())
    );
    let third = desk.import_with(id, &[3; 32], new).unwrap_err();
    assert_eq!(third.exception(), Exception::KMSInvalidState);
    let text = third.message().unwrap();
    assert!(
        text.starts_with("New key material (id: ")
            && text.contains(&format!("{id}, because another key material (id: {second}) is pending rotation."))
    );
    let states: Vec<_> = rotations(&desk, id, true).iter().map(|one| one.key_material_state.unwrap()).collect();
    assert_eq!(states, [KeyMaterialState::Current, KeyMaterialState::PendingRotation]);
    desk.ask(on_demand(id)).unwrap();
    let listed = rotations(&desk, id, false);
    assert_eq!((listed.len(), listed[0].rotation_type), (1, Some(RotationType::OnDemand)));
    assert_eq!(listed[0].key_material_description.as_deref(), Some("second"));
    let sealed = desk.encrypt(id, b"text").unwrap().ciphertext_blob;
    assert_eq!(desk.decrypt(&sealed).unwrap().key_material_id, Some(second.clone()));
    assert_eq!(desk.decrypt(&old).unwrap().key_material_id, Some(first.clone()));

    // Without any one of its materials the key is of no use.
    let request = DeleteImportedKeyMaterialRequest { key_id: id.into(), key_material_id: Some(first.clone()) };
    assert_eq!(desk.ask(request).unwrap().key_material_id, Some(first));
    refused(desk.decrypt(&sealed), Exception::KMSInvalidState, "is pending import.");
    assert_eq!(desk.import(id, &[9; 32]).unwrap_err().exception(), Exception::IncorrectKeyMaterial);
    desk.import(id, &[1; 32]).unwrap();
    desk.decrypt(&old).unwrap();
    desk.decrypt(&sealed).unwrap();
}

#[test]
fn a_multi_region_key_rotates_when_all_regions_have_the_new_material() {
    let desk = Desk::new();
    let key = desk.create(CreateKeyRequest { multi_region: Some(true), ..external_symmetric() }).key_id;
    desk.import(&key, &[1; 32]).unwrap();
    let replicate =
        ReplicateKeyRequest { key_id: key.as_str().into(), replica_region: THERE.into(), ..Default::default() };
    desk.ask(replicate).unwrap();
    let mut there = Desk::over(desk.store.clone(), desk.root.clone(), |builder| builder);
    there.caller.region = region(THERE);
    there.import(&key, &[1; 32]).unwrap();
    desk.service.refresh();
    let old = desk.encrypt(&key, b"text").unwrap().ciphertext_blob;
    let new = |request: &mut ImportKeyMaterialRequest| request.import_type = Some(ImportType::NewKeyMaterial.into());
    there.service.refresh();
    assert_eq!(there.import_with(&key, &[2; 32], new).unwrap_err().exception(), Exception::UnsupportedOperation);
    desk.import_with(&key, &[2; 32], new).unwrap();
    let waiting = |desk: &Desk| rotations(desk, &key, true)[1].key_material_state;
    assert_eq!(waiting(&desk), Some(KeyMaterialState::PendingMultiRegionImportAndRotation));
    refused(desk.ask(on_demand(&key)), Exception::KMSInvalidState, "is not imported in us-east-1.");
    there.service.refresh();
    there.decrypt(&old).unwrap();
    there.import(&key, &[2; 32]).unwrap();
    desk.service.refresh();
    assert_eq!(waiting(&desk), Some(KeyMaterialState::PendingRotation));
    desk.ask(on_demand(&key)).unwrap();
    there.service.refresh();
    let sealed = desk.encrypt(&key, b"text").unwrap().ciphertext_blob;
    assert_ne!(desk.decrypt(&sealed).unwrap().key_material_id, desk.decrypt(&old).unwrap().key_material_id);
    there.decrypt(&sealed).unwrap();
    there.decrypt(&old).unwrap();
}

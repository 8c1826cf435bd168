//! Imported key material, made and wrapped as a client does it.

use kms_core::primitives::rsa::RsaPrivateKey;
use kms_core::{KeyMaterial, KeyUsage, MaterialId, PublicKey, Secret, SystemRandom};
use kms_service::Exception;
use kms_service::api::*;
use kms_service::time::DAY;

use crate::desk::{Desk, THERE, refused};
use crate::hooks::{About, over_hooked_backend};
use crate::kinds::{self, external, external_symmetric, material, wrap};

const OAEP: [AlgorithmSpec; 2] = [AlgorithmSpec::RsaesOaepSha1, AlgorithmSpec::RsaesOaepSha256];
const THROUGH_AES: [AlgorithmSpec; 2] = [AlgorithmSpec::RsaAesKeyWrapSha1, AlgorithmSpec::RsaAesKeyWrapSha256];

fn imports(desk: &Desk, spec: KeySpec, usage: KeyUsageType, algorithm: AlgorithmSpec, wrapping: WrappingKeySpec) {
    let key = desk.create(external(spec, usage));
    assert_eq!((key.key_state, key.enabled), (Some(KeyState::PendingImport), false));
    assert_eq!((key.origin, &key.current_key_material_id), (Some(OriginType::External), &None));
    let secret = material(spec);
    let parameters = desk.parameters(&key.key_id, algorithm, wrapping).unwrap();
    assert_eq!(PublicKey::from_spki_der(&parameters.public_key).unwrap().spec().to_string(), wrapping.as_str());
    let request = ImportKeyMaterialRequest {
        key_id: key.key_id.as_str().into(),
        encrypted_key_material: wrap(&parameters.public_key, algorithm, secret.expose()).into(),
        import_token: parameters.import_token.into(),
        expiration_model: Some(ExpirationModelType::KeyMaterialDoesNotExpire.into()),
        ..Default::default()
    };
    let answer = desk.ask(request).unwrap_or_else(|error| panic!("{spec} {algorithm} {wrapping}: {error}"));
    assert_eq!(answer.key_material_id.is_some(), spec == KeySpec::SymmetricDefault);
    let known = desk.ask(DescribeKeyRequest { key_id: key.key_id.as_str().into(), ..Default::default() }).unwrap();
    assert!(known.key_metadata.enabled);
    assert_eq!(known.key_metadata.expiration_model, Some(ExpirationModelType::KeyMaterialDoesNotExpire));
    is_that_material(desk, &known.key_metadata, &secret);
}

/// The key's material is `secret`: what the one does, the other undoes.
fn is_that_material(desk: &Desk, key: &KeyMetadata, secret: &Secret) {
    let core: kms_core::KeySpec = key.key_spec.unwrap().as_str().parse().unwrap();
    match key.key_usage.unwrap() {
        KeyUsageType::GenerateVerifyMac => {
            let mac_algorithm = key.mac_algorithms[0];
            let request = GenerateMacRequest {
                key_id: key.key_id.as_str().into(),
                message: Secret::copy_from(b"text").into(),
                mac_algorithm: mac_algorithm.into(),
                ..Default::default()
            };
            let mac = desk.ask(request).unwrap().mac;
            let ours =
                kms_core::primitives::mac::hmac(mac_algorithm.as_str().parse().unwrap(), secret.expose(), b"text");
            assert_eq!(ours.expose(), &*mac);
        }
        _ if core == kms_core::KeySpec::SymmetricDefault => {
            // The same material outside opens the blob.
            let sealed = desk.encrypt(&key.key_id, b"text").unwrap().ciphertext_blob;
            let at: MaterialId = kms_core::blob::material_id(&sealed).unwrap();
            let backend = kms_soft::SoftBackend::new(SystemRandom);
            let call = kms_core::Call::default();
            let raw = KeyMaterial::Raw(Secret::copy_from(secret.expose()));
            let here = kms_core::Backend::import(
                &backend,
                &kms_soft::SoftBackend::locator(at),
                core,
                KeyUsage::EncryptDecrypt,
                raw,
                &call,
            );
            let opened =
                kms_core::Key::new(here.unwrap()).decrypt(&sealed, &kms_core::EncryptionContext::empty(), &call);
            assert_eq!(opened.unwrap().expose(), b"text");
        }
        _ => {
            let request = GetPublicKeyRequest { key_id: key.key_id.as_str().into(), ..Default::default() };
            let public = desk.ask(request).unwrap().public_key.to_vec();
            let ours = if core.is_rsa() {
                RsaPrivateKey::from_pkcs8(secret.expose()).unwrap().public_key().to_spki().unwrap()
            } else {
                let private = kms_core::primitives::ecc::EccPrivateKey::from_pkcs8(core, secret.expose()).unwrap();
                private.public_key().to_spki().unwrap()
            };
            assert_eq!(public, ours);
        }
    }
}

#[test]
fn symmetric_material_comes_under_rsa() {
    let desk = Desk::new();
    for algorithm in OAEP {
        imports(&desk, KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt, algorithm, WrappingKeySpec::Rsa2048);
        imports(&desk, KeySpec::Hmac512, KeyUsageType::GenerateVerifyMac, algorithm, WrappingKeySpec::Rsa3072);
    }
    for spec in [KeySpec::Hmac224, KeySpec::Hmac256, KeySpec::Hmac384] {
        imports(&desk, spec, KeyUsageType::GenerateVerifyMac, OAEP[1], WrappingKeySpec::Rsa2048);
    }
    imports(&desk, KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt, OAEP[1], WrappingKeySpec::Rsa4096);
}

#[test]
fn private_keys_come_under_rsa_and_aes() {
    let desk = Desk::new();
    for &(spec, usage) in kinds::ALL {
        let is_asymmetric = !matches!(usage, KeyUsageType::GenerateVerifyMac) && spec != KeySpec::SymmetricDefault;
        if is_asymmetric && spec != KeySpec::Rsa4096 {
            imports(&desk, spec, usage, THROUGH_AES[1], WrappingKeySpec::Rsa2048);
        }
    }
    imports(&desk, KeySpec::Rsa2048, KeyUsageType::SignVerify, THROUGH_AES[0], WrappingKeySpec::Rsa3072);
    for (spec, wrapping) in
        [(KeySpec::EccNistP256, WrappingKeySpec::Rsa2048), (KeySpec::EccNistP521, WrappingKeySpec::Rsa3072)]
    {
        imports(&desk, spec, KeyUsageType::SignVerify, OAEP[1], wrapping);
    }
}

#[test]
fn what_a_wrapping_cannot_hold_is_refused() {
    let desk = Desk::new();
    let make = |spec, usage| desk.create(external(spec, usage)).key_id;
    let symmetric = make(KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt);
    let rsa = make(KeySpec::Rsa2048, KeyUsageType::SignVerify);
    let p521 = make(KeySpec::EccNistP521, KeyUsageType::SignVerify);
    for (key, algorithm, wrapping) in [
        (&symmetric, AlgorithmSpec::RsaesPkcs1V15, WrappingKeySpec::Rsa2048),
        (&symmetric, AlgorithmSpec::RsaAesKeyWrapSha256, WrappingKeySpec::Rsa2048),
        (&symmetric, AlgorithmSpec::RsaesOaepSha256, WrappingKeySpec::Sm2),
        (&symmetric, AlgorithmSpec::Sm2pke, WrappingKeySpec::Sm2),
        (&rsa, AlgorithmSpec::RsaesOaepSha256, WrappingKeySpec::Rsa4096),
        (&p521, AlgorithmSpec::RsaesOaepSha256, WrappingKeySpec::Rsa2048),
    ] {
        let error = desk.parameters(key, algorithm, wrapping).unwrap_err();
        assert_eq!(error.exception(), Exception::UnsupportedOperation, "{algorithm} {wrapping}");
    }
}

#[test]
fn what_is_not_the_material_of_the_key_is_refused() {
    let desk = Desk::new();
    let key = desk.create(external_symmetric()).key_id;
    assert_eq!(desk.import(&key, &[1; 31]).unwrap_err().exception(), Exception::IncorrectKeyMaterial);
    assert_eq!(desk.import(&key, &[1; 33]).unwrap_err().exception(), Exception::IncorrectKeyMaterial);
    let garbled = |request: &mut ImportKeyMaterialRequest| {
        request.encrypted_key_material = Blob::from(vec![1; 256]).into();
    };
    assert_eq!(desk.import_with(&key, &[1; 32], garbled).unwrap_err().exception(), Exception::InvalidCiphertext);
    let rsa = desk.create(external(KeySpec::Rsa2048, KeyUsageType::SignVerify)).key_id;
    let algorithm = AlgorithmSpec::RsaAesKeyWrapSha256;
    let parameters = desk.parameters(&rsa, algorithm, WrappingKeySpec::Rsa2048).unwrap();
    let other = material(KeySpec::Rsa3072);
    let wrapped = wrap(&parameters.public_key, algorithm, other.expose()).into();
    let request = ImportKeyMaterialRequest {
        key_id: rsa.into(),
        encrypted_key_material: wrapped,
        import_token: parameters.import_token.into(),
        expiration_model: Some(ExpirationModelType::KeyMaterialDoesNotExpire.into()),
        ..Default::default()
    };
    assert_eq!(desk.ask(request).unwrap_err().exception(), Exception::IncorrectKeyMaterial);
    assert!(desk.service.store().records().list().unwrap().is_empty(), "nothing is left behind");
}

#[test]
fn tokens_are_for_one_key_and_one_day() {
    let desk = Desk::new();
    let (key, other) = (desk.create(external_symmetric()).key_id, desk.create(external_symmetric()).key_id);
    let request = desk.import_request(&key, &[1; 32]);
    let to_other = ImportKeyMaterialRequest { key_id: other.as_str().into(), ..desk.import_request(&key, &[1; 32]) };
    assert_eq!(desk.ask(to_other).unwrap_err().exception(), Exception::InvalidImportToken);
    let junk = |request: &mut ImportKeyMaterialRequest| request.import_token = Blob::from(vec![1; 64]).into();
    assert_eq!(desk.import_with(&key, &[1; 32], junk).unwrap_err().exception(), Exception::InvalidImportToken);
    let parameters = desk.parameters(&key, AlgorithmSpec::RsaesOaepSha256, WrappingKeySpec::Rsa2048).unwrap();
    assert_eq!(parameters.parameters_valid_to, Some(kms_service::Clock::now(&*desk.clock) + DAY));
    desk.clock.advance(DAY + core::time::Duration::from_secs(1));
    assert_eq!(desk.ask(request).unwrap_err().exception(), Exception::ExpiredImportToken);
}

#[test]
fn material_expires_at_once_and_is_destroyed_after_the_grace() {
    let desk = Desk::new();
    let key = desk.create(external_symmetric()).key_id;
    let without = |request: &mut ImportKeyMaterialRequest| request.expiration_model = None;
    refused(
        desk.import_with(&key, &[1; 32], without),
        Exception::Validation,
        "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES",
    );
    let now = kms_service::Clock::now(&*desk.clock);
    let until = |end| {
        move |request: &mut ImportKeyMaterialRequest| {
            request.expiration_model = None;
            request.valid_to = Some(end);
        }
    };
    for wrong in [now, now - DAY, now + DAY * 366] {
        assert_eq!(desk.import_with(&key, &[1; 32], until(wrong)).unwrap_err().exception(), Exception::Validation);
    }
    desk.import_with(&key, &[1; 32], until(now + DAY * 10)).unwrap();
    let describe =
        || desk.ask(DescribeKeyRequest { key_id: key.as_str().into(), ..Default::default() }).unwrap().key_metadata;
    assert_eq!(describe().valid_to, Some(now + DAY * 10));
    let sealed = desk.encrypt(&key, b"text").unwrap().ciphertext_blob;
    desk.clock.advance(DAY * 10);
    refused(desk.decrypt(&sealed), Exception::KMSInvalidState, "is pending import.");
    assert_eq!(describe().key_state, Some(KeyState::PendingImport));
    let materials = || desk.service.store().records().list().unwrap().len();
    assert_eq!((desk.service.run_due().unwrap().expired, materials()), (0, 1));
    desk.clock.advance(DAY);
    assert_eq!((desk.service.run_due().unwrap().expired, materials()), (1, 0));
    assert_eq!(desk.service.run_due().unwrap().expired, 0);
    assert_eq!(desk.import(&key, &[2; 32]).unwrap_err().exception(), Exception::IncorrectKeyMaterial);
    desk.import(&key, &[1; 32]).unwrap();
    assert_eq!(desk.decrypt(&sealed).unwrap().plaintext.unwrap().expose(), b"text");
    assert_eq!(describe().valid_to, None);
}

#[test]
fn an_end_that_was_put_off_is_not_kept() {
    let desk = Desk::new();
    let key = desk.create(external_symmetric()).key_id;
    let now = kms_service::Clock::now(&*desk.clock);
    let until = |end| {
        move |request: &mut ImportKeyMaterialRequest| {
            request.expiration_model = None;
            request.valid_to = Some(end);
        }
    };
    desk.import_with(&key, &[1; 32], until(now + DAY * 10)).unwrap();
    desk.clock.advance(DAY * 10);
    desk.service.run_due().unwrap();
    desk.import_with(&key, &[1; 32], until(now + DAY * 20)).unwrap();
    desk.clock.advance(DAY * 5);
    assert_eq!(desk.service.run_due().unwrap().expired, 0);
    desk.encrypt(&key, b"text").unwrap();
    desk.clock.advance(DAY * 5);
    desk.encrypt(&key, b"text").unwrap_err();
}

#[test]
fn deleted_material_is_gone_and_comes_back_by_import_alone() {
    let desk = Desk::new();
    let key = desk.create(external_symmetric()).key_id;
    let delete = || DeleteImportedKeyMaterialRequest { key_id: key.as_str().into(), ..Default::default() };
    assert_eq!(desk.ask(delete()).unwrap().key_material_id, None, "no effect");
    let id = desk.import(&key, &[1; 32]).unwrap().key_material_id;
    let sealed = desk.encrypt(&key, b"text").unwrap().ciphertext_blob;
    assert_eq!(desk.ask(delete()).unwrap().key_material_id, id);
    assert!(desk.service.store().records().list().unwrap().is_empty());
    refused(desk.decrypt(&sealed), Exception::KMSInvalidState, "is pending import.");
    assert_eq!(desk.import(&key, &[2; 32]).unwrap_err().exception(), Exception::IncorrectKeyMaterial);
    assert_eq!(desk.import(&key, &[1; 32]).unwrap().key_material_id, id);
    desk.decrypt(&sealed).unwrap();
    let other = DeleteImportedKeyMaterialRequest { key_material_id: Some("ab".repeat(32)), ..delete() };
    assert_eq!(desk.ask(other).unwrap_err().exception(), Exception::IncorrectKeyMaterial);
}

/// Of the material that an import has left which did not come to its end, nothing gets into the key.
#[test]
fn a_half_made_import_does_no_harm() {
    let desk = Desk::new();
    let key = desk.create(external_symmetric());
    let id: kms_service::KmsKeyId = key.key_id.parse().unwrap();
    let backend =
        kms_soft::SealedBackend::new(desk.root.clone(), desk.service.store().records(), SystemRandom).unwrap();
    let at = kms_soft::SoftBackend::locator(MaterialId { key: id.id(), generation: 0 });
    let raw = KeyMaterial::Raw(Secret::copy_from(&[9; 32]));
    let (spec, usage) = (kms_core::KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    kms_core::Backend::import(&backend, &at, spec, usage, raw, &kms_core::Call::default()).unwrap();
    desk.import(&key.key_id, &[1; 32]).unwrap();
    is_that_material(&desk, &key, &Secret::copy_from(&[1; 32]));
    // And it goes with the key.
    let request = ScheduleKeyDeletionRequest { key_id: key.key_id.into(), pending_window_in_days: Some(7) };
    desk.ask(request).unwrap();
    for _ in 0..2 {
        desk.clock.advance(DAY * 7);
        desk.service.run_due().unwrap();
    }
    assert!(desk.service.store().records().list().unwrap().is_empty());
}

#[test]
fn each_region_imports_for_itself() {
    let desk = Desk::new();
    let key = desk.create(CreateKeyRequest { multi_region: Some(true), ..external_symmetric() }).key_id;
    desk.import(&key, &[1; 32]).unwrap();
    let sealed = desk.encrypt(&key, b"text").unwrap().ciphertext_blob;
    let replicate =
        ReplicateKeyRequest { key_id: key.as_str().into(), replica_region: THERE.into(), ..Default::default() };
    desk.ask(replicate).unwrap();
    let open = || DecryptRequest { ciphertext_blob: Some(sealed.clone()), ..Default::default() };
    refused(desk.ask_in(THERE, open()), Exception::KMSInvalidState, "is pending import.");
    let mut there = Desk::over(desk.store.clone(), desk.root.clone(), |builder| builder);
    there.caller.region = crate::desk::region(THERE);
    assert_eq!(there.import(&key, &[2; 32]).unwrap_err().exception(), Exception::IncorrectKeyMaterial);
    there.import(&key, &[1; 32]).unwrap();
    there.decrypt(&sealed).unwrap();
    // Deleted here, it goes on there; deleted there too, it is destroyed.
    let delete = || DeleteImportedKeyMaterialRequest { key_id: key.as_str().into(), ..Default::default() };
    desk.service.refresh();
    desk.ask(delete()).unwrap();
    desk.decrypt(&sealed).unwrap_err();
    there.service.refresh();
    there.decrypt(&sealed).unwrap();
    there.ask(delete()).unwrap();
    assert!(desk.service.store().records().list().unwrap().is_empty());
}

/// The same material is not imported while it is destroyed: it would be destroyed with it.
#[test]
fn nothing_is_imported_into_a_destruction() {
    let (backend, desk) = over_hooked_backend();
    let key = desk.create(external_symmetric()).key_id;
    desk.import(&key, &[1; 32]).unwrap();
    let (again, later) = (desk.import_request(&key, &[1; 32]), desk.import_request(&key, &[1; 32]));
    let (service, caller) = (desk.service.clone(), desk.caller.clone());
    backend.before(About::Destroy, move || {
        refused(service.call(&caller, &again), Exception::KMSInvalidState, "is being deleted");
    });
    let delete = || DeleteImportedKeyMaterialRequest { key_id: key.as_str().into(), ..Default::default() };
    desk.ask(delete()).unwrap();
    assert!(desk.service.store().records().list().unwrap().is_empty());
    desk.encrypt(&key, b"text").unwrap_err();
    desk.ask(later).unwrap();
    desk.encrypt(&key, b"text").unwrap();
    assert_eq!(desk.store.list(b"d/", None, 10).unwrap(), [], "nothing is left to be done over");

    // The other way round: it is deleted while an import that found it there is on its way.
    let (service, caller, request) = (desk.service.clone(), desk.caller.clone(), delete());
    backend.before(About::Import, move || drop(service.call(&caller, &request).unwrap()));
    let answer = desk.import(&key, &[1; 32]);
    assert_eq!(answer.unwrap_err().exception(), Exception::DependencyTimeout);
    desk.encrypt(&key, b"text").unwrap_err();
    desk.import(&key, &[1; 32]).unwrap();
    desk.encrypt(&key, b"text").unwrap();
}

/// What a backend has failed to destroy is destroyed later, and until then not imported.
#[test]
fn a_destruction_that_failed_is_done_over() {
    let (backend, desk) = over_hooked_backend();
    let key = desk.create(external_symmetric()).key_id;
    desk.import(&key, &[1; 32]).unwrap();
    let again = desk.import_request(&key, &[1; 32]);
    let delete = DeleteImportedKeyMaterialRequest { key_id: key.as_str().into(), ..Default::default() };
    backend.before(About::Destroy, || panic!("the process ends here"));
    let (service, caller) = (desk.service.clone(), desk.caller.clone());
    std::thread::spawn(move || service.call(&caller, &delete)).join().unwrap_err();
    let materials = || desk.service.store().records().list().unwrap().len();
    assert_eq!(materials(), 1);
    refused(desk.service.call(&desk.caller, &again), Exception::KMSInvalidState, "is being deleted");
    desk.service.run_due().unwrap();
    assert_eq!(materials(), 1, "somebody may still be at it");
    desk.clock.advance(core::time::Duration::from_secs(3600));
    desk.service.run_due().unwrap();
    assert_eq!(materials(), 0);
    desk.ask(again).unwrap();
    desk.encrypt(&key, b"text").unwrap();
}

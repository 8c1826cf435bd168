//! Keys in custom key stores, over an HSM in memory and over a real token.

use core::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kms_core::{
    Backend, Call, Error, ErrorKind, KeyMaterial, KeySpec as Spec, KeyUsage, Locator, MasterKey, MaterialId, Secret,
    Supported, SystemRandom,
};
use kms_pkcs11::{Module, PinSource, Pkcs11Backend, TokenOptions, Uri};
use kms_service::api::*;
use kms_service::time::DAY;
use kms_service::{Exception, KmsError, SealedStore};
use kms_soft::SoftBackend;
use kms_store::Memory;

use crate::desk::{Desk, refused, root_key};
use crate::hooks::{About, HookedBackend};
use crate::kinds;

const CLUSTER: &str = "cluster-234567abcde";

/// An HSM in memory that can be out of reach.
struct Hsm {
    keys: SoftBackend,
    is_down: AtomicBool,
}

impl Hsm {
    fn new() -> Arc<Self> {
        Arc::new(Self { keys: SoftBackend::new(SystemRandom), is_down: AtomicBool::new(false) })
    }

    fn reach(&self) -> Result<&SoftBackend, Error> {
        if self.is_down.load(Ordering::SeqCst) { Err(ErrorKind::Disconnected.into()) } else { Ok(&self.keys) }
    }
}

impl fmt::Debug for Hsm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hsm")
    }
}

impl Backend for Hsm {
    fn supported(&self) -> &[Supported] {
        self.keys.supported()
    }

    fn locator(&self, id: MaterialId) -> Locator {
        SoftBackend::locator(id)
    }

    fn create(&self, at: &Locator, spec: Spec, usage: KeyUsage, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        self.reach()?.create(at, spec, usage, call)
    }

    fn open(&self, at: &Locator, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        self.reach()?.open(at, call)
    }

    fn import(
        &self,
        at: &Locator,
        spec: Spec,
        usage: KeyUsage,
        material: KeyMaterial,
        call: &Call,
    ) -> Result<Arc<dyn MasterKey>, Error> {
        self.reach()?.import(at, spec, usage, material, call)
    }

    fn destroy(&self, at: &Locator, call: &Call) -> Result<(), Error> {
        self.reach()?.destroy(at, call)
    }

    fn health(&self, call: &Call) -> Result<(), Error> {
        self.reach()?.health(call)
    }
}

fn desk(hsm: Arc<dyn Backend>) -> Desk {
    Desk::with(|builder| builder.cluster(CLUSTER, hsm, Duration::from_secs(10)))
}

fn create(name: &str, cluster: &str) -> CreateCustomKeyStoreRequest {
    CreateCustomKeyStoreRequest {
        custom_key_store_name: name.into(),
        cloud_hsm_cluster_id: Some(cluster.into()),
        ..Default::default()
    }
}

fn connect(desk: &Desk, id: &str) -> Result<ConnectCustomKeyStoreResponse, KmsError> {
    desk.ask(ConnectCustomKeyStoreRequest { custom_key_store_id: id.into() })
}

fn disconnect(desk: &Desk, id: &str) -> Result<DisconnectCustomKeyStoreResponse, KmsError> {
    desk.ask(DisconnectCustomKeyStoreRequest { custom_key_store_id: id.into() })
}

fn delete(desk: &Desk, id: &str) -> Result<DeleteCustomKeyStoreResponse, KmsError> {
    desk.ask(DeleteCustomKeyStoreRequest { custom_key_store_id: id.into() })
}

fn key_in(store: &str) -> CreateKeyRequest {
    CreateKeyRequest {
        origin: Some(OriginType::AwsCloudhsm.into()),
        custom_key_store_id: Some(store.to_owned()),
        ..Default::default()
    }
}

fn store(desk: &Desk) -> CustomKeyStoresListEntry {
    desk.ask(DescribeCustomKeyStoresRequest::default()).unwrap().custom_key_stores.into_inner().remove(0)
}

#[test]
fn a_custom_key_store_from_its_making_to_its_end() {
    let hsm = Hsm::new();
    let desk = desk(hsm.clone());
    let unknown = desk.ask(create("hsm", "cluster-none2345672")).unwrap_err();
    assert_eq!(unknown.exception(), Exception::CloudHsmClusterNotFound);
    let id = desk.ask(create("hsm", CLUSTER)).unwrap().custom_key_store_id;
    assert_eq!(desk.ask(create("hsm", CLUSTER)).unwrap_err().exception(), Exception::CustomKeyStoreNameInUse);
    assert_eq!(desk.ask(create("other", CLUSTER)).unwrap_err().exception(), Exception::CloudHsmClusterInUse);
    let shown = store(&desk);
    assert_eq!(shown.custom_key_store_id, id);
    assert_eq!(shown.connection_state, Some(ConnectionStateType::Disconnected));
    assert_eq!(desk.ask(key_in(&id)).unwrap_err().exception(), Exception::CustomKeyStoreInvalidState);
    assert_eq!(desk.ask(key_in("cks-none")).unwrap_err().exception(), Exception::CustomKeyStoreNotFound);

    hsm.is_down.store(true, Ordering::SeqCst);
    assert_eq!(connect(&desk, &id).unwrap_err().exception(), Exception::CloudHsmClusterNotActive);
    assert_eq!(store(&desk).connection_state, Some(ConnectionStateType::Failed));
    hsm.is_down.store(false, Ordering::SeqCst);
    refused(connect(&desk, &id), Exception::CustomKeyStoreInvalidState, "is FAILED. It has to be DISCONNECTED.");
    disconnect(&desk, &id).unwrap();
    refused(disconnect(&desk, &id), Exception::CustomKeyStoreInvalidState, "is DISCONNECTED.");
    connect(&desk, &id).unwrap();
    connect(&desk, &id).unwrap();
    assert_eq!(store(&desk).connection_state, Some(ConnectionStateType::Connected));
    let rename = || UpdateCustomKeyStoreRequest {
        custom_key_store_id: id.as_str().into(),
        new_custom_key_store_name: Some("renamed".into()),
        ..Default::default()
    };
    assert_eq!(desk.ask(rename()).unwrap_err().exception(), Exception::CustomKeyStoreInvalidState);

    let key = desk.create(key_in(&id));
    assert_eq!((key.origin, key.custom_key_store_id.as_ref()), (Some(OriginType::AwsCloudhsm), Some(&id)));
    assert_eq!(key.cloud_hsm_cluster_id.as_deref(), Some(CLUSTER));
    let known = desk.ask(DescribeKeyRequest { key_id: key.arn.as_str().into(), ..Default::default() }).unwrap();
    assert_eq!(known.key_metadata.cloud_hsm_cluster_id.as_deref(), Some(CLUSTER));
    let sealed = desk.encrypt(&key.key_id, b"text").unwrap().ciphertext_blob;
    desk.decrypt(&sealed).unwrap();
    disconnect(&desk, &id).unwrap();
    refused(desk.decrypt(&sealed), Exception::KMSInvalidState, "is unavailable.");
    desk.ask(rename()).unwrap();
    assert_eq!(store(&desk).custom_key_store_name, "renamed");
    assert_eq!(delete(&desk, &id).unwrap_err().exception(), Exception::CustomKeyStoreHasCMKs);
    connect(&desk, &id).unwrap();
    assert_eq!(desk.decrypt(&sealed).unwrap().plaintext.unwrap().expose(), b"text");

    let schedule = ScheduleKeyDeletionRequest { key_id: key.key_id.into(), pending_window_in_days: Some(7) };
    desk.ask(schedule).unwrap();
    desk.clock.advance(DAY * 7);
    desk.service.run_due().unwrap();
    desk.clock.advance(DAY);
    // The key is gone, and its material as soon as the HSM is back; a key of another home does not wait for it.
    hsm.is_down.store(true, Ordering::SeqCst);
    let other = desk.key();
    desk.ask(EnableKeyRotationRequest { key_id: other.into(), rotation_period_in_days: Some(90) }).unwrap();
    desk.service.run_due().unwrap_err();
    let at = SoftBackend::locator(kms_core::blob::material_id(&sealed).unwrap());
    hsm.keys.open(&at, &Call::default()).unwrap();
    desk.clock.advance(DAY * 90);
    desk.service.run_due().unwrap_err();
    assert_eq!(desk.ask(ListKeysRequest::default()).unwrap().keys.len(), 1);
    hsm.is_down.store(false, Ordering::SeqCst);
    assert_eq!(desk.service.run_due().unwrap().rotated, 0, "done before");
    assert_eq!(hsm.keys.open(&at, &Call::default()).unwrap_err().kind(), ErrorKind::KeyUnavailable);

    assert_eq!(delete(&desk, &id).unwrap_err().exception(), Exception::CustomKeyStoreInvalidState);
    disconnect(&desk, &id).unwrap();
    delete(&desk, &id).unwrap();
    assert_eq!(delete(&desk, &id).unwrap_err().exception(), Exception::CustomKeyStoreNotFound);
    desk.ask(create("again", CLUSTER)).unwrap();
}

#[test]
fn a_fault_of_the_hsm_is_told_as_one_and_other_keys_go_on() {
    let hsm = Hsm::new();
    let desk = desk(hsm.clone());
    let id = desk.ask(create("hsm", CLUSTER)).unwrap().custom_key_store_id;
    connect(&desk, &id).unwrap();
    let (there, here) = (desk.create(key_in(&id)).key_id, desk.key());
    hsm.is_down.store(true, Ordering::SeqCst);
    assert_eq!(desk.encrypt(&there, b"text").unwrap_err().exception(), Exception::KeyUnavailable);
    assert_eq!(desk.ask(key_in(&id)).unwrap_err().exception(), Exception::KeyUnavailable);
    desk.encrypt(&here, b"text").unwrap();
    let known = desk.ask(DescribeKeyRequest { key_id: there.as_str().into(), ..Default::default() }).unwrap();
    assert!(known.key_metadata.enabled, "nobody has disconnected it");
    hsm.is_down.store(false, Ordering::SeqCst);
    desk.encrypt(&there, b"text").unwrap();
    assert_eq!(desk.ask(ListKeysRequest::default()).unwrap().keys.len(), 2);
}

#[test]
fn a_custom_key_store_holds_symmetric_keys_of_one_region_alone() {
    let desk = desk(Hsm::new());
    let id = desk.ask(create("hsm", CLUSTER)).unwrap().custom_key_store_id;
    connect(&desk, &id).unwrap();
    for &(spec, usage) in kinds::ALL.iter().filter(|(spec, _)| *spec != KeySpec::SymmetricDefault) {
        let request = CreateKeyRequest { key_spec: Some(spec.into()), key_usage: Some(usage.into()), ..key_in(&id) };
        assert_eq!(desk.ask(request).unwrap_err().exception(), Exception::UnsupportedOperation, "{spec}");
    }
    let request = CreateKeyRequest { multi_region: Some(true), ..key_in(&id) };
    assert_eq!(desk.ask(request).unwrap_err().exception(), Exception::UnsupportedOperation);
    let key = desk.create(key_in(&id)).key_id;
    let pair = GenerateDataKeyPairRequest {
        key_id: key.as_str().into(),
        key_pair_spec: DataKeyPairSpec::EccNistP256.into(),
        ..Default::default()
    };
    assert_eq!(desk.ask(pair).unwrap_err().exception(), Exception::UnsupportedOperation);
    let request = |id: &str| GenerateRandomRequest {
        number_of_bytes: Some(16),
        custom_key_store_id: Some(id.to_owned()),
        ..Default::default()
    };
    assert_eq!(desk.ask(request(&id)).unwrap().plaintext.unwrap().len(), 16);
    assert_eq!(desk.ask(request("cks-none")).unwrap_err().exception(), Exception::CustomKeyStoreNotFound);
    let external = CreateCustomKeyStoreRequest {
        custom_key_store_name: "xks".into(),
        custom_key_store_type: Some(CustomKeyStoreType::ExternalKeyStore.into()),
        ..Default::default()
    };
    assert_eq!(desk.ask(external).unwrap_err().exception(), Exception::UnsupportedOperation);
}

#[test]
fn keys_of_an_hsm_that_the_operator_took_away_wait_until_it_is_back() {
    let hsm = Hsm::new();
    let first = desk(hsm.clone());
    let id = first.ask(create("hsm", CLUSTER)).unwrap().custom_key_store_id;
    connect(&first, &id).unwrap();
    let (key, doomed) = (first.create(key_in(&id)).key_id, first.create(key_in(&id)).key_id);
    let sealed = first.encrypt(&key, b"text").unwrap().ciphertext_blob;
    let at = SoftBackend::locator(
        kms_core::blob::material_id(&first.encrypt(&doomed, b"text").unwrap().ciphertext_blob).unwrap(),
    );
    first.ask(ScheduleKeyDeletionRequest { key_id: doomed.into(), pending_window_in_days: Some(7) }).unwrap();

    let without = Desk::over(first.store.clone(), first.root.clone(), |builder| builder);
    refused(without.decrypt(&sealed), Exception::KMSInvalidState, "is unavailable.");
    for _ in 0..2 {
        without.clock.advance(DAY * 7);
        let _too_early = without.service.run_due();
    }
    assert_eq!(without.service.run_due().unwrap_err().exception(), Exception::KeyUnavailable);
    hsm.keys.open(&at, &Call::default()).unwrap();

    let back = Desk::over(first.store.clone(), first.root.clone(), |builder| {
        builder.cluster(CLUSTER, hsm.clone(), Duration::from_secs(10))
    });
    back.clock.advance(DAY * 14);
    back.service.run_due().unwrap();
    assert_eq!(hsm.keys.open(&at, &Call::default()).unwrap_err().kind(), ErrorKind::KeyUnavailable);
    back.decrypt(&sealed).unwrap();
}

/// SoftHSM; what it has wrapped is in the service's store.
#[test]
fn keys_live_in_a_real_token() {
    let token = test_tokens::softhsm();
    token.enter();
    let module = Module::load(token.module(), None).unwrap();
    let mut uri = Uri::default();
    uri.token = Some(token.label().to_owned());
    let pin = token.pin().to_owned();
    let ask = PinSource::Ask(Arc::new(move |_| Ok(Secret::copy_from(pin.as_bytes()))));
    let reached = kms_pkcs11::Token::connect(module, TokenOptions::new(&uri).with_pin(ask)).unwrap();
    let (engine, root) = (Arc::new(Memory::new()), root_key());
    let sealed_store = SealedStore::open(engine.clone(), &root).unwrap();
    let hsm = Arc::new(Pkcs11Backend::new(reached).with_records(sealed_store.records()));
    let desk = Desk::over(engine.clone(), root.clone(), |builder| {
        builder.cluster(CLUSTER, hsm.clone(), Duration::from_secs(30))
    });
    let id = desk.ask(create("hsm", CLUSTER)).unwrap().custom_key_store_id;
    connect(&desk, &id).unwrap();
    let key = desk.create(key_in(&id)).key_id;
    let sealed = desk.encrypt(&key, b"text").unwrap().ciphertext_blob;
    assert_eq!(desk.decrypt(&sealed).unwrap().plaintext.unwrap().expose(), b"text");
    let request =
        GenerateDataKeyRequest { key_id: key.as_str().into(), number_of_bytes: Some(32), ..Default::default() };
    let made = desk.ask(request).unwrap();
    let opened = desk.decrypt(&made.ciphertext_blob).unwrap();
    assert_eq!(opened.plaintext.unwrap().expose(), made.plaintext.unwrap().expose());
    assert_eq!(sealed_store.records().list().unwrap().len(), 1, "wrapped by the token");

    let again = Desk::over(engine, root, |builder| builder.cluster(CLUSTER, hsm, Duration::from_secs(30)));
    assert_eq!(again.decrypt(&sealed).unwrap().plaintext.unwrap().expose(), b"text");
    let schedule = ScheduleKeyDeletionRequest { key_id: key.into(), pending_window_in_days: Some(7) };
    again.ask(schedule).unwrap();
    for _ in 0..2 {
        again.clock.advance(DAY * 7);
        again.service.run_due().unwrap();
    }
    assert!(sealed_store.records().list().unwrap().is_empty());
}

/// What happens to a custom key store while a key is made in its HSM.
#[test]
fn no_key_is_made_in_a_custom_key_store_that_is_no_longer_there() {
    const OTHER: &str = "cluster-other234567";
    let hsm = HookedBackend::new(Hsm::new());
    let desk = Desk::with(|builder| {
        builder.cluster(CLUSTER, hsm.clone(), Duration::from_secs(10)).cluster(
            OTHER,
            Hsm::new(),
            Duration::from_secs(10),
        )
    });
    let (service, caller) = (desk.service.clone(), desk.caller.clone());
    let id = desk.ask(create("hsm", CLUSTER)).unwrap().custom_key_store_id;
    connect(&desk, &id).unwrap();
    let meanwhile = {
        let id = id.clone();
        move |is_deleted: bool, is_moved: bool| {
            let (service, caller, id) = (service.clone(), caller.clone(), id.clone());
            move || {
                service
                    .call(&caller, &DisconnectCustomKeyStoreRequest { custom_key_store_id: id.as_str().into() })
                    .unwrap();
                if is_moved {
                    let there = UpdateCustomKeyStoreRequest {
                        custom_key_store_id: id.as_str().into(),
                        cloud_hsm_cluster_id: Some(OTHER.into()),
                        ..Default::default()
                    };
                    service.call(&caller, &there).unwrap();
                    service
                        .call(&caller, &ConnectCustomKeyStoreRequest { custom_key_store_id: id.as_str().into() })
                        .unwrap();
                }
                if is_deleted {
                    service.call(&caller, &DeleteCustomKeyStoreRequest { custom_key_store_id: id.into() }).unwrap();
                }
            }
        }
    };
    hsm.before(About::Create, meanwhile(false, false));
    assert_eq!(desk.ask(key_in(&id)).unwrap_err().exception(), Exception::CustomKeyStoreInvalidState);
    connect(&desk, &id).unwrap();
    hsm.before(About::Create, meanwhile(false, true));
    assert_eq!(desk.ask(key_in(&id)).unwrap_err().exception(), Exception::CustomKeyStoreInvalidState);
    disconnect(&desk, &id).unwrap();
    let back = UpdateCustomKeyStoreRequest {
        custom_key_store_id: id.as_str().into(),
        cloud_hsm_cluster_id: Some(CLUSTER.into()),
        ..Default::default()
    };
    desk.ask(back).unwrap();
    connect(&desk, &id).unwrap();
    hsm.before(About::Create, meanwhile(true, false));
    assert_eq!(desk.ask(key_in(&id)).unwrap_err().exception(), Exception::CustomKeyStoreNotFound);
    assert!(desk.ask(ListKeysRequest::default()).unwrap().keys.is_empty());
    assert_eq!(desk.service.store().check().unwrap().flaws, []);
}

//! A service to ask things of.

use std::sync::Arc;

use kms_core::{Backend, Call, Key, KeyId, KeySpec, KeyUsage, Secret, SystemRandom};
use kms_service::api::{
    Blob, CreateKeyRequest, DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse, KeyMetadata,
};
use kms_service::{
    AccountId, Caller, Exception, KmsError, ManualClock, Perform, Policy, PolicyKind, Principal, Quotas, Region,
    SealedStore, Service, ServiceBuilder, Store, Timestamp,
};
use kms_soft::{SealedBackend, SoftBackend};
use kms_store::Memory;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const OTHER_ACCOUNT: &str = "444455556666";
pub(crate) const HERE: &str = "eu-central-1";
pub(crate) const THERE: &str = "us-east-1";

pub(crate) struct Desk {
    pub(crate) service: Service,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) root: Key,
    pub(crate) caller: Caller,
}

pub(crate) fn account(text: &str) -> AccountId {
    text.parse().unwrap()
}

pub(crate) fn region(text: &str) -> Region {
    text.parse().unwrap()
}

pub(crate) fn root_key() -> Key {
    let backend = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
    Key::new(backend.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &Call::default()).unwrap())
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(settings: impl FnOnce(ServiceBuilder) -> ServiceBuilder) -> Self {
        Self::over(Arc::new(Memory::new()), root_key(), settings)
    }

    pub(crate) fn over(
        store: Arc<dyn Store>,
        root: Key,
        settings: impl FnOnce(ServiceBuilder) -> ServiceBuilder,
    ) -> Self {
        let sealed = SealedStore::open(store.clone(), &root).unwrap();
        let backend = SealedBackend::new(root.clone(), sealed.records(), SystemRandom).unwrap();
        Self::over_backend(store, root, sealed, Arc::new(backend), settings)
    }

    pub(crate) fn over_backend(
        store: Arc<dyn Store>,
        root: Key,
        sealed: SealedStore,
        backend: Arc<dyn Backend>,
        settings: impl FnOnce(ServiceBuilder) -> ServiceBuilder,
    ) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        let builder = ServiceBuilder::new(sealed, backend)
            .regions([region(HERE), region(THERE)])
            .quotas(Quotas::unlimited())
            .clock(clock.clone());
        let service = settings(builder).build().unwrap();
        Self { service, clock, store, root, caller: Caller::root(account(ACCOUNT), region(HERE)) }
    }

    pub(crate) fn ask<R: Perform>(&self, request: R) -> Result<R::Response, KmsError> {
        self.service.call(&self.caller, &request)
    }

    /// The same in another region.
    pub(crate) fn ask_in<R: Perform>(&self, there: &str, request: R) -> Result<R::Response, KmsError> {
        let mut caller = self.caller.clone();
        caller.region = region(there);
        self.service.call(&caller, &request)
    }

    pub(crate) fn create(&self, request: CreateKeyRequest) -> KeyMetadata {
        self.ask(request).unwrap().key_metadata
    }

    /// A symmetric key.
    pub(crate) fn key(&self) -> String {
        self.create(CreateKeyRequest::default()).key_id
    }

    pub(crate) fn encrypt(&self, key: &str, plaintext: &[u8]) -> Result<EncryptResponse, KmsError> {
        let plaintext = Secret::copy_from(plaintext).into();
        self.ask(EncryptRequest { key_id: key.into(), plaintext, ..Default::default() })
    }

    /// The ciphertext that another caller gets.
    pub(crate) fn encrypt_as(&self, caller: &Caller, key: &str, plaintext: &[u8]) -> Result<Blob, KmsError> {
        let plaintext = Secret::copy_from(plaintext).into();
        let request = EncryptRequest { key_id: key.into(), plaintext, ..Default::default() };
        self.service.call(caller, &request).map(|answer| answer.ciphertext_blob)
    }

    pub(crate) fn decrypt_as(&self, caller: &Caller, ciphertext: &[u8]) -> Result<DecryptResponse, KmsError> {
        let request = DecryptRequest { ciphertext_blob: Some(ciphertext.into()), ..Default::default() };
        self.service.call(caller, &request)
    }

    pub(crate) fn decrypt(&self, ciphertext: &[u8]) -> Result<DecryptResponse, KmsError> {
        self.ask(DecryptRequest { ciphertext_blob: Some(ciphertext.into()), ..Default::default() })
    }
}

/// A user with one identity policy.
pub(crate) fn user(account: &str, name: &str, statements: &str) -> Caller {
    let principal: Principal = format!("arn:aws:iam::{account}:user/{name}").parse().unwrap();
    let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    let policy = Policy::parse(PolicyKind::Identity, &policy).unwrap();
    Caller::new(principal, region(HERE)).with_policies([Arc::new(policy)])
}

pub(crate) fn refused<T: core::fmt::Debug>(outcome: Result<T, KmsError>, exception: Exception, text: &str) {
    let error = outcome.unwrap_err();
    assert_eq!(error.exception(), exception, "{error}");
    assert!(error.message().unwrap_or_default().contains(text), "{error}");
}

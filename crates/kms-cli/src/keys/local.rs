//! The keys of a keyring: those of an embedded service, for the account that stands for this machine.

use std::sync::Arc;
use std::time::Duration;

use kms_core::{
    AlgorithmSet, Backend, Call, Error, Key, KeyId, KeyInfo, KeyMaterial, KeySpec, KeyUsage, MaterialId, PublicKey,
    Secret, SigningAlgorithm, SystemRandom,
};
use kms_service::api::{
    CreateAliasRequest, CreateKeyRequest, GetPublicKeyRequest, ListKeysRequest, MessageType, OriginType,
    ScheduleKeyDeletionRequest, SignRequest, SigningAlgorithmSpec,
};
use kms_service::audit::{Head, Log, Options};
use kms_service::operator::{Adopted, AdoptedGeneration, Known};
use kms_service::{
    AccountId, AliasName, Caller, Clock, KmsError, Perform, Quotas, Region, SealedStore, Service, ServiceBuilder,
    SystemClock,
};
use kms_soft::SealedBackend;
use kms_soft::keyring::RootKey;
use kms_store::Sqlite;

use super::service_key::ServiceKey;
use super::{ARN_PREFIX, Entry, Keys, LIST_HINT, NewKey, alias, looks_like_id};
use crate::failure::{Failure, Status};
use crate::keyring::Place;

/// Keys here are in no region of AWS.
const REGION: &str = "local";
/// Keys that are kept unsealed at once: a command works with a few.
const CACHED: usize = 64;
/// The length from which on a segment of the audit log is followed by another, in bytes. The last is read whole whenever
/// the log is opened, and each command opens it.
const SEGMENT: u64 = 1 << 20;
/// What to do about an audit log that is cut off, damaged, or another one.
const NOT_THE_LOG: &str = "No key is used without a record. `kms audit verify` says what is wrong; if the log is lost, move what is left of\n\
     the folder away, and `kms audit restart` begins a new one.";
/// How long a key must have been seen to be due before it is deleted. A command runs for a moment, so the time between
/// two of them counts, up to the half: a clock that is wrong once deletes nothing.
const GRACE: Duration = Duration::from_secs(24 * 3600);
/// How much room is kept for records on a full disk, in bytes.
const RESERVE: u64 = 1 << 20;

/// The keys of a keyring.
pub(crate) struct LocalKeys {
    pub(crate) service: Service,
    pub(crate) caller: Caller,
    pub(crate) place: Place,
    pub(crate) engine: Arc<Sqlite>,
    pub(crate) backend: Arc<SealedBackend>,
    /// The audit log, and where it ended when it was opened.
    log: Option<(Arc<Log>, Head)>,
    /// Signs the log.
    signer: Key,
}

impl LocalKeys {
    /// The service over a store, with its audit log.
    pub(crate) fn new(place: Place, engine: Arc<Sqlite>, store: SealedStore, root: &RootKey) -> Result<Self, Failure> {
        Self::with(place, engine, store, root, true)
    }

    /// The same without its audit log, to look at the store, or at a log that does not open. Asks the service nothing.
    pub(crate) fn unrecorded(
        place: Place,
        engine: Arc<Sqlite>,
        store: SealedStore,
        root: &RootKey,
    ) -> Result<Self, Failure> {
        Self::with(place, engine, store, root, false)
    }

    fn with(
        place: Place,
        engine: Arc<Sqlite>,
        store: SealedStore,
        root: &RootKey,
        records: bool,
    ) -> Result<Self, Failure> {
        let backend = Arc::new(SealedBackend::new(root.key().clone(), store.records(), SystemRandom)?);
        let signer = Key::new(backend.create(
            &SealedBackend::locator(signer_id(&store)),
            KeySpec::EccNistP256,
            KeyUsage::SignVerify,
            &Call::default(),
        )?);
        let about = |error: Error| Failure::from(error).about(place.audit.display()).hint(NOT_THE_LOG);
        let region: Region = REGION.parse()?;
        let mut builder = ServiceBuilder::new(store.clone(), backend.clone())
            .regions([region.clone()])
            .cached_keys(CACHED)
            .quotas(Quotas::unlimited())
            .deletion_grace(GRACE)
            .counting_between_runs(GRACE / 2);
        let mut log = None;
        if records {
            let options = Options::new(store.header().id.to_string())
                .with_signer(signer.clone())
                .with_segment_len(SEGMENT)
                .with_reserve(RESERVE);
            let opened = Arc::new(Log::open(&place.audit, options).map_err(about)?);
            let head = opened.head();
            builder = builder.audit(opened.clone());
            log = Some((opened, head));
        }
        let service = builder.build().map_err(about)?;
        let mut caller = Caller::root(AccountId::LOCAL, region);
        caller.user_agent = Some(concat!("kms/", env!("CARGO_PKG_VERSION")).into());
        Ok(Self { service, caller, place, engine, backend, log, signer })
    }

    /// That the audit log is one that the store knows; then what is due: deletions, rotations.
    pub(crate) fn ready(self) -> Result<Self, Failure> {
        let known = self.service.audit_anchors()?;
        let here = self.log.as_ref().map(|(_, head)| head.log);
        if !known.is_empty() && !known.iter().any(|kept| Some(kept.log) == here) {
            return Err(Failure::new(Status::Refused, "the audit log is not the one that the store knows")
                .about(self.place.audit.display())
                .hint(NOT_THE_LOG));
        }
        if self.service.is_due()? {
            self.service.run_due()?;
        }
        Ok(self)
    }

    /// Takes the log for the right one from now on.
    pub(crate) fn accept_log(&self) -> Result<(), Failure> {
        Ok(self.service.keep_audit_anchor()?)
    }

    /// The public half of the key that signs the log.
    pub(crate) fn signer(&self) -> Result<PublicKey, Failure> {
        Ok(self.signer.public_key()?)
    }

    /// The id of the key material in the store that is of no KMS key: what signs the log.
    pub(crate) fn signer_id(&self) -> KeyId {
        signer_id(self.service.store()).key
    }

    /// Asks the service.
    pub(crate) fn ask<R: Perform>(&self, request: &R) -> Result<R::Response, Failure> {
        Ok(self.service.call(&self.caller, request)?)
    }

    /// Takes a key in that was made elsewhere.
    pub(crate) fn adopt(&self, key: Adopted) -> Result<bool, Failure> {
        Ok(self.service.adopt(&self.caller, key)?)
    }

    fn known(&self, id: KeyId) -> Result<Option<Known>, KmsError> {
        self.service.known(self.caller.account(), &self.caller.region, id)
    }

    /// The key of an alias.
    pub(crate) fn called(&self, alias: &str) -> Result<Option<Entry>, Failure> {
        let Ok(name) = alias.parse::<AliasName>() else { return Ok(None) };
        let target = self.service.alias_target(self.caller.account(), &self.caller.region, &name)?;
        let Some(target) = target else { return Ok(None) };
        Ok(self.known(target.id())?.map(entry))
    }

    /// The key whose id begins so.
    fn beginning(&self, name: &str) -> Result<Option<Entry>, Failure> {
        let (account, region) = (self.caller.account(), &self.caller.region);
        let ids = self.service.ids_from(account, region, &name.to_ascii_lowercase(), 2)?;
        match ids.as_slice() {
            [] => Ok(None),
            [one] => Ok(self.known(one.id())?.map(entry)),
            _ => Err(Failure::usage(format!("several keys begin with {name:?}: give more of it")).hint(LIST_HINT)),
        }
    }

    fn info(&self, id: MaterialId, key: &Known) -> Result<Key, Error> {
        let info = KeyInfo::new(id, key.spec, key.usage)?;
        let (service, caller) = (self.service.clone(), self.caller.clone());
        Ok(Key::new(Arc::new(ServiceKey::new(service, caller, key.id.to_string(), info))))
    }

    /// Brings in a key that was made elsewhere, as a new one.
    fn import(&self, new: &NewKey, material: KeyMaterial) -> Result<KeyId, Failure> {
        let id = KeyId::random(&SystemRandom)?;
        let mut key = Adopted::new(id, new.spec, new.usage, true);
        key.description = new.description.clone().unwrap_or_default();
        let created = SystemClock.now().to_second();
        key.generations.insert(0, AdoptedGeneration { created, material });
        self.adopt(key)?;
        Ok(id)
    }

    fn create(&self, new: &NewKey) -> Result<KeyId, Failure> {
        let made = self.ask(&CreateKeyRequest {
            key_spec: Some(kms_service::api::KeySpec::try_from(new.spec)?.into()),
            key_usage: Some(kms_service::api::KeyUsageType::try_from(new.usage)?.into()),
            origin: new.external.then(|| OriginType::External.into()),
            description: new.description.clone(),
            ..CreateKeyRequest::default()
        })?;
        Ok(made.key_metadata.key_id.parse()?)
    }
}

/// What signs the log has the id of the store.
fn signer_id(store: &SealedStore) -> MaterialId {
    store.header().id.into()
}

fn entry(key: Known) -> Entry {
    let at = |generation: &u32| SealedBackend::locator(MaterialId { key: key.id.id(), generation: *generation });
    let data = &key.metadata;
    Entry {
        id: key.id.id(),
        spec: key.spec,
        usages: vec![key.usage],
        arn: None,
        origin: data.origin.map(OriginType::as_str),
        created: data.creation_date.map(|at| Duration::from_millis(at.as_millis())),
        at: key.generations.iter().map(at).collect(),
        aliases: key.aliases,
        description: data.description.clone().unwrap_or_default(),
        place: None,
        state: data.key_state.map(kms_service::api::KeyState::as_str),
        deletion: data.deletion_date.map(|at| Duration::from_millis(at.as_millis())),
    }
}

impl Keys for LocalKeys {
    fn place(&self) -> String {
        format!("the keyring {}", self.place.store.display())
    }

    fn list(&self) -> Result<Vec<Entry>, Failure> {
        let mut entries = Vec::new();
        let mut marker = None;
        loop {
            let page = self.ask(&ListKeysRequest { limit: Some(500), marker, ..ListKeysRequest::default() })?;
            for key in page.keys.iter() {
                let id: kms_service::KmsKeyId = key.key_id.parse()?;
                entries.extend(self.known(id.id())?.map(entry));
            }
            marker = page.next_marker;
            if marker.is_none() {
                return Ok(entries);
            }
        }
    }

    fn find(&self, name: &str) -> Result<Entry, Failure> {
        let name = name.strip_prefix(ARN_PREFIX).unwrap_or(name);
        // An id means its key, whatever aliases there are.
        let by_id = name.parse().ok().map(|id| self.known(id)).transpose()?.flatten();
        if let Some(known) = by_id {
            return Ok(entry(known));
        }
        if let Some(found) = self.called(&alias(name))? {
            return Ok(found);
        }
        if looks_like_id(name)
            && let Some(found) = self.beginning(name)?
        {
            return Ok(found);
        }
        Err(Failure::new(Status::Key, format!("{} has no key {name:?}", self.place())).hint(LIST_HINT))
    }

    fn symmetric(&self, key: &Entry) -> Result<Key, Failure> {
        let known = self.known(key.id)?.ok_or_else(|| Error::new(kms_core::ErrorKind::KeyUnavailable))?;
        Ok(self.info(known.current, &known)?)
    }

    fn public_key(&self, key: &Entry) -> Result<PublicKey, Failure> {
        if !key.spec.is_asymmetric() {
            return Err(Error::unsupported("this key has no public half").into());
        }
        let answer =
            self.ask(&GetPublicKeyRequest { key_id: key.id.to_string().into(), ..GetPublicKeyRequest::default() })?;
        Ok(PublicKey::from_spki_der(&answer.public_key)?)
    }

    fn algorithms(&self, key: &Entry, usage: KeyUsage) -> Result<AlgorithmSet, Failure> {
        Ok(AlgorithmSet::of(key.spec, usage))
    }

    fn sign(&self, key: &Entry, algorithm: SigningAlgorithm, digest: &[u8]) -> Result<Vec<u8>, Failure> {
        let answer = self.ask(&SignRequest {
            key_id: key.id.to_string().into(),
            message: Secret::copy_from(digest).into(),
            message_type: Some(MessageType::Digest.into()),
            signing_algorithm: SigningAlgorithmSpec::try_from(algorithm)?.into(),
            ..SignRequest::default()
        })?;
        Ok(answer.signature.into_vec())
    }

    fn open_material(&self, id: MaterialId) -> Option<Result<Key, Error>> {
        match self.known(id.key) {
            Ok(known) => known.map(|known| self.info(id, &known)),
            Err(error) => Some(Err(crate::failure::backend_error(&error))),
        }
    }

    fn add(&self, new: &NewKey, material: Option<KeyMaterial>) -> Result<Entry, Failure> {
        let name = new.alias.as_deref().map(alias);
        if let Some(name) = &name {
            let parsed: AliasName = name.parse().map_err(Failure::from)?;
            if parsed.is_reserved() {
                return Err(Failure::usage(format!("{name} is reserved")));
            }
            // Before the key: one that is refused its name would be left without.
            if let Some(taken) = self.called(name)? {
                return Err(Failure::usage(format!("{name} names the key {}", taken.id)));
            }
        }
        let id = match material {
            Some(material) => self.import(new, material)?,
            None => self.create(new)?,
        };
        if let Some(alias_name) = name {
            let request = CreateAliasRequest { alias_name: alias_name.into(), target_key_id: id.to_string().into() };
            if let Err(failure) = self.ask(&request) {
                self.delete_at_once(id)?;
                return Err(failure);
            }
        }
        let known = self.known(id)?.ok_or_else(|| Error::new(kms_core::ErrorKind::Internal))?;
        Ok(entry(known))
    }

    fn delete(&self, key: &Entry) -> Result<(), Failure> {
        self.delete_at_once(key.id)
    }
}

impl LocalKeys {
    /// Schedules the deletion, which a policy may deny, and does not wait for it.
    fn delete_at_once(&self, id: KeyId) -> Result<(), Failure> {
        let known = self.known(id)?;
        let pending =
            known.and_then(|known| known.metadata.key_state) == Some(kms_service::api::KeyState::PendingDeletion);
        if !pending {
            let key_id = id.to_string().into();
            self.ask(&ScheduleKeyDeletionRequest { key_id, pending_window_in_days: Some(7) })?;
        }
        Ok(self.service.delete_now(&self.caller.region, id)?)
    }
}

/// What was counted is kept, and how far the log came, so that an end that is cut off later is noticed.
impl Drop for LocalKeys {
    fn drop(&mut self) {
        let Some((log, opened_at)) = &self.log else { return };
        if log.head() != *opened_at {
            // What cannot be kept is counted less, and a cut end noticed less: no reason to fail what is done.
            let _counted = self.service.keep_usage();
            let _noted = self.service.keep_audit_anchor();
        }
    }
}

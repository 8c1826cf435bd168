//! The service: what it is made of, and the one way in.

use core::fmt;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kms_core::{Backend, Error, KeyId, KeySpec, KeyUsage, MaterialId, SystemRandom};

use crate::anchor;
use crate::api::{KeyState, Operation, OriginType};
use crate::audit::Log;
use crate::backends::Home;
use crate::cache::{Cache, Lent};
use crate::caller::Caller;
use crate::jobs::Running;
use crate::lease::Lease;
use crate::ops::{self, Perform};
use crate::quota::{Admission, Quotas, Throttle};
use crate::record::{AliasRecord, KeyRecord, Rotation};
use crate::sealed::SealedStore;
use crate::snapshot::Snapshot;
use crate::step::Step;
use crate::submitted::Submitted;
use crate::trail;
use crate::usage::Ledger;
use crate::{AccountId, AliasName, Clock, Exception, KmsError, KmsKeyId, Region, SystemClock, Timestamp, place};

/// A key management service.
///
/// Cloning it gives another handle of the same one.
#[derive(Clone)]
pub struct Service {
    pub(crate) inner: Arc<Inner>,
}

/// What a service is made of.
pub(crate) struct Inner {
    pub(crate) store: SealedStore,
    /// Where keys are that are in no custom key store.
    pub(crate) home: Arc<Home>,
    /// The HSMs that custom key stores can be in front of, by the name that the operator gave them.
    pub(crate) clusters: BTreeMap<String, Arc<Home>>,
    pub(crate) cache: Cache,
    pub(crate) lease: Lease,
    pub(crate) ledger: Ledger,
    pub(crate) admission: Admission,
    pub(crate) audit: Option<Arc<Log>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: SystemRandom,
    pub(crate) regions: BTreeSet<Region>,
    pub(crate) limits: Limits,
    pub(crate) deletion_grace: Duration,
    /// The services that have default keys, `alias/aws/SERVICE`.
    pub(crate) default_keys: BTreeSet<String>,
    pub(crate) running: Running,
}

/// How long a request waits for a key that another one reads.
const PATIENCE: Duration = Duration::from_secs(10);

/// The services of AWS that encrypt under a default key.
const AWS_SERVICES: &[&str] = &[
    "acm",
    "aps",
    "backup",
    "cloud9",
    "codebuild",
    "codecommit",
    "connect",
    "dms",
    "docdb",
    "dynamodb",
    "ebs",
    "ecr",
    "es",
    "elasticfilesystem",
    "fsx",
    "glue",
    "kinesis",
    "kinesisvideo",
    "kms",
    "lambda",
    "lex",
    "lightsail",
    "logs",
    "neptune",
    "rds",
    "redshift",
    "s3",
    "sagemaker",
    "secretsmanager",
    "ses",
    "sns",
    "sqs",
    "ssm",
    "timestream",
    "workmail",
    "workspaces",
    "xray",
];

/// Resource quotas. The defaults are those of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Keys of an account in a region: 100,000.
    pub keys: u64,
    /// Aliases of a key: 50.
    pub aliases_of_key: usize,
    /// Grants on a key: 50,000.
    pub grants_of_key: u64,
    /// Custom key stores of an account in a region: 10.
    pub custom_key_stores: u64,
    /// Rotations of a key on demand: 25.
    pub on_demand_rotations: u32,
    /// Bytes of a key policy: 32,768.
    pub key_policy: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            keys: 100_000,
            aliases_of_key: 50,
            grants_of_key: 50_000,
            custom_key_stores: 10,
            on_demand_rotations: 25,
            key_policy: crate::policy::MAX_KEY_POLICY,
        }
    }
}

/// Puts a [`Service`] together.
pub struct ServiceBuilder {
    store: SealedStore,
    home: Home,
    clusters: BTreeMap<String, Arc<Home>>,
    cached_keys: usize,
    freshness: Option<Duration>,
    quotas: Quotas,
    audit: Option<Arc<Log>>,
    clock: Arc<dyn Clock>,
    regions: BTreeSet<Region>,
    limits: Limits,
    deletion_grace: Duration,
    between_runs: Duration,
    default_keys: BTreeSet<String>,
}

impl ServiceBuilder {
    /// A service that keeps its records in `store` and makes its keys in `backend`. The backend keeps what it has to
    /// keep in `store` as well: see [`SealedStore::records`].
    #[must_use]
    pub fn new(store: SealedStore, backend: Arc<dyn Backend>) -> Self {
        Self {
            store,
            home: Home::new(backend, None),
            clusters: BTreeMap::new(),
            cached_keys: 10_000,
            freshness: Some(Duration::from_secs(1)),
            quotas: Quotas::aws(),
            audit: None,
            clock: Arc::new(SystemClock),
            regions: BTreeSet::new(),
            limits: Limits::default(),
            deletion_grace: Duration::from_secs(24 * 3600),
            between_runs: Duration::ZERO,
            default_keys: AWS_SERVICES.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    /// The regions that keys can be in. At least one.
    #[must_use]
    pub fn regions(mut self, regions: impl IntoIterator<Item = Region>) -> Self {
        self.regions.extend(regions);
        self
    }

    /// An HSM that custom key stores can be in front of: `CreateCustomKeyStore` names it as its `CloudHsmClusterId`, which
    /// is `cluster-` and 11 to 16 of `2-7a-zA-Z`. An operation there may take `budget`.
    #[must_use]
    pub fn cluster(mut self, id: impl Into<String>, backend: Arc<dyn Backend>, budget: Duration) -> Self {
        self.clusters.insert(id.into(), Arc::new(Home::new(backend, Some(budget))));
        self
    }

    /// How many keys are kept unsealed in memory, at most. One counts once more for every eight grants on it. Default:
    /// 10,000.
    #[must_use]
    pub const fn cached_keys(mut self, keys: usize) -> Self {
        self.cached_keys = keys;
        self
    }

    /// How long a change that another process or server makes in the same store may remain unseen: what is in memory serves
    /// no longer than that after the store was last asked whether there is anything newer. Default: one second.
    ///
    /// Requests ask as soon as the last answer is a quarter of the bound old. When the store does not answer and the whole
    /// bound is over, they are refused with `DependencyTimeoutException`. With zero, each request asks: what one process has
    /// answered binds all of them at once, at the price of a read of the store's revision for each request. `None`: nobody
    /// else changes the store, and it is never asked. Changes of this service bind it at once in any case.
    #[must_use]
    pub const fn freshness(mut self, bound: Option<Duration>) -> Self {
        self.freshness = bound;
        self
    }

    /// How often what may be asked for. Default: AWS's quotas.
    #[must_use]
    pub fn quotas(mut self, quotas: Quotas) -> Self {
        self.quotas = quotas;
        self
    }

    /// How many of what there may be. Default: AWS's limits.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Where each call is recorded before it is answered. Without it, nothing is.
    #[must_use]
    pub fn audit(mut self, log: Arc<Log>) -> Self {
        self.audit = Some(log);
        self
    }

    /// What tells the time. Default: the machine's clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// How long the service must have run and seen that a key is due to be deleted, before it deletes it: a clock that is
    /// wrong for less does no harm. Default: 24 hours, within which AWS deletes as well. Nothing but the date counts for
    /// zero, which suits programs that run for a moment and whose clock can be trusted.
    #[must_use]
    pub const fn deletion_grace(mut self, grace: Duration) -> Self {
        self.deletion_grace = grace;
        self
    }

    /// How much of the time in which nothing ran, before this service, counts towards the
    /// [grace](Self::deletion_grace), by what the clock says. For programs that run for a moment at a time; with half of
    /// the grace, it takes two runs, and the clock has to be wrong for that long. Default: nothing.
    #[must_use]
    pub const fn counting_between_runs(mut self, most: Duration) -> Self {
        self.between_runs = most;
        self
    }

    /// The services that have default keys: `alias/aws/SERVICE` is made in an account and region when it is first used
    /// there. Default: the services of AWS that have one.
    #[must_use]
    pub fn default_keys<S: Into<String>>(mut self, services: impl IntoIterator<Item = S>) -> Self {
        self.default_keys = services.into_iter().map(Into::into).collect();
        self
    }

    /// The service.
    ///
    /// # Errors
    /// `InvalidInput` without a region; `Malformed` if the audit log ends before what the store has seen of it; the
    /// backend's and the store's faults.
    pub fn build(self) -> Result<Service, Error> {
        if self.regions.is_empty() {
            return Err(Error::invalid_input("a service has at least one region"));
        }
        self.home.health()?;
        if let Some(log) = &self.audit {
            anchor::check(&self.store, log)?;
        }
        Ok(Service {
            inner: Arc::new(Inner {
                store: self.store,
                home: Arc::new(self.home),
                clusters: self.clusters,
                cache: Cache::new(self.cached_keys),
                lease: Lease::new(self.freshness),
                ledger: Ledger::default(),
                admission: Admission::new(self.quotas),
                audit: self.audit,
                running: Running::since(self.clock.running(), self.between_runs),
                clock: self.clock,
                random: SystemRandom,
                regions: self.regions,
                limits: self.limits,
                deletion_grace: self.deletion_grace,
                default_keys: self.default_keys,
            }),
        })
    }
}

impl Service {
    /// Does what a caller asks for: resolves the key, asks the policies, counts against the quotas, checks the key's
    /// state, operates, records, and only then answers.
    ///
    /// # Errors
    /// AWS's exceptions, in AWS's order: the shape of the request, the key, the permission, the quota, the state, the
    /// usage, `DryRun`. `KMSInternalException` if the call could not be recorded: whatever it did is not told.
    pub fn call<R: Perform>(&self, caller: &Caller, request: &R) -> Result<R::Response, KmsError> {
        self.submit(caller, request).wait()
    }

    /// The same, up to where the call's record is on its way to the disk: whoever awaits what is answered holds no thread
    /// meanwhile. Until then the caller must not be told anything.
    ///
    /// May wait for the store, for an HSM, and for room in the audit log.
    pub fn submit<R: Perform>(&self, caller: &Caller, request: &R) -> Submitted<R::Response> {
        let step = Step::new(&self.inner, caller, R::OPERATION);
        let outcome = attempt(&step, request);
        self.recorded(&step, request, outcome)
    }

    /// The same, if it needs nothing but what is at hand: a few microseconds of computing with a symmetric or HMAC key
    /// that is in the memory of this process. `None` if it does not, with nothing done: then [`submit`](Self::submit) it
    /// on a thread that may wait.
    ///
    /// ```
    /// # use kms_service::{Caller, Service};
    /// # use kms_service::api::{EncryptRequest, EncryptResponse};
    /// # use kms_service::KmsError;
    /// # async fn on_a_thread_that_may_wait<T>(work: impl FnOnce() -> T) -> T { work() }
    /// async fn encrypt(service: &Service, caller: &Caller, request: &EncryptRequest) -> Result<EncryptResponse, KmsError> {
    ///     match service.submit_at_hand(caller, request) {
    ///         Some(submitted) => submitted.await,
    ///         None => on_a_thread_that_may_wait(|| service.submit(caller, request)).await.await,
    ///     }
    /// }
    /// ```
    pub fn submit_at_hand<R: Perform>(&self, caller: &Caller, request: &R) -> Option<Submitted<R::Response>> {
        if self.inner.audit.as_ref().is_some_and(|log| !log.has_room()) {
            return None;
        }
        let step = Step::at_hand(&self.inner, caller, R::OPERATION)?;
        let outcome = attempt(&step, request);
        (!step.would_wait()).then(|| self.recorded(&step, request, outcome))
    }

    /// The outcome of a call, once it is recorded.
    pub(crate) fn recorded<R: Perform>(
        &self,
        step: &Step<'_>,
        request: &R,
        outcome: Result<R::Response, KmsError>,
    ) -> Submitted<R::Response> {
        let key = step.first_seen();
        match self.inner.audit.as_ref().map(|log| trail::submit(log, step, request, &outcome)).transpose() {
            Ok(record) => Submitted { key, outcome: Some(outcome), record },
            Err(error) => Submitted { key, outcome: Some(Err(error)), record: None },
        }
    }

    /// Makes requests throttle that fit one of the rules, whatever the quotas say: so that users can test how their
    /// programs back off. Replaces the rules before.
    pub fn throttle(&self, rules: Vec<Throttle>) {
        self.inner.admission.forced().set(rules);
    }

    /// What the service keeps.
    #[must_use]
    pub fn store(&self) -> &SealedStore {
        &self.inner.store
    }

    /// Forgets what was read: something else may have changed the store. Without it, such a change is seen within the bound
    /// that [`freshness`](ServiceBuilder::freshness) sets.
    pub fn refresh(&self) {
        self.inner.cache.clear();
    }

    /// How many keys are in memory.
    #[must_use]
    pub fn cached_keys(&self) -> usize {
        self.inner.cache.len()
    }

    /// How often a key was read from the store and opened, since it was not in memory or had changed. All other uses of
    /// keys were served from memory; those are not counted, since that would take as long as finding one.
    #[must_use]
    pub fn keys_read(&self) -> u64 {
        self.inner.cache.keys_read()
    }
}

pub(crate) fn attempt<R: Perform>(step: &Step<'_>, request: &R) -> Result<R::Response, KmsError> {
    request.validate()?;
    if !step.service.regions.contains(&step.caller.region) {
        return Err(KmsError::validation(format!("The region {} is not served here.", step.caller.region)));
    }
    step.check_refused()?;
    request.perform(step).or_else(|refusal| step.count_refused(&refusal).and(Err(refusal)))
}

impl Inner {
    /// Makes the service's own key for another service, `alias/aws/NAME`, unless somebody was first.
    pub(crate) fn make_aws_managed(
        &self,
        account: AccountId,
        region: &Region,
        alias: &AliasName,
        now: Timestamp,
    ) -> Result<KmsKeyId, KmsError> {
        let id = KmsKeyId::random(false, &self.random)?;
        let (spec, usage) = (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
        let year = crate::time::DAY * 365;
        let service = alias.as_str().strip_prefix(AliasName::RESERVED).unwrap_or_default();
        let mut record = KeyRecord {
            revision: 0,
            account,
            region: region.clone(),
            id,
            created: now,
            description: format!("Default key that protects my {service} data when no other key is defined"),
            spec,
            usage,
            origin: OriginType::AwsKms,
            custom_key_store: None,
            aws_managed: true,
            state: KeyState::Enabled,
            deletion: None,
            policy: ops::aws_managed_policy(account),
            tags: BTreeMap::new(),
            aliases: BTreeSet::from([alias.to_string()]),
            grants: 0,
            grants_digest: Vec::new(),
            generations: Vec::new(),
            current: 0,
            rotation: Rotation { period_days: Some(365), next: Some(now + year), on_demand: 0 },
            multi_region: None,
        };
        self.home.create(MaterialId::from(id.id()), spec, usage)?;
        record.generations.push(ops::first_generation(&record));
        let made = self.edit(|edit| {
            if let Some(taken) = edit.alias(account, region, alias)? {
                return Ok(taken.record.target);
            }
            edit.add_key(&record)?;
            edit.note_due(now + year, ops::rotation::DUE, &record)?;
            let alias = AliasRecord { name: alias.clone(), target: id, created: now, updated: now };
            edit.put_alias(account, region, &alias, None)?;
            Ok(id)
        });
        let is_left = match &made {
            Ok(target) => *target != id,
            Err(error) => error.is_certain(),
        };
        if is_left {
            self.home.destroy(MaterialId::from(id.id()))?;
        }
        made
    }

    /// A key of a region, whoever it belongs to.
    pub(crate) fn key(&self, region: &Region, id: KeyId) -> Result<Option<Lent>, KmsError> {
        self.lease.check(&self.store, &self.cache, &*self.clock)?;
        if let Some(kept) = self.cache.key(region, id) {
            return Ok(Some(kept));
        }
        let name = (region.clone(), id);
        // One reads, and the others wait for what is found: a key with many grants takes its time.
        let Some(_reading) = self.cache.reading(&name).try_lock_for(PATIENCE) else {
            return Err(KmsError::with(Exception::DependencyTimeout, "The key is being read: try again."));
        };
        if let Some(kept) = self.cache.key(region, id) {
            return Ok(Some(kept));
        }
        let epoch = self.cache.key_epoch(&name);
        let Some(read) = Snapshot::read(self, region, id, epoch)? else { return Ok(None) };
        let read = Arc::new(read);
        self.cache.keep_key(&name, read.clone());
        Ok(Some(read.into()))
    }

    /// The same, if it is in memory and can be used without waiting.
    pub(crate) fn key_at_hand(&self, region: &Region, id: KeyId) -> Option<Lent> {
        self.lease.is_at_hand(&*self.clock).then(|| self.cache.key(region, id))?.filter(|key| key.is_at_hand(None))
    }

    /// What an alias points to, if it is in memory.
    pub(crate) fn alias_at_hand(&self, account: AccountId, region: &Region, alias: &AliasName) -> Option<KmsKeyId> {
        self.lease.is_at_hand(&*self.clock).then(|| self.cache.alias(&(account, region.clone(), alias.clone())))?
    }

    /// What an alias points to.
    pub(crate) fn alias(
        &self,
        account: AccountId,
        region: &Region,
        alias: &AliasName,
    ) -> Result<Option<KmsKeyId>, KmsError> {
        self.lease.check(&self.store, &self.cache, &*self.clock)?;
        let name = (account, region.clone(), alias.clone());
        if let Some(target) = self.cache.alias(&name) {
            return Ok(Some(target));
        }
        let epoch = self.cache.alias_epoch(&name);
        let found = self.store.get::<AliasRecord>(&place::alias(account, region, alias))?;
        let Some(found) = found else { return Ok(None) };
        let target = found.record.target;
        // The key says which aliases it has: an alias that was put back is not one of them.
        let key = self.store.get::<KeyRecord>(&place::key(region, target.id()))?;
        if !key.is_some_and(|key| key.record.aliases.contains(alias.as_str())) {
            return Ok(None);
        }
        self.cache.keep_alias(name, target, epoch);
        Ok(Some(target))
    }

    /// Where the key's material is.
    pub(crate) fn home_of(&self, record: &KeyRecord) -> Result<(Arc<Home>, bool), KmsError> {
        if record.origin != OriginType::AwsCloudhsm {
            return Ok((self.home.clone(), true));
        }
        let id = record.custom_key_store.as_deref().unwrap_or_default();
        let store = self.custom_key_store(record.account, &record.region, id)?;
        let store = store.ok_or_else(|| KmsError::new(Exception::CustomKeyStoreNotFound))?.record;
        match self.clusters.get(&store.cluster) {
            Some(home) => Ok((home.clone(), store.connected)),
            // The operator took the HSM away: its keys are unavailable until it is back.
            None => Ok((self.home.clone(), false)),
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("store", &self.inner.store)
            .field("cache", &self.inner.cache)
            .field("regions", &self.inner.regions)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ServiceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceBuilder")
            .field("store", &self.store)
            .field("regions", &self.regions)
            .finish_non_exhaustive()
    }
}

/// The operations that count as a use of a key: see `GetKeyLastUsage`.
pub(crate) const fn is_tracked(operation: Operation) -> bool {
    use Operation as O;
    matches!(
        operation,
        O::Decrypt
            | O::DeriveSharedSecret
            | O::Encrypt
            | O::GenerateDataKey
            | O::GenerateDataKeyPair
            | O::GenerateDataKeyPairWithoutPlaintext
            | O::GenerateDataKeyWithoutPlaintext
            | O::GenerateMac
            | O::ReEncrypt
            | O::Sign
            | O::Verify
            | O::VerifyMac
    )
}

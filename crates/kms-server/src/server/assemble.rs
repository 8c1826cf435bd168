//! From the parts to a service, its audit log, and what looks after both.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use kms_core::{Backend, Call, EncryptionContext, Error, ErrorKind, Key};
use kms_service::audit::{Log, Options};
use kms_service::{Quotas, SealedStore, Service, ServiceBuilder};

use crate::config::{Complaint, Config};
use crate::health::Health;
use crate::metrics::{Metrics, State};

/// What is asked of the root key by way of a test may take so long.
const PROBE: Duration = Duration::from_secs(10);

/// What a server is made of, that it does not know by name: whoever starts it chooses engine and backends.
#[non_exhaustive]
pub struct Parts {
    /// Where records are kept.
    pub store: SealedStore,
    /// What the store is sealed under.
    pub root: Key,
    /// Where keys are that are in no custom key store.
    pub backend: Arc<dyn Backend>,
    /// What signs the audit log: a key pair `ECC_NIST_P256` for `SIGN_VERIFY`.
    pub signer: Key,
    /// The HSMs that custom key stores can be in front of.
    pub clusters: Vec<Cluster>,
}

/// An HSM that custom key stores can be in front of.
#[expect(clippy::exhaustive_structs, reason = "what the service takes")]
pub struct Cluster {
    /// What `CreateCustomKeyStore` calls it.
    pub id: String,
    /// The HSM.
    pub backend: Arc<dyn Backend>,
    /// How long an operation may take.
    pub budget: Duration,
}

impl Parts {
    /// Parts without HSMs.
    #[must_use]
    pub fn new(store: SealedStore, root: Key, backend: Arc<dyn Backend>, signer: Key) -> Self {
        Self { store, root, backend, signer, clusters: Vec::new() }
    }
}

/// A service that is ready to be served.
pub(super) struct Assembled {
    pub(super) service: Service,
    /// The same without quotas and without a log, if this is a server for tests.
    pub(super) seeding: Option<Service>,
    pub(super) health: Arc<Health>,
    pub(super) metrics: Metrics,
}

/// Puts the service together.
///
/// # Errors
/// What keeps it from working, and what to do.
pub(super) fn assemble(config: &Config, parts: Parts, for_tests: bool) -> Result<Assembled, Complaint> {
    let audit = (config.audit.enabled && !for_tests).then(|| open_log(config, &parts)).transpose()?;
    let quotas = config.quotas.quotas().map_err(|complaints| first(complaints, "quotas"))?;
    let builder = || {
        let mut builder = ServiceBuilder::new(parts.store.clone(), parts.backend.clone())
            .regions(config.service.regions.iter().cloned())
            .cached_keys(config.service.cached_keys)
            .freshness((!config.store.memory).then(|| config.service.freshness.get()))
            .deletion_grace(config.service.deletion_grace.get());
        for Cluster { id, backend, budget } in &parts.clusters {
            builder = builder.cluster(id, backend.clone(), *budget);
        }
        builder
    };
    let built = |error: Error| {
        Complaint::new("store", error.to_string(), "`kms store check` and `kms audit verify` say what is wrong.")
    };
    let mut served = builder().quotas(quotas);
    if let Some(log) = &audit {
        served = served.audit(log.clone());
    }
    let service = served.build().map_err(built)?;
    if let Some(log) = &audit {
        check_log(&service, log, config)?;
    }
    let seeding = for_tests.then(|| builder().quotas(Quotas::unlimited()).build().map_err(built)).transpose()?;
    let health =
        Arc::new(watch(&parts, audit.clone()).map_err(|error| Complaint::new("health", error.to_string(), ""))?);
    let metrics = Metrics::new();
    metrics.collect(State { service: service.clone(), audit, health: health.clone() });
    Ok(Assembled { service, seeding, health, metrics })
}

fn first(complaints: Vec<Complaint>, place: &str) -> Complaint {
    complaints.into_iter().next().unwrap_or_else(|| Complaint::new(place, "is wrong", ""))
}

fn open_log(config: &Config, parts: &Parts) -> Result<Arc<Log>, Complaint> {
    let server = config.audit.server.clone().unwrap_or_else(|| parts.store.header().id.to_string());
    let mut options = Options::new(server);
    options.checkpoint_interval = config.audit.checkpoint_interval.get();
    if config.audit.signed {
        options = options.with_signer(parts.signer.clone());
    }
    let log = Log::open(&config.audit.directory, options).map_err(|error| {
        Complaint::new(
            "audit.directory",
            format!("{}: {error}", config.audit.directory.display()),
            "No key is used without a record. `kms audit verify` says what is wrong with a log.",
        )
    })?;
    if let Some(cut) = log.cut() {
        tracing::warn!(?cut, "the audit log had a torn end, which was never acknowledged, and was cut off");
    }
    Ok(Arc::new(log))
}

/// That the log is the one that the store knows, if it knows any; a new store gets to know it.
fn check_log(service: &Service, log: &Log, config: &Config) -> Result<(), Complaint> {
    let wrong = |error: kms_service::KmsError| Complaint::new("store", error.to_string(), "");
    let known = service.audit_anchors().map_err(wrong)?;
    if !known.is_empty() && !known.iter().any(|kept| kept.log == log.head().log) {
        return Err(Complaint::new(
            "audit.directory",
            format!("the log in {} is not one that the store knows", config.audit.directory.display()),
            "Put the right one back. If it is lost, `kms audit restart` begins a new one.",
        ));
    }
    service.keep_audit_anchor().map_err(wrong)
}

/// Looks after everything that the service stands on.
fn watch(parts: &Parts, audit: Option<Arc<Log>>) -> Result<Health, Error> {
    let mut health = Health::new();
    let engine = parts.store.engine().clone();
    health.watch("store", true, move || engine.barrier().and_then(|_| engine.health()))?;
    if let Some(log) = audit {
        health.watch("audit", true, move || log.health())?;
    }
    let root = parts.root.clone();
    health.watch("root", true, move || opens(&root))?;
    for Cluster { id, backend, budget } in &parts.clusters {
        let (backend, budget) = (backend.clone(), *budget);
        let probe = move || backend.health(&Call::default().with_budget(budget));
        health.watch(format!("hsm/{id}"), false, probe)?;
    }
    Ok(health)
}

/// Whether the root key opens what it seals.
fn opens(root: &Key) -> Result<(), Error> {
    let (call, context) = (Call::default().with_budget(PROBE), EncryptionContext::empty());
    let sealed = root.encrypt(b"probe", &context, &call)?;
    let opened = root.decrypt(sealed.as_bytes(), &context, &call)?;
    if opened.ct_eq(b"probe") {
        return Ok(());
    }
    Err(Error::with_detail(ErrorKind::Internal, "the root key does not open what it seals"))
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("store", &self.store).field("clusters", &self.clusters).finish_non_exhaustive()
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("id", &self.id).field("budget", &self.budget).finish_non_exhaustive()
    }
}

//! The server as a whole: from a configuration and its parts to something that answers.

mod assemble;
mod authenticate;
mod due;
mod seams;
mod sockets;
mod xks;

use core::fmt;
use core::time::Duration;
use std::net::SocketAddr;
use std::sync::Arc;

use kms_service::{AccountId, Region};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::app::{App, BodyLimits};
use crate::config::{Complaint, Config};
use crate::credentials::{self, Credentials};
use crate::dev::{Dev, Seed};
use crate::listen::{self, Ended};

use assemble::{Assembled, assemble};
pub use assemble::{Cluster, Parts};
use authenticate::Authenticator;
use due::Due;
use seams::HealthReport;
use xks::AuthenticatedProxy;

/// Starts servers.
#[derive(Debug)]
#[non_exhaustive]
pub struct Server;

/// A server that answers, on threads of its own. Dropping it ends it at once; [`wait`](Self::wait) and
/// [`stop`](Self::stop) let it finish what it has begun.
pub struct RunningServer {
    addresses: Vec<SocketAddr>,
    credentials: Arc<Credentials>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Ended>,
    // In this order: what is due is not done for requests that are still answered.
    runtime: Runtime,
    due: Due,
}

/// How long threads may take to end that still wait for an HSM or a file when all connections are closed. A call into a
/// PKCS#11 module that never returns does not keep the process from ending.
const LEFT_BEHIND: Duration = Duration::from_secs(5);

/// What a server for tests has besides.
struct ForTests {
    seed: Seed,
    account: AccountId,
    region: Region,
}

impl Server {
    /// Starts a server.
    ///
    /// # Errors
    /// What keeps it from starting, and what to do.
    pub fn start(config: &Config, parts: Parts, credentials: Credentials) -> Result<RunningServer, Complaint> {
        start(config, parts, credentials, None)
    }

    /// Starts a server for tests: without an audit log; with the keys of a seed, which are of `account` and `region` where
    /// they do not say otherwise; and with paths that empty it.
    ///
    /// # Errors
    /// What keeps it from starting, and what to do.
    pub fn start_for_tests(
        config: &Config,
        parts: Parts,
        credentials: Credentials,
        seed: Seed,
        account: AccountId,
        region: Region,
    ) -> Result<RunningServer, Complaint> {
        start(config, parts, credentials, Some(ForTests { seed, account, region }))
    }
}

fn start(
    config: &Config,
    parts: Parts,
    credentials: Credentials,
    for_tests: Option<ForTests>,
) -> Result<RunningServer, Complaint> {
    let credentials = Arc::new(credentials);
    let Assembled { service, seeding, health, metrics } = assemble(config, parts, for_tests.is_some())?;
    let authenticator = Authenticator {
        credentials: credentials.clone(),
        accounts: config.service.accounts.iter().copied().collect(),
        regions: config.service.regions.iter().cloned().collect(),
        metrics: metrics.clone(),
    };
    let mut body = BodyLimits::default();
    (body.bytes, body.time) = (config.listen.body_bytes, config.listen.body_timeout.get());
    let mut app =
        App::builder(service.clone(), Arc::new(authenticator)).body_limits(body).ready(Arc::new(HealthReport(health)));
    let proxy = AuthenticatedProxy::new(config, service.clone(), credentials.clone(), metrics.clone())?;
    if let Some(proxy) = proxy {
        app = app.xks(&config.xks.path_prefix, Arc::new(proxy));
    }
    if config.metrics.enabled {
        app = app.observe(Arc::new(metrics));
    }
    if let (Some(ForTests { seed, account, region }), Some(seeding)) = (for_tests, seeding) {
        let dev = Dev::new(service.clone(), seeding, seed, account, region);
        dev.plant().map_err(|error| Complaint::new("--seed", error.to_string(), ""))?;
        app = app.reset(Arc::new(dev));
    }
    let app =
        app.build().map_err(|error| Complaint::new("xks.path_prefix", error, "It is empty, or such as /prod."))?;
    let router = app.router();

    let thread = |error: std::io::Error| Complaint::new("threads", error.to_string(), "How many may this user have?");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().thread_name("kms-http").enable_all().build().map_err(thread)?;
    let listeners = runtime.block_on(sockets::open(config))?;
    let addresses = listeners.iter().map(listen::Listener::local_address).collect();
    let due = Due::start(service, config.service.due_interval.get()).map_err(thread)?;
    let (stop, stopped) = oneshot::channel();
    let shutdown = async move {
        // Whoever drops the server wants it to end as well.
        let _told = stopped.await;
    };
    let serving = runtime.spawn(listen::serve(listeners, router, sockets::limits(config), shutdown));
    if credentials.path().is_some() {
        let told = |outcome| match outcome {
            Ok(()) => tracing::info!("read the credentials anew"),
            Err(error) => tracing::error!(%error, "the credentials are as they were before"),
        };
        runtime.spawn(credentials::watch(credentials.clone(), config.credentials.reload_interval.get(), told));
    }
    let running = RunningServer { addresses, credentials, stop, serving, runtime, due };
    tracing::info!(addresses = ?running.addresses, "serving");
    Ok(running)
}

impl RunningServer {
    /// Where it is reached, with the ports that were free.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Waits until the process is told to end, by SIGTERM or SIGINT, then ends as [`stop`](Self::stop) does. Reads the
    /// credentials anew on SIGHUP; certificates are read anew as well.
    ///
    /// # Errors
    /// If signals cannot be waited for.
    pub fn wait(self) -> Result<(), Complaint> {
        self.runtime.block_on(told_to_end(&self.credentials)).map_err(|error| {
            Complaint::new("signals", error.to_string(), "The system does not let this process watch for them.")
        })?;
        self.stop();
        Ok(())
    }

    /// Ends it: takes no more connections, finishes what it has begun, as far as `shutdown_timeout` allows, and keeps what
    /// was counted.
    pub fn stop(self) {
        let Self { stop, serving, runtime, due, .. } = self;
        tracing::info!("ending");
        // Nobody listens if it has ended already.
        let _told = stop.send(());
        if let Err(error) = runtime.block_on(serving) {
            tracing::error!(%error, "did not end as it should");
        }
        runtime.shutdown_timeout(LEFT_BEHIND);
        drop(due);
        tracing::info!("ended");
    }
}

async fn told_to_end(credentials: &Credentials) -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut reload = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = reload.recv() => match credentials.reload() {
                Ok(()) => tracing::info!("read the credentials anew, as told"),
                Err(error) => tracing::error!(%error, "the credentials are as they were before"),
            },
        }
    }
}

impl fmt::Debug for RunningServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningServer").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

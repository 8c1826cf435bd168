//! Whether the server lives, and is ready.
//!
//! It lives while it answers. It is ready when what every request needs works: the store, the audit log, the root key. An
//! HSM of a custom key store that does not work is told, and the server is ready: the other keys are served.
//!
//! Nothing is probed when somebody asks, so that asking often costs nothing and a probe that hangs holds nobody: each
//! part has a thread that probes it now and then. A part whose probe does not come back is not well.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Instant;

use kms_core::Error;
use parking_lot::{Condvar, Mutex};
use serde_json::{Value, json};

/// How often a part is probed.
const INTERVAL: Duration = Duration::from_secs(5);
/// After how long without an answer a part is not well.
const PATIENCE: Duration = Duration::from_secs(20);

/// Finds out whether something works.
type Probe = Box<dyn Fn() -> Result<(), Error> + Send>;

/// Something that the server stands on.
struct Part {
    name: String,
    is_needed: bool,
    state: Arc<State>,
    /// Ends the thread when it is dropped.
    _thread: Sender<()>,
}

#[derive(Default)]
struct State {
    last: Mutex<Option<Last>>,
    probed: Condvar,
}

/// What the last probe found.
#[derive(Clone, Copy)]
struct Last {
    at: Instant,
    is_well: bool,
}

/// Looks after what the server stands on.
#[derive(Default)]
pub struct Health {
    parts: Vec<Part>,
}

/// How it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Each part.
    pub parts: Vec<PartReport>,
}

/// How it goes with a part.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartReport {
    /// `store`, `audit`, `root`, or `hsm/` and an id.
    pub name: String,
    /// Whether it works.
    pub is_well: bool,
    /// Whether every request needs it.
    pub is_needed: bool,
}

impl Health {
    /// Nothing to look after.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks after one more part. Why it is not well goes to the log, when that changes.
    ///
    /// # Errors
    /// `Internal` if there is no thread for it.
    pub fn watch(
        &mut self,
        name: impl Into<String>,
        is_needed: bool,
        probe: impl Fn() -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        self.watch_every(INTERVAL, name.into(), is_needed, Box::new(probe))
    }

    fn watch_every(&mut self, interval: Duration, name: String, is_needed: bool, probe: Probe) -> Result<(), Error> {
        let state = Arc::new(State::default());
        let (thread, ended) = mpsc::channel();
        let (noted, part) = (state.clone(), name.clone());
        let work = move || {
            let mut before = None;
            loop {
                let found = probe();
                tell(&part, before, &found);
                before = Some(found.is_ok());
                *noted.last.lock() = Some(Last { at: Instant::now(), is_well: found.is_ok() });
                noted.probed.notify_all();
                if ended.recv_timeout(interval) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let started = thread::Builder::new().name("kms-health".into()).spawn(work);
        started.map_err(|error| Error::with_detail(kms_core::ErrorKind::Internal, format!("no thread: {error}")))?;
        self.parts.push(Part { name, is_needed, state, _thread: thread });
        Ok(())
    }

    /// Waits until each part was probed once, or `patience` is over.
    pub fn wait(&self, patience: Duration) {
        let until = Instant::now() + patience;
        for part in &self.parts {
            let mut last = part.state.last.lock();
            while last.is_none() && !part.state.probed.wait_until(&mut last, until).timed_out() {}
        }
    }

    /// What is known now.
    #[must_use]
    pub fn report(&self) -> Report {
        let part = |part: &Part| {
            let last = *part.state.last.lock();
            let is_well = last.is_some_and(|last| last.is_well && last.at.elapsed() < PATIENCE);
            PartReport { name: part.name.clone(), is_well, is_needed: part.is_needed }
        };
        Report { parts: self.parts.iter().map(part).collect() }
    }
}

/// Says in the log what has changed.
fn tell(part: &str, before: Option<bool>, found: &Result<(), Error>) {
    match (before, found) {
        (None | Some(true), Err(error)) => tracing::error!(part, %error, "not well"),
        (Some(false), Ok(())) => tracing::info!(part, "well again"),
        _ => {}
    }
}

impl Report {
    /// Whether requests can be served.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.parts.iter().all(|part| part.is_well || !part.is_needed)
    }

    /// The same for machines, without what went wrong: whoever can reach the server can ask.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let is_well = self.parts.iter().all(|part| part.is_well);
        let status = match (self.is_ready(), is_well) {
            (true, true) => "ready",
            (true, false) => "degraded",
            _ => "not ready",
        };
        let parts: serde_json::Map<_, _> = self
            .parts
            .iter()
            .map(|part| (part.name.clone(), if part.is_well { "ok" } else { "failed" }.into()))
            .collect();
        json!({ "status": status, "parts": parts })
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.report().parts).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn broken() -> Error {
        Error::with_detail(kms_core::ErrorKind::Disconnected, "secret detail")
    }

    #[test]
    fn an_hsm_that_is_gone_degrades_and_a_store_that_is_gone_does_more() {
        let mut health = Health::new();
        health.watch("store", true, || Ok(())).unwrap();
        health.watch("hsm/cluster-1", false, || Err(broken())).unwrap();
        health.wait(LONG);
        assert!(health.report().is_ready());
        assert_eq!(
            health.report().to_json(),
            json!({ "status": "degraded", "parts": { "store": "ok", "hsm/cluster-1": "failed" } })
        );
        health.watch("audit", true, || Err(broken())).unwrap();
        health.wait(LONG);
        assert!(!health.report().is_ready());
        assert!(!health.report().to_json().to_string().contains("secret"));
    }

    #[test]
    fn what_works_again_is_well_again() {
        let works = Arc::new(AtomicBool::new(false));
        let mut health = Health::new();
        let seen = works.clone();
        let probe = Box::new(move || if seen.load(Ordering::SeqCst) { Ok(()) } else { Err(broken()) });
        health.watch_every(Duration::from_millis(1), "store".into(), true, probe).unwrap();
        health.wait(LONG);
        assert!(!health.report().is_ready());
        works.store(true, Ordering::SeqCst);
        let until = Instant::now() + LONG;
        while !health.report().is_ready() {
            assert!(Instant::now() < until, "still not well");
            thread::yield_now();
        }
    }

    #[test]
    fn a_probe_that_never_comes_back_is_no_answer() {
        let (answer, waits) = mpsc::channel::<()>();
        let waits = Mutex::new(waits);
        let mut health = Health::new();
        let probe = move || {
            let _hangs = waits.lock().recv();
            Ok(())
        };
        health.watch("root", true, probe).unwrap();
        assert!(!health.report().is_ready(), "nothing is known of it");
        drop(answer);
        health.wait(LONG);
        assert!(health.report().is_ready());
    }
}

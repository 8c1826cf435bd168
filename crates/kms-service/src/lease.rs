//! How long what was read may serve, although another process or server may have changed it meanwhile.
//!
//! The store is asked for a barrier: the revision of its newest transaction. What is in memory is as new as the barrier
//! was *asked*, once everything is out of memory that changed up to that revision; so it may serve for as long after as
//! the [bound](crate::ServiceBuilder::freshness) says, and no longer. Requests ask, in passing: one of them as soon as the
//! last barrier is a quarter of the bound old, while the others go on; all of them once the whole bound is over. No thread
//! waits in between, and a service that nobody uses asks nothing.
//!
//! Changes of this service are out of memory before they are answered, so their revisions are only ticked off. For those
//! of others there is a watch, from the first one on; where it lags behind the barrier, everything is forgotten. An event
//! that comes late or never costs time, and never freshness.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use kms_core::Error;
use parking_lot::Mutex;

use crate::cache::Cache;
use crate::sealed::SealedStore;
use crate::store::{Event, Revision, Watch};
use crate::{Clock, Exception, KmsError, place};

/// How long a request waits for a barrier that another one asks for.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the watch may take to report what the barrier knows, at most.
const LAG: Duration = Duration::from_millis(100);

/// The right to serve what is in memory.
pub(crate) struct Lease {
    /// `None`: nobody else changes the store.
    bound: Option<Duration>,
    /// When the right ends, in nanoseconds of the clock's running time.
    fresh_until: AtomicU64,
    known: Mutex<Known>,
}

/// What is out of memory.
#[derive(Default)]
struct Known {
    /// Everything that was changed up to this revision. `None` before the first barrier.
    up_to: Option<Revision>,
    /// This service's own changes after it.
    own: BTreeSet<Revision>,
    watch: Option<Box<dyn Watch>>,
}

impl Lease {
    pub(crate) fn new(bound: Option<Duration>) -> Self {
        Self { bound, fresh_until: AtomicU64::new(0), known: Mutex::default() }
    }

    /// That what is in memory may serve now.
    ///
    /// # Errors
    /// `DependencyTimeoutException` if the store has to be asked and does not answer.
    pub(crate) fn check(&self, store: &SealedStore, cache: &Cache, clock: &dyn Clock) -> Result<(), KmsError> {
        let Some(bound) = self.bound else { return Ok(()) };
        if bound.is_zero() {
            // Everybody asks for themselves, and nobody waits for the answer to another.
            let newest = store.engine().barrier().map_err(not_answered)?;
            return self.known.lock().forget_up_to(newest, Duration::ZERO, store, cache).map_err(not_answered);
        }
        let (now, until) = (nanos(clock.running()), self.fresh_until.load(Ordering::SeqCst));
        if now < until {
            let due = until - now <= nanos(bound) / 4 * 3;
            if due && let Some(mut known) = self.known.try_lock() {
                // What is in memory is still fresh, unless the store took that long to fail.
                let renewed = self.renew(&mut known, bound, store, cache, clock);
                if renewed.is_err() && !self.is_fresh(clock) {
                    return renewed;
                }
            }
            return Ok(());
        }
        let Some(mut known) = self.known.try_lock_for(PATIENCE) else {
            return Err(KmsError::with(Exception::DependencyTimeout, NOT_ANSWERED));
        };
        // Another request may have asked meanwhile.
        if self.is_fresh(clock) { Ok(()) } else { self.renew(&mut known, bound, store, cache, clock) }
    }

    /// That what is in memory may serve now, and nobody has to ask the store first.
    pub(crate) fn is_at_hand(&self, clock: &dyn Clock) -> bool {
        let Some(bound) = self.bound else { return true };
        let (now, until) = (nanos(clock.running()), self.fresh_until.load(Ordering::SeqCst));
        // Whoever comes when it is due asks; but one is enough.
        now < until && (until - now > nanos(bound) / 4 * 3 || self.known.is_locked())
    }

    fn is_fresh(&self, clock: &dyn Clock) -> bool {
        nanos(clock.running()) < self.fresh_until.load(Ordering::SeqCst)
    }

    fn renew(
        &self,
        known: &mut Known,
        bound: Duration,
        store: &SealedStore,
        cache: &Cache,
        clock: &dyn Clock,
    ) -> Result<(), KmsError> {
        let asked = clock.running();
        let newest = store.engine().barrier().map_err(not_answered)?;
        known.forget_up_to(newest, LAG.min(bound / 4), store, cache).map_err(not_answered)?;
        self.fresh_until.store(nanos(asked.saturating_add(bound)), Ordering::SeqCst);
        Ok(())
    }

    /// A transaction of this service was committed, and what it changed is out of memory.
    pub(crate) fn committed(&self, revision: Revision) {
        if self.bound.is_some() {
            let mut known = self.known.lock();
            // Before the first barrier nothing is in memory.
            if known.up_to.is_some_and(|up_to| up_to < revision) {
                known.own.insert(revision);
            }
        }
    }
}

impl Known {
    /// Sees to it that nothing in memory is older than `newest`.
    fn forget_up_to(
        &mut self,
        newest: Revision,
        lag: Duration,
        store: &SealedStore,
        cache: &Cache,
    ) -> Result<(), Error> {
        let Some(up_to) = self.up_to else {
            // Whatever was read before the first barrier was read under no lease.
            cache.clear();
            self.up_to = Some(newest);
            return Ok(());
        };
        let mut up_to = self.tick_off(up_to, store);
        if up_to < newest {
            let caught_up = match &mut self.watch {
                None => false,
                Some(watch) => follow(&mut **watch, &mut up_to, newest, &self.own, lag, cache),
            };
            if !caught_up {
                if self.watch.is_none() && !lag.is_zero() {
                    self.watch = Some(store.engine().watch(b"")?);
                }
                // After the watch began: what it does not report is forgotten here.
                cache.clear();
                up_to = up_to.max(newest);
            }
        }
        self.own = self.own.split_off(&up_to);
        self.up_to = Some(self.tick_off(up_to, store));
        Ok(())
    }

    /// The newest revision up to which all changes are this service's, or of no record that is kept in memory.
    fn tick_off(&self, mut up_to: Revision, store: &SealedStore) -> Revision {
        loop {
            let next = Revision(up_to.0.saturating_add(1));
            if !self.own.contains(&next) && !store.is_of_material(next) {
                return up_to;
            }
            up_to = next;
        }
    }
}

/// Forgets what a watch reports, until it has reported `newest`. False if it does not in time, or has lost something.
fn follow(
    watch: &mut dyn Watch,
    up_to: &mut Revision,
    newest: Revision,
    own: &BTreeSet<Revision>,
    lag: Duration,
    cache: &Cache,
) -> bool {
    while *up_to < newest {
        match watch.next(lag) {
            Ok(Some(Event::Changed(place, revision))) => {
                if revision > *up_to && !own.contains(&revision) {
                    forget(cache, &place);
                }
            }
            Ok(Some(Event::Progress(revision))) => *up_to = revision.max(*up_to),
            Ok(Some(Event::Reset) | None) | Err(_) => return false,
        }
    }
    true
}

/// Forgets what was read of a place.
fn forget(cache: &Cache, place: &[u8]) {
    match place.first() {
        Some(b'k' | b'g') => match place::key_parts(place) {
            Some(name) => cache.key_changed(&name),
            None => cache.clear(),
        },
        Some(b'a') => match place::alias_parts(place) {
            Some(name) => cache.alias_changed(&name),
            None => cache.clear(),
        },
        // A custom key store: all its keys are available or not.
        Some(b'c') => cache.clear(),
        // Nothing else is kept in memory, or it changes together with its key.
        _ => {}
    }
}

const NOT_ANSWERED: &str = "The store did not say in time whether keys have changed.";

fn not_answered(error: Error) -> KmsError {
    KmsError::with(Exception::DependencyTimeout, NOT_ANSWERED).because(error)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("bound", &self.bound).finish_non_exhaustive()
    }
}

//! A store that fails as a script says, for the tests of what stands on a store.

use std::fmt;
use std::time::Duration;

use kms_core::{Error, ErrorKind};
use kms_service::Store;
use kms_service::store::{Outcome, Revision, Stored, Transaction, Watch};
use parking_lot::Mutex;

/// A function of [`Store`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "the functions of the trait")]
pub enum Operation {
    /// [`Store::get`]
    Get,
    /// [`Store::list`]
    List,
    /// [`Store::commit`]
    Commit,
    /// [`Store::barrier`]
    Barrier,
    /// [`Store::watch`]; not what the watch reports
    Watch,
    /// [`Store::health`]
    Health,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The call fails, and the store has not seen it.
    Before(ErrorKind),
    /// The store carries the call out, and its answer is replaced by an error. For a commit this is what the trait
    /// forbids; the error is marked as one that [may have run](Error::may_have_run).
    After(ErrorKind),
    /// A commit answers [`Outcome::Unknown`]. Other calls are `TimedOut`.
    Unknown {
        /// Whether the store has carried it out.
        applied: bool,
    },
    /// The call waits first, and then goes on, to the next rule that meets it.
    Delay(Duration),
}

/// When something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Rule {
    fault: Fault,
    on: Option<Operation>,
    after: u64,
    times: Option<u64>,
}

impl Rule {
    /// A rule that strikes every call, for ever.
    pub const fn new(fault: Fault) -> Self {
        Self { fault, on: None, after: 0, times: None }
    }

    /// Meets calls of this function only.
    pub const fn on(mut self, operation: Operation) -> Self {
        self.on = Some(operation);
        self
    }

    /// Lets as many of the calls that it meets pass before it strikes for the first time.
    pub const fn after(mut self, calls: u64) -> Self {
        self.after = calls;
        self
    }

    /// Strikes as often, and never again.
    pub const fn times(mut self, calls: u64) -> Self {
        self.times = Some(calls);
        self
    }

    /// Whether it strikes a call; counts it.
    fn strikes(&mut self, operation: Operation) -> bool {
        if self.on.is_some_and(|on| on != operation) {
            return false;
        }
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        match &mut self.times {
            None => true,
            Some(0) => false,
            Some(times) => {
                *times -= 1;
                true
            }
        }
    }
}

/// A store before a store: it passes on what no [`Rule`] strikes. Rules meet a call in the order in which they were
/// added, until one has answered it.
pub struct Faulty<S> {
    store: S,
    rules: Mutex<Vec<Rule>>,
}

impl<S> Faulty<S> {
    /// Without rules.
    pub const fn new(store: S) -> Self {
        Self { store, rules: Mutex::new(Vec::new()) }
    }

    /// Adds a rule.
    pub fn add(&self, rule: Rule) {
        self.rules.lock().push(rule);
    }

    /// Takes all rules away.
    pub fn heal(&self) {
        self.rules.lock().clear();
    }

    /// The store behind.
    pub const fn store(&self) -> &S {
        &self.store
    }

    fn call<T>(&self, operation: Operation, call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let fault = self.strike(operation);
        match fault {
            None | Some(Fault::Delay(_)) => call(),
            Some(Fault::Before(kind)) => Err(scripted(kind)),
            Some(Fault::After(kind)) => {
                call()?;
                Err(scripted(kind).that_may_have_run())
            }
            Some(Fault::Unknown { applied }) => {
                if applied {
                    call()?;
                }
                Err(scripted(ErrorKind::TimedOut))
            }
        }
    }

    /// The fault that answers a call. Waits for the delays before it.
    fn strike(&self, operation: Operation) -> Option<Fault> {
        let mut delay = Duration::ZERO;
        let mut answer = None;
        for rule in &mut *self.rules.lock() {
            if !rule.strikes(operation) {
                continue;
            }
            match rule.fault {
                Fault::Delay(longer) => delay = delay.saturating_add(longer),
                fault => {
                    answer = Some(fault);
                    break;
                }
            }
        }
        if !delay.is_zero() {
            std::thread::sleep(delay);
        }
        answer
    }
}

fn scripted(kind: ErrorKind) -> Error {
    Error::with_detail(kind, "scripted")
}

impl<S: Store> Store for Faulty<S> {
    fn get(&self, keys: &[&[u8]]) -> Result<Vec<Option<Stored>>, Error> {
        self.call(Operation::Get, || self.store.get(keys))
    }

    fn list(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Stored)>, Error> {
        self.call(Operation::List, || self.store.list(prefix, after, limit))
    }

    fn commit(&self, transaction: &Transaction) -> Result<Outcome, Error> {
        match self.strike(Operation::Commit) {
            None | Some(Fault::Delay(_)) => self.store.commit(transaction),
            Some(Fault::Before(kind)) => Err(scripted(kind)),
            Some(Fault::After(kind)) => {
                self.store.commit(transaction)?;
                Err(scripted(kind).that_may_have_run())
            }
            Some(Fault::Unknown { applied }) => {
                if applied {
                    self.store.commit(transaction)?;
                }
                Ok(Outcome::Unknown)
            }
        }
    }

    fn barrier(&self) -> Result<Revision, Error> {
        self.call(Operation::Barrier, || self.store.barrier())
    }

    fn watch(&self, prefix: &[u8]) -> Result<Box<dyn Watch>, Error> {
        self.call(Operation::Watch, || self.store.watch(prefix))
    }

    fn health(&self) -> Result<(), Error> {
        self.call(Operation::Health, || self.store.health())
    }
}

impl<S: fmt::Debug> fmt::Debug for Faulty<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("store", &self.store).field("rules", &*self.rules.lock()).finish()
    }
}

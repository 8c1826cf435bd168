//! A store in process memory.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::ops::Bound;

use kms_core::Error;
use kms_service::Store;
use kms_service::store::{Guard, Outcome, Revision, Stored, Transaction, Watch, Write};
use parking_lot::RwLock;

use crate::feed::Feed;
use crate::limits::{self, REMEMBERED};

/// Keeps everything in process memory; it is gone when the value is dropped. For tests, and for keys that live no
/// longer than their process.
///
/// The ids of the last 65,536 transactions are remembered.
#[derive(Default)]
pub struct Memory {
    state: RwLock<State>,
    feed: Feed,
}

#[derive(Default)]
struct State {
    entries: BTreeMap<Vec<u8>, Stored>,
    revision: Revision,
    applied: HashMap<[u8; 16], Revision>,
    in_order: VecDeque<[u8; 16]>,
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl State {
    fn holds(&self, guard: &Guard) -> bool {
        match guard {
            Guard::Absent(key) => !self.entries.contains_key(key),
            Guard::Is(key, version) => self.entries.get(key).is_some_and(|stored| stored.version == *version),
        }
    }

    fn remember(&mut self, id: [u8; 16]) {
        self.applied.insert(id, self.revision);
        self.in_order.push_back(id);
        while u64::try_from(self.in_order.len()).is_ok_and(|length| length > REMEMBERED) {
            if let Some(oldest) = self.in_order.pop_front() {
                self.applied.remove(&oldest);
            }
        }
    }
}

impl Store for Memory {
    fn get(&self, keys: &[&[u8]]) -> Result<Vec<Option<Stored>>, Error> {
        keys.iter().try_for_each(|key| limits::key(key))?;
        let state = self.state.read();
        Ok(keys.iter().map(|key| state.entries.get(*key).cloned()).collect())
    }

    fn list(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Stored)>, Error> {
        limits::page(limit)?;
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let state = self.state.read();
        let entries = state.entries.range::<[u8], _>((start, Bound::Unbounded));
        let page = entries.take_while(|(key, _)| key.starts_with(prefix)).take(limit);
        Ok(page.map(|(key, stored)| (key.clone(), stored.clone())).collect())
    }

    fn commit(&self, transaction: &Transaction) -> Result<Outcome, Error> {
        limits::transaction(transaction)?;
        let mut state = self.state.write();
        if let Some(revision) = state.applied.get(&transaction.id) {
            return Ok(Outcome::Committed(*revision));
        }
        let failed = transaction.guards.iter().filter(|guard| !state.holds(guard));
        let conflicts: Vec<_> = failed.map(|guard| limits::guarded(guard).to_vec()).collect();
        if !conflicts.is_empty() {
            return Ok(Outcome::Conflict(conflicts));
        }
        let revision = Revision(state.revision.0.saturating_add(1));
        state.revision = revision;
        for write in &transaction.writes {
            match write {
                Write::Put(key, value) => {
                    state.entries.insert(key.clone(), Stored { value: value.clone(), version: revision });
                }
                Write::Delete(key) => {
                    state.entries.remove(key);
                }
            }
        }
        state.remember(transaction.id);
        // Before the lock is let go: events go out in the order of revisions.
        self.feed.publish(revision, transaction.writes.iter().map(limits::target));
        Ok(Outcome::Committed(revision))
    }

    fn barrier(&self) -> Result<Revision, Error> {
        Ok(self.state.read().revision)
    }

    fn watch(&self, prefix: &[u8]) -> Result<Box<dyn Watch>, Error> {
        let state = self.state.read();
        Ok(Box::new(self.feed.watch(prefix, state.revision)))
    }

    fn health(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.feed.close();
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.read();
        f.debug_struct("Memory")
            .field("entries", &state.entries.len())
            .field("revision", &state.revision)
            .finish_non_exhaustive()
    }
}

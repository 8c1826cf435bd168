//! Keys that are lent without being counted.
//!
//! A count of those who hold a key, and the lock of the [cache](super::Cache), are written by every request that uses the
//! key: the cores take turns at them, and two threads get hardly more done than one. So a part of what is in the cache has
//! a slot here, from which a request borrows it and writes to its own thread's memory alone.

use core::cell::Cell;
use core::ops::Deref;
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};

use crate::snapshot::Snapshot;

/// How many requests of a thread pass before one of them goes to the cache: it notes there that the key is in use, or
/// brings it here.
const PASSES: u32 = 32;

/// A key, while a request works with it.
pub(crate) struct Lent(Guard<Option<Arc<Snapshot>>>);

impl Lent {
    /// `None` for an empty slot, so that what is in a `Lent` is there.
    fn of(slot: Guard<Option<Arc<Snapshot>>>) -> Option<Self> {
        slot.is_some().then_some(Self(slot))
    }

    /// To be held for longer than a request.
    pub(crate) fn to_arc(&self) -> Arc<Snapshot> {
        self.kept().clone()
    }

    fn kept(&self) -> &Arc<Snapshot> {
        match &*self.0 {
            Some(kept) => kept,
            None => unreachable!("checked when it was lent"),
        }
    }
}

impl From<Arc<Snapshot>> for Lent {
    fn from(key: Arc<Snapshot>) -> Self {
        Self(Guard::from_inner(Some(key)))
    }
}

impl Clone for Lent {
    fn clone(&self) -> Self {
        self.to_arc().into()
    }
}

impl Deref for Lent {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        self.kept()
    }
}

/// The slots: a key has one of them, and shares it with others.
pub(super) struct Recent(Box<[ArcSwapOption<Snapshot>]>);

impl Recent {
    pub(super) fn new(slots: usize) -> Self {
        Self((0..slots).map(|_| ArcSwapOption::empty()).collect())
    }

    /// What is in a slot.
    pub(super) fn get(&self, slot: usize) -> Option<Lent> {
        Lent::of(self.0.get(slot)?.load())
    }

    /// Puts a key into a slot.
    pub(super) fn put(&self, slot: usize, key: Arc<Snapshot>) {
        if let Some(slot) = self.0.get(slot) {
            slot.store(Some(key));
        }
    }

    /// Empties a slot, if this is in it.
    pub(super) fn take_back(&self, slot: usize, key: &Arc<Snapshot>) {
        if let Some(slot) = self.0.get(slot)
            && slot.load().as_ref().is_some_and(|found| Arc::ptr_eq(found, key))
        {
            slot.compare_and_swap(key, None);
        }
    }

    /// Empties a slot.
    pub(super) fn clear(&self, slot: usize) {
        if let Some(slot) = self.0.get(slot)
            && slot.load().is_some()
        {
            slot.store(None);
        }
    }
}

/// Whether it is the turn of this request to go to the cache.
pub(super) fn is_turn() -> bool {
    thread_local!(static PASSED: Cell<u32> = const { Cell::new(0) });
    PASSED.with(|passed| {
        passed.set(passed.get().wrapping_add(1));
        passed.get() % PASSES == 0
    })
}

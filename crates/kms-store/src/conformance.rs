//! What every engine of [`Store`] has to keep to.
//!
//! Each function asks for empty stores and panics where one does not keep to the trait. [`all`] calls all of them.
#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "these are tests, and stop at the first surprise"
)]

mod changes;
mod pages;
mod races;
mod transactions;

use std::sync::Arc;

use kms_core::{RandomSource, SystemRandom};
use kms_service::Store;
use kms_service::store::{Guard, Outcome, Revision, Stored, Transaction, Write};

pub use self::changes::{watch_ends_nowhere, watch_reports_in_order, watch_says_when_it_lost_something};
pub use self::pages::{pages_are_in_order, pages_hold_under_writes, prefixes_are_exact};
pub use self::races::{barrier_sees_what_was_committed, one_of_many_wins, reads_are_whole, updates_are_not_lost};
pub use self::transactions::{
    all_or_nothing, guards_bind, ids_apply_once, ids_apply_once_in_a_race, limits_are_exact, versions_are_revisions,
};

/// Makes an empty store.
pub type Make<'a> = &'a dyn Fn() -> Arc<dyn Store>;

/// Everything in this module.
pub fn all(make: Make<'_>) {
    for check in [
        guards_bind,
        versions_are_revisions,
        all_or_nothing,
        limits_are_exact,
        ids_apply_once,
        ids_apply_once_in_a_race,
        prefixes_are_exact,
        pages_are_in_order,
        pages_hold_under_writes,
        one_of_many_wins,
        updates_are_not_lost,
        reads_are_whole,
        barrier_sees_what_was_committed,
        watch_reports_in_order,
        watch_says_when_it_lost_something,
        watch_ends_nowhere,
    ] {
        check(make);
    }
}

/// A transaction with a new id.
fn transaction(guards: Vec<Guard>, writes: Vec<Write>) -> Transaction {
    let mut id = [0; 16];
    SystemRandom.fill(&mut id).unwrap();
    let mut transaction = Transaction::new(id);
    transaction.guards = guards;
    transaction.writes = writes;
    transaction
}

fn put(key: &[u8], value: &[u8]) -> Write {
    Write::Put(key.to_vec(), value.to_vec())
}

/// Commits a transaction that has to succeed. Unknown outcomes are asked again, as callers do.
fn commit(store: &dyn Store, transaction: &Transaction) -> Revision {
    match outcome(store, transaction) {
        Outcome::Committed(revision) => revision,
        other => panic!("{other:?} instead of a commit"),
    }
}

/// The outcome of a transaction, once it is known.
fn outcome(store: &dyn Store, transaction: &Transaction) -> Outcome {
    loop {
        match store.commit(transaction) {
            Ok(Outcome::Unknown) => {}
            Ok(outcome) => return outcome,
            Err(error) if error.is_transient() => {}
            Err(error) => panic!("a commit fails: {error}"),
        }
    }
}

fn get(store: &dyn Store, key: &[u8]) -> Option<Stored> {
    store.get(&[key]).unwrap().pop().unwrap()
}

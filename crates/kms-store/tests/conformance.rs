//! Both engines keep to the trait.
#![expect(
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test stops at the first surprise, and has std"
)]

use std::sync::Arc;
use std::time::Duration;

use kms_core::{Error, ErrorKind};
use kms_service::Store;
use kms_service::store::{Outcome, Revision, Stored, Transaction, Watch};
use kms_store::faulty::{Fault, Operation, Rule};
use kms_store::{Faulty, Memory, Sqlite, conformance};

/// An engine in a directory that goes with it.
struct Housed {
    store: Sqlite,
    _home: tempfile::TempDir,
}

impl Store for Housed {
    fn get(&self, keys: &[&[u8]]) -> Result<Vec<Option<Stored>>, Error> {
        self.store.get(keys)
    }

    fn list(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Stored)>, Error> {
        self.store.list(prefix, after, limit)
    }

    fn commit(&self, transaction: &Transaction) -> Result<Outcome, Error> {
        self.store.commit(transaction)
    }

    fn barrier(&self) -> Result<Revision, Error> {
        self.store.barrier()
    }

    fn watch(&self, prefix: &[u8]) -> Result<Box<dyn Watch>, Error> {
        self.store.watch(prefix)
    }

    fn health(&self) -> Result<(), Error> {
        self.store.health()
    }
}

fn sqlite() -> Arc<dyn Store> {
    let home = tempfile::tempdir().unwrap();
    Arc::new(Housed { store: Sqlite::open(home.path().join("store.db")).unwrap(), _home: home })
}

fn memory() -> Arc<dyn Store> {
    Arc::new(Memory::new())
}

/// Memory that is slow, and whose answers get lost: what a caller does about that is part of the suite.
fn faulty() -> Arc<dyn Store> {
    let store = Faulty::new(Memory::new());
    for after in [3, 40, 41, 42] {
        store.add(Rule::new(Fault::Unknown { applied: true }).on(Operation::Commit).after(after).times(2));
        store.add(Rule::new(Fault::Unknown { applied: false }).on(Operation::Commit).after(after).times(1));
        store.add(Rule::new(Fault::Before(ErrorKind::Busy)).on(Operation::Commit).after(after).times(1));
        store.add(Rule::new(Fault::Delay(Duration::from_millis(1))).after(after).times(20));
    }
    Arc::new(store)
}

macro_rules! engines {
    ($($engine:ident: $($check:ident)+;)+) => {
        $(mod $engine {
            $(#[test]
            fn $check() {
                kms_store::conformance::$check(&super::$engine);
            })+
        })+
    };
}

macro_rules! conformance {
    ($($engine:ident)+) => {
        engines! {
            $($engine: guards_bind versions_are_revisions all_or_nothing limits_are_exact ids_apply_once
                ids_apply_once_in_a_race prefixes_are_exact pages_are_in_order pages_hold_under_writes
                one_of_many_wins updates_are_not_lost reads_are_whole barrier_sees_what_was_committed
                watch_reports_in_order watch_says_when_it_lost_something watch_ends_nowhere;)+
        }
    };
}

conformance!(memory sqlite);

#[test]
fn a_store_that_loses_answers() {
    conformance::all(&faulty);
}

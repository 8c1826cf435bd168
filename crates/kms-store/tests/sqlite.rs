//! The SQLite engine: its file, several processes on it, copies of it, damage to it, and files of older versions.

#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::std_instead_of_core, reason = "a test stops at the first surprise, and has std")]

mod sqlite {
    mod backup;
    mod damage;
    mod fixture;
    mod opening;
    mod processes;
}

use kms_core::{RandomSource, SystemRandom};
use kms_service::Store;
use kms_service::store::{Guard, Outcome, Revision, Transaction, Write};
use kms_store::Sqlite;
use std::path::PathBuf;
use tempfile::TempDir;

/// A directory with a place for a store.
struct Place {
    home: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join("keys").join(name)
    }

    fn file(&self) -> PathBuf {
        self.path("store.db")
    }

    fn open(&self) -> Sqlite {
        Sqlite::open(self.file()).unwrap()
    }

    /// The file, without this crate's settings.
    fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.file()).unwrap()
    }
}

fn id() -> [u8; 16] {
    let mut id = [0; 16];
    SystemRandom.fill(&mut id).unwrap();
    id
}

fn transaction(guards: Vec<Guard>, writes: Vec<Write>) -> Transaction {
    let mut transaction = Transaction::new(id());
    transaction.guards = guards;
    transaction.writes = writes;
    transaction
}

fn put(store: &dyn Store, key: &[u8], value: &[u8]) -> Revision {
    let put = transaction(vec![], vec![Write::Put(key.to_vec(), value.to_vec())]);
    let Outcome::Committed(revision) = store.commit(&put).unwrap() else { unreachable!("without a guard") };
    revision
}

fn value(store: &dyn Store, key: &[u8]) -> Option<Vec<u8>> {
    store.get(&[key]).unwrap().remove(0).map(|stored| stored.value)
}

//! Where records are kept: what the service needs of a storage engine, and no more.
//!
//! Ordered keys, point guards, one atomic set of writes, ordered pages, a barrier, and watch events that are only hints.
//! An embedded engine and a distributed one can both keep to it; the crate `kms-store` has them.

use core::fmt;
use std::time::Duration;

use kms_core::Error;

/// The longest key, in bytes. The shortest has one.
pub const MAX_KEY: usize = 1024;
/// The longest value, in bytes.
pub const MAX_VALUE: usize = 256 * 1024;
/// The most bytes in a transaction, keys and values together.
pub const MAX_BYTES: usize = 1024 * 1024;
/// The most guards and writes in a transaction, together.
pub const MAX_STEPS: usize = 64;
/// The most entries that one page holds.
pub const MAX_PAGE: usize = 1000;

/// The store's own time: grows with every committed transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Revision(pub u64);

/// A value, and when it was last written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "this is all that a store keeps")]
pub struct Stored {
    /// The bytes.
    pub value: Vec<u8>,
    /// The revision of the transaction that wrote them.
    pub version: Revision,
}

/// A condition of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "engines have to know all of them")]
pub enum Guard {
    /// There is nothing at the key.
    Absent(Vec<u8>),
    /// What is at the key was last written at that revision.
    Is(Vec<u8>, Revision),
}

/// A change of a transaction.
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "engines have to know all of them")]
pub enum Write {
    /// Puts a value at a key, whatever is there.
    Put(Vec<u8>, Vec<u8>),
    /// Takes away what is at a key. Nothing there is fine.
    Delete(Vec<u8>),
}

/// Changes that happen together, or not at all: all guards hold, or nothing is written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transaction {
    /// Random; makes asking again safe. The store applies the transactions of one id once.
    pub id: [u8; 16],
    /// What must hold.
    pub guards: Vec<Guard>,
    /// What changes. No key is written twice.
    pub writes: Vec<Write>,
}

impl Transaction {
    /// A transaction that does nothing yet.
    #[must_use]
    pub const fn new(id: [u8; 16]) -> Self {
        Self { id, guards: Vec::new(), writes: Vec::new() }
    }
}

/// How a transaction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller has to treat each of them")]
pub enum Outcome {
    /// It happened, durably. Also the answer to a transaction whose id was committed before.
    Committed(Revision),
    /// These keys were not as their guards wanted; nothing was written.
    Conflict(Vec<Vec<u8>>),
    /// It may have happened. Commit the same transaction again to find out.
    Unknown,
}

/// A storage engine.
pub trait Store: Send + Sync {
    /// What is at each of the keys, as of one revision. Sees every transaction that was committed before the call.
    ///
    /// # Errors
    /// `Io`, `Disconnected`, `TimedOut`; `Malformed` if the engine's files are damaged.
    fn get(&self, keys: &[&[u8]]) -> Result<Vec<Option<Stored>>, Error>;

    /// The entries whose keys begin with `prefix`, in the order of their bytes, from the first after `after` (a whole
    /// key) on; at most `limit`, which is 1 to [`MAX_PAGE`].
    ///
    /// # Errors
    /// `InvalidInput` for another limit; else as [`get`](Self::get).
    fn list(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Stored)>, Error>;

    /// Commits a transaction, durably. One that only has guards gets a revision, too.
    ///
    /// # Errors
    /// `InvalidInput` for one that breaks a limit of this module or writes a key twice; else as [`get`](Self::get), and
    /// then nothing was written: where that is not certain, the answer is [`Outcome::Unknown`].
    fn commit(&self, transaction: &Transaction) -> Result<Outcome, Error>;

    /// The revision of the newest transaction. Whoever has seen all of it has seen everything that was committed before
    /// the call.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn barrier(&self) -> Result<Revision, Error>;

    /// Reports changes of keys that begin with `prefix`, from now on. The first event is [`Event::Progress`].
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn watch(&self, prefix: &[u8]) -> Result<Box<dyn Watch>, Error>;

    /// Whether the engine can read and write.
    ///
    /// # Errors
    /// What is wrong with it.
    fn health(&self) -> Result<(), Error>;
}

/// Something that happened in the store. A hint: whoever needs the value reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller has to treat each of them")]
pub enum Event {
    /// The key was written or deleted by the transaction of that revision.
    Changed(Vec<u8>, Revision),
    /// Everything up to the revision has been reported.
    Progress(Revision),
    /// Events were lost: anything may have changed.
    Reset,
}

/// Reports of changes.
pub trait Watch: Send {
    /// The next event; `None` when nothing happened for that long.
    ///
    /// # Errors
    /// `Disconnected` when there will be no more.
    fn next(&mut self, patience: Duration) -> Result<Option<Event>, Error>;
}

/// Values are sealed, but their lengths say enough for a log.
impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put(key, value) => write!(f, "Put({}, {} bytes)", key.escape_ascii(), value.len()),
            Self::Delete(key) => write!(f, "Delete({})", key.escape_ascii()),
        }
    }
}

// Object safety is part of the contract.
const _: fn(&dyn Store, &dyn Watch) = |_, _| {};

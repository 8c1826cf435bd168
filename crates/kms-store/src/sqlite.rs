//! A store in one SQLite file.
//!
//! Writes go through one thread, which puts whatever queued during the last sync into one SQLite transaction with one
//! sync. Reads run beside them on connections of their own. Several processes may have one file open at once, on a
//! local disk: SQLite's write-ahead log needs shared memory, which network file systems do not have.
//!
//! # The file
//! `application_id` is 0x6B6D7353 ("kmsS"), `user_version` the version of the format, now 1. Two tables:
//!
//! | table | column | |
//! |---|---|---|
//! | `entry` | `k` | the key |
//! | | `v` | the value |
//! | | `revision` | the revision of the transaction that wrote it |
//! | `applied` | `revision` | one row for each of the last 65,536 transactions; they are counted from 1, without a gap |
//! | | `id` | the id of the transaction, 16 bytes |
//! | | `k` | the keys it wrote, each behind its length in two bytes, big-endian |

mod check;
mod checkpoint;
mod copy;
mod fault;
mod file;
mod follow;
mod format;
mod group;
mod place;
mod read;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use kms_core::{Error, ErrorKind};
use kms_service::Store;
use kms_service::store::{Outcome, Revision, Stored, Transaction, Watch};
use parking_lot::Mutex;

use crate::feed::Feed;
use crate::limits;
pub use crate::sqlite::check::{Finding, check};
use crate::sqlite::checkpoint::Checkpointer;
pub use crate::sqlite::copy::restore;
use crate::sqlite::follow::Follower;
use crate::sqlite::read::Readers;
use crate::sqlite::writer::Writer;

/// A store in one SQLite file. See the [module](self).
///
/// The file has mode 0600 and its directory 0700 where this made them. Write-ahead log with `synchronous=FULL`: what
/// was answered `Committed` survives a power cut. A commit waits up to 5 seconds for other processes, and is then
/// `TimedOut`.
///
/// When a sync or anything else at the end of a commit fails, nobody can say what is on the disk: such transactions
/// are [`Outcome::Unknown`], and everything after them is `Io` until the store is opened anew. A full disk is `Io` for
/// as long as it is full. [`health`](Store::health) writes and syncs a page.
pub struct Sqlite {
    shared: Arc<Shared>,
    writer: Writer,
    checkpointer: Arc<Checkpointer>,
    follower: Arc<Follower>,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads of one store have in common.
struct Shared {
    path: PathBuf,
    readers: Readers,
    feed: Feed,
    /// Held while a batch is committed, and while the write-ahead log starts again from its beginning.
    turn: Mutex<()>,
    /// Why writing stopped for good.
    stopped: Mutex<Option<String>>,
    closing: AtomicBool,
}

impl Sqlite {
    /// Opens the store in the file at `path`; makes the file, and its directory, if there is none.
    ///
    /// # Errors
    /// `Refused` if others can write the directory or the file. `Malformed` if the file is no store, is empty, or if
    /// its write-ahead log is there without it. `Unsupported` if its format is newer than this version. `Io`;
    /// `TimedOut` if another process holds it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = place::prepare(path.as_ref())?;
        let connection = file::open(&path)?;
        // What is in the log came from a process that may have been stopped by a failing sync. Copying it out of the
        // log writes it anew, and so makes certain that it is on the disk before anyone is told of it.
        checkpoint::all(&connection)?;
        let shared = Arc::new(Shared {
            readers: Readers::new(path.clone()),
            path,
            feed: Feed::default(),
            turn: Mutex::new(()),
            stopped: Mutex::new(None),
            closing: AtomicBool::new(false),
        });
        let checkpointer = Arc::new(Checkpointer::default());
        let follower = Arc::new(Follower::default());
        let mut store = Self {
            writer: Writer::default(),
            checkpointer: Arc::clone(&checkpointer),
            follower: Arc::clone(&follower),
            threads: Vec::with_capacity(3),
            shared: Arc::clone(&shared),
        };
        store.start("kms-store-checkpoint", Checkpointer::start(&checkpointer, &shared)?)?;
        store.start("kms-store-follow", Follower::start(&follower, &shared)?)?;
        let work = store.writer.start(connection, shared, checkpointer, follower);
        store.start("kms-store-write", work)?;
        Ok(store)
    }

    fn start(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        self.threads
            .push(thread.map_err(|error| Error::with_detail(ErrorKind::Io, "starting a thread").with_source(error))?);
        Ok(())
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Copies the store, as of one revision, to a new file at `to`, while it goes on. The copy is checked and synced
    /// before it gets its name; a file that is there is never replaced. [`restore`] makes a store of it again.
    ///
    /// # Errors
    /// `InvalidInput` if there is something at `to`; `Malformed` if the copy does not pass [`check`]; `Io`.
    pub fn backup(&self, to: &Path) -> Result<(), Error> {
        copy::backup(&self.shared.path, to)
    }

    /// Reads everything and reports what is wrong with it; nothing if the store is sound. See [`check`].
    ///
    /// # Errors
    /// `Io`, `TimedOut`.
    pub fn check(&self) -> Result<Vec<Finding>, Error> {
        check(&self.shared.path)
    }
}

impl Store for Sqlite {
    fn get(&self, keys: &[&[u8]]) -> Result<Vec<Option<Stored>>, Error> {
        keys.iter().try_for_each(|key| limits::key(key))?;
        self.shared.readers.with(|connection| read::get(connection, keys))
    }

    fn list(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Stored)>, Error> {
        limits::page(limit)?;
        self.shared.readers.with(|connection| read::list(connection, prefix, after, limit))
    }

    fn commit(&self, transaction: &Transaction) -> Result<Outcome, Error> {
        limits::transaction(transaction)?;
        self.writer.commit(transaction)
    }

    fn barrier(&self) -> Result<Revision, Error> {
        self.shared.readers.with(read::revision)
    }

    fn watch(&self, prefix: &[u8]) -> Result<Box<dyn Watch>, Error> {
        let now = self.barrier()?;
        let watch = self.shared.feed.watch(prefix, now);
        self.follower.wake();
        Ok(Box::new(watch))
    }

    fn health(&self) -> Result<(), Error> {
        self.barrier()?;
        self.writer.probe()
    }
}

/// What callers are told once writing has stopped.
fn stopped(why: &str) -> Error {
    Error::with_detail(ErrorKind::Io, format!("writing stopped, and starts when the store is opened anew: {why}"))
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        self.writer.close();
        self.checkpointer.wake();
        self.follower.wake();
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing more to do either.
            let _ended = thread.join();
        }
        self.shared.feed.close();
        // The last connection that is closed empties the log; of two that are closed at once, each takes the other for
        // one that stays. What was deleted would remain in the file until the next checkpoint.
        let log = place::companions(&self.shared.path).iter().any(|log| log.metadata().is_ok_and(|log| log.len() > 0));
        let whole = self.shared.stopped.lock().is_none();
        if log
            && whole
            && let Ok(connection) = file::open(&self.shared.path)
        {
            // Whoever opens the store next does it otherwise.
            let _left_to_the_next = checkpoint::all(&connection);
        }
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

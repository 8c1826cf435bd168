//! Bringing the write-ahead log into the database, beside the commits.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kms_core::Error;
use parking_lot::{Condvar, Mutex};
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ErrorCode, MAIN_DB};

use crate::sqlite::fault::Left;
use crate::sqlite::{Shared, fault, file};

/// How many bytes are written before the next checkpoint: about the 1,000 pages of SQLite's own.
const EVERY: usize = 4 << 20;
/// From how many pages on the log starts again from its beginning although that stops the writer for a moment.
const LONG: i32 = 4000;

/// Wakes the thread that checkpoints.
#[derive(Default)]
pub(super) struct Checkpointer {
    written: Mutex<usize>,
    due: Condvar,
}

impl Checkpointer {
    /// As many bytes were written.
    pub(super) fn written(&self, bytes: usize) {
        let mut written = self.written.lock();
        *written = written.saturating_add(bytes);
        if *written >= EVERY {
            self.due.notify_one();
        }
    }

    /// Wakes the thread so that it sees that it is to end.
    pub(super) fn wake(&self) {
        // Under the lock, or it could be missed between the look and the wait.
        let _written = self.written.lock();
        self.due.notify_one();
    }

    /// What the thread is to do.
    pub(super) fn start(this: &Arc<Self>, shared: &Arc<Shared>) -> Result<impl FnOnce() + Send + 'static, Error> {
        let connection = file::open(&shared.path)?;
        let (this, shared) = (Arc::clone(this), Arc::clone(shared));
        Ok(move || {
            while this.wait(&shared) {
                // A failure leaves the log as it is: everything is still in it. The next checkpoint tries again, but
                // for a sync that failed: that is the disk, and the next commit's sync would be on it.
                if let Err(error) = run(&connection, &shared)
                    && fault::left(&error) == Left::Doubt
                {
                    let error = fault::of("bringing the log into the database", error);
                    shared.stopped.lock().get_or_insert(error.to_string());
                }
            }
        })
    }

    fn wait(&self, shared: &Shared) -> bool {
        let mut written = self.written.lock();
        loop {
            if shared.closing.load(Ordering::Acquire) {
                return false;
            }
            if *written >= EVERY {
                *written = 0;
                return true;
            }
            self.due.wait(&mut written);
        }
    }
}

fn run(connection: &Connection, shared: &Shared) -> rusqlite::Result<()> {
    let pages = checkpoint(connection, CheckpointMode::PASSIVE)?;
    if pages < LONG {
        return Ok(());
    }
    // The writer appended while the log was copied, so it cannot start again. Copy the rest while it stands still.
    let _turn = shared.turn.lock();
    connection.busy_timeout(Duration::from_millis(10))?;
    let done = checkpoint(connection, CheckpointMode::TRUNCATE);
    connection.busy_timeout(file::PATIENCE)?;
    done.map(|_| ())
}

/// Copies all of the log, if nobody else reads or writes just now.
pub(super) fn all(connection: &Connection) -> Result<(), Error> {
    (|| {
        connection.busy_timeout(Duration::ZERO)?;
        let done = checkpoint(connection, CheckpointMode::TRUNCATE);
        connection.busy_timeout(file::PATIENCE)?;
        done
    })()
    .map(|_| ())
    .map_err(|error| fault::of("opening the store", error))
}

/// The pages of the log, which are all in the database now unless somebody was in the way.
fn checkpoint(connection: &Connection, mode: CheckpointMode) -> rusqlite::Result<i32> {
    match connection.wal_checkpoint_v2(Some(MAIN_DB), mode) {
        Ok((pages, _)) => Ok(pages),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(0),
        Err(error) => Err(error),
    }
}

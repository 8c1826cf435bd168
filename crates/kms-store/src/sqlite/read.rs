//! Reading, beside the writer.

use std::path::PathBuf;

use kms_core::Error;
use kms_service::store::{Revision, Stored};
use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::limits;
use crate::sqlite::{fault, file};

/// The most connections. More than there are processors only wait for each other.
const MOST: usize = 8;

/// Connections for reading.
pub(super) struct Readers {
    path: PathBuf,
    most: usize,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    /// How many there are, with those in use.
    open: usize,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        let most = std::thread::available_parallelism().map_or(2, |processors| processors.get().clamp(2, MOST));
        Self { path, most, pool: Mutex::default(), returned: Condvar::new() }
    }

    /// Runs `read` on a connection that nobody else uses meanwhile.
    pub(super) fn with<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        let connection = self.take()?;
        let answer = read(&connection).map_err(|error| fault::of("reading the store", error));
        // After an error the connection is not used again.
        self.give(answer.is_ok().then_some(connection));
        answer
    }

    fn take(&self) -> Result<Connection, Error> {
        let mut pool = self.pool.lock();
        loop {
            if let Some(connection) = pool.idle.pop() {
                return Ok(connection);
            }
            if pool.open < self.most {
                pool.open += 1;
                break;
            }
            self.returned.wait(&mut pool);
        }
        drop(pool);
        file::open_reader(&self.path).inspect_err(|_| self.give(None))
    }

    fn give(&self, connection: Option<Connection>) {
        let mut pool = self.pool.lock();
        match connection {
            Some(connection) => pool.idle.push(connection),
            None => pool.open -= 1,
        }
        drop(pool);
        self.returned.notify_one();
    }
}

/// A revision, from a column.
pub(super) fn from_sql(row: &Row<'_>, column: usize) -> rusqlite::Result<Revision> {
    row.get(column).map(Revision)
}

/// The revision of the newest transaction.
pub(super) fn revision(connection: &Connection) -> rusqlite::Result<Revision> {
    let mut statement = connection.prepare_cached("SELECT ifnull(max(revision), 0) FROM applied")?;
    statement.query_row((), |row| from_sql(row, 0))
}

/// What is at the keys, as of one revision.
pub(super) fn get(connection: &Connection, keys: &[&[u8]]) -> rusqlite::Result<Vec<Option<Stored>>> {
    // One statement is a snapshot of its own.
    if let [key] = keys {
        return Ok(vec![get_one(connection, key)?]);
    }
    let snapshot = connection.unchecked_transaction()?;
    let found = keys.iter().map(|key| get_one(&snapshot, key)).collect::<rusqlite::Result<_>>()?;
    snapshot.commit()?;
    Ok(found)
}

fn get_one(connection: &Connection, key: &[u8]) -> rusqlite::Result<Option<Stored>> {
    let mut statement = connection.prepare_cached("SELECT v, revision FROM entry WHERE k = ?")?;
    statement.query_row([key], |row| Ok(Stored { value: row.get(0)?, version: from_sql(row, 1)? })).optional()
}

/// A page, in the order of keys.
pub(super) fn list(
    connection: &Connection,
    prefix: &[u8],
    after: Option<&[u8]>,
    limit: usize,
) -> rusqlite::Result<Vec<(Vec<u8>, Stored)>> {
    let start = after.filter(|after| *after >= prefix);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    // Separate texts, so that each is one range of the index.
    let (first, end) = (start.unwrap_or(prefix), limits::after_prefix(prefix));
    let text = match (start.is_some(), end.is_some()) {
        (false, true) => "SELECT k, v, revision FROM entry WHERE k >= ?1 AND k < ?2 ORDER BY k LIMIT ?3",
        (true, true) => "SELECT k, v, revision FROM entry WHERE k > ?1 AND k < ?2 ORDER BY k LIMIT ?3",
        (false, false) => "SELECT k, v, revision FROM entry WHERE k >= ?1 AND ?2 IS NULL ORDER BY k LIMIT ?3",
        (true, false) => "SELECT k, v, revision FROM entry WHERE k > ?1 AND ?2 IS NULL ORDER BY k LIMIT ?3",
    };
    let mut statement = connection.prepare_cached(text)?;
    let rows = statement.query_map(params![first, end, limit], |row| {
        Ok((row.get(0)?, Stored { value: row.get(1)?, version: from_sql(row, 2)? }))
    })?;
    rows.collect()
}

//! Many callers' transactions in one of SQLite's.

use kms_core::Error;
use kms_service::store::{Guard, Outcome, Revision, Transaction, Write};
use rusqlite::{Connection, OptionalExtension, params};

use crate::limits::{self, REMEMBERED};
use crate::sqlite::fault::{self, Left};
use crate::sqlite::{format, read};

/// How a batch ended.
pub(super) enum End {
    /// Each transaction's own outcome; what was written is on the disk.
    Done(Vec<Outcome>),
    /// Nothing was written.
    Failed(Error),
    /// It may have been written.
    Unknown {
        /// Why.
        error: Error,
        /// Nothing more can be written safely.
        doubt: bool,
    },
}

/// Commits those of the transactions whose guards hold, one after the other, with one sync.
///
/// A failure inside the batch is one of the disk or of memory and has nothing to do with a single transaction: it ends
/// the whole batch, and nothing of it is written.
pub(super) fn commit(connection: &Connection, batch: &[&Transaction]) -> End {
    in_one(connection, || apply_all(connection, batch))
}

/// Writes and syncs something that changes nothing.
pub(super) fn probe(connection: &Connection) -> End {
    in_one(connection, || format::touch(connection).map(|()| Vec::new()))
}

fn in_one(connection: &Connection, work: impl FnOnce() -> rusqlite::Result<Vec<Outcome>>) -> End {
    // Should the last time have failed to.
    roll_back(connection);
    if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
        return End::Failed(fault::of("beginning to write", error));
    }
    let outcomes = match work() {
        Ok(outcomes) => outcomes,
        Err(error) => {
            roll_back(connection);
            return End::Failed(fault::of("writing", error));
        }
    };
    let Err(error) = connection.execute_batch("COMMIT") else { return End::Done(outcomes) };
    let left = fault::left(&error);
    roll_back(connection);
    let error = fault::of("committing", error);
    match left {
        Left::Nothing => End::Failed(error),
        Left::Perhaps => End::Unknown { error, doubt: false },
        Left::Doubt => End::Unknown { error, doubt: true },
    }
}

/// SQLite has often rolled back by itself; that there is nothing to roll back is no failure.
fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        let _rolled_back = connection.execute_batch("ROLLBACK");
    }
}

fn apply_all(connection: &Connection, batch: &[&Transaction]) -> rusqlite::Result<Vec<Outcome>> {
    let before = read::revision(connection)?;
    let mut newest = before;
    let mut outcomes = Vec::with_capacity(batch.len());
    for transaction in batch {
        outcomes.push(apply(connection, transaction, &mut newest)?);
    }
    if newest > before {
        connection
            .prepare_cached("DELETE FROM applied WHERE revision <= ?")?
            .execute([newest.0.saturating_sub(REMEMBERED)])?;
    }
    Ok(outcomes)
}

fn apply(connection: &Connection, transaction: &Transaction, newest: &mut Revision) -> rusqlite::Result<Outcome> {
    let mut applied = connection.prepare_cached("SELECT revision FROM applied WHERE id = ?")?;
    if let Some(revision) = applied.query_row([transaction.id], |row| read::from_sql(row, 0)).optional()? {
        return Ok(Outcome::Committed(revision));
    }
    let mut conflicts = Vec::new();
    for guard in &transaction.guards {
        if !holds(connection, guard)? {
            conflicts.push(limits::guarded(guard).to_vec());
        }
    }
    if !conflicts.is_empty() {
        return Ok(Outcome::Conflict(conflicts));
    }
    *newest = Revision(newest.0.saturating_add(1));
    let revision = newest.0;
    for write in &transaction.writes {
        match write {
            Write::Put(key, value) => connection
                .prepare_cached(
                    "INSERT INTO entry (k, v, revision) VALUES (?1, ?2, ?3)
                     ON CONFLICT (k) DO UPDATE SET v = excluded.v, revision = excluded.revision",
                )?
                .execute(params![key, value, revision])?,
            Write::Delete(key) => connection.prepare_cached("DELETE FROM entry WHERE k = ?")?.execute([key])?,
        };
    }
    connection.prepare_cached("INSERT INTO applied (revision, id, k) VALUES (?1, ?2, ?3)")?.execute(params![
        revision,
        transaction.id,
        pack(transaction)
    ])?;
    Ok(Outcome::Committed(*newest))
}

fn holds(connection: &Connection, guard: &Guard) -> rusqlite::Result<bool> {
    let mut version = connection.prepare_cached("SELECT revision FROM entry WHERE k = ?")?;
    let found = version.query_row([limits::guarded(guard)], |row| read::from_sql(row, 0)).optional()?;
    Ok(match guard {
        Guard::Absent(_) => found.is_none(),
        Guard::Is(_, wanted) => found == Some(*wanted),
    })
}

/// The keys that a transaction writes, for those who watch in other processes.
fn pack(transaction: &Transaction) -> Vec<u8> {
    let mut packed = Vec::new();
    for key in transaction.writes.iter().map(limits::target) {
        // A key has at most 1,024 bytes.
        packed.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_be_bytes());
        packed.extend_from_slice(key);
    }
    packed
}

/// The keys that [`pack`] packed; `None` if they are not that.
pub(super) fn unpack(mut packed: &[u8]) -> Option<Vec<&[u8]>> {
    let mut keys = Vec::new();
    while !packed.is_empty() {
        let (length, rest) = packed.split_first_chunk()?;
        let (key, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        keys.push(key);
        packed = rest;
    }
    Some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::file;

    #[test]
    fn ids_are_forgotten_in_their_order() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("store.db");
        file::create(&path).unwrap();
        let connection = file::open(&path).unwrap();
        let fill = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
                    INSERT INTO applied SELECT n, CAST(printf('%016d', n) AS BLOB), x'' FROM n";
        connection.execute(fill, [REMEMBERED]).unwrap();
        let commit = |id: u64| {
            let id = format!("{id:016}").into_bytes().try_into().unwrap();
            match commit(&connection, &[&Transaction::new(id)]) {
                End::Done(outcomes) => outcomes,
                End::Failed(error) | End::Unknown { error, .. } => panic!("{error}"),
            }
        };
        assert_eq!(commit(1), [Outcome::Committed(Revision(1))], "the oldest that is known");
        assert_eq!(commit(REMEMBERED + 1), [Outcome::Committed(Revision(REMEMBERED + 1))]);
        assert_eq!(commit(2), [Outcome::Committed(Revision(2))]);
        assert_eq!(commit(1), [Outcome::Committed(Revision(REMEMBERED + 2))], "not known any more");
    }

    #[test]
    fn packed_keys_come_out_again() {
        let mut transaction = Transaction::new([0; 16]);
        transaction.writes = vec![Write::Put(vec![1; 1024], vec![]), Write::Delete(b"k".to_vec())];
        let packed = pack(&transaction);
        assert_eq!(unpack(&packed), Some(vec![[1; 1024].as_slice(), b"k"]));
        assert_eq!(unpack(&packed[..packed.len() - 1]), None);
        assert_eq!(unpack(&[0]), None);
    }
}

//! Connections to a store's file.

use std::path::Path;
use std::time::Duration;

use kms_core::Error;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::sqlite::{fault, format, place};

/// How long a statement waits for other processes.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The flags of every connection. One thread at a time uses a connection, so SQLite need not lock it.
pub(super) const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Makes a store in a new file at `path`.
pub(super) fn create(path: &Path) -> Result<(), Error> {
    place::make_private_file(path)?;
    (|| {
        let connection = Connection::open_with_flags(path, FLAGS)?;
        settle(&connection)?;
        format::create(&connection)?;
        connection.close().map_err(|(_, error)| error)
    })()
    .map_err(|error| fault::of("making the store", error))
}

/// A connection that may write.
pub(super) fn open(path: &Path) -> Result<Connection, Error> {
    (|| {
        let connection = Connection::open_with_flags(path, FLAGS)?;
        settle(&connection)?;
        Ok(connection)
    })()
    .map_err(|error| fault::of("opening the store", error))
    .and_then(ready)
}

/// A connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, Error> {
    let connection = open(path)?;
    connection
        .pragma_update(None, "query_only", true)
        .map_err(|error| fault::of("opening the store for reading", error))?;
    Ok(connection)
}

/// Settings that do not touch the file. They have to be made before anything is read.
pub(super) fn settle(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    // A file that somebody else wrote must not run anything, nor bring SQLite out of step.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // NORMAL loses acknowledged commits in a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Elsewhere than on macOS a sync goes through the disk's own cache anyway.
    connection.pragma_update(None, "fullfsync", true)?;
    // Deleted material is overwritten, not only forgotten.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

/// Looks at the format, and then switches to the write-ahead log.
fn ready(connection: Connection) -> Result<Connection, Error> {
    format::check_version(&connection)?;
    let opening = |error| fault::of("opening the store", error);
    if let Some(finding) = format::findings(&connection).map_err(opening)?.first() {
        return Err(Error::malformed(format!("the store's tables: {finding}")));
    }
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(opening)?;
    if mode != "wal" {
        return Err(Error::unsupported("the file system cannot keep a write-ahead log"));
    }
    // The checkpointer does that, beside the commits.
    connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(opening)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_has_the_settings() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("store.db");
        create(&path).unwrap();
        for (connection, query_only) in [(open(&path).unwrap(), 0), (open_reader(&path).unwrap(), 1)] {
            let setting = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
            assert_eq!(setting("synchronous"), 2, "FULL");
            assert_eq!(setting("trusted_schema"), 0);
            assert_eq!(setting("cell_size_check"), 1);
            assert_eq!(setting("secure_delete"), 1);
            assert_eq!(setting("fullfsync"), 1);
            assert_eq!(setting("wal_autocheckpoint"), 0);
            assert_eq!(setting("busy_timeout"), 5000);
            assert_eq!(setting("query_only"), query_only);
            assert!(connection.db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE).unwrap());
            let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
            assert_eq!(mode, "wal");
        }
    }
}

//! What makes a file a store.

use kms_core::{Error, ErrorKind};
use rusqlite::Connection;

use crate::sqlite::fault;

/// "kmsS".
pub(super) const APPLICATION_ID: u32 = 0x6B6D_7353;
/// The format that this version writes. It reads all up to this one.
pub(super) const FORMAT: u32 = 1;

/// The tables of format 1. The texts are what SQLite keeps and [`findings`] compares.
const TABLES: [(&str, &str); 2] = [
    ("applied", "CREATE TABLE applied (revision INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, k BLOB NOT NULL)"),
    ("entry", "CREATE TABLE entry (k BLOB PRIMARY KEY NOT NULL, v BLOB NOT NULL, revision INTEGER NOT NULL)"),
];

/// Makes an empty store of an empty database, in one transaction.
pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN")?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", FORMAT)?;
    for (_, table) in TABLES {
        connection.execute_batch(table)?;
    }
    connection.execute_batch("COMMIT")
}

/// Writes the format's version once more.
pub(super) fn touch(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "user_version", FORMAT)
}

/// Whether the first bytes of a file are those of a store. Read without SQLite, so that nobody else's database is
/// touched.
///
/// # Errors
/// `Malformed`.
pub(super) fn check_header(header: &[u8]) -> Result<(), Error> {
    if header.is_empty() {
        return Err(Error::malformed(
            "the file is empty, which a store never is: restore a backup, or remove the file",
        ));
    }
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(Error::malformed("the file is not a store"));
    }
    if header.get(68..72) != Some(&APPLICATION_ID.to_be_bytes()) {
        return Err(Error::malformed("the file is the database of another program"));
    }
    Ok(())
}

/// Whether this version knows the format.
///
/// # Errors
/// `Unsupported` for a newer one, `Malformed` for one that never was.
pub(super) fn check_version(connection: &Connection) -> Result<(), Error> {
    let version: u32 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| fault::of("reading the format", error))?;
    match version {
        FORMAT => Ok(()),
        0 => Err(Error::malformed("the file has no format version")),
        newer => Err(Error::with_detail(
            ErrorKind::Unsupported,
            format!("the file has format {newer}, and this version of kms reads formats up to {FORMAT}"),
        )),
    }
}

/// How the tables differ from those of the format: a trigger or view would run with every statement.
pub(super) fn findings(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement =
        connection.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")?;
    let found = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let found: Vec<(String, String)> = found.collect::<rusqlite::Result<_>>()?;
    let mut findings = Vec::new();
    for (name, text) in &found {
        if !TABLES.contains(&(name.as_str(), text.as_str())) {
            findings.push(format!("{name:?} is not of the format, or not as it is there"));
        }
    }
    for (name, _) in TABLES.iter().filter(|(name, _)| found.iter().all(|(found, _)| found != name)) {
        findings.push(format!("the table {name:?} is missing"));
    }
    Ok(findings)
}

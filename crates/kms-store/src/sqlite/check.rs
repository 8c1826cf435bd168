//! Whether a store is sound.

use std::fmt;
use std::path::Path;

use kms_core::Error;
use kms_service::store::{MAX_KEY, MAX_VALUE, Revision};
use rusqlite::{Connection, params};

use crate::limits::REMEMBERED;
use crate::sqlite::{fault, file, format, group, place, read};

/// The most findings of one sort. Where there are more, they say nothing new.
const MOST: u32 = 100;

/// Something that is wrong with a store. Its text says what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    key: Option<Vec<u8>>,
    what: String,
}

impl Finding {
    /// The key of the entry that is wrong, if it is one entry.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "the entry {}: {}", key.escape_ascii(), self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// Reads all of the store at `path` and reports what is wrong with it: SQLite's own structure, the tables, each key,
/// value and revision against the limits of [`kms_service::store`], the transactions that are remembered. Works while
/// the store is open, and on a file that cannot be opened any more. Nothing of it is changed.
///
/// # Errors
/// `Unsupported` if the format is newer than this version; `Io`, `TimedOut`. What is wrong with the file itself is a finding.
pub fn check(path: &Path) -> Result<Vec<Finding>, Error> {
    use kms_core::ErrorKind::{Malformed, Refused};

    match place::check_file(path).and_then(|()| unshared(path)) {
        Err(error) if matches!(error.kind(), Malformed | Refused) => {
            Ok(vec![Finding { key: None, what: error.detail().unwrap_or("the file is damaged").to_owned() }])
        }
        checked => checked,
    }
}

/// [`check`] without a look at who may write the file.
pub(super) fn unshared(path: &Path) -> Result<Vec<Finding>, Error> {
    let connection = Connection::open_with_flags(path, file::FLAGS)
        .and_then(|connection| {
            file::settle(&connection)?;
            connection.pragma_update(None, "query_only", true)?;
            Ok(connection)
        })
        .map_err(|error| fault::of("opening the store", error))?;
    format::check_version(&connection)?;
    all(&connection).map_err(|error| fault::of("checking the store", error))
}

fn all(connection: &Connection) -> rusqlite::Result<Vec<Finding>> {
    let snapshot = connection.unchecked_transaction()?;
    let mut findings: Vec<Finding> =
        format::findings(&snapshot)?.into_iter().map(|what| Finding { key: None, what }).collect();
    if findings.is_empty() {
        structure(&snapshot, &mut findings)?;
        let newest = read::revision(&snapshot)?;
        entries(&snapshot, newest, &mut findings)?;
        applied(&snapshot, newest, &mut findings)?;
    }
    Ok(findings)
}

fn structure(connection: &Connection, findings: &mut Vec<Finding>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({MOST})"))?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let what: String = row.get(0)?;
        if what != "ok" {
            findings.push(Finding { key: None, what });
        }
    }
    Ok(())
}

fn entries(connection: &Connection, newest: Revision, findings: &mut Vec<Finding>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "SELECT CAST(k AS BLOB), typeof(k), length(k), typeof(v), length(v), revision FROM entry
         WHERE typeof(k) <> 'blob' OR length(k) NOT BETWEEN 1 AND ?1
            OR typeof(v) <> 'blob' OR length(v) > ?2
            OR typeof(revision) <> 'integer' OR revision NOT BETWEEN 1 AND ?3
         LIMIT ?4",
    )?;
    let limit = |limit: usize| i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![limit(MAX_KEY), limit(MAX_VALUE), newest.0, MOST])?;
    while let Some(row) = rows.next()? {
        let (key_type, key_length): (String, i64) = (row.get(1)?, row.get(2)?);
        let (value_type, value_length): (String, i64) = (row.get(3)?, row.get(4)?);
        let what = format!(
            "a key of {key_length} bytes ({key_type}), a value of {value_length} bytes ({value_type}), revision {:?}: \
             not within the limits, or newer than the store",
            row.get_ref(5)?.data_type(),
        );
        findings.push(Finding { key: row.get(0)?, what });
    }
    Ok(())
}

/// One row for each of the newest transactions, without a gap.
fn applied(connection: &Connection, newest: Revision, findings: &mut Vec<Finding>) -> rusqlite::Result<()> {
    let mut finding = |what: String| findings.push(Finding { key: None, what });
    let (rows, oldest): (u64, u64) =
        connection.query_row("SELECT count(*), ifnull(min(revision), 1) FROM applied", (), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let wanted = newest.0.min(REMEMBERED);
    if rows != wanted || oldest.saturating_add(rows) != newest.0.saturating_add(1) {
        finding(format!("{rows} transactions are remembered, from {oldest} on, where it should be {wanted}"));
    }
    let mut statement = connection.prepare("SELECT revision, id, k FROM applied")?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let id = row.get_ref(1)?.as_blob().unwrap_or_default();
        let keys = row.get_ref(2)?.as_blob().ok().and_then(group::unpack);
        if id.len() != 16 || keys.is_none() {
            finding(format!("what is remembered of transaction {} is not of the format", read::from_sql(row, 0)?.0));
        }
    }
    Ok(())
}

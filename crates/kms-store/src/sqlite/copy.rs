//! Backup and restore.

use std::path::Path;

use kms_core::{Error, ErrorKind};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::sqlite::place::{self, Unfinished};
use crate::sqlite::{check, fault, file, format};

/// See [`Sqlite::backup`](crate::Sqlite::backup).
pub(super) fn backup(from: &Path, to: &Path) -> Result<(), Error> {
    place::check_empty(to)?;
    copy(&file::open_reader(from)?, to)
}

/// Makes a store at `to` of the backup at `from`. There must be nothing at `to`; its directory is made if there is
/// none. The backup is checked first, and stays as it is.
///
/// Everything is as it was when the backup was made, revisions included: processes that had the lost store open must
/// be started anew.
///
/// # Errors
/// `InvalidInput` if there is something at `to`; `Malformed` if `from` is not a sound store; `Unsupported` if its
/// format is newer than this version; `Io`.
pub fn restore(from: &Path, to: &Path) -> Result<(), Error> {
    place::make_private(place::directory_of(to))?;
    place::check_empty(to)?;
    place::check_file(from)?;
    let connection = (|| {
        let connection = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        file::settle(&connection)?;
        Ok(connection)
    })()
    .map_err(|error| fault::of("opening the backup", error))?;
    format::check_version(&connection)?;
    copy(&connection, to)
}

fn copy(from: &Connection, to: &Path) -> Result<(), Error> {
    let unfinished = Unfinished::beside(to)?;
    place::make_private_file(unfinished.path())?;
    pages(from, unfinished.path())?;
    let findings = check::unshared(unfinished.path())?;
    if let Some(finding) = findings.first() {
        return Err(Error::malformed(format!("the copy is not sound, and was thrown away: {finding}")));
    }
    unfinished.finish(to)
}

/// All pages in one step: one snapshot, which the writer does not wait for.
fn pages(from: &Connection, to: &Path) -> Result<(), Error> {
    let copying = |error| fault::of("copying the store", error);
    let mut copy = Connection::open_with_flags(to, file::FLAGS).map_err(copying)?;
    // The copy is synced once, when it is complete.
    copy.pragma_update(None, "synchronous", "OFF").map_err(copying)?;
    let step = Backup::new(from, &mut copy).and_then(|backup| backup.step(-1)).map_err(copying)?;
    if !matches!(step, StepResult::Done) {
        return Err(Error::with_detail(ErrorKind::TimedOut, "copying the store: another process has it locked"));
    }
    // One file, with nothing beside it.
    let mode: String =
        copy.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get(0)).map_err(copying)?;
    if mode != "delete" {
        return Err(Error::with_detail(ErrorKind::Internal, "the copy kept its write-ahead log"));
    }
    copy.close().map_err(|(_, error)| copying(error))
}

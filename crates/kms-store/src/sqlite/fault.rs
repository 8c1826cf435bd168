//! SQLite's errors, as kinds.

use kms_core::{Error, ErrorKind};
use rusqlite::ErrorCode;
use rusqlite::ffi;

/// What SQLite's error means to a caller. `doing` says what failed, for people.
pub(super) fn of(doing: &'static str, error: rusqlite::Error) -> Error {
    let (kind, why) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (ErrorKind::TimedOut, "another process has the store locked")
        }
        Some(ErrorCode::DatabaseCorrupt) => (ErrorKind::Malformed, "the file is damaged"),
        Some(ErrorCode::NotADatabase) => (ErrorKind::Malformed, "the file is not a database"),
        Some(ErrorCode::DiskFull) => (ErrorKind::Io, "the disk is full"),
        Some(ErrorCode::SystemIoFailure) => (ErrorKind::Io, "the disk failed"),
        Some(ErrorCode::ReadOnly) => (ErrorKind::Io, "the file cannot be written"),
        Some(ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied | ErrorCode::CannotOpen) => {
            (ErrorKind::Io, "the file cannot be opened")
        }
        Some(ErrorCode::FileLockingProtocolFailed) => (ErrorKind::Io, "the file system does not lock files"),
        // A column that is not of the type that the format has there.
        None => (ErrorKind::Malformed, "the file has what the format has not"),
        Some(_) => (ErrorKind::Internal, "SQLite failed"),
    };
    Error::with_detail(kind, format!("{doing}: {why}")).with_source(error)
}

/// What a failure at the end of a commit leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing: the last record of the log, which makes the transaction, was not written.
    Nothing,
    /// Perhaps the transaction, should the process die now. The next commit overwrites it.
    Perhaps,
    /// Nobody knows what the disk has of it and of what was written before.
    Doubt,
}

/// What an error of `COMMIT` leaves behind.
pub(super) fn left(error: &rusqlite::Error) -> Left {
    match error.sqlite_error_code() {
        // SQLite says "full" only when writing runs out of room, never when a sync does.
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy) => Left::Nothing,
        // Quotas and limits on the size of a file.
        _ if error.sqlite_extended_error_code() == Some(ffi::SQLITE_IOERR_WRITE) => Left::Perhaps,
        _ => Left::Doubt,
    }
}

//! The file itself: one writer at a time, replaced whole or not at all.

use alloc::vec::Vec;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use kms_core::{Error, ErrorKind};

use crate::keyring::format::MAX_FILE;

/// The right to replace a keyring, until it is dropped.
///
/// The lock is on a file beside the keyring, which stays when the keyring is replaced, and is never removed: two
/// processes could hold locks on two files of one name.
#[derive(Debug)]
pub(crate) struct WriterLock {
    _file: File,
}

impl WriterLock {
    pub(crate) fn acquire(keyring: &Path) -> Result<Self, Error> {
        let path = beside(keyring, ".lock");
        let file = private(OpenOptions::new().create(true).truncate(false).write(true))
            .open(&path)
            .map_err(|error| io("cannot open the lock file", &path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::with_detail(
                ErrorKind::Busy,
                alloc::format!("the keyring {} is open for writing in another place", keyring.display()),
            )),
            Err(TryLockError::Error(error)) => Err(io("cannot lock", &path, error)),
        }
    }
}

/// The true path of a keyring that exists. A keyring behind a symbolic link is replaced and locked where it is: the
/// link stays, and every name of the keyring has the same lock.
pub(crate) fn existing(path: &Path) -> Result<PathBuf, Error> {
    fs::canonicalize(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Error::with_detail(ErrorKind::KeyUnavailable, alloc::format!("there is no keyring {}", path.display()))
        }
        _ => io("cannot find the keyring", path, error),
    })
}

/// The true path of a keyring to be made, by a name that has no file yet, not even a link to none.
pub(crate) fn vacant(path: &Path) -> Result<PathBuf, Error> {
    let name = path
        .file_name()
        .ok_or_else(|| Error::invalid_input(alloc::format!("{} does not name a file", path.display())))?;
    let parent = directory(path);
    let parent = fs::canonicalize(parent).map_err(|error| io("cannot find the directory", parent, error))?;
    let path = parent.join(name);
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(path),
        Err(error) => Err(io("cannot examine", &path, error)),
        Ok(_) => Err(exists(&path)),
    }
}

/// Reads a whole keyring.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let cannot = |error| io("cannot read the keyring", path, error);
    let file = File::open(path).map_err(cannot)?;
    let limit = u64::try_from(MAX_FILE).unwrap_or(u64::MAX);
    let metadata = file.metadata().map_err(cannot)?;
    if !metadata.is_file() || metadata.len() > limit {
        return Err(Error::malformed(alloc::format!("{} is not a keyring file", path.display())));
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

/// Replaces a keyring, or puts the first one there. After a crash at any moment the old one is there, or the new one.
///
/// The caller holds the [`WriterLock`], so that what has the temporary file's name is left over from a crash.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let temporary = beside(path, ".tmp");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(io("cannot remove what a crash left behind", &temporary, error));
        }
        _ => {}
    }
    create(&temporary, bytes)?;
    if let Err(error) = fs::rename(&temporary, path) {
        // Nothing depends on it; the next writer would remove it.
        let _ = fs::remove_file(&temporary);
        return Err(io("cannot replace", path, error));
    }
    settle(path).map_err(Error::that_may_have_run)
}

/// Makes the name that a file has now its name after a crash.
pub(crate) fn settle(path: &Path) -> Result<(), Error> {
    sync_directory(path).map_err(|error| io("cannot sync the directory of", path, error))
}

/// Makes a file that only its owner can read, whole or not at all, where there is none.
pub(crate) fn create_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let part = beside(path, &alloc::format!(".{}.part", std::process::id()));
    create(&part, bytes)?;
    // Unlike a rename, a link never takes the place of a file.
    let linked = fs::hard_link(&part, path);
    let removed = fs::remove_file(&part);
    linked.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(path),
        _ => io("cannot create", path, error),
    })?;
    removed.and_then(|()| sync_directory(path)).map_err(|error| io("cannot create", path, error))
}

/// Makes a file that only its owner can read, and has it on the disk when it returns.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = private(OpenOptions::new().create_new(true).write(true)).open(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists { exists(path) } else { io("cannot create", path, error) }
    })?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| sync_directory(path));
    written.map_err(|error| {
        // A part of a file is worse than none; if it cannot be removed either, the first error tells more.
        let _ = fs::remove_file(path);
        io("cannot write", path, error)
    })
}

/// What was tried, with the operating system's own error as the source.
pub(crate) fn io(what: &'static str, path: &Path, error: std::io::Error) -> Error {
    Error::with_detail(ErrorKind::Io, alloc::format!("{what} {}", path.display())).with_source(error)
}

fn exists(path: &Path) -> Error {
    Error::invalid_input(alloc::format!("{} exists already, and is not overwritten", path.display()))
}

/// The file named like `path` with `suffix`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;

    options.mode(0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Makes a new name in a directory last.
#[cfg(unix)]
fn sync_directory(path: &Path) -> Result<(), std::io::Error> {
    File::open(directory(path))?.sync_all()
}

/// Elsewhere a directory cannot be opened; the file system's journal keeps names in order.
#[cfg(not(unix))]
fn sync_directory(_path: &Path) -> Result<(), std::io::Error> {
    Ok(())
}

//! What the log changes on a disk: the seam at which tests make it fail.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// Every change that a log makes to its files, except that they are opened. The provided methods do what they say; a
/// test overrides those that shall fail, or that it wants to see.
pub trait Disk: Send + Sync {
    /// Writes `bytes` at `offset`. After an error any part of them may be there.
    ///
    /// # Errors
    /// The system's. `StorageFull`, `QuotaExceeded` and `FileTooLarge` are taken for a full disk, all others for a
    /// broken one.
    fn write(&self, path: &Path, mut file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let _ = path;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }

    /// Has the contents and the length of the file on the disk when it returns.
    ///
    /// # Errors
    /// The system's. It is not asked again: a second sync may pass although what the first one lost is gone.
    fn sync(&self, path: &Path, file: &File) -> io::Result<()> {
        let _ = path;
        file.sync_data()
    }

    /// Cuts the file to `len` bytes.
    ///
    /// # Errors
    /// The system's.
    fn truncate(&self, path: &Path, file: &File, len: u64) -> io::Result<()> {
        let _ = path;
        file.set_len(len)
    }

    /// Gives a file its name, in the same directory, and has that name on the disk when it returns.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        match to.parent() {
            // Elsewhere a directory cannot be opened, nor need it be synced.
            Some(directory) if cfg!(unix) => File::open(directory)?.sync_all(),
            _ => Ok(()),
        }
    }

    /// Takes a file away.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

/// The disk of the machine.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "has no parts")]
pub struct SystemDisk;

impl Disk for SystemDisk {}

/// Whether the error says that there is no room, and not that something is broken.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

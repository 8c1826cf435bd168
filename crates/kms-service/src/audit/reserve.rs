//! Room that is kept for a full disk.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::audit::directory::open_or_create;
use crate::audit::disk::Disk;

/// How long after it was given up, or could not be made, the reserve is made again.
const PAUSE: Duration = Duration::from_secs(60);

/// A file of zeros, taken away when the disk is full.
#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
    len: u64,
    /// When to make it again, if it is not there.
    again: Option<Instant>,
}

impl Reserve {
    pub(crate) fn new(directory: &Path, len: u64) -> Self {
        Self { path: directory.join("reserve"), len, again: None }
    }

    /// Whether it was given up, or could not be made.
    pub(crate) const fn is_missing(&self) -> bool {
        self.again.is_some()
    }

    /// Makes it, unless it is there. If the disk has no room for it, it is missing.
    pub(crate) fn fill(&mut self, disk: &dyn Disk) {
        self.again = None;
        if self.len > 0 && self.make(disk).is_err() {
            let _ = disk.remove(&self.path);
            self.again = Instant::now().checked_add(PAUSE);
        }
    }

    /// Makes it if it has been missing for a while.
    pub(crate) fn refill(&mut self, disk: &dyn Disk) {
        if self.again.is_some_and(|again| Instant::now() >= again) {
            self.fill(disk);
        }
    }

    /// Gives it up; `false` if it is not there.
    pub(crate) fn release(&mut self, disk: &dyn Disk) -> bool {
        self.again = Instant::now().checked_add(PAUSE).filter(|_| self.len > 0);
        self.len > 0 && disk.remove(&self.path).is_ok()
    }

    fn make(&self, disk: &dyn Disk) -> std::io::Result<()> {
        let file = open_or_create(&self.path, false)?;
        let mut offset = file.metadata()?.len();
        if offset == self.len {
            return Ok(());
        }
        if offset > self.len {
            return disk.truncate(&self.path, &file, self.len);
        }
        let zeros = [0; 64 * 1024];
        while offset < self.len {
            let len = usize::try_from(self.len - offset).unwrap_or(usize::MAX).min(zeros.len());
            let piece = zeros.get(..len).unwrap_or(&zeros);
            disk.write(&self.path, &file, offset, piece)?;
            offset += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        }
        disk.sync(&self.path, &file)
    }
}

//! Notices that the file has changed.

use core::time::Duration;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use super::{Credentials, CredentialsError};

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
    /// Changes with the mode as well, and cannot be set back.
    changed: (i64, i64),
}

impl Seen {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// The file there; `None` if there is none.
    pub(super) fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|metadata| Self::of(&metadata))
    }
}

/// Looks at the file again and again, and reads it when it has changed. `told` hears of every reading: a file that cannot
/// be read is told once, and again when it has changed once more.
///
/// Never ends by itself: for a task that the caller ends. `every` is a millisecond at least.
pub async fn watch(credentials: Arc<Credentials>, every: Duration, mut told: impl FnMut(Result<(), CredentialsError>)) {
    let mut interval = tokio::time::interval(every.max(Duration::from_millis(1)));
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut refused = None;
    loop {
        interval.tick().await;
        let (table, before) = (Arc::clone(&credentials), refused);
        // Files may be slow: on a network, for one.
        let look = move || {
            let Some(now) = table.changed() else { return (None, None) };
            if before == Some(now) {
                return (before, None);
            }
            let outcome = table.reload();
            (outcome.is_err().then_some(now), Some(outcome))
        };
        let Ok((still, outcome)) = tokio::task::spawn_blocking(look).await else { return };
        refused = still;
        if let Some(outcome) = outcome {
            told(outcome);
        }
    }
}

//! How a log is kept.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use crate::audit::checkpoint::Signer;
use crate::audit::disk::{Disk, SystemDisk};
use crate::{Clock, SystemClock};

/// How a log is kept. Only what is written from now on depends on it: any log opens with any options.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// The id of this server, which its checkpoints name.
    pub server: String,
    /// Signs the checkpoints. Without one there are none, and only an anchor shows that a log was made anew.
    pub signer: Option<Arc<dyn Signer>>,
    /// How long after a record a checkpoint covers it, at the latest. One second.
    pub checkpoint_interval: Duration,
    /// After how many records there is a checkpoint, at the latest, but for those of one batch. 10,000.
    pub checkpoint_records: u64,
    /// The length from which on a segment is followed by another, in bytes. 64 MiB.
    pub segment_len: u64,
    /// How much room is kept for a full disk, in bytes; 0 for none. 16 MiB.
    pub reserve: u64,
    /// What time it is. The machine's.
    pub clock: Arc<dyn Clock>,
    /// Where the files are changed. The machine's disk.
    pub disk: Arc<dyn Disk>,
}

impl Options {
    /// The usual options, without a signer, for the server with this id.
    #[must_use]
    pub fn new(server: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            signer: None,
            checkpoint_interval: Duration::from_secs(1),
            checkpoint_records: 10_000,
            segment_len: 64 << 20,
            reserve: 16 << 20,
            clock: Arc::new(SystemClock),
            disk: Arc::new(SystemDisk),
        }
    }

    /// The same with checkpoints, which `signer` signs.
    #[must_use]
    pub fn with_signer(mut self, signer: impl Signer + 'static) -> Self {
        self.signer = Some(Arc::new(signer));
        self
    }

    /// The same with a checkpoint so long after a record, or after so many, whichever is first.
    #[must_use]
    pub const fn with_checkpoints(mut self, interval: Duration, records: u64) -> Self {
        (self.checkpoint_interval, self.checkpoint_records) = (interval, records);
        self
    }

    /// The same with segments of this length, in bytes.
    #[must_use]
    pub const fn with_segment_len(mut self, segment_len: u64) -> Self {
        self.segment_len = segment_len;
        self
    }

    /// The same with so many bytes kept for a full disk.
    #[must_use]
    pub const fn with_reserve(mut self, reserve: u64) -> Self {
        self.reserve = reserve;
        self
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The same on another disk, such as one that fails.
    #[must_use]
    pub fn with_disk(mut self, disk: Arc<dyn Disk>) -> Self {
        self.disk = disk;
        self
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("server", &self.server)
            .field("signer", &self.signer.as_ref().map(|signer| signer.key_id()))
            .field("checkpoint_interval", &self.checkpoint_interval)
            .field("checkpoint_records", &self.checkpoint_records)
            .field("segment_len", &self.segment_len)
            .field("reserve", &self.reserve)
            .finish_non_exhaustive()
    }
}

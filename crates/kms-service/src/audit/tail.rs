//! The writing end of a log: opens it, adopts what others wrote, writes batches, begins segments.

mod adopt;
mod begin;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kms_core::Error;

use crate::Clock;
use crate::audit::checkpoint::{Signer, Statement};
use crate::audit::directory::{self, io_error};
use crate::audit::disk::{Disk, is_full};
use crate::audit::format::{self, Kind};
use crate::audit::head::Head;
use crate::audit::reserve::Reserve;
use crate::audit::segment::Cursor;

/// Why a batch was not written.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// There is no room. Nothing of the batch is there, and a later one may pass.
    Full(Error),
    /// Nothing more can be written: what is on the disk is not known any more, or not right.
    Fatal(Error),
}

/// What the signer said, if it was asked.
pub(crate) type Signed = Option<Result<(), Error>>;

/// What a tail is opened with.
pub(crate) struct Settings {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) signer: Option<Arc<dyn Signer>>,
    pub(crate) server: String,
    pub(crate) segment_len: u64,
    pub(crate) reserve: u64,
}

/// A tail that was never acknowledged, and is cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cut {
    /// The segment.
    pub segment: PathBuf,
    /// Where it ends now, in bytes from its start.
    pub offset: u64,
    /// How many bytes were cut off.
    pub len: u64,
    /// The sequence number of the first record that is not there, and is given out anew.
    pub sequence: u64,
}

/// The segment that is written to.
struct Segment {
    path: PathBuf,
    file: File,
    first: u64,
}

pub(crate) struct Tail {
    settings: Settings,
    directory: PathBuf,
    lock: Arc<File>,
    segment: Segment,
    /// Where the next record goes, and what it continues from.
    at: Cursor,
    head: Head,
    /// Records since the last checkpoint.
    unsigned: u64,
    reserve: Reserve,
    cut: Option<Cut>,
    /// The batch that is being made; kept for its memory.
    buffer: Vec<u8>,
}

/// The right to write, among all processes, until it is dropped.
struct Held(Arc<File>);

impl Held {
    fn acquire(lock: &Arc<File>, directory: &Path) -> Result<Self, Error> {
        loop {
            match lock.lock() {
                Ok(()) => return Ok(Self(Arc::clone(lock))),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(io_error("cannot lock", directory, error)),
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // If it fails, the others wait until this process ends.
        let _ = self.0.unlock();
    }
}

impl Tail {
    /// Opens the log, or makes it.
    pub(crate) fn open(path: &Path, settings: Settings) -> Result<Self, Error> {
        directory::make(path)?;
        let lock_path = path.join("lock");
        let lock = directory::open_or_create(&lock_path, false).map_err(|e| io_error("cannot open", &lock_path, e))?;
        let lock = Arc::new(lock);
        let held = Held::acquire(&lock, path)?;
        let listed = directory::segments(path).map_err(|error| io_error("cannot list", path, error))?;
        let (segment, at, head) = match listed.last() {
            Some(&first) => begin::enter(path, first)?,
            None => begin::found(path, &*settings.disk)?,
        };
        let reserve = Reserve::new(path, settings.reserve);
        let (directory, unsigned) = (path.to_path_buf(), 0);
        let mut tail =
            Self { settings, directory, lock, segment, at, head, unsigned, reserve, cut: None, buffer: Vec::new() };
        tail.catch_up()?;
        tail.reserve.fill(&*tail.settings.disk);
        drop(held);
        Ok(tail)
    }

    pub(crate) const fn head(&self) -> Head {
        self.head
    }

    pub(crate) const fn unsigned(&self) -> u64 {
        self.unsigned
    }

    pub(crate) const fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    pub(crate) const fn reserve(&self) -> &Reserve {
        &self.reserve
    }

    pub(crate) fn signs(&self) -> bool {
        self.settings.signer.is_some()
    }

    /// Writes records, and a checkpoint before them if one is due, and has them on the disk when it returns. Answers the
    /// sequence number of the first record, and what the signer said if it failed.
    pub(crate) fn commit(&mut self, records: &[Vec<u8>], checkpoint: bool) -> Result<(u64, Signed), Trouble> {
        let lock = Arc::clone(&self.lock);
        let held = Held::acquire(&lock, &self.directory).map_err(Trouble::Fatal)?;
        self.catch_up().map_err(Trouble::Fatal)?;
        self.reserve.refill(&*self.settings.disk);
        let mut signed = None;
        let full = self.at.offset >= self.settings.segment_len && self.segment.first < self.at.sequence;
        if full && !records.is_empty() {
            // The end of the segment is signed, whether or not a checkpoint is due.
            if self.unsigned > 0 && self.signs() {
                (_, signed) = self.write_batch(&[], true)?;
            }
            self.next_segment()?;
        }
        let (first, signed_now) = self.write_batch(records, checkpoint && signed.is_none() && self.unsigned > 0)?;
        drop(held);
        Ok((first, signed.or(signed_now)))
    }

    fn write_batch(&mut self, records: &[Vec<u8>], checkpoint: bool) -> Result<(u64, Signed), Trouble> {
        let mut buffer = core::mem::take(&mut self.buffer);
        buffer.clear();
        let time = self.settings.clock.now();
        let mut after = Cursor { place: 0, ..self.at };
        let (mut unsigned, mut signed) = (self.unsigned, None);
        let mut push = |after: &mut Cursor, kind, payload: &[u8]| -> Result<(), Error> {
            let head = format::Head::new(kind, after.sequence, after.place, time, payload)?;
            after.link = head.write_record(&after.link, payload, &mut buffer);
            after.sequence = after.sequence.saturating_add(1);
            after.place += 1;
            Ok(())
        };
        if let Some(signer) = self.settings.signer.as_deref().filter(|_| checkpoint) {
            let (log, server) = (self.head.log, self.settings.server.as_str());
            let (sequence, link) = (self.head.sequence, self.at.link);
            match (Statement { log, sequence, link, time, server }).sign(signer) {
                Ok(payload) => {
                    push(&mut after, Kind::Checkpoint, &payload).map_err(Trouble::Fatal)?;
                    (unsigned, signed) = (0, Some(Ok(())));
                }
                Err(error) => signed = Some(Err(error)),
            }
        }
        let first = after.sequence;
        for record in records {
            push(&mut after, Kind::Event, record).map_err(Trouble::Fatal)?;
            unsigned += 1;
        }
        after.offset = after.offset.saturating_add(u64::try_from(buffer.len()).unwrap_or(u64::MAX));
        let written = if buffer.is_empty() { Ok(()) } else { self.write(&buffer) };
        self.buffer = buffer;
        written?;
        if after.sequence > self.at.sequence {
            self.head = Head::new(self.head.log, after.sequence - 1, after.link);
        }
        (self.at, self.unsigned) = (after, unsigned);
        Ok((first, signed))
    }

    /// Writes and syncs a batch at the end. On a full disk the reserve is given up for it.
    fn write(&mut self, batch: &[u8]) -> Result<(), Trouble> {
        let Segment { path, file, .. } = &self.segment;
        let disk = &*self.settings.disk;
        while let Err(error) = disk.write(path, file, self.at.offset, batch) {
            let full = is_full(&error);
            let error = io_error("cannot write to", path, error);
            // Before anything else is done: what is there of the batch must not be taken for one.
            if let Err(error) = disk.truncate(path, file, self.at.offset) {
                return Err(Trouble::Fatal(
                    io_error("cannot take a part of a batch back from", path, error).that_may_have_run(),
                ));
            }
            if !full {
                return Err(Trouble::Fatal(error.that_may_have_run()));
            }
            if !self.reserve.release(disk) {
                return Err(Trouble::Full(error));
            }
        }
        let synced = disk.sync(path, file);
        synced.map_err(|error| Trouble::Fatal(io_error("cannot sync", path, error).that_may_have_run()))
    }
}

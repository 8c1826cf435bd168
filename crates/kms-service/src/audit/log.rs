//! The log that a server writes to: many callers, one writer thread.

use core::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kms_core::{Error, ErrorKind};
use parking_lot::Mutex;

use crate::audit::format::MAX_PAYLOAD;
use crate::audit::head::{Head, Position};
use crate::audit::options::Options;
use crate::audit::queue::{Batch, Failure, Pending, Queue};
use crate::audit::tail::{Cut, Settings, Tail, Trouble};

/// An audit log that is open for writing. Dropping it writes what still waits, signs the end and closes it.
///
/// ```
/// use kms_service::audit::{self, Log, Options};
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path().join("audit");
/// let log = Log::open(&path, Options::new("server-1"))?;
/// let position = log.append(br#"{"eventName":"Encrypt"}"#.to_vec())?;
/// assert_eq!(position.sequence, 1);
/// let anchor = log.head();
/// drop(log);
/// assert_eq!(audit::verify(&path, &[], Some(&anchor)).unwrap().head, anchor);
/// # Ok::<(), kms_core::Error>(())
/// ```
pub struct Log {
    shared: Arc<Shared>,
    directory: PathBuf,
    cut: Option<Cut>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    queue: Queue,
    head: Mutex<Head>,
    /// What is wrong without having stopped the log.
    warning: Mutex<Option<Failure>>,
}

impl Log {
    /// Opens the log in `directory`, or makes both. Directory and files are their owner's alone (0700 and 0600).
    ///
    /// Walks the last segment. What a crash left of a batch that was never acknowledged is [cut off](Self::cut).
    ///
    /// # Errors
    /// `Malformed` if the chain of the last segment is broken before that: [`verify`](crate::audit::verify) says where;
    /// `Unsupported` if a newer version wrote it; `Io`.
    pub fn open(directory: &Path, options: Options) -> Result<Self, Error> {
        let Options { server, signer, checkpoint_interval, checkpoint_records, segment_len, reserve, clock, disk } =
            options;
        if server.len() > usize::from(u16::MAX) {
            return Err(Error::invalid_input("the id of a server has at most 65,535 bytes"));
        }
        let tail = Tail::open(directory, Settings { disk, clock, signer, server, segment_len, reserve })?;
        let cut = tail.cut().cloned();
        let shared =
            Arc::new(Shared { queue: Queue::default(), head: Mutex::new(tail.head()), warning: Mutex::new(None) });
        let mut writer = Writer {
            tail,
            shared: Arc::clone(&shared),
            checkpoint_interval,
            checkpoint_records,
            unsigned_because: None,
        };
        writer.note(None);
        let thread = thread::Builder::new().name("kms-audit".into()).spawn(move || writer.run());
        let thread = thread.map_err(|e| {
            Error::with_detail(ErrorKind::Internal, "cannot start the audit log's thread").with_source(e)
        })?;
        Ok(Self { shared, directory: directory.to_path_buf(), cut, writer: Some(thread) })
    }

    /// Appends a record, JSON of at most 262,144 bytes, and waits until it is on the disk. Callers at the same time share
    /// one sync.
    ///
    /// # Errors
    /// As [`submit`](Self::submit) and [`Pending::wait`].
    pub fn append(&self, record: Vec<u8>) -> Result<Position, Error> {
        self.submit(record)?.wait()
    }

    /// Leaves a record for the writer. Waits only while more than 4 MiB or 4,000 records wait already.
    ///
    /// # Errors
    /// `InvalidInput` if the record is longer than 262,144 bytes or not UTF-8; why the log has stopped, if it has.
    pub fn submit(&self, record: Vec<u8>) -> Result<Pending, Error> {
        if record.len() > MAX_PAYLOAD {
            return Err(Error::invalid_input("an audit record has at most 262,144 bytes"));
        }
        // What a torn end is told from damage by is not UTF-8, so that no caller can put it into a record.
        if core::str::from_utf8(&record).is_err() {
            return Err(Error::invalid_input("an audit record is JSON in UTF-8"));
        }
        self.shared.queue.push(record)
    }

    /// Whether so little waits that [`submit`](Self::submit) does not: less than half of what it takes.
    pub(crate) fn has_room(&self) -> bool {
        self.shared.queue.has_room()
    }

    /// The newest record that is on the disk, as far as this log has written or read: the anchor to keep elsewhere. A log
    /// that opens with a smaller sequence number than an anchor has was cut off.
    #[must_use]
    pub fn head(&self) -> Head {
        *self.shared.head.lock()
    }

    /// Where it is.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// What was cut off when the log was opened.
    #[must_use]
    pub const fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    /// Whether all is well.
    ///
    /// # Errors
    /// Why the log has stopped; else that the disk is full, or its reserve used up or not to be had; else why the last
    /// checkpoint could not be signed.
    pub fn health(&self) -> Result<(), Error> {
        self.shared.queue.health()?;
        self.shared.warning.lock().as_ref().map_or(Ok(()), |failure| Err(failure.to_error()))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(writer) = self.writer.take() {
            // What the writer had to say, it has told those who waited.
            let _ = writer.join();
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("head", &self.head()).finish_non_exhaustive()
    }
}

/// If the writer panics, such as in a signer, those who wait are told, and those who come.
struct OnPanic<'a> {
    queue: &'a Queue,
    batch: &'a Batch,
}

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let error = Error::with_detail(ErrorKind::Internal, "its thread panicked").that_may_have_run();
            let failure = Failure::new("the audit log stopped, until it is opened again", &error);
            self.queue.stop(&failure);
            self.batch.end(Err(failure));
        }
    }
}

struct Writer {
    tail: Tail,
    shared: Arc<Shared>,
    checkpoint_interval: Duration,
    checkpoint_records: u64,
    /// What the signer said when it was last asked.
    unsigned_because: Option<Failure>,
}

impl Writer {
    fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut records = Vec::new();
        // When the oldest record without a checkpoint was seen, or signing failed last.
        let mut waiting = Some(Instant::now());
        loop {
            let signs = self.tail.signs() && self.tail.unsigned() > 0;
            let deadline = waiting.filter(|_| signs).and_then(|since| since.checked_add(self.checkpoint_interval));
            let taken = shared.queue.take(deadline, records);
            let due = self.tail.unsigned() >= self.checkpoint_records
                || deadline.is_some_and(|deadline| Instant::now() >= deadline)
                || taken.closed && taken.records.is_empty();
            let (checkpoint, last) = (signs && due, taken.closed && taken.records.is_empty());
            if checkpoint || !taken.records.is_empty() {
                let batch = &*taken.batch;
                let _on_panic = OnPanic { queue: &shared.queue, batch };
                match self.tail.commit(&taken.records, checkpoint) {
                    Ok((first, signed)) => {
                        *shared.head.lock() = self.tail.head();
                        self.note(signed);
                        batch.end(Ok(first));
                    }
                    Err(Trouble::Full(error)) => {
                        let failure = Failure::new("the audit log has no room", &error);
                        *shared.warning.lock() = Some(failure.clone());
                        batch.end(Err(failure));
                    }
                    Err(Trouble::Fatal(error)) => {
                        let failure = Failure::new("the audit log stopped, until it is opened again", &error);
                        shared.queue.stop(&failure);
                        batch.end(Err(failure));
                        return;
                    }
                }
                if checkpoint || waiting.is_none() {
                    waiting = Some(Instant::now());
                }
            }
            if self.tail.unsigned() == 0 {
                waiting = None;
            }
            if last {
                return;
            }
            records = taken.records;
            records.clear();
        }
    }

    /// Notes what is wrong, or that nothing is. `signed` is what the signer said, if it was asked.
    fn note(&mut self, signed: Option<Result<(), Error>>) {
        if let Some(signed) = signed {
            self.unsigned_because =
                signed.err().map(|error| Failure::new("the audit log's checkpoint could not be signed", &error));
        }
        let no_reserve = self.tail.reserve().is_missing().then(|| {
            let error = Error::with_detail(ErrorKind::Io, "the disk is full, or nearly so: make room");
            Failure::new("the audit log has no reserve", &error)
        });
        *self.shared.warning.lock() = no_reserve.or_else(|| self.unsigned_because.clone());
    }
}

// One log serves all threads.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Log>();
};

//! Power cuts. Every change of the disk is recorded; then the disk is built as it may be after a cut at any instant:
//! what was synced is there, and of what was not, each piece of 4 KiB is old, new, or a mixture of both in pieces of 512
//! bytes, whatever their order was.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use kms_core::{PublicKey, RandomSource, SystemRandom};
use kms_service::audit::{Disk, Head, Log, SystemDisk, verify};

use crate::common::{assert_holds, event, events, options, signer};

enum Change {
    Write(String, u64, Vec<u8>),
    Sync(String),
    /// The system takes the pages for written, although they are not.
    FailedSync(String),
    Truncate(String, u64),
    Rename(String, String),
    Remove(String),
    /// Not of the disk: a caller had its answer.
    Acknowledged(u64, Vec<u8>),
}

/// A disk that remembers what was done to it, and that may lie about syncs.
#[derive(Default)]
struct Recorder {
    changes: Mutex<Vec<Change>>,
    lies: bool,
    /// Which sync fails, counted from now.
    fails: Mutex<Option<usize>>,
}

impl Recorder {
    fn note(&self, change: Change) {
        self.changes.lock().unwrap().push(change);
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

impl Disk for Recorder {
    fn write(&self, path: &Path, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.note(Change::Write(name(path), offset, bytes.to_vec()));
        SystemDisk.write(path, file, offset, bytes)
    }

    fn sync(&self, path: &Path, _: &File) -> io::Result<()> {
        let mut fails = self.fails.lock().unwrap();
        *fails = match *fails {
            Some(0) => {
                self.note(Change::FailedSync(name(path)));
                *fails = None;
                return Err(io::Error::other("the disk is broken"));
            }
            left => left.map(|left| left - 1),
        };
        if !self.lies || path.extension().is_some_and(|extension| extension == "tmp") {
            self.note(Change::Sync(name(path)));
        }
        Ok(())
    }

    fn truncate(&self, path: &Path, file: &File, len: u64) -> io::Result<()> {
        self.note(Change::Truncate(name(path), len));
        SystemDisk.truncate(path, file, len)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        self.note(Change::Rename(name(from), name(to)));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.note(Change::Remove(name(path)));
        SystemDisk.remove(path)
    }
}

/// A file: as it is on the disk, and as it is in memory.
#[derive(Default, Clone)]
struct Contents {
    synced: Vec<u8>,
    now: Vec<u8>,
    /// The pieces that the system has still to write.
    dirty: BTreeSet<usize>,
}

fn number(below: usize) -> usize {
    let mut bytes = [0; 8];
    SystemRandom.fill(&mut bytes).unwrap();
    usize::try_from(u64::from_be_bytes(bytes) % below.max(1) as u64).unwrap()
}

impl Contents {
    /// What may be on the disk. Of a hundred pieces that were not synced, so many are new.
    fn after_a_cut(&self, kept: usize) -> Vec<u8> {
        let lengths = [self.synced.len(), self.now.len()];
        let len = lengths[number(2)];
        let at = |contents: &[u8], index: usize| contents.get(index).copied().unwrap_or(0);
        let mut bytes = Vec::with_capacity(len);
        for piece in (0..len).step_by(4096) {
            let (is_torn, is_new) = (number(4) == 0, number(100) < kept);
            let is_dirty = self.dirty.contains(&(piece / 4096));
            for sector in (piece..len.min(piece + 4096)).step_by(512) {
                let is_new = is_dirty && if is_torn { number(2) == 0 } else { is_new };
                let from = if is_new { &self.now } else { &self.synced };
                bytes.extend((sector..len.min(sector + 512)).map(|index| at(from, index)));
            }
        }
        bytes
    }
}

type Files = BTreeMap<String, Contents>;

fn apply(files: &mut Files, change: &Change) {
    match change {
        Change::Write(name, offset, bytes) => {
            let file = files.entry(name.clone()).or_default();
            let (now, offset) = (&mut file.now, usize::try_from(*offset).unwrap());
            file.dirty.extend(offset / 4096..(offset + bytes.len()).div_ceil(4096));
            now.resize(now.len().max(offset + bytes.len()), 0);
            now[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        Change::Sync(name) => {
            let file = files.entry(name.clone()).or_default();
            file.synced.resize(file.now.len(), 0);
            for piece in core::mem::take(&mut file.dirty) {
                let range = (piece * 4096).min(file.now.len())..(piece * 4096 + 4096).min(file.now.len());
                file.synced[range.clone()].copy_from_slice(&file.now[range]);
            }
        }
        Change::FailedSync(name) => files.entry(name.clone()).or_default().dirty.clear(),
        Change::Truncate(name, len) => {
            files.entry(name.clone()).or_default().now.truncate(usize::try_from(*len).unwrap());
        }
        Change::Rename(from, to) => {
            let file = files.remove(from).unwrap();
            files.insert(to.clone(), file);
        }
        Change::Remove(name) => {
            files.remove(name);
        }
        Change::Acknowledged(..) => {}
    }
}

/// Appends from several threads, and answers what happened to the disk.
fn record(directory: &Path, key: &kms_core::Key, lies: bool, from: usize) -> Vec<Change> {
    let recorder = Arc::new(Recorder { lies, ..Recorder::default() });
    let opened = options().with_disk(recorder.clone()).with_segment_len(30_000).with_reserve(5_000);
    let opened = opened.with_checkpoints(Duration::from_millis(2), 40).with_signer(key.clone());
    let log = Log::open(directory, opened).unwrap();
    thread::scope(|scope| {
        for thread in 0..16 {
            let (log, recorder) = (&log, &recorder);
            scope.spawn(move || {
                for number in 0..20 {
                    let filling = vec![b' '; 1 + self::number(1500)];
                    let record = [event(from + thread * 100 + number), filling].concat();
                    let sequence = log.append(record.clone()).unwrap().sequence;
                    recorder.note(Change::Acknowledged(sequence, record));
                }
            });
        }
    });
    drop(log);
    core::mem::take(&mut *recorder.changes.lock().unwrap())
}

/// The directory after a cut at a random instant, and what was acknowledged until then.
fn cut(changes: &[Change], before: &Files, to: &Path) -> (Files, Vec<(u64, Vec<u8>)>) {
    let (mut files, mut acknowledged) = (before.clone(), Vec::new());
    let mut end = number(changes.len() + 1);
    // Every other time right after something was written: that is where it hurts.
    if number(2) == 0 {
        let written = changes[end..].iter().position(|change| matches!(change, Change::Write(..)));
        end += written.map_or(0, |distance| distance + 1);
    }
    for change in &changes[..end] {
        apply(&mut files, change);
        if let Change::Acknowledged(sequence, record) = change {
            acknowledged.push((*sequence, record.clone()));
        }
    }
    let kept = [0, 30, 50, 90, 100][number(5)];
    for (name, contents) in &mut files {
        contents.synced = contents.after_a_cut(kept);
        contents.now.clone_from(&contents.synced);
        contents.dirty.clear();
        fs::write(to.join(name), &contents.now).unwrap();
    }
    acknowledged.sort();
    (files, acknowledged)
}

/// Opens what a cut left, and appends to it.
fn goes_on(directory: &Path, keys: &[PublicKey], acknowledged: &[(u64, Vec<u8>)]) -> Head {
    // A log that was not yet there when the power went is made now.
    let log = Log::open(directory, options()).unwrap_or_else(|error| panic!("does not open: {error}"));
    let position = log.append(event(1_000_000)).unwrap();
    assert!(acknowledged.last().is_none_or(|(sequence, _)| *sequence < position.sequence));
    let verified = assert_holds(directory, keys, acknowledged);
    assert_eq!(verified.unfinished, 0);
    log.head()
}

#[test]
fn every_acknowledged_record_survives_power_cuts() {
    let (key, keys) = signer();
    let (mut torn, mut again) = (0, 0);
    for _ in 0..4 {
        let original = tempfile::tempdir().unwrap();
        let changes = record(original.path(), &key, false, 0);
        for _ in 0..50 {
            let directory = tempfile::tempdir().unwrap();
            let (files, mut acknowledged) = cut(&changes, &Files::new(), directory.path());
            if !files.keys().any(|name| name.ends_with(".audit")) {
                continue;
            }
            // A reader before the log is opened again sees the same.
            let verified = assert_holds(directory.path(), &keys, &acknowledged);
            torn += usize::from(verified.unfinished > 0);
            if number(4) > 0 {
                let _ = goes_on(directory.path(), &keys, &acknowledged);
                continue;
            }
            // The power goes once more, soon after the log was opened.
            let second = tempfile::tempdir().unwrap();
            let changes = record(directory.path(), &key, false, 10_000);
            let (_, more) = cut(&changes[..changes.len() / 4], &files, second.path());
            acknowledged.extend(more);
            let _ = goes_on(second.path(), &keys, &acknowledged);
            again += 1;
        }
    }
    assert!(torn > 20, "{torn} torn ends");
    assert!(again > 20, "{again} second cuts");
}

/// What was not synced is lost in this simulation, so the test above can fail.
#[test]
fn the_simulation_sees_syncs_that_did_not_happen() {
    let (key, _) = signer();
    let original = tempfile::tempdir().unwrap();
    let changes = record(original.path(), &key, true, 0);
    let lost = (0..20).filter(|_| {
        let directory = tempfile::tempdir().unwrap();
        let (_, acknowledged) = cut(&changes, &Files::new(), directory.path());
        if verify(directory.path(), &[], None).is_err() {
            return true;
        }
        let there: Vec<_> = events(directory.path()).into_iter().map(|(sequence, _)| sequence).collect();
        acknowledged.iter().any(|(sequence, _)| there.binary_search(sequence).is_err())
    });
    assert!(lost.count() > 10);
}

/// A sync fails, and the same machine goes on: in memory all is well, and on the disk it is not.
#[test]
fn what_a_failed_sync_lost_is_written_again_before_anything_follows() {
    for round in 0..4 {
        let original = tempfile::tempdir().unwrap();
        let recorder = Arc::new(Recorder::default());
        let open = || Log::open(original.path(), options().with_disk(recorder.clone())).unwrap();
        let (log, other) = (open(), open());
        *recorder.fails.lock().unwrap() = Some(1 + round / 2);
        let mut acknowledged = Vec::new();
        let mut append = |log: &Log, count: usize| {
            for number in 0..count {
                // Longer than a page: what follows does not make the system write it.
                let record = [event(number), vec![b' '; 10_000]].concat();
                if let Ok(position) = log.append(record.clone()) {
                    acknowledged.push((position.sequence, record));
                }
            }
        };
        append(&log, 8);
        assert!(log.health().is_err());
        drop(log);
        // Either the log is opened again, or another process had it open all the time.
        let log = if round % 2 == 0 { open() } else { other };
        assert_eq!(log.cut(), None, "in memory nothing is lost");
        append(&log, 3);
        drop(log);
        assert_eq!(acknowledged.len(), 4 + round / 2);

        let mut files = Files::new();
        recorder.changes.lock().unwrap().iter().for_each(|change| apply(&mut files, change));
        let directory = tempfile::tempdir().unwrap();
        for (name, contents) in &files {
            fs::write(directory.path().join(name), contents.after_a_cut(0)).unwrap();
        }
        assert_holds(directory.path(), &[], &acknowledged);
    }
}

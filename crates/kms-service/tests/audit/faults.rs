//! Disks and signers that fail.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use kms_core::{Error, ErrorKind};
use kms_service::audit::{Disk, Log, Signer, SystemDisk, verify};

use crate::common::{assert_holds, event, options, signer};

/// Which change of the disk fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    Write,
    Sync,
    Rename,
}

/// A disk on which one change fails, and only that one: the change with this number, counted among its like.
struct Failing {
    which: Change,
    at: usize,
    seen: AtomicUsize,
}

impl Failing {
    fn new(which: Change, at: usize) -> Arc<Self> {
        Arc::new(Self { which, at, seen: AtomicUsize::new(0) })
    }

    fn fails(&self, change: Change) -> bool {
        change == self.which && self.seen.fetch_add(1, Ordering::SeqCst) == self.at
    }

    fn has_failed(&self) -> bool {
        self.seen.load(Ordering::SeqCst) > self.at
    }
}

fn broken() -> io::Error {
    io::Error::other("the disk is broken")
}

impl Disk for Failing {
    fn write(&self, path: &Path, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.fails(Change::Write) {
            SystemDisk.write(path, file, offset, &bytes[..bytes.len() / 2])?;
            return Err(broken());
        }
        SystemDisk.write(path, file, offset, bytes)
    }

    fn sync(&self, path: &Path, file: &File) -> io::Result<()> {
        if self.fails(Change::Sync) { Err(broken()) } else { SystemDisk.sync(path, file) }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.fails(Change::Rename) { Err(broken()) } else { SystemDisk.rename(from, to) }
    }
}

#[test]
fn after_a_failure_nothing_is_acknowledged_and_what_was_is_there() {
    let (key, keys) = signer();
    for which in [Change::Write, Change::Sync, Change::Rename] {
        for at in 0.. {
            let directory = tempfile::tempdir().unwrap();
            let disk = Failing::new(which, at);
            let opened = options().with_disk(disk.clone()).with_signer(key.clone()).with_segment_len(600);
            let mut acknowledged = Vec::new();
            let mut failed = false;
            if let Ok(log) = Log::open(directory.path(), opened) {
                for number in 0..12 {
                    match log.append(event(number)) {
                        Ok(position) => {
                            assert!(!failed, "acknowledged after {which:?} {at}");
                            acknowledged.push((position.sequence, event(number)));
                        }
                        Err(error) => {
                            failed = true;
                            assert_eq!(error.kind(), ErrorKind::Io);
                            assert!(error.to_string().contains("the disk is broken"), "{error}");
                            assert_eq!(log.health().unwrap_err().to_string(), error.to_string());
                        }
                    }
                }
                assert_eq!(failed, log.health().is_err());
                assert_eq!(log.head().sequence > 0, !acknowledged.is_empty());
            }
            // Both with the system's memory of it and, in the power cuts, without.
            let log = Log::open(directory.path(), options().with_signer(key.clone())).unwrap();
            let position = log.append(event(99)).unwrap();
            acknowledged.push((position.sequence, event(99)));
            drop(log);
            assert_holds(directory.path(), &keys, &acknowledged);
            if !disk.has_failed() {
                assert!(at > 1, "{which:?} never failed");
                break;
            }
        }
    }
}

#[test]
fn all_that_wait_for_a_failing_sync_are_told() {
    let directory = tempfile::tempdir().unwrap();
    // The header's, that after opening, and one batch.
    let log = Log::open(directory.path(), options().with_disk(Failing::new(Change::Sync, 2))).unwrap();
    let barrier = Barrier::new(32);
    let caller = |number| {
        barrier.wait();
        (0..20).map(|_| log.append(event(number))).collect::<Vec<_>>()
    };
    let results: Vec<_> = thread::scope(|scope| {
        let caller = &caller;
        let callers: Vec<_> = (0..32).map(|number| scope.spawn(move || caller(number))).collect();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    let acknowledged: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert!(acknowledged.len() < 32 * 20);
    assert!(results.iter().any(|result| result.as_ref().is_err_and(Error::may_have_run)));
    assert_eq!(log.head().sequence, acknowledged.len() as u64);
}

/// A signer that fails while it is told to, or panics.
struct Moody(kms_core::Key, Arc<AtomicBool>, bool);

impl Signer for Moody {
    fn key_id(&self) -> String {
        self.0.key_id()
    }

    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        assert!(!self.2, "panics");
        if self.1.load(Ordering::SeqCst) {
            return Err(Error::with_detail(ErrorKind::KeyUnavailable, "the token was pulled"));
        }
        Signer::sign(&self.0, bytes)
    }
}

#[test]
fn a_log_goes_on_without_its_signer_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let (key, keys) = signer();
    let fails = Arc::new(AtomicBool::new(true));
    let each = options().with_checkpoints(core::time::Duration::from_secs(3600), 1);
    let log = Log::open(directory.path(), each.with_signer(Moody(key, fails.clone(), false))).unwrap();
    for number in 0..5 {
        let _ = log.append(event(number)).unwrap();
    }
    let error = log.health().unwrap_err();
    assert!(error.to_string().contains("the token was pulled"), "{error}");
    assert_eq!(verify(directory.path(), &keys, None).unwrap().signed, 0);
    fails.store(false, Ordering::SeqCst);
    let _ = log.append(event(5)).unwrap();
    let _ = log.append(event(6)).unwrap();
    log.health().unwrap();
    assert!(verify(directory.path(), &keys, None).unwrap().signed >= 6);
}

#[test]
fn a_signer_that_panics_leaves_nobody_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let (key, keys) = signer();
    let each = options().with_checkpoints(core::time::Duration::from_secs(3600), 1);
    let log = Log::open(directory.path(), each.with_signer(Moody(key, Arc::default(), true))).unwrap();
    assert_eq!(log.append(event(0)).unwrap().sequence, 1);
    assert_eq!(log.append(event(1)).unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(log.submit(event(2)).unwrap_err().kind(), ErrorKind::Internal);
    drop(log);
    assert_eq!(verify(directory.path(), &keys, None).unwrap().head.sequence, 1);
}

#[test]
fn a_log_whose_files_are_taken_away_stops() {
    let (key, _) = signer();
    for cut in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let log = Log::open(directory.path(), options().with_signer(key.clone())).unwrap();
        let _ = log.append(event(0)).unwrap();
        let segment = crate::common::segments(directory.path()).remove(0);
        if cut {
            File::options().write(true).open(&segment).unwrap().set_len(120).unwrap();
        } else {
            std::fs::remove_file(&segment).unwrap();
        }
        assert_eq!(log.append(event(1)).unwrap_err().kind(), ErrorKind::Malformed);
        assert!(log.health().is_err());
    }
}

//! A disk without room.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use kms_core::ErrorKind;
use kms_service::audit::{Disk, Log, SystemDisk};

use crate::common::{assert_holds, event, options, signer};

/// A disk that has room for so many bytes. What does not fit is written as far as it does.
struct Small {
    room: Mutex<u64>,
    lengths: Mutex<HashMap<PathBuf, u64>>,
}

impl Small {
    fn new(room: u64) -> Arc<Self> {
        Arc::new(Self { room: Mutex::new(room), lengths: Mutex::default() })
    }

    fn used(&self) -> u64 {
        self.lengths.lock().unwrap().values().sum()
    }
}

impl Disk for Small {
    fn write(&self, path: &Path, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut lengths = self.lengths.lock().unwrap();
        let others: u64 = lengths.iter().filter(|(other, _)| *other != path).map(|(_, len)| len).sum();
        let there = || file.metadata().map_or(0, |metadata| metadata.len());
        let length = lengths.entry(path.to_path_buf()).or_insert_with(there);
        let room = self.room.lock().unwrap().saturating_sub(others);
        let end = (offset + bytes.len() as u64).min(room.max(*length));
        let fits = usize::try_from(end.saturating_sub(offset)).unwrap();
        SystemDisk.write(path, file, offset, &bytes[..fits])?;
        *length = end.max(*length);
        if fits == bytes.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    /// There is no power cut here, and so many logs.
    fn sync(&self, _: &Path, _: &File) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&self, path: &Path, file: &File, len: u64) -> io::Result<()> {
        self.lengths.lock().unwrap().insert(path.to_path_buf(), len);
        SystemDisk.truncate(path, file, len)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut lengths = self.lengths.lock().unwrap();
        if let Some(len) = lengths.remove(from) {
            lengths.insert(to.to_path_buf(), len);
        }
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.lengths.lock().unwrap().remove(path);
        SystemDisk.remove(path)
    }
}

#[test]
fn a_disk_may_be_full_at_any_byte() {
    let (key, keys) = signer();
    let mut refused = 0;
    for room in 0..1200 {
        let directory = tempfile::tempdir().unwrap();
        let disk = Small::new(room);
        let opened = || options().with_disk(disk.clone()).with_signer(key.clone()).with_segment_len(450);
        let mut acknowledged = Vec::new();
        match Log::open(directory.path(), opened()) {
            Err(error) => assert!(room < 100 && error.kind() == ErrorKind::Io, "{room}: {error}"),
            Ok(log) => {
                for number in 0..8 {
                    match log.append(event(number)) {
                        Ok(position) => acknowledged.push((position.sequence, event(number))),
                        Err(error) => {
                            refused += 1;
                            assert_eq!(error.kind(), ErrorKind::Io);
                            assert!(!error.may_have_run(), "{error}");
                            assert!(log.health().is_err());
                        }
                    }
                }
                // Room is made, and the same log goes on.
                *disk.room.lock().unwrap() = u64::MAX;
                let position = log.append(event(8)).unwrap();
                acknowledged.push((position.sequence, event(8)));
                log.health().unwrap();
            }
        }
        *disk.room.lock().unwrap() = u64::MAX;
        let log = Log::open(directory.path(), opened()).unwrap();
        assert_eq!(log.cut(), None, "{room}: what did not fit was taken back");
        drop(log);
        let verified = assert_holds(directory.path(), &keys, &acknowledged);
        assert_eq!(verified.events, acknowledged.len() as u64, "nothing is there that was refused");
    }
    assert!(refused > 1000);
}

#[test]
fn the_reserve_is_given_up_before_a_record_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let reserve = 100_000;
    let disk = Small::new(reserve + 1_000);
    let log = Log::open(directory.path(), options().with_disk(disk.clone()).with_reserve(reserve)).unwrap();
    let size = || std::fs::metadata(directory.path().join("reserve")).map(|metadata| metadata.len()).ok();
    assert_eq!(size(), Some(reserve));
    log.health().unwrap();
    let mut acknowledged = Vec::new();
    let mut append = |number| {
        let record = [event(number), vec![b' '; 500]].concat();
        log.append(record.clone()).map(|position| acknowledged.push((position.sequence, record)))
    };
    append(0).unwrap();
    log.health().unwrap();
    append(1).unwrap();
    assert_eq!(size(), None);
    assert!(log.health().unwrap_err().to_string().contains("no reserve"));
    let refused = (2..).find_map(|number| append(number).err().map(|error| (number, error)));
    let (number, error) = refused.unwrap();
    assert!(number > 150, "{number} records had room");
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Io, false));
    drop(log);
    assert!(disk.used() <= reserve + 1_000);
    assert_holds(directory.path(), &[], &acknowledged);

    // A log that is opened without room for the reserve works, and says so.
    let log = Log::open(directory.path(), options().with_disk(Small::new(5_000)).with_reserve(reserve)).unwrap();
    assert_eq!(size(), None);
    assert!(log.health().is_err());
    drop(log);
    // And one that has room makes it anew.
    let log = Log::open(directory.path(), options().with_reserve(reserve)).unwrap();
    assert_eq!(size(), Some(reserve));
    log.health().unwrap();
}

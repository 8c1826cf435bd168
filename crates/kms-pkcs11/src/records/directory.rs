//! Records as files in a directory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use kms_core::{Error, ErrorKind, KeyId, MaterialId, Records};

use super::occupied;

/// The longest record that is read, in bytes.
const MAX_RECORD: u64 = 16 * 1024;

/// Records in a directory, one file a key: `KEY-ID.GENERATION.key`, and `KEY-ID.GENERATION.nonces` for counts.
///
/// Several processes may use one directory. A file appears whole or not at all, and is on the disk, its directory entry
/// too, when the call that made it returns.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// The directory at `path`; it is made, for its owner alone, with the first record.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn file(&self, id: MaterialId, kind: &str) -> PathBuf {
        self.path.join(format!("{}.{}.{kind}", id.key, id.generation))
    }

    fn make(&self) -> io::Result<()> {
        if self.path.is_dir() {
            return Ok(());
        }
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.path)
    }

    /// Makes the names in the directory durable.
    fn sync(&self) -> io::Result<()> {
        if cfg!(unix) { File::open(&self.path)?.sync_all() } else { Ok(()) }
    }

    fn about(&self, error: &io::Error) -> Error {
        Error::with_detail(ErrorKind::Io, format!("{}: {error}", self.path.display()))
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The content of a small file; `None` if there is none.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_RECORD).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn count(bytes: &[u8]) -> io::Result<u64> {
    let number = core::str::from_utf8(bytes).ok().and_then(|text| text.strip_suffix('\n')?.parse().ok());
    number.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a file that counts nonces is damaged"))
}

/// The id in a file's name.
fn id_of(name: &str) -> Option<MaterialId> {
    let (key, generation) = name.strip_suffix(".key")?.split_once('.')?;
    Some(MaterialId { key: key.parse::<KeyId>().ok()?, generation: generation.parse().ok()? })
}

impl Records for Directory {
    fn get(&self, id: MaterialId) -> Result<Option<Vec<u8>>, Error> {
        read(&self.file(id, "key")).map_err(|error| self.about(&error))
    }

    fn insert(&self, id: MaterialId, record: &[u8]) -> Result<(), Error> {
        let to = self.file(id, "key");
        // A name of its own for each attempt: the file that is linked must not be opened again.
        static ATTEMPTS: AtomicU64 = AtomicU64::new(0);
        let attempt = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
        let part = self.path.join(format!(".{}.{}.{}-{attempt}.part", id.key, id.generation, std::process::id()));
        let write = || {
            self.make()?;
            let mut file = private().create(true).truncate(true).open(&part)?;
            file.write_all(record)?;
            file.sync_all()?;
            // A link, unlike a renaming, does not take the place of a file that is there.
            let linked = fs::hard_link(&part, &to);
            fs::remove_file(&part)?;
            linked?;
            self.sync()
        };
        match write() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(occupied(id)),
            done => done.map_err(|error| self.about(&error)),
        }
    }

    fn remove(&self, id: MaterialId) -> Result<(), Error> {
        let removed = fs::remove_file(self.file(id, "key")).and_then(|()| self.sync());
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.about(&error)),
            _ => Ok(()),
        }
    }

    fn list(&self) -> Result<Vec<MaterialId>, Error> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.about(&error)),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| self.about(&error))?.file_name();
            ids.extend(name.to_str().and_then(id_of));
        }
        ids.sort_unstable();
        Ok(ids)
    }

    fn reserve_nonces(&self, id: MaterialId, nonces: u64, most: u64) -> Result<Option<u64>, Error> {
        let path = self.file(id, "nonces");
        let reserve = || {
            self.make()?;
            let lock = private().create(true).truncate(false).open(self.path.join(".nonces.lock"))?;
            // Released when the file is closed.
            lock.lock()?;
            let before = read(&path)?.map_or(Ok(0), |bytes| count(&bytes))?;
            let Some(after) = before.checked_add(nonces).filter(|&after| after <= most) else { return Ok(None) };
            let part = self.path.join(".nonces.part");
            let mut file = private().create(true).truncate(true).open(&part)?;
            writeln!(file, "{after}")?;
            file.sync_all()?;
            fs::rename(&part, &path)?;
            self.sync()?;
            Ok(Some(before))
        };
        reserve().map_err(|error| self.about(&error))
    }

    fn reserved_nonces(&self, id: MaterialId) -> Result<u64, Error> {
        let bytes = read(&self.file(id, "nonces")).map_err(|error| self.about(&error))?;
        bytes.map_or(Ok(0), |bytes| count(&bytes)).map_err(|error| self.about(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(generation: u32) -> MaterialId {
        MaterialId { key: KeyId::from_bytes([7; 16]), generation }
    }

    #[test]
    fn a_record_is_there_once_and_then_gone() {
        let directory = tempfile::tempdir().unwrap();
        let records = Directory::new(directory.path().join("new"));
        assert_eq!(records.list().unwrap(), []);
        assert_eq!(records.get(id(0)).unwrap(), None);
        records.insert(id(1), b"one").unwrap();
        records.insert(id(0), b"zero").unwrap();
        assert_eq!(records.insert(id(0), b"other").unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(records.get(id(0)).unwrap().unwrap(), b"zero");
        assert_eq!(records.list().unwrap(), [id(0), id(1)]);
        records.remove(id(0)).unwrap();
        records.remove(id(0)).unwrap();
        assert_eq!(records.list().unwrap(), [id(1)]);
        let left: Vec<_> = fs::read_dir(records.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn nonces_are_set_aside_up_to_the_bound() {
        let directory = tempfile::tempdir().unwrap();
        let records = Directory::new(directory.path());
        assert_eq!(records.reserve_nonces(id(0), 60, 100).unwrap(), Some(0));
        assert_eq!(records.reserve_nonces(id(0), 60, 100).unwrap(), None);
        assert_eq!(records.reserve_nonces(id(0), 40, 100).unwrap(), Some(60));
        assert_eq!(records.reserved_nonces(id(0)).unwrap(), 100);
        assert_eq!(records.reserved_nonces(id(1)).unwrap(), 0);
        fs::write(directory.path().join(format!("{}.0.nonces", id(0).key)), "1").unwrap();
        assert_eq!(records.reserve_nonces(id(0), 1, 100).unwrap_err().kind(), ErrorKind::Io, "damaged");
    }

    #[test]
    fn eight_threads_never_share_a_nonce() {
        let directory = tempfile::tempdir().unwrap();
        let records = Directory::new(directory.path());
        let mut starts: Vec<u64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    let reserve = || (0..5).map(|_| records.reserve_nonces(id(0), 10, 1000).unwrap().unwrap());
                    scope.spawn(move || reserve().collect::<Vec<_>>())
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        starts.sort_unstable();
        assert_eq!(starts, (0..40).map(|n| n * 10).collect::<Vec<_>>());
    }
}

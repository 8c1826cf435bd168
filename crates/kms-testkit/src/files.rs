//! Where a corpus lies: in a directory, or packed in an archive.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use ruzstd::decoding::StreamingDecoder;

/// The files of a corpus, by their names relative to its manifest.
pub trait Files {
    /// The content of one file.
    ///
    /// # Errors
    /// If it is not there, or cannot be read.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
}

/// Files in a directory.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// The directory `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

impl Files for Directory {
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.0.join(name)).map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))
    }
}

/// Files in memory, unpacked from a `.tar.zst`.
#[derive(Debug)]
pub struct Archive(BTreeMap<String, Vec<u8>>);

impl Archive {
    /// Unpacks the archive at `path`.
    ///
    /// # Errors
    /// If it cannot be read, or is no such archive.
    pub fn unpack(path: &Path) -> io::Result<Self> {
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()));
        let file =
            File::open(path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        let decoder = StreamingDecoder::new(BufReader::new(file)).map_err(|error| invalid(error.to_string()))?;
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(decoder).entries()? {
            let mut entry = entry?;
            let name = entry.path()?.to_str().ok_or_else(|| invalid("a name is not UTF-8".into()))?.to_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            files.insert(name, content);
        }
        Ok(Self(files))
    }

    /// One of the archives under `tests/vectors` of the workspace.
    ///
    /// # Errors
    /// As [`unpack`](Self::unpack).
    pub fn of_workspace(name: &str) -> io::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
        Self::unpack(&root.join(name))
    }

    /// How many files.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Files for Archive {
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.0.get(name).cloned().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{name}: not there")))
    }
}

//! What wrapped keys are called: a file beside their records, a line for each name.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use kms_core::KeyId;

use crate::failure::{Failure, Status};

/// Lines of `alias/NAME KEY-ID`, sorted; replaced whole.
///
/// Nothing vouches for it, unlike the records: who can write it can make a name mean another key of the same token.
pub(crate) struct Aliases {
    folder: PathBuf,
}

impl Aliases {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf() }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("aliases")
    }

    pub(crate) fn read(&self) -> Result<BTreeMap<String, KeyId>, Failure> {
        let path = self.path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(Failure::from(error).about(path.display())),
        };
        let line = |line: &str| {
            let (alias, id) = line.split_once(' ')?;
            Some((alias.to_owned(), id.parse().ok()?))
        };
        text.lines().map(line).collect::<Option<_>>().ok_or_else(|| {
            Failure::new(Status::Refused, "is damaged: each line is alias/NAME and the id of a key")
                .about(path.display())
                .hint("Keys are found by their id, too: take the file away, or mend it.")
        })
    }

    /// Changes it, with other processes kept away meanwhile.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, KeyId>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let about = |error: io::Error| Failure::from(error).about(self.folder.display());
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // Released when it is closed.
        let lock = options.open(self.folder.join(".aliases.lock")).map_err(about)?;
        lock.lock().map_err(about)?;
        let mut aliases = self.read()?;
        let before = aliases.clone();
        let changed = change(&mut aliases)?;
        if aliases != before {
            self.write(&aliases).map_err(about)?;
        }
        Ok(changed)
    }

    fn write(&self, aliases: &BTreeMap<String, KeyId>) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        for (alias, id) in aliases {
            writeln!(file, "{alias} {id}")?;
        }
        file.as_file().sync_all()?;
        file.persist(self.path())?;
        #[cfg(unix)]
        File::open(&self.folder)?.sync_all()?;
        Ok(())
    }
}

//! Where the parts of a keyring are.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The name of the keyring file of before, and so what the store and the audit log are called after.
const USUAL: &str = "keyring";

/// Where the parts of one keyring are. All that is not named otherwise is in one folder.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The one file that the first version kept keys in, if it is still there.
    pub(crate) old: PathBuf,
    /// The folder of the store.
    pub(crate) store: PathBuf,
    /// The folder of the audit log.
    pub(crate) audit: PathBuf,
}

impl Place {
    /// `old` as users name a keyring: `DIR/keyring` has `DIR/store` and `DIR/audit`, any other `DIR/NAME` has
    /// `DIR/NAME.store` and `DIR/NAME.audit`.
    pub(crate) fn new(old: PathBuf) -> Self {
        let beside = |what: &str| match old.file_name().filter(|name| *name != USUAL) {
            None => old.with_file_name(what),
            Some(name) => {
                let mut name = name.to_owned();
                name.push(".");
                name.push(what);
                old.with_file_name(name)
            }
        };
        Self { store: beside("store"), audit: beside("audit"), old }
    }

    /// The file of the store's engine.
    pub(crate) fn database(&self) -> PathBuf {
        self.store.join("keys.db")
    }

    /// Keeps other processes from making the store or its first key meanwhile. Released when it is dropped.
    pub(crate) fn lock(&self) -> Result<File, Failure> {
        let about = |error: std::io::Error| Failure::from(error).about(self.store.display());
        create_folder(&self.store).map_err(about)?;
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options.open(self.store.join("lock")).map_err(about)?;
        lock.lock().map_err(about)?;
        Ok(lock)
    }
}

pub(crate) fn create_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_keyring_has_parts_of_its_own() {
        let usual = Place::new("/data/kms/keyring".into());
        assert_eq!((usual.store, usual.audit), ("/data/kms/store".into(), "/data/kms/audit".into()));
        let other = Place::new("other".into());
        assert_eq!((other.store, other.audit), ("other.store".into(), "other.audit".into()));
    }
}

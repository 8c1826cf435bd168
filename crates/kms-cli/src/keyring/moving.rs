//! Moving a keyring file, which the first version kept keys in, into the store.
//!
//! Every key is taken in with its id, its material and its names, and what is there already is left as it is. So the same
//! is done again after a crash, until the file, the truth up to then, gets another name: after the last key is durable.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kms_core::{Call, Error, ErrorKind};
use kms_service::operator::{Adopted, AdoptedGeneration};
use kms_service::{AliasName, Timestamp};
use kms_soft::SealedKey;
use kms_soft::keyring::{KeyRecord, Keyring, Origin, RootKey};

use super::KeyringArguments;
use super::place::Place;
use crate::failure::Failure;
use crate::report::Report;

/// What is added to the name of a file that was moved.
const MOVED: &str = "moved";

impl KeyringArguments {
    /// Moves the keyring file, if there is one, into the store, which is made if there is none. Other processes wait.
    pub(super) fn move_old(&self, place: &Place, report: Report) -> Result<(), Failure> {
        if !place.old.exists() {
            return Ok(());
        }
        let sealed = match patiently(|| Keyring::open_for_writing(&place.old)) {
            // Another process was first.
            Err(_) if !place.old.exists() => return Ok(()),
            sealed => sealed?,
        };
        let root = self.known_root(sealed.root(), place, report)?;
        let file = sealed.path().to_path_buf();
        // Checks every byte of the file; holds its lock until it has another name.
        let keyring = sealed.unlock(&root, &Call::default())?;
        let keys = match self.open_store(place, Some(&root), report)? {
            Some(keys) => keys,
            None => self.create_store(place, &root)?,
        };
        // What is taken in is recorded: not in a log that the store does not know.
        let keys = keys.ready()?;
        let mut moved = 0_usize;
        for record in keyring.records() {
            let id = record.id;
            let key = adopted(record, &root, report)?;
            keys.adopt(key).map_err(|failure| failure.about(format!("moving the key {id}")))?;
            moved += 1;
        }
        drop(keys);
        let kept = set_aside(&file).map_err(|error| Failure::from(error).about(file.display()))?;
        report.notice(&format!(
            "Moved {moved} key{} from {} to the store {}.\n\
             The file is now {}. It still holds the keys: destroy it when the store is backed up.",
            if moved == 1 { "" } else { "s" },
            file.display(),
            place.store.display(),
            kept.display()
        ));
        Ok(())
    }
}

/// A key of the file, its material unsealed.
fn adopted(record: KeyRecord, root: &RootKey, report: Report) -> Result<Adopted, Failure> {
    let newest = record.generations.values().next_back();
    let imported = newest.is_some_and(|newest| newest.origin == Origin::External);
    let mut key = Adopted::new(record.id, record.spec, record.usage, imported);
    key.description = record.description;
    for alias in record.aliases {
        match alias.parse::<AliasName>().ok().filter(|name| !name.is_reserved()) {
            Some(name) => drop(key.aliases.insert(name)),
            None => report.notice(&format!(
                "The key {} was called {alias}, which a key of yours cannot be any more: it keeps its id.",
                record.id
            )),
        }
    }
    for (number, generation) in record.generations {
        let id = kms_core::MaterialId { key: record.id, generation: number };
        let sealed = SealedKey::new(id, record.spec, record.usage, generation.sealed);
        let material = sealed.to_material(root.key(), &Call::default())?;
        let created = u64::try_from(generation.created.as_millis()).unwrap_or(u64::MAX);
        let created = Timestamp::from_millis(created);
        key.generations.insert(number, AdoptedGeneration { created, material });
    }
    Ok(key)
}

/// Gives the file a name under which nobody looks for a keyring, durably.
fn set_aside(file: &Path) -> io::Result<PathBuf> {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(MOVED);
    let mut kept = PathBuf::from(&name);
    // One that was moved before is not replaced. The lock of the keyring keeps others away.
    let mut number = 1_u32;
    while kept.symlink_metadata().is_ok() {
        number += 1;
        let mut numbered = name.clone();
        numbered.push(format!("-{number}"));
        kept = numbered.into();
    }
    fs::rename(file, &kept)?;
    #[cfg(unix)]
    File::open(file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new(".")))?
        .sync_all()?;
    Ok(kept)
}

/// Waits a while for another process that is changing the keyring.
fn patiently<T>(mut attempt: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    const PATIENCE: Duration = Duration::from_secs(60);
    let start = Instant::now();
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::Busy && start.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(20));
            }
            done => return done,
        }
    }
}

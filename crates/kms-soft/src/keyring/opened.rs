//! A keyring whose root key is at hand.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use kms_core::{Call, Error, ErrorKind, Locator, MasterKey, MaterialId, Supported};

use super::closed::{SealedKeyring, seal, verify};
use super::contents::Contents;
use super::file::{self, WriterLock};
use super::root::{RootInfo, RootKey, check_works};
use crate::backend::supported;
use crate::key::SoftKey;
use crate::sealed::SealedKey;

/// A keyring file, unlocked: a [`Backend`](kms_core::Backend) whose keys outlive the process. See the
/// [module](super).
pub struct Keyring {
    path: PathBuf,
    /// Held for as long as the keyring is open for writing.
    lock: Option<WriterLock>,
    /// One change at a time; readers go on meanwhile.
    changing: Mutex<()>,
    state: RwLock<Arc<State>>,
    /// The keys that were unsealed.
    open: RwLock<BTreeMap<MaterialId, Arc<SoftKey>>>,
    pub(super) supported: Vec<Supported>,
}

/// What the file was found to hold.
pub(super) struct State {
    pub(super) root: RootKey,
    pub(super) contents: Contents,
    /// A write failed after the file may have been replaced: what it holds is not known.
    uncertain: bool,
}

impl Keyring {
    /// Makes a keyring without keys, open for writing, sealed under `root`.
    ///
    /// # Errors
    /// `InvalidInput` if the file exists; `Busy` if another writer is at it; `Io`; the faults of the root key's
    /// backend.
    pub fn create(path: impl AsRef<Path>, root: &RootKey, call: &Call) -> Result<Self, Error> {
        let path = file::vacant(path.as_ref())?;
        let lock = WriterLock::acquire(&path)?;
        // Again under the lock: another process may have made it meanwhile.
        let path = file::vacant(&path)?;
        check_works(root, call)?;
        let contents = Contents::new(root.info.clone());
        file::replace(&path, &seal(&contents, root, call)?)?;
        Ok(Self::new(path, Some(lock), root.clone(), contents))
    }

    /// Reads a keyring, to use its keys.
    ///
    /// # Errors
    /// `KeyUnavailable` if there is no such file; `Malformed` or `Unsupported` for each kind of [`Damage`](super::Damage);
    /// `Io`.
    pub fn open(path: impl AsRef<Path>) -> Result<SealedKeyring, Error> {
        SealedKeyring::read(file::existing(path.as_ref())?, None)
    }

    /// Reads a keyring, to change it too. No other writer can open it before this one is dropped.
    ///
    /// # Errors
    /// As [`open`](Self::open); `Busy` if another writer has it.
    pub fn open_for_writing(path: impl AsRef<Path>) -> Result<SealedKeyring, Error> {
        let path = file::existing(path.as_ref())?;
        let lock = WriterLock::acquire(&path)?;
        SealedKeyring::read(path, Some(lock))
    }

    pub(super) fn new(path: PathBuf, lock: Option<WriterLock>, root: RootKey, contents: Contents) -> Self {
        let state = State { root, contents, uncertain: false };
        Self {
            path,
            lock,
            changing: Mutex::new(()),
            state: RwLock::new(Arc::new(state)),
            open: RwLock::new(BTreeMap::new()),
            supported: supported(),
        }
    }

    /// The address of `id` in this kind of backend.
    #[must_use]
    pub fn locator(id: MaterialId) -> Locator {
        Locator::new(id, alloc::format!("keyring:{id}"))
    }

    /// Where the file is; the target, if it was opened by a symbolic link.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the keyring is open for writing.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        self.lock.is_some()
    }

    /// Which root key the keyring is sealed under.
    #[must_use]
    pub fn root(&self) -> RootInfo {
        self.state().root.info.clone()
    }

    /// Counts the changes made to the file. Whoever remembers it can tell that an older copy was put back.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.state().contents.revision
    }

    /// Seals every key under another root key: for a new passphrase, or to move the root into an HSM.
    ///
    /// Copies of the file made before still open with the old root key.
    ///
    /// # Errors
    /// As every change, see [`add_alias`](Self::add_alias). If any key cannot be sealed, nothing is changed.
    pub fn change_root(&self, root: &RootKey, call: &Call) -> Result<(), Error> {
        check_works(root, call)?;
        let changing = self.start_change()?;
        let mut contents = self.state().contents.clone();
        for key in contents.keys.values_mut() {
            for (&generation, record) in &mut key.generations {
                let open = self.key(MaterialId { key: key.id, generation }, call)?;
                record.sealed = open.seal_under(&root.key, call)?.blob().clone();
            }
        }
        contents.root = root.info.clone();
        self.commit(&changing, root.clone(), contents, call)
    }

    /// Reads the file again, for what another process has changed. Of a keyring open for writing, finds out what
    /// became of a change that failed with [`Error::may_have_run`].
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`SealedKeyring::unlock`]; `Refused` if the file is older than what was read before.
    /// After an error the keyring is as it was.
    pub fn reload(&self, call: &Call) -> Result<(), Error> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.state();
        if old.uncertain {
            // What is read next must not be lost in a crash after it was believed.
            file::settle(&self.path)?;
        }
        let contents = verify(&self.path, &file::read(&self.path)?, &old.root, call)?;
        if contents.revision < old.contents.revision {
            return Err(Error::with_detail(
                ErrorKind::Refused,
                alloc::format!("an older copy was put in the place of the keyring {}", self.path.display()),
            ));
        }
        let root = RootKey { key: old.root.key.clone(), info: contents.root.clone() };
        self.install(root, contents);
        Ok(())
    }

    /// What the keyring holds now.
    pub(super) fn state(&self) -> Arc<State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key with `id`, unsealed if it was not yet.
    pub(super) fn key(&self, id: MaterialId, call: &Call) -> Result<Arc<SoftKey>, Error> {
        if let Some(key) = self.open.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(key.clone());
        }
        let state = self.state();
        let (key, generation) = state.contents.find(id).ok_or_else(|| {
            let detail = alloc::format!("the keyring {} has no key {id}", self.path.display());
            Error::with_detail(ErrorKind::KeyUnavailable, detail)
        })?;
        let sealed = SealedKey::new(id, key.spec, key.usage, generation.sealed.clone());
        let key = Arc::new(SoftKey::open_sealed(&sealed, &state.root.key, random(), call)?);
        self.keep(&key, &state);
        Ok(key)
    }

    /// Keeps an unsealed key, if the keyring is still as it was when the key was unsealed.
    pub(super) fn keep(&self, key: &Arc<SoftKey>, state: &Arc<State>) {
        let now = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&now, state) {
            self.open.write().unwrap_or_else(PoisonError::into_inner).insert(key.info().id, key.clone());
        }
    }

    /// Makes a change; `edit` answers whether there was any.
    pub(super) fn change(
        &self,
        call: &Call,
        edit: impl FnOnce(&RootKey, &mut Contents) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let changing = self.start_change()?;
        let state = self.state();
        let mut contents = state.contents.clone();
        if edit(&state.root, &mut contents)? {
            self.commit(&changing, state.root.clone(), contents, call)?;
        }
        Ok(())
    }

    /// Begins a change: the file is open for writing, what it holds is known, and no other thread is at it.
    pub(super) fn start_change(&self) -> Result<MutexGuard<'_, ()>, Error> {
        let refused = |why: &str| {
            Error::with_detail(ErrorKind::Refused, alloc::format!("the keyring {} {why}", self.path.display()))
        };
        if self.lock.is_none() {
            return Err(refused("is open for reading only"));
        }
        let changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.state().uncertain {
            return Err(refused("is in doubt since a write failed half-way: reload it"));
        }
        Ok(changing)
    }

    /// Writes the file, and takes what it holds for true when it is on the disk.
    fn commit(
        &self,
        _changing: &MutexGuard<'_, ()>,
        root: RootKey,
        mut contents: Contents,
        call: &Call,
    ) -> Result<(), Error> {
        contents.revision = contents.revision.checked_add(1).ok_or(ErrorKind::Internal)?;
        let bytes = seal(&contents, &root, call)?;
        match file::replace(&self.path, &bytes) {
            Ok(()) => {
                self.install(root, contents);
                Ok(())
            }
            Err(error) if error.may_have_run() => {
                let old = self.state();
                let state = State { root: old.root.clone(), contents: old.contents.clone(), uncertain: true };
                *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Forgets the open keys that are gone, or of which the file holds other material now.
    fn install(&self, root: RootKey, contents: Contents) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let resealed = state.root.info.id != root.info.id;
        let sealed = |contents: &Contents, id| contents.find(id).map(|(_, generation)| generation.sealed.clone());
        let stays = |id| {
            let now = sealed(&contents, id);
            now.is_some() && (resealed || now == sealed(&state.contents, id))
        };
        self.open.write().unwrap_or_else(PoisonError::into_inner).retain(|&id, _| stays(id));
        *state = Arc::new(State { root, contents, uncertain: false });
    }
}

/// What serves the operations of the keys.
pub(super) fn random() -> Arc<dyn kms_core::RandomSource> {
    Arc::new(kms_core::SystemRandom)
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Keyring")
            .field("path", &self.path)
            .field("root", &state.root.info)
            .field("revision", &state.contents.revision)
            .field("keys", &state.contents.keys.len())
            .field("writable", &self.is_writable())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kms_core::{Backend, KeyId, KeySpec, KeyUsage};

    #[test]
    fn after_a_write_in_doubt_nothing_is_changed_before_the_file_is_read_again() {
        let place = tempfile::tempdir().unwrap();
        let call = Call::default();
        let root = RootKey::create_key_file(place.path().join("root.key")).unwrap();
        let keyring = Keyring::create(place.path().join("keyring"), &root, &call).unwrap();
        let at = Keyring::locator(KeyId::from_bytes([1; 16]).into());
        keyring.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call).unwrap();

        // As if the directory could not be synced after the new file had its name.
        let old = keyring.state();
        let in_doubt = State { root: old.root.clone(), contents: old.contents.clone(), uncertain: true };
        *keyring.state.write().unwrap() = Arc::new(in_doubt);
        assert_eq!(keyring.destroy(&at, &call).unwrap_err().kind(), ErrorKind::Refused);
        keyring.open(&at, &call).unwrap();
        keyring.reload(&call).unwrap();
        keyring.destroy(&at, &call).unwrap();
    }
}

//! A keyring file that was read and not yet unlocked.

use core::fmt;
use std::path::{Path, PathBuf};

use kms_core::{Call, Error, ErrorKind, Secret};

use super::contents::Contents;
use super::damage::Damage;
use super::file::{self, WriterLock};
use super::format::{self, Parsed};
use super::opened::Keyring;
use super::root::{RootInfo, RootKey, RootKind};
use super::seal_context;

/// A keyring whose form is right, and that waits for its root key.
///
/// Nothing it says is proven before [`unlock`](Self::unlock).
pub struct SealedKeyring {
    path: PathBuf,
    bytes: alloc::vec::Vec<u8>,
    root: RootInfo,
    lock: Option<WriterLock>,
}

impl SealedKeyring {
    /// Reads the file at a true path. A writer has taken the lock by then: what it reads stays as it is.
    pub(super) fn read(path: PathBuf, lock: Option<WriterLock>) -> Result<Self, Error> {
        let bytes = file::read(&path)?;
        let root = format::parse(&bytes).map_err(|damage| at(&path, damage))?.contents.root;
        Ok(Self { path, bytes, root, lock })
    }

    /// Which root key opens it, and how to come by it.
    #[must_use]
    pub const fn root(&self) -> &RootInfo {
        &self.root
    }

    /// Where the file is; the target, if it was opened by a symbolic link.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Derives the root key from its passphrase. May be asked again after a wrong one.
    ///
    /// Takes the time and memory that the keyring names, at most 1 GiB.
    ///
    /// # Errors
    /// `Unauthorized` if the passphrase is wrong; `InvalidInput` if the keyring's root key is not a passphrase;
    /// `Internal` if there is not the memory.
    pub fn root_from_passphrase(&self, passphrase: &Secret) -> Result<RootKey, Error> {
        let RootKind::Passphrase { cost, salt } = self.root.kind else {
            return Err(Error::invalid_input(alloc::format!(
                "the keyring {} opens with {}, not with a passphrase",
                self.path.display(),
                self.root
            )));
        };
        let root = RootKey::from_passphrase(passphrase, cost, salt)?;
        if root.info.id != self.root.id {
            return Err(Error::with_detail(
                ErrorKind::Unauthorized,
                alloc::format!("wrong passphrase for the keyring {}", self.path.display()),
            ));
        }
        Ok(root)
    }

    /// Checks every byte under the root key, and opens the keyring. Keys are unsealed when they are opened.
    ///
    /// # Errors
    /// `IncorrectKey` if this is another root key than the keyring's; `Malformed` if the keyring was altered by someone
    /// who does not hold the root key; the faults of the root key's backend.
    pub fn unlock(self, root: &RootKey, call: &Call) -> Result<Keyring, Error> {
        let contents = verify(&self.path, &self.bytes, root, call)?;
        // The key is what counts; how to come by it stays as the keyring has it.
        let root = RootKey { key: root.key.clone(), info: contents.root.clone() };
        Ok(Keyring::new(self.path, self.lock, root, contents))
    }
}

impl fmt::Debug for SealedKeyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedKeyring")
            .field("path", &self.path)
            .field("root", &self.root)
            .field("writable", &self.lock.is_some())
            .finish()
    }
}

/// The contents of a file that the holder of `root` wrote.
pub(super) fn verify(path: &Path, bytes: &[u8], root: &RootKey, call: &Call) -> Result<Contents, Error> {
    let Parsed { contents, seal, digest } = format::parse(bytes).map_err(|damage| at(path, damage))?;
    if contents.root.id != root.info.id {
        return Err(Error::with_detail(
            ErrorKind::IncorrectKey,
            alloc::format!("the keyring {} opens with {}; this is {}", path.display(), contents.root, root.info),
        ));
    }
    // A fault of the root key's backend is passed on as it is: the file may be well.
    let sealed = root.key.decrypt(seal, &seal_context()?, call).map_err(|error| match error.kind() {
        ErrorKind::Rejected | ErrorKind::IncorrectKey | ErrorKind::Malformed | ErrorKind::Unsupported => {
            at(path, Damage::Altered)
        }
        _ => error,
    })?;
    if !sealed.ct_eq(&digest) {
        return Err(at(path, Damage::Altered));
    }
    Ok(contents)
}

/// The bytes of a file with these contents.
pub(super) fn seal(contents: &Contents, root: &RootKey, call: &Call) -> Result<alloc::vec::Vec<u8>, Error> {
    let (body, digest) = format::body(contents)?;
    let seal = root.key.encrypt(&digest, &seal_context()?, call)?;
    format::finish(body, seal.as_bytes())
}

fn at(path: &Path, damage: Damage) -> Error {
    Error::with_detail(damage.kind(), alloc::format!("{}: {damage}", path.display()))
}

//! The keyring file, from outside: keys that outlive their process, and nobody else's.

#![cfg(feature = "std")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

extern crate alloc;

mod keyring {
    mod damage;
    mod file;
    mod keys;
    mod roots;
    mod vectors;
}

use std::path::PathBuf;

use kms_core::{Backend, Call, Error, ErrorKind, Key, KeyId, KeySpec, KeyUsage, Locator, SystemRandom};
use kms_soft::{Keyring, RootKey};
use tempfile::TempDir;

/// A directory with a root key file and room for a keyring.
struct Place {
    directory: TempDir,
    root: RootKey,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = RootKey::create_key_file(directory.path().join("root.key")).unwrap();
        Self { directory, root }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn path(&self) -> PathBuf {
        self.at("keyring")
    }

    fn create(&self) -> Keyring {
        Keyring::create(self.path(), &self.root, &call()).unwrap()
    }

    fn read(&self) -> Keyring {
        self.try_read().unwrap()
    }

    fn try_read(&self) -> Result<Keyring, Error> {
        Keyring::open(self.path())?.unlock(&self.root, &call())
    }

    fn write(&self) -> Keyring {
        Keyring::open_for_writing(self.path()).unwrap().unlock(&self.root, &call()).unwrap()
    }
}

fn call() -> Call {
    Call::default()
}

fn new_at() -> Locator {
    Keyring::locator(KeyId::random(&SystemRandom).unwrap().into())
}

/// A symmetric key at a new place.
fn symmetric(keyring: &Keyring) -> (Locator, Key) {
    let at = new_at();
    let key = keyring.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call()).unwrap();
    (at, Key::new(key))
}

#[track_caller]
fn refused<T: core::fmt::Debug>(result: Result<T, Error>, kind: ErrorKind) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
}

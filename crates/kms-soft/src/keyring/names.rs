//! What the keys of a keyring are called.

use alloc::string::String;
use alloc::vec::Vec;

use kms_core::{Call, Error, KeyId, MaterialId};

use super::contents::{KeyRecord, MAX_DESCRIPTION, is_alias};
use super::opened::Keyring;

impl Keyring {
    /// The keys, sorted by id.
    #[must_use]
    pub fn records(&self) -> Vec<KeyRecord> {
        self.state().contents.keys.values().cloned().collect()
    }

    /// One key.
    #[must_use]
    pub fn record(&self, id: KeyId) -> Option<KeyRecord> {
        self.state().contents.keys.get(&id).cloned()
    }

    /// The material that a name means; see [`Contents::resolve`](super::Contents::resolve).
    ///
    /// # Errors
    /// As [`Contents::resolve`](super::Contents::resolve).
    pub fn resolve(&self, name: &str) -> Result<MaterialId, Error> {
        self.state().contents.resolve(name)
    }

    /// Gives a key another name: `alias/`, then letters, digits, `/`, `_` and `-`. A name it has already is no error.
    ///
    /// # Errors
    /// `InvalidInput` if it is no alias, or another key's; `KeyUnavailable` if there is no such key; as every change,
    /// `Refused` if the keyring is open for reading only, `Io`, and the faults of the root key's backend.
    pub fn add_alias(&self, alias: &str, key: KeyId, call: &Call) -> Result<(), Error> {
        if !is_alias(alias) {
            return Err(Error::invalid_input(alloc::format!(
                "{alias:?} is no alias: alias/ and then letters, digits, /, _ and -, 256 characters at most"
            )));
        }
        self.change(call, |_, contents| match contents.by_alias(alias) {
            Some(owner) if owner.id == key => Ok(false),
            Some(owner) => Err(Error::invalid_input(alloc::format!("{alias} names the key {}", owner.id))),
            None => Ok(contents.key_mut(key)?.aliases.insert(alias.into())),
        })
    }

    /// Takes a name away. One that no key has is no error.
    ///
    /// # Errors
    /// As every change; see [`add_alias`](Self::add_alias).
    pub fn remove_alias(&self, alias: &str, call: &Call) -> Result<(), Error> {
        self.change(call, |_, contents| {
            let id = contents.by_alias(alias).map(|owner| owner.id);
            Ok(id.and_then(|id| contents.keys.get_mut(&id)).is_some_and(|owner| owner.aliases.remove(alias)))
        })
    }

    /// Describes a key, in at most 8,192 bytes.
    ///
    /// # Errors
    /// `InvalidInput` if the text is longer; `KeyUnavailable` if there is no such key; as every change, see
    /// [`add_alias`](Self::add_alias).
    pub fn set_description(&self, key: KeyId, text: impl Into<String>, call: &Call) -> Result<(), Error> {
        let text = text.into();
        if text.len() > MAX_DESCRIPTION {
            return Err(Error::invalid_input("a description has at most 8,192 bytes"));
        }
        self.change(call, |_, contents| {
            let key = contents.key_mut(key)?;
            let changed = key.description != text;
            key.description = text;
            Ok(changed)
        })
    }
}

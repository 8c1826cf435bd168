//! What a keyring file says about its keys: everything but the material, which is sealed.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use kms_core::{CiphertextBlob, Error, ErrorKind, KeyId, KeyInfo, KeySpec, KeyUsage, MaterialId};

use crate::keyring::root::RootInfo;

/// Longest description in bytes.
pub const MAX_DESCRIPTION: usize = 8192;
/// Longest alias in bytes, prefix included (the AWS KMS limit).
pub const MAX_ALIAS: usize = 256;
/// Fewest characters of a key id that [`Contents::resolve`] takes for the whole.
const MIN_PREFIX: usize = 4;

/// Where material came from (`Origin` of the AWS KMS API).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// Made here.
    AwsKms,
    /// Brought in from elsewhere.
    External,
}

impl Origin {
    /// The name in the AWS KMS API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwsKms => "AWS_KMS",
            Self::External => "EXTERNAL",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Origin {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::AwsKms, Self::External]
            .into_iter()
            .find(|one| one.as_str() == text)
            .ok_or_else(|| Error::invalid_input(format!("unknown origin {text:?}")))
    }
}

/// One key of a keyring.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyRecord {
    /// Its identity.
    pub id: KeyId,
    /// Type and size of every generation.
    pub spec: KeySpec,
    /// The one kind of operation it is for.
    pub usage: KeyUsage,
    /// Text for people; may be empty.
    pub description: String,
    /// Other names, `alias/…`; each is unique in its keyring.
    pub aliases: BTreeSet<String>,
    /// The generations of its material, by number. There is at least one.
    pub generations: BTreeMap<u32, GenerationRecord>,
}

impl KeyRecord {
    /// The newest generation: the one to encrypt and sign with.
    #[must_use]
    pub fn current(&self) -> MaterialId {
        let generation = self.generations.last_key_value().map_or(0, |(&number, _)| number);
        MaterialId { key: self.id, generation }
    }
}

/// One generation of a key's material.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GenerationRecord {
    /// Where it came from.
    pub origin: Origin,
    /// When it entered the keyring: whole seconds since the Unix epoch.
    pub created: Duration,
    /// The material, sealed under the keyring's root as in [`SealedKey`](crate::SealedKey).
    pub sealed: CiphertextBlob,
}

/// All that a keyring file holds, the material still sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    pub(crate) revision: u64,
    pub(crate) root: RootInfo,
    pub(crate) keys: BTreeMap<KeyId, KeyRecord>,
}

impl Contents {
    /// No keys yet.
    pub(crate) const fn new(root: RootInfo) -> Self {
        Self { revision: 0, root, keys: BTreeMap::new() }
    }

    /// Counts the changes made to the file.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// What opens the keyring.
    #[must_use]
    pub const fn root(&self) -> &RootInfo {
        &self.root
    }

    /// The keys, sorted by id.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &KeyRecord> {
        self.keys.values()
    }

    /// The key and generation that `id` names.
    pub(crate) fn find(&self, id: MaterialId) -> Option<(&KeyRecord, &GenerationRecord)> {
        let key = self.keys.get(&id.key)?;
        Some((key, key.generations.get(&id.generation)?))
    }

    /// Whether the material is there; an error if something else has its place.
    pub(crate) fn has(&self, id: MaterialId, spec: KeySpec, usage: KeyUsage) -> Result<bool, Error> {
        match self.keys.get(&id.key) {
            Some(key) if key.spec != spec || key.usage != usage => Err(Error::invalid_input(format!(
                "the key {} is {} for {}: its generations cannot be {spec} for {usage}",
                key.id, key.spec, key.usage
            ))),
            Some(key) => Ok(key.generations.contains_key(&id.generation)),
            None => Ok(false),
        }
    }

    /// Adds material that is not there.
    pub(crate) fn add(&mut self, info: &KeyInfo, generation: GenerationRecord) -> Result<(), Error> {
        if self.has(info.id, info.spec, info.usage)? {
            return Err(Error::invalid_input(format!("the keyring has a key {}", info.id)));
        }
        let key = self.keys.entry(info.id.key).or_insert_with(|| KeyRecord {
            id: info.id.key,
            spec: info.spec,
            usage: info.usage,
            description: String::new(),
            aliases: BTreeSet::new(),
            generations: BTreeMap::new(),
        });
        key.generations.insert(info.id.generation, generation);
        Ok(())
    }

    /// Takes material out; with its last generation a key goes, and its aliases with it.
    pub(crate) fn remove(&mut self, id: MaterialId) {
        if let Some(key) = self.keys.get_mut(&id.key) {
            key.generations.remove(&id.generation);
            if key.generations.is_empty() {
                self.keys.remove(&id.key);
            }
        }
    }

    /// The key an alias names.
    pub(crate) fn by_alias(&self, alias: &str) -> Option<&KeyRecord> {
        self.keys.values().find(|key| key.aliases.contains(alias))
    }

    pub(crate) fn key_mut(&mut self, id: KeyId) -> Result<&mut KeyRecord, Error> {
        self.keys.get_mut(&id).ok_or_else(|| unavailable(format!("the keyring has no key {id}")))
    }

    /// The material that `name` means: `alias/…`, a key id (its newest generation), a key id and generation as
    /// `id/generation`, or the first characters of a key id, at least four, if no other key begins so.
    ///
    /// # Errors
    /// `KeyUnavailable` if nothing has the name; `InvalidInput` if it is no name, or means several keys.
    pub fn resolve(&self, name: &str) -> Result<MaterialId, Error> {
        let none = || unavailable(format!("the keyring has no key {name:?}"));
        if name.starts_with("alias/") {
            return self.by_alias(name).map(KeyRecord::current).ok_or_else(none);
        }
        if let Some((id, generation)) = name.split_once('/') {
            let generation = generation
                .parse()
                .map_err(|_| Error::invalid_input(format!("{name:?}: a generation is a number, as in id/0")))?;
            let id = MaterialId { key: id.parse()?, generation };
            return self.find(id).map(|_| id).ok_or_else(none);
        }
        if let Ok(id) = name.parse() {
            return self.keys.get(&id).map(KeyRecord::current).ok_or_else(none);
        }
        let prefix = name.to_ascii_lowercase();
        if prefix.len() < MIN_PREFIX || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
            return Err(Error::invalid_input(format!(
                "{name:?} is not the name of a key: give alias/…, a key id, or at least its first {MIN_PREFIX} \
                 characters"
            )));
        }
        let mut found = self.keys.values().filter(|key| key.id.to_string().starts_with(&prefix));
        match (found.next(), found.next()) {
            (Some(key), None) => Ok(key.current()),
            (None, _) => Err(none()),
            (Some(_), Some(_)) => {
                Err(Error::invalid_input(format!("several keys begin with {name:?}: give more of it")))
            }
        }
    }
}

fn unavailable(detail: String) -> Error {
    Error::with_detail(ErrorKind::KeyUnavailable, detail)
}

/// Whether `alias` is a name that a key may have: `alias/`, then letters, digits, `/`, `_` and `-`, as in AWS KMS.
pub(crate) fn is_alias(alias: &str) -> bool {
    alias.len() <= MAX_ALIAS
        && alias.strip_prefix("alias/").is_some_and(|name| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-'))
        })
}

//! The keys of a keyring file.

use kms_core::{Backend, Call, Error, ErrorKind, Key, KeyId, KeyMaterial, KeyUsage, MaterialId, SystemRandom};
use kms_soft::keyring::{KeyRecord, Keyring, RootKey};

use super::{ARN_PREFIX, Entry, Keys, LIST_HINT, NewKey, alias, looks_like_id};
use crate::failure::Failure;
use crate::keyring::patiently;

/// The keyring, unlocked.
pub(crate) struct LocalKeyring {
    keyring: Keyring,
    root: RootKey,
}

impl LocalKeyring {
    pub(crate) const fn new(keyring: Keyring, root: RootKey) -> Self {
        Self { keyring, root }
    }

    /// The same, to change it.
    pub(crate) fn into_writable(self) -> Result<Self, Failure> {
        let sealed = patiently(|| Keyring::open_for_writing(self.keyring.path()))?;
        Ok(Self { keyring: sealed.unlock(&self.root, &Call::default())?, root: self.root })
    }

    /// Gives a new key its alias and description; without them, the key goes again.
    fn named(&self, id: KeyId, alias: Option<&str>, about: Option<&str>) -> Result<Entry, Failure> {
        let call = Call::default();
        let describe = || about.map_or(Ok(()), |text| self.keyring.set_description(id, text, &call));
        let done = alias.map_or(Ok(()), |alias| self.keyring.add_alias(alias, id, &call)).and_then(|()| describe());
        if let Err(error) = done {
            self.keyring.destroy(&Keyring::locator(id.into()), &call)?;
            return Err(error.into());
        }
        self.keyring.record(id).map(entry).ok_or_else(|| Error::new(ErrorKind::Internal).into())
    }
}

fn entry(record: KeyRecord) -> Entry {
    let at = |generation: &u32| Keyring::locator(MaterialId { key: record.id, generation: *generation });
    Entry {
        id: record.id,
        spec: record.spec,
        usages: vec![record.usage],
        origin: record.generations.values().next_back().map(|generation| generation.origin.as_str()),
        created: record.generations.values().next().map(|generation| generation.created),
        at: record.generations.keys().map(at).collect(),
        aliases: record.aliases.into_iter().collect(),
        description: record.description,
        place: None,
    }
}

impl Keys for LocalKeyring {
    fn place(&self) -> String {
        format!("the keyring {}", self.keyring.path().display())
    }

    fn list(&self) -> Result<Vec<Entry>, Failure> {
        Ok(self.keyring.records().into_iter().map(entry).collect())
    }

    fn find(&self, name: &str) -> Result<Entry, Failure> {
        let name = name.strip_prefix(ARN_PREFIX).unwrap_or(name);
        // An id means its key, whatever aliases there are.
        if let Some(record) = name.parse().ok().and_then(|id| self.keyring.record(id)) {
            return Ok(entry(record));
        }
        let found = self.keyring.resolve(&alias(name)).or_else(|no_alias| match self.keyring.resolve(name) {
            Err(no_id) if looks_like_id(name) => Err(no_id),
            Err(_) => Err(no_alias),
            found => found,
        });
        let id = found.map_err(|error| Failure::from(error).hint(LIST_HINT))?;
        let missing = || Failure::from(Error::new(ErrorKind::KeyUnavailable));
        self.keyring.record(id.key).map(entry).ok_or_else(missing)
    }

    fn open(&self, key: &Entry, _one_usage_each: Option<KeyUsage>) -> Result<Key, Failure> {
        let at = key.at.last().ok_or_else(|| Error::new(ErrorKind::Internal))?;
        Ok(Key::new(self.keyring.open(at, &Call::default())?))
    }

    fn open_material(&self, id: MaterialId) -> Option<Result<Key, Error>> {
        self.keyring.record(id.key)?;
        Some(self.keyring.open(&Keyring::locator(id), &Call::default()).map(Key::new))
    }

    fn add(&self, new: &NewKey, material: Option<KeyMaterial>) -> Result<Entry, Failure> {
        let id = KeyId::random(&SystemRandom)?;
        let (at, call) = (Keyring::locator(id.into()), Call::default());
        match material {
            Some(material) => self.keyring.import(&at, new.spec, new.usage, material, &call)?,
            None => self.keyring.create(&at, new.spec, new.usage, &call)?,
        };
        self.named(id, new.alias.as_deref().map(alias).as_deref(), new.description.as_deref())
    }

    fn delete(&self, key: &Entry) -> Result<(), Failure> {
        Ok(key.at.iter().try_for_each(|at| self.keyring.destroy(at, &Call::default()))?)
    }
}

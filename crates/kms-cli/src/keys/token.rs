//! The keys of an HSM: objects in its token, and keys that are kept wrapped beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kms_core::{
    AlgorithmSet, Backend, Call, Error, ErrorKind, Key, KeyId, KeyMaterial, KeyUsage, Locator, MaterialId, MessageType,
    PublicKey, SigningAlgorithm, SystemRandom,
};
use kms_pkcs11::{Directory, KeyOrigin, ListedKey, Pkcs11Backend, Residency, Token, Uri};

use super::aliases::Aliases;
use super::{ARN_PREFIX, DEFAULT_ALIAS, Entry, Keys, LIST_HINT, NewKey, alias, looks_like_id};
use crate::failure::{Failure, Status};
use crate::report::Report;

/// A token, and the folder where records of wrapped keys are.
pub(crate) struct TokenKeys {
    backend: Pkcs11Backend,
    token: Arc<Token>,
    folder: PathBuf,
    report: Report,
}

impl TokenKeys {
    pub(crate) fn new(token: Arc<Token>, folder: &Path, report: Report) -> Self {
        let backend = Pkcs11Backend::new(token.clone())
            .with_records(Directory::new(folder))
            .with_residency(Residency::TokenObject);
        Self { backend, token, folder: folder.to_path_buf(), report }
    }

    /// The key to use where none is named: what the URI names, or the one called default, made if it is not there.
    pub(crate) fn default_key(&self, named: &Uri) -> Result<Entry, Failure> {
        if named.names_object() {
            return self.named_object(named)?.ok_or_else(|| {
                Failure::new(Status::Key, format!("no key at {}", named.address())).hint(
                    "`kms key create --alias NAME --token-object` makes one; `kms key list` shows those there are.",
                )
            });
        }
        if let Some(there) = self.called(DEFAULT_ALIAS)? {
            return Ok(there);
        }
        match self.add(&NewKey::default_key(), None) {
            // Another process was first.
            Err(failure) => self.called(DEFAULT_ALIAS)?.ok_or(failure),
            made => made,
        }
    }

    fn called(&self, name: &str) -> Result<Option<Entry>, Failure> {
        one(name, self.list()?.iter().filter(|key| is_called(key, name)))
    }

    /// The object in the token that a URI names.
    pub(crate) fn named_object(&self, named: &Uri) -> Result<Option<Entry>, Failure> {
        let keys = self.list()?;
        let is_it = |key: &&Entry| {
            let label = named.object.as_ref().is_none_or(|label| key.aliases.contains(label));
            let id = |at: &Locator| at.address().parse::<Uri>().is_ok_and(|uri| uri.id.is_some() && uri.id == named.id);
            key.place.as_ref().is_some_and(|place| place.starts_with("pkcs11:"))
                && label
                && (named.id.is_none() || key.at.iter().any(id))
        };
        one(&named.address().to_string(), keys.iter().filter(is_it))
    }

    fn wrapped(&self, id: MaterialId) -> Locator {
        Locator::new(id, self.token.uri().to_string())
    }

    fn record_file(&self, id: MaterialId) -> PathBuf {
        self.folder.join(format!("{}.{}.key", id.key, id.generation))
    }

    /// The newest generation of a key, for a usage if it may have several.
    fn open(&self, key: &Entry, usage: Option<KeyUsage>) -> Result<Key, Failure> {
        let at = key.at.last().ok_or_else(|| Error::new(ErrorKind::Internal))?;
        self.open_at(at, usage).map_err(|error| Failure::from(error).about(key.name()))
    }

    pub(crate) fn open_at(&self, at: &Locator, usage: Option<KeyUsage>) -> Result<Key, Error> {
        let key = self.backend.open_key(at, usage, &Call::default())?;
        if key.needs_rotation()? {
            self.report.notice(&format!(
                "kms: the key {} is nearly used up: make a new one, and encrypt under that from now on",
                at.id().key
            ));
        }
        Ok(Key::new(Arc::new(key)))
    }

    fn entries(&self, listed: Vec<ListedKey>) -> Result<Vec<Entry>, Failure> {
        let mut entries = BTreeMap::<KeyId, Entry>::new();
        for key in listed {
            let id = key.at.id();
            if let Some(entry) = entries.get_mut(&id.key) {
                entry.at.push(key.at);
                entry.at.sort_by_key(|at| at.id().generation);
                continue;
            }
            let place = match (&key.record, &key.label) {
                (Some(_), _) => self.record_file(id).display().to_string(),
                (None, Some(label)) => labelled(&key.at, label)?,
                (None, None) => key.at.address().to_owned(),
            };
            let entry = Entry {
                id: id.key,
                spec: key.spec,
                usages: key.usages,
                arn: None,
                origin: key.record.map(|(origin, _)| match origin {
                    KeyOrigin::External => "EXTERNAL",
                    _ => "HSM",
                }),
                created: key.record.map(|(_, seconds)| Duration::from_secs(seconds)),
                aliases: key.label.into_iter().collect(),
                description: String::new(),
                place: Some(place),
                at: vec![key.at],
                state: None,
                deletion: None,
            };
            entries.insert(id.key, entry);
        }
        for (alias, id) in Aliases::new(&self.folder).read()? {
            if let Some(entry) = entries.get_mut(&id) {
                entry.aliases.push(alias);
            }
        }
        Ok(entries.into_values().collect())
    }

    /// The address of a new object in the token, under a name that no other has.
    fn object(&self, id: KeyId, new: &NewKey) -> Result<Locator, Failure> {
        let at = self.backend.locator(id.into());
        let Some(name) = &new.alias else { return Ok(at) };
        let label = name.strip_prefix("alias/").unwrap_or(name);
        if let Some(other) = self.list()?.iter().find(|key| is_called(key, label)) {
            return Err(taken(label, other.id));
        }
        Ok(Locator::new(id.into(), labelled(&at, label)?))
    }

    pub(crate) fn make(&self, at: &Locator, new: &NewKey, material: Option<KeyMaterial>) -> Result<(), Error> {
        let call = Call::default();
        self.report.waiting("Trying what the token can do, before a key is made …");
        match material {
            Some(material) => self.backend.import(at, new.spec, new.usage, material, &call).map(drop),
            None => self.backend.create(at, new.spec, new.usage, &call).map(drop),
        }
    }

    /// Makes a key that is kept wrapped. Its name is taken first, so that no key is left without it.
    fn add_wrapped(&self, id: KeyId, new: &NewKey, material: Option<KeyMaterial>) -> Result<(), Failure> {
        let at = self.wrapped(id.into());
        let Some(name) = &new.alias else { return Ok(self.make(&at, new, material)?) };
        let name = checked(alias(name))?;
        crate::keyring::create_folder(&self.folder)
            .map_err(|error| Failure::from(error).about(self.folder.display()))?;
        Aliases::new(&self.folder).change(|aliases| {
            let known = self.list()?;
            let there = aliases.get(&name).copied().filter(|id| known.iter().any(|key| key.id == *id));
            let label = known.iter().find(|key| is_called(key, &name)).map(|key| key.id);
            if let Some(other) = there.or(label) {
                return Err(taken(&name, other));
            }
            self.make(&at, new, material)?;
            aliases.insert(name, id);
            Ok(())
        })
    }
}

/// The address of an object with its label, for people.
fn labelled(at: &Locator, label: &str) -> Result<String, Error> {
    let mut uri: Uri = at.address().parse()?;
    uri.object = Some(label.to_owned());
    Ok(uri.to_string())
}

/// Whether a key has the name: an alias of a wrapped key, or the label of an object.
fn is_called(key: &Entry, name: &str) -> bool {
    let bare = |name: &str| name.strip_prefix("alias/").unwrap_or(name).to_owned();
    key.aliases.iter().any(|alias| alias == name || bare(alias) == bare(name))
}

fn one<'a>(name: &str, found: impl Iterator<Item = &'a Entry>) -> Result<Option<Entry>, Failure> {
    let found: Vec<_> = found.collect();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some((*one).clone())),
        several => Err(Failure::usage(format!("{} keys are called {name:?}", several.len()))
            .hint("Name one by its id: `kms key list` shows them.")),
    }
}

fn taken(name: &str, other: KeyId) -> Failure {
    Failure::usage(format!("{name} names the key {other}"))
}

/// The form that aliases have in a keyring, too.
fn checked(alias: String) -> Result<String, Failure> {
    let good = |name: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-');
        !name.is_empty() && name.len() <= 250 && name.bytes().all(fits)
    };
    match alias.strip_prefix("alias/").is_some_and(good) {
        true => Ok(alias),
        false => Err(Failure::usage(format!("{alias:?} is no alias: letters, digits, /, _ and -, 250 at most"))),
    }
}

impl Keys for TokenKeys {
    fn place(&self) -> String {
        format!("the token {}", self.token.uri())
    }

    fn list(&self) -> Result<Vec<Entry>, Failure> {
        let listed = self.backend.list(&Call::default()).map_err(|error| {
            let hint = format!("The records are in {}.", self.folder.display());
            Failure::hinting(error, ErrorKind::KeyUnavailable, hint)
        })?;
        self.entries(listed)
    }

    fn find(&self, name: &str) -> Result<Entry, Failure> {
        let name = name.strip_prefix(ARN_PREFIX).unwrap_or(name);
        let keys = self.list()?;
        if let Some(key) = name.parse().ok().and_then(|id: KeyId| keys.iter().find(|key| key.id == id)) {
            return Ok(key.clone());
        }
        if let Some(key) = one(name, keys.iter().filter(|key| is_called(key, name)))? {
            return Ok(key);
        }
        let begins = |key: &&Entry| looks_like_id(name) && key.id.to_string().starts_with(&name.to_ascii_lowercase());
        if let Some(key) = one(name, keys.iter().filter(begins))? {
            return Ok(key);
        }
        Err(Failure::new(Status::Key, format!("{} has no key {name:?}", self.place())).hint(LIST_HINT))
    }

    fn symmetric(&self, key: &Entry) -> Result<Key, Failure> {
        self.open(key, key.usages.contains(&KeyUsage::EncryptDecrypt).then_some(KeyUsage::EncryptDecrypt))
    }

    fn public_key(&self, key: &Entry) -> Result<PublicKey, Failure> {
        Ok(self.open(key, None)?.public_key()?)
    }

    fn algorithms(&self, key: &Entry, usage: KeyUsage) -> Result<AlgorithmSet, Failure> {
        Ok(self.open(key, Some(usage))?.info().algorithms)
    }

    fn sign(&self, key: &Entry, algorithm: SigningAlgorithm, digest: &[u8]) -> Result<Vec<u8>, Failure> {
        let key = self.open(key, Some(KeyUsage::SignVerify))?;
        Ok(key.sign(algorithm, MessageType::Digest, digest, &Call::default())?)
    }

    fn open_material(&self, id: MaterialId) -> Option<Result<Key, Error>> {
        // The two places where a key that was made here can be, before all keys are looked at.
        for at in [self.wrapped(id), self.backend.locator(id)] {
            match self.open_at(&at, Some(KeyUsage::EncryptDecrypt)) {
                Err(error) if error.kind() == ErrorKind::KeyUnavailable => {}
                opened => return Some(opened),
            }
        }
        match self.backend.list(&Call::default()) {
            Ok(listed) => {
                let key = listed.into_iter().find(|key| key.at.id() == id)?;
                Some(self.open_at(&key.at, Some(KeyUsage::EncryptDecrypt)))
            }
            Err(error) => Some(Err(error)),
        }
    }

    fn add(&self, new: &NewKey, material: Option<KeyMaterial>) -> Result<Entry, Failure> {
        if new.description.is_some() {
            return Err(Failure::usage("keys in an HSM have no description").hint("--alias gives it a name."));
        }
        let id = KeyId::random(&SystemRandom)?;
        if new.token_object {
            self.make(&self.object(id, new)?, new, material)?;
        } else {
            self.add_wrapped(id, new, material)?;
            let name = new.alias.as_deref().map(|name| format!("{} ", alias(name))).unwrap_or_default();
            self.report.notice(&format!(
                "Made a key: {name}({id})\n\
                 Its record: {}\n\
                 The record is wrapped under a key that never leaves the token. Without the token, or without\n\
                 the record, the key is lost, and everything encrypted under it: back both up.",
                self.record_file(id.into()).display()
            ));
        }
        let entry = self.list()?.into_iter().find(|key| key.id == id);
        entry.ok_or_else(|| Error::with_detail(ErrorKind::Internal, "the token does not list its new key").into())
    }

    fn delete(&self, key: &Entry) -> Result<(), Failure> {
        for at in &key.at {
            self.backend.destroy(at, &Call::default())?;
        }
        let aliases = Aliases::new(&self.folder);
        if aliases.read()?.values().any(|id| *id == key.id) {
            aliases.change(|aliases| {
                aliases.retain(|_, id| *id != key.id);
                Ok(())
            })?;
        }
        Ok(())
    }
}

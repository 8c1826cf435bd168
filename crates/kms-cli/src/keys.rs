//! The keys that a command works with, wherever they are: in a keyring, or in an HSM.

mod aliases;
mod local;
mod service_key;
mod token;

use std::time::Duration;

use kms_core::message::KmsWrappingKey;
use kms_core::{
    AlgorithmSet, Error, Key, KeyId, KeyMaterial, KeySpec, KeyUsage, Locator, MaterialId, PublicKey, SigningAlgorithm,
};

use crate::failure::{Failure, Status};

pub(crate) use local::LocalKeys;
pub(crate) use token::TokenKeys;

/// The alias of the key that is used where none is named.
pub(crate) const DEFAULT_ALIAS: &str = "alias/default";
/// Keys here are in no region and no account of AWS.
pub(crate) const ARN_PREFIX: &str = "arn:aws:kms:local:000000000000:key/";
/// What to try when a key is not found.
const LIST_HINT: &str = "`kms key list` shows the keys there are.";

/// The ARN that stands for a key in messages.
fn arn(key: KeyId) -> String {
    format!("{ARN_PREFIX}{key}")
}

/// `alias/NAME` for both forms that users give.
pub(crate) fn alias(name: &str) -> String {
    if name.starts_with("alias/") { name.to_owned() } else { format!("alias/{name}") }
}

/// Whether a name may be the beginning of an id.
fn looks_like_id(name: &str) -> bool {
    name.len() >= 4 && name.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, '-' | '/'))
}

/// A key, as it is described without being opened.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: KeyId,
    pub(crate) spec: KeySpec,
    /// What it may be used for. More than one only for an object in a token that others made.
    pub(crate) usages: Vec<KeyUsage>,
    /// The ARN, of a key that has one of its own.
    pub(crate) arn: Option<String>,
    /// How it came to be, if that is known.
    pub(crate) origin: Option<&'static str>,
    /// When, since 1970.
    pub(crate) created: Option<Duration>,
    pub(crate) aliases: Vec<String>,
    pub(crate) description: String,
    /// Where it is, if that is not the keyring.
    pub(crate) place: Option<String>,
    /// Its generations, the newest last.
    pub(crate) at: Vec<Locator>,
    /// `KeyState` of the AWS KMS API; an HSM's keys have none.
    pub(crate) state: Option<&'static str>,
    /// When it will be deleted, since 1970.
    pub(crate) deletion: Option<Duration>,
}

impl Entry {
    /// What to call it: its first alias, or its id.
    pub(crate) fn name(&self) -> String {
        self.aliases.first().cloned().unwrap_or_else(|| self.id.to_string())
    }

    /// The ARN that stands for it in messages.
    pub(crate) fn arn(&self) -> String {
        self.arn.clone().unwrap_or_else(|| arn(self.id))
    }

    pub(crate) fn usage(&self) -> String {
        self.usages.iter().map(|usage| usage.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// A key to make.
#[derive(Debug)]
pub(crate) struct NewKey {
    pub(crate) spec: KeySpec,
    pub(crate) usage: KeyUsage,
    pub(crate) alias: Option<String>,
    pub(crate) description: Option<String>,
    /// Make it an object in the token.
    pub(crate) token_object: bool,
    /// Make it without material, which is imported later.
    pub(crate) external: bool,
}

impl NewKey {
    /// The key that is made on the first use.
    pub(crate) fn default_key() -> Self {
        Self {
            spec: KeySpec::SymmetricDefault,
            usage: KeyUsage::EncryptDecrypt,
            alias: Some(DEFAULT_ALIAS.into()),
            description: None,
            token_object: false,
            external: false,
        }
    }
}

/// A place with keys.
pub(crate) trait Keys: Send + Sync {
    /// What it is called: "the keyring …".
    fn place(&self) -> String;

    /// The keys, sorted by id.
    fn list(&self) -> Result<Vec<Entry>, Failure>;

    /// The key of a name: an alias with or without `alias/`, an id or its beginning, an ARN.
    fn find(&self, name: &str) -> Result<Entry, Failure>;

    /// The same, of a key that messages are to be encrypted under: what is not known of it is not asked.
    fn find_symmetric(&self, name: &str) -> Result<Entry, Failure> {
        self.find(name)
    }

    /// A key to encrypt with, its newest generation; whether it is symmetric is for whoever uses it to find out.
    fn symmetric(&self, key: &Entry) -> Result<Key, Failure>;

    /// The public half of a key.
    fn public_key(&self, key: &Entry) -> Result<PublicKey, Failure>;

    /// What a key can do, of what it is for.
    fn algorithms(&self, key: &Entry, usage: KeyUsage) -> Result<AlgorithmSet, Failure>;

    /// Signs a digest, with the newest generation.
    fn sign(&self, key: &Entry, algorithm: SigningAlgorithm, digest: &[u8]) -> Result<Vec<u8>, Failure>;

    /// The generation of a symmetric key that a ciphertext names; `None`: no such key is here.
    fn open_material(&self, id: MaterialId) -> Option<Result<Key, Error>>;

    /// Makes a key, or brings one in.
    fn add(&self, new: &NewKey, material: Option<KeyMaterial>) -> Result<Entry, Failure>;

    /// Destroys all generations of a key, at once.
    fn delete(&self, key: &Entry) -> Result<(), Failure>;
}

impl dyn Keys + '_ {
    /// The key that a blob names.
    pub(crate) fn material(&self, id: MaterialId) -> Result<Key, Failure> {
        let missing = || Failure::new(Status::Key, format!("{} has no key {}", self.place(), id.key)).hint(LIST_HINT);
        Ok(self.open_material(id).ok_or_else(missing)??)
    }

    /// A symmetric key, to encrypt messages under.
    pub(crate) fn wrapping_key(&self, key: &Entry) -> Result<KmsWrappingKey, Failure> {
        let hint = "Files are encrypted under SYMMETRIC_DEFAULT keys: `kms key create` makes one.";
        KmsWrappingKey::new(key.arn(), self.symmetric(key)?).map_err(|error| Failure::from(error).hint(hint))
    }
}

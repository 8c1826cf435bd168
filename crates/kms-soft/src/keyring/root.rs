//! Root keys: what a keyring's keys are sealed under.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;

use kms_core::primitives::mac::hmac;
use kms_core::{
    Call, Error, Key, KeyId, KeyMaterial, KeySpec, KeyUsage, Locator, MacAlgorithm, MaterialId, Secret, SystemRandom,
};

use crate::key::{Material, SoftKey};

mod key_file;
mod passphrase;
mod text;

pub use passphrase::{MIN_PASSPHRASE, PassphraseCost};

/// Length in bytes of a root key in memory.
const KEY_LEN: usize = 32;

/// What a keyring says about its root key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RootInfo {
    /// The identity of the root key.
    pub id: MaterialId,
    /// How to come by it.
    pub kind: RootKind,
}

/// The ways to come by a root key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RootKind {
    /// It is in a key file: [`RootKey::open_key_file`].
    KeyFile,
    /// It is derived from a passphrase: [`SealedKeyring::root_from_passphrase`](super::SealedKeyring).
    Passphrase {
        /// What the derivation costs.
        cost: PassphraseCost,
        /// Makes equal passphrases give different keys.
        salt: [u8; 16],
    },
    /// It is in another backend, an HSM for example: [`RootKey::from_master_key`].
    MasterKey {
        /// Where, in that backend's own form.
        address: String,
    },
}

impl fmt::Display for RootInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            RootKind::KeyFile => write!(f, "the key file with the id {}", self.id.key),
            RootKind::Passphrase { .. } => f.write_str("a passphrase"),
            RootKind::MasterKey { address } => write!(f, "the master key {} at {address}", self.id),
        }
    }
}

/// A root key, ready to seal and to open.
///
/// **Who loses the root key loses every key of the keyring.** Keep a copy of it where the keyring is not.
#[derive(Debug, Clone)]
pub struct RootKey {
    pub(crate) key: Key,
    pub(crate) info: RootInfo,
}

impl RootInfo {
    /// What is known of a root key from elsewhere than a keyring file.
    #[must_use]
    pub const fn new(id: MaterialId, kind: RootKind) -> Self {
        Self { id, kind }
    }
}

impl RootKey {
    /// Any symmetric master key: in an HSM, in a remote service. `at` is noted in the keyring, so that whoever
    /// opens it knows where to look.
    ///
    /// # Errors
    /// `Unsupported` unless the key encrypts and decrypts under [`KeySpec::SymmetricDefault`].
    pub fn from_master_key(key: Key, at: &Locator) -> Result<Self, Error> {
        if key.info().spec != KeySpec::SymmetricDefault || key.info().algorithms.is_empty() {
            return Err(Error::unsupported(alloc::format!(
                "a root key is {}, not {}",
                KeySpec::SymmetricDefault,
                key.info().spec
            )));
        }
        let info = RootInfo { id: key.info().id, kind: RootKind::MasterKey { address: at.address().to_string() } };
        Ok(Self { key, info })
    }

    /// The identity of the key, and how it was come by.
    #[must_use]
    pub const fn info(&self) -> &RootInfo {
        &self.info
    }

    /// The master key itself: what else is to be sealed under it, the store of a service for example.
    #[must_use]
    pub const fn key(&self) -> &Key {
        &self.key
    }

    /// A root key in process memory.
    fn in_memory(secret: Secret, kind: RootKind) -> Result<Self, Error> {
        let id = MaterialId::from(id_of(&secret));
        let (spec, usage) = (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
        let material = Material::import(spec, KeyMaterial::Raw(secret))?;
        let key = SoftKey::new(id, spec, usage, material, Arc::new(SystemRandom))?;
        Ok(Self { key: Key::new(Arc::new(key)), info: RootInfo { id, kind } })
    }
}

/// The id of a root key is made of the key (as a version 8 UUID, RFC 9562 section 5.8), so that a damaged key file
/// and a wrong passphrase are told from a damaged keyring. It gives nothing of a 256-bit key away, and helps nobody
/// guess a passphrase who could not try the keyring itself.
fn id_of(secret: &Secret) -> KeyId {
    let mac = hmac(MacAlgorithm::HmacSha256, secret.expose(), b"kms root key id v1");
    let mut id = [0; 16];
    id.iter_mut().zip(mac.expose()).for_each(|(to, from)| *to = *from);
    id[6] = (id[6] & 0x0f) | 0x80;
    id[8] = (id[8] & 0x3f) | 0x80;
    KeyId::from_bytes(id)
}

/// Whether `root` works, for a check before anything depends on it.
pub(crate) fn check_works(root: &RootKey, call: &Call) -> Result<(), Error> {
    let context = super::seal_context()?;
    let sealed = root.key.encrypt(b"", &context, call)?;
    root.key.decrypt(sealed.as_bytes(), &context, call).map(drop)
}

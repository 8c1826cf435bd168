//! The sealed export of one key under another master key: how a key leaves process memory, and the only way.
//!
//! ```text
//!  0                 15        17            33           37            ...
//!  +-----------------+---------+-------------+------------+-------------+-------------+----------------------+
//!  | "KMS sealed key"| 00 01   | key id      | generation | key spec    | key usage   | ciphertext blob      |
//!  |  0A             | version | 16 bytes    | u32        | u16 + UTF-8 | u16 + UTF-8 | u16 + 1..=6144 bytes |
//!  +-----------------+---------+-------------+------------+-------------+-------------+----------------------+
//! ```
//!
//! The blob is what the other master key makes of the material (raw bytes, or PKCS#8 DER) under an encryption
//! context that repeats every field before it, so that none can be exchanged.

use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use kms_core::{
    Call, CiphertextBlob, EncryptionContext, Error, Key, KeyInfo, KeyMaterial, KeySpec, KeyUsage, MasterKey,
    MaterialId, RandomSource, blob,
};

use crate::key::{Material, SoftKey};
use crate::wire::{Reader, put_bytes, put_material_id};

const MAGIC: &[u8; 15] = b"KMS sealed key\n";
const VERSION: u16 = 1;

/// A key sealed under another master key: safe to store and to send, of use only to who may decrypt with that key.
///
/// ```
/// use kms_core::{Backend, Call, Key, KeyId, KeySpec, KeyUsage, SystemRandom};
/// use kms_soft::{SealedKey, SoftBackend};
/// # let call = Call::default();
/// # let new_at = || KeyId::random(&SystemRandom).map(|id| SoftBackend::locator(id.into()));
/// # let (here, there) = (SoftBackend::new(SystemRandom), SoftBackend::new(SystemRandom));
/// # let root = Key::new(here.create(&new_at()?, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call)?);
/// let at = new_at()?;
/// let key = Key::new(here.create(&at, KeySpec::EccNistP256, KeyUsage::SignVerify, &call)?);
/// let bytes = here.export(&at, &root, &call)?.to_bytes()?;
///
/// let moved = Key::new(there.import_sealed(&SealedKey::parse(&bytes)?, &root, &call)?);
/// assert_eq!(moved.public_key()?, key.public_key()?);
/// # Ok::<(), kms_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SealedKey {
    id: MaterialId,
    spec: KeySpec,
    usage: KeyUsage,
    blob: CiphertextBlob,
}

impl SealedKey {
    /// Puts together what was stored apart. Nothing is checked before the key is opened.
    #[must_use]
    pub const fn new(id: MaterialId, spec: KeySpec, usage: KeyUsage, blob: CiphertextBlob) -> Self {
        Self { id, spec, usage, blob }
    }

    /// What ciphertexts under the key name.
    #[must_use]
    pub const fn id(&self) -> MaterialId {
        self.id
    }

    /// Type and size.
    #[must_use]
    pub const fn spec(&self) -> KeySpec {
        self.spec
    }

    /// The one kind of operation the key is for.
    #[must_use]
    pub const fn usage(&self) -> KeyUsage {
        self.usage
    }

    /// The sealed material.
    #[must_use]
    pub const fn blob(&self) -> &CiphertextBlob {
        &self.blob
    }

    /// The bytes drawn in the module's documentation.
    ///
    /// # Errors
    /// `InvalidInput` if the blob is longer than any master key makes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut out = MAGIC.to_vec();
        out.extend(VERSION.to_be_bytes());
        put_material_id(&mut out, &self.id);
        put_bytes(&mut out, self.spec.as_str().as_bytes())?;
        put_bytes(&mut out, self.usage.as_str().as_bytes())?;
        put_bytes(&mut out, self.blob.as_bytes())?;
        Ok(out)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, and nothing else.
    ///
    /// # Errors
    /// `Malformed`; `Unsupported` for a newer version, or a key spec or usage this version does not know.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let cut = || Error::malformed("the sealed key is cut short");
        let newer = || Error::unsupported("the sealed key was made by a newer version");
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| Error::malformed("not a sealed key"))?;
        let mut reader = Reader::new(rest);
        if reader.u16().ok_or_else(cut)? != VERSION {
            return Err(newer());
        }
        let id = reader.material_id().ok_or_else(cut)?;
        let spec = reader.name().ok_or_else(cut)?.ok_or_else(newer)?;
        let usage = reader.name().ok_or_else(cut)?.ok_or_else(newer)?;
        let blob = reader.bytes().ok_or_else(cut)?;
        if blob.is_empty() || blob.len() > blob::MAX_BLOB || !reader.is_empty() {
            return Err(Error::malformed("not a sealed key: a length is wrong"));
        }
        Ok(Self { id, spec, usage, blob: blob.to_vec().into() })
    }

    /// The material itself, for whoever has the key it is sealed under: to bring it into a place of another kind. Wiped
    /// on drop.
    ///
    /// # Errors
    /// As [`SoftKey::open_sealed`], but material that is not of the key's spec is not noticed here.
    pub fn to_material(&self, root: &Key, call: &Call) -> Result<KeyMaterial, Error> {
        let secret = root.decrypt(self.blob.as_bytes(), &Self::context(&self.id, self.spec, self.usage)?, call)?;
        Ok(if self.spec.is_asymmetric() { KeyMaterial::Pkcs8(secret) } else { KeyMaterial::Raw(secret) })
    }

    /// What the blob is bound to.
    fn context(id: &MaterialId, spec: KeySpec, usage: KeyUsage) -> Result<EncryptionContext, Error> {
        EncryptionContext::new([
            ("kms-purpose", "sealed key"),
            ("kms-key", &id.to_string()),
            ("kms-key-spec", spec.as_str()),
            ("kms-key-usage", usage.as_str()),
        ])
    }
}

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedKey({}, {}, {})", self.id, self.spec, self.usage)
    }
}

impl SoftKey {
    /// The key, sealed under `root`.
    ///
    /// # Errors
    /// `Unsupported` unless `root` is symmetric; the faults of its backend.
    pub fn seal_under(&self, root: &Key, call: &Call) -> Result<SealedKey, Error> {
        let KeyInfo { id, spec, usage, .. } = *self.info();
        let context = SealedKey::context(&id, spec, usage)?;
        let blob = match self.material() {
            Material::Raw(secret) => root.encrypt(secret.expose(), &context, call),
            Material::Rsa(key) => root.encrypt(key.to_pkcs8()?.expose(), &context, call),
            Material::Ecc(key) => root.encrypt(key.to_pkcs8()?.expose(), &context, call),
        }?;
        Ok(SealedKey { id, spec, usage, blob })
    }

    /// The key that was sealed under `root`; `random` serves its operations.
    ///
    /// # Errors
    /// `IncorrectKey` if it was sealed under another key; `Rejected` if any part was changed; the faults of the
    /// backend of `root`.
    pub fn open_sealed(
        sealed: &SealedKey,
        root: &Key,
        random: Arc<dyn RandomSource>,
        call: &Call,
    ) -> Result<Self, Error> {
        let SealedKey { id, spec, usage, .. } = *sealed;
        Self::new(id, spec, usage, Material::import(spec, sealed.to_material(root, call)?)?, random)
    }
}

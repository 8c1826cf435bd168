//! Where master keys live: making, finding and destroying them.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::SecretDocument;

use crate::primitives::rsa::RsaPrivateKey;
use crate::public_key::spec_of;
use crate::{AlgorithmSet, Call, Error, KeySpec, KeyUsage, MasterKey, MaterialId, Secret};

/// Where one master key is, and the name its ciphertexts carry.
///
/// The caller chooses both before the key exists: when an answer is lost, asking again finds the key instead of
/// making a second one. The address never holds a PIN or a password.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Locator {
    id: MaterialId,
    address: String,
}

impl Locator {
    /// The material `id` at `address`, in the backend's own form: `soft:…`, `pkcs11:token=…;id=…` (RFC 7512).
    #[must_use]
    pub fn new(id: MaterialId, address: impl Into<String>) -> Self {
        Self { id, address: address.into() }
    }

    /// What ciphertexts under this key name.
    #[must_use]
    pub const fn id(&self) -> MaterialId {
        self.id
    }

    /// The backend's address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

/// A key's material on its way into a backend: wiped on drop, shown by length only.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyMaterial {
    /// The bytes of a symmetric or HMAC key; [`KeySpec::material_len`] gives the lengths.
    Raw(Secret),
    /// A private key as PKCS#8 DER (RFC 5958).
    Pkcs8(Secret),
}

impl KeyMaterial {
    /// A private key from PEM with the label `PRIVATE KEY` (RFC 7468, section 10).
    ///
    /// # Errors
    /// `Malformed` if it is not that; `Unsupported` for PEM of an older form or an encrypted key, with what to do.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        match SecretDocument::from_pem(pem) {
            Ok(("PRIVATE KEY", der)) => Ok(Self::Pkcs8(Secret::copy_from(der.as_bytes()))),
            Ok((label, _)) => Err(Error::unsupported(alloc::format!(
                "PEM with the label {label:?}: turn it into PKCS#8 with `openssl pkcs8 -topk8 -nocrypt`"
            ))),
            Err(_) => Err(Error::malformed("not PEM: expected -----BEGIN PRIVATE KEY-----")),
        }
    }

    /// The key spec that a private key is of.
    ///
    /// # Errors
    /// `InvalidInput` for raw bytes, which do not tell; `Malformed`; `Unsupported` for other keys than RSA of 2,048,
    /// 3,072 or 4,096 bits and the four curves.
    pub fn spec(&self) -> Result<KeySpec, Error> {
        match self {
            Self::Pkcs8(der) => {
                let info = PrivateKeyInfoRef::try_from(der.expose())
                    .map_err(|_| Error::malformed("not a private key in PKCS#8 DER"))?;
                match spec_of(&info.algorithm)? {
                    Some(curve) => Ok(curve),
                    None => RsaPrivateKey::from_pkcs8(der.expose()).map(|key| key.public_key().spec()),
                }
            }
            Self::Raw(_) => Err(Error::invalid_input("raw key material does not tell its key spec")),
        }
    }

    /// For backends: that this has the form, and raw bytes the length, of a key of `wanted`. Whether a private key is one
    /// of `wanted` is for its reader to tell.
    ///
    /// # Errors
    /// `InvalidInput` if not.
    pub fn check_form(&self, wanted: KeySpec) -> Result<(), Error> {
        match (self, wanted.material_len()) {
            (Self::Raw(secret), Some(lengths)) if lengths.contains(&secret.len()) => Ok(()),
            (Self::Raw(_), Some(lengths)) => Err(Error::invalid_input(alloc::format!(
                "the material of a {wanted} key has {} to {} bytes",
                lengths.start(),
                lengths.end()
            ))),
            (Self::Pkcs8(_), None) => Ok(()),
            _ => Err(Error::invalid_input(
                "symmetric and HMAC keys are imported as raw bytes, RSA and elliptic curve keys as PKCS#8",
            )),
        }
    }

    /// For backends: why this could not be read as a key of `wanted`. It is one of another key spec
    /// (`InvalidInput`), or else `error`.
    #[must_use]
    pub fn misfit(&self, wanted: KeySpec, error: Error) -> Error {
        match self.spec() {
            Ok(found) if found != wanted => {
                Error::invalid_input(alloc::format!("the material is a {found} key, not a {wanted} key"))
            }
            _ => error,
        }
    }
}

/// One kind of key that a backend can make, and what it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Supported {
    /// Type and size.
    pub spec: KeySpec,
    /// The one kind of operation it is for.
    pub usage: KeyUsage,
    /// What it can do.
    pub algorithms: AlgorithmSet,
}

impl Supported {
    /// Keys of `spec` for `usage`, with these algorithms.
    #[must_use]
    pub const fn new(spec: KeySpec, usage: KeyUsage, algorithms: AlgorithmSet) -> Self {
        Self { spec, usage, algorithms }
    }
}

/// A place that holds master keys.
///
/// There is no registry: whoever needs a backend is given one.
pub trait Backend: Send + Sync {
    /// What keys can be made here, and what they can do.
    fn supported(&self) -> &[Supported];

    /// Where the key `id` is, or would be made, if nobody says otherwise.
    fn locator(&self, id: MaterialId) -> Locator;

    /// Makes a key. If one with the same locator, spec and usage is there, it is the answer.
    ///
    /// # Errors
    /// `Unsupported` if the backend has no such keys; `InvalidInput` if another key has the locator; transport
    /// faults.
    fn create(&self, at: &Locator, spec: KeySpec, usage: KeyUsage, call: &Call) -> Result<Arc<dyn MasterKey>, Error>;

    /// Finds a key.
    ///
    /// # Errors
    /// `KeyUnavailable` if there is none; transport faults.
    fn open(&self, at: &Locator, call: &Call) -> Result<Arc<dyn MasterKey>, Error>;

    /// Brings in a key that was made elsewhere.
    ///
    /// # Errors
    /// `InvalidInput` if the material is of another kind, length or key spec than `spec`, or any key has the locator;
    /// `Malformed` if it is no PKCS#8 private key at all; `Unsupported` if the backend takes no foreign keys, or has
    /// none of `spec` for `usage`; transport faults.
    fn import(
        &self,
        at: &Locator,
        spec: KeySpec,
        usage: KeyUsage,
        material: KeyMaterial,
        call: &Call,
    ) -> Result<Arc<dyn MasterKey>, Error> {
        let _ = (at, spec, usage, material, call);
        Err(Error::unsupported("this backend takes no keys that were made elsewhere"))
    }

    /// Destroys a key for ever. A key that is not there is destroyed.
    ///
    /// # Errors
    /// Transport faults.
    fn destroy(&self, at: &Locator, call: &Call) -> Result<(), Error>;

    /// Whether its keys are in the memory of this process, and so answer without waiting for a device or a network.
    fn is_in_process(&self) -> bool {
        false
    }

    /// Whether the backend answers.
    ///
    /// # Errors
    /// What is wrong with it.
    fn health(&self, call: &Call) -> Result<(), Error>;
}

// Object safety is part of the contract.
const _: fn(&dyn Backend) = |_| {};

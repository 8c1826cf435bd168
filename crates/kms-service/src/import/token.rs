//! Import tokens: the wrapping key's private half, sealed for one key and a day.

use std::time::Duration;

use kms_core::primitives::hash::hash;
use kms_core::primitives::rsa::RsaPrivateKey;
use kms_core::{Error, HashAlgorithm, KeyId, Secret};

use crate::api::{AlgorithmSpec, Enumeration};
use crate::sealed::SealedStore;
use crate::{Exception, KmsError, Region, Timestamp};

/// How long a token is good for.
pub(crate) const VALID: Duration = Duration::from_secs(24 * 3600);
/// What tokens are sealed for.
const PLACE: &[u8] = b"import token";

/// An import token.
pub(crate) struct Token {
    key: KeyId,
    region: Region,
    pub(crate) algorithm: AlgorithmSpec,
    pub(crate) valid_to: Timestamp,
    private_key: Secret,
}

impl Token {
    pub(crate) fn new(
        key: KeyId,
        region: &Region,
        algorithm: AlgorithmSpec,
        now: Timestamp,
        private_key: &RsaPrivateKey,
    ) -> Result<Self, Error> {
        let (region, valid_to) = (region.clone(), (now + VALID).to_second());
        Ok(Self { key, region, algorithm, valid_to, private_key: private_key.to_pkcs8()? })
    }

    /// The token as callers hold it.
    pub(crate) fn seal(&self, store: &SealedStore) -> Result<Vec<u8>, Error> {
        let mut clear = Secret::zeroed(0);
        let mut put = |bytes: &[u8]| {
            let mut longer = Secret::zeroed(clear.len() + bytes.len());
            let (before, added) = longer.expose_mut().split_at_mut(clear.len());
            before.copy_from_slice(clear.expose());
            added.copy_from_slice(bytes);
            clear = longer;
        };
        put(self.key.as_bytes());
        put(&self.valid_to.as_millis().to_be_bytes());
        for text in [self.region.as_str(), self.algorithm.name()] {
            put(&u16::try_from(text.len()).unwrap_or(0).to_be_bytes());
            put(text.as_bytes());
        }
        put(self.private_key.expose());
        store.seal(PLACE, clear.expose())
    }

    /// The token that a caller sent for a key.
    ///
    /// # Errors
    /// `InvalidImportTokenException` if it is not one, or of another key; `ExpiredImportTokenException`.
    pub(crate) fn open(
        store: &SealedStore,
        sealed: &[u8],
        key: KeyId,
        region: &Region,
        now: Timestamp,
    ) -> Result<Self, KmsError> {
        let invalid = || KmsError::new(Exception::InvalidImportToken);
        let clear = store.unseal(PLACE, sealed).map_err(|_| invalid())?;
        let token = Self::read(&clear).ok_or_else(invalid)?;
        if token.key != key || token.region != *region {
            return Err(invalid());
        }
        if token.valid_to < now {
            return Err(KmsError::new(Exception::ExpiredImportToken));
        }
        Ok(token)
    }

    fn read(clear: &Secret) -> Option<Self> {
        let mut reader = kms_core::parse::Reader::new(clear.expose());
        let key = KeyId::from_bytes(reader.array().ok()?);
        let valid_to = Timestamp::from_millis(reader.u64().ok()?);
        let region = core::str::from_utf8(reader.prefixed_u16().ok()?).ok()?.parse().ok()?;
        let algorithm = AlgorithmSpec::from_name(core::str::from_utf8(reader.prefixed_u16().ok()?).ok()?)?;
        Some(Self { key, region, algorithm, valid_to, private_key: Secret::copy_from(reader.rest()) })
    }

    /// The wrapping key.
    pub(crate) fn private_key(&self) -> Result<RsaPrivateKey, Error> {
        RsaPrivateKey::from_pkcs8(self.private_key.expose())
    }
}

/// `KeyMaterialId`: names the material of one key, and gives nothing of it away, since it is made of a keyed hash.
pub(crate) fn material_id(key: KeyId, fingerprint: &[u8]) -> String {
    let bytes = [b"kms key material id v1".as_slice(), key.as_bytes(), fingerprint].concat();
    base16ct::lower::encode_string(&hash(HashAlgorithm::Sha256, &bytes))
}

/// What stands for material that nobody sees: its number.
pub(crate) fn fingerprint_of_generated(generation: u32) -> Vec<u8> {
    [b"generated ".as_slice(), &generation.to_be_bytes()].concat()
}

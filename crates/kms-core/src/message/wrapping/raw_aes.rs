//! Raw AES keys, byte-compatible with the raw AES keyring of the AWS Encryption SDKs.
//!
//! AWS Encryption SDK specification, `framework/raw-aes-keyring.md`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

use super::RawName;
use crate::message::header::EncryptedDataKey;
use crate::message::materials::{DecryptionRequest, EncryptionRequest, WrappingKey};
use crate::primitives::aead::{AesGcm, NONCE_LEN, TAG_LEN};
use crate::{Error, ErrorKind, Secret};

const TAG_BITS: [u8; 4] = 128u32.to_be_bytes();
const NONCE_BYTES: [u8; 4] = 12u32.to_be_bytes();

/// An AES key of 128, 192 or 256 bits that wraps data keys with AES-GCM, the encryption context as associated data.
///
/// Each wrap takes a random 96-bit nonce, so one key wraps at most 2^32 data keys (NIST SP 800-38D, section 8.3), one less here;
/// this object refuses more. Prefer a KMS key, which has no such bound.
///
/// ```
/// use kms_core::{Secret, message::RawAesKey};
/// let key = RawAesKey::new("backups", "2026", Secret::from(vec![7; 32]))?;
/// # Ok::<(), kms_core::Error>(())
/// ```
pub struct RawAesKey {
    name: RawName,
    cipher: AesGcm,
    wraps: AtomicU32,
}

impl RawAesKey {
    /// The key `name` in `namespace`.
    ///
    /// # Errors
    /// `InvalidInput` unless the key has 16, 24 or 32 bytes; if the namespace is `aws-kms`; if a name is
    /// longer than 65,000 bytes.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>, key: Secret) -> Result<Self, Error> {
        Ok(Self { name: RawName::new(namespace, name)?, cipher: AesGcm::new(key.expose())?, wraps: AtomicU32::new(0) })
    }

    /// Key name, tag length in bits, nonce length, nonce.
    fn provider_info(&self, nonce: &[u8; NONCE_LEN]) -> Vec<u8> {
        [self.name.name.as_bytes(), &TAG_BITS, &NONCE_BYTES, nonce].concat()
    }

    /// The nonce, if `wrapped` names this key. Names are compared whole, so that "a" does not claim a key of "ab".
    fn nonce_of(&self, wrapped: &EncryptedDataKey<'_>) -> Option<[u8; NONCE_LEN]> {
        if wrapped.provider_id != self.name.namespace {
            return None;
        }
        let rest = wrapped.provider_info.strip_prefix(self.name.name.as_bytes())?;
        let rest = rest.strip_prefix(&TAG_BITS)?.strip_prefix(&NONCE_BYTES)?;
        rest.try_into().ok()
    }
}

impl WrappingKey for RawAesKey {
    fn wrap_data_key(
        &self,
        data_key: &Secret,
        request: &EncryptionRequest<'_>,
    ) -> Result<EncryptedDataKey<'static>, Error> {
        let count = |wraps: u32| wraps.checked_add(1);
        self.wraps.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).map_err(|_| {
            Error::with_detail(ErrorKind::Refused, "this raw AES key has wrapped 2^32 - 1 data keys: use a new one")
        })?;
        let mut nonce = [0; NONCE_LEN];
        request.random.fill(&mut nonce)?;
        let mut ciphertext = alloc::vec![0; data_key.len()];
        let tag = self.cipher.seal(&nonce, request.context.aad(), data_key.expose(), &mut ciphertext)?;
        ciphertext.extend(tag);
        Ok(EncryptedDataKey {
            provider_id: self.name.namespace.clone().into(),
            provider_info: self.provider_info(&nonce).into(),
            ciphertext: ciphertext.into(),
        })
    }

    fn unwrap_data_key(
        &self,
        wrapped: &EncryptedDataKey<'_>,
        request: &DecryptionRequest<'_>,
    ) -> Option<Result<Secret, Error>> {
        let nonce = self.nonce_of(wrapped)?;
        let Some((ciphertext, tag)) = wrapped.ciphertext.split_last_chunk::<TAG_LEN>() else {
            return Some(Err(Error::rejected()));
        };
        let mut data_key = Secret::zeroed(ciphertext.len());
        let opened = self.cipher.open(&nonce, request.context.aad(), ciphertext, tag, data_key.expose_mut());
        Some(opened.map(|()| data_key))
    }
}

impl fmt::Debug for RawAesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawAesKey").field("name", &self.name).field("cipher", &self.cipher).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_compared_whole() {
        let key = |name| RawAesKey::new("n", name, Secret::zeroed(16)).unwrap();
        let wrapped = EncryptedDataKey {
            provider_id: "n".into(),
            provider_info: key("ab").provider_info(&[1; 12]).into(),
            ciphertext: (&[][..]).into(),
        };
        assert!(key("ab").nonce_of(&wrapped).is_some());
        assert!(key("a").nonce_of(&wrapped).is_none());
        assert!(key("abc").nonce_of(&wrapped).is_none());
    }

    #[cfg(feature = "getrandom")]
    #[test]
    fn wraps_are_counted_and_bounded() {
        let key = RawAesKey::new("n", "k", Secret::zeroed(32)).unwrap();
        key.wraps.store(u32::MAX - 1, Ordering::Relaxed);
        let (context, call) = (crate::EncryptionContext::empty(), crate::Call::default());
        let suite = crate::message::AlgorithmSuite::Aes256GcmHkdfSha512CommitKey;
        let request = EncryptionRequest::new(suite, &context, &crate::SystemRandom, &call);
        assert!(key.wrap_data_key(&Secret::zeroed(32), &request).is_ok());
        for _ in 0..2 {
            let refused = key.wrap_data_key(&Secret::zeroed(32), &request).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Refused);
        }
    }

    #[test]
    fn bad_keys_and_names_are_refused() {
        assert!(RawAesKey::new("n", "k", Secret::zeroed(31)).is_err());
        assert!(RawAesKey::new("aws-kms", "k", Secret::zeroed(32)).is_err());
    }
}

//! Raw RSA keys, byte-compatible with the raw RSA keyring of the AWS Encryption SDKs.
//!
//! AWS Encryption SDK specification, `framework/raw-rsa-keyring.md`. PKCS#1 v1.5 does not exist here.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use super::RawName;
use crate::message::header::EncryptedDataKey;
use crate::message::materials::{DecryptionRequest, EncryptionRequest, WrappingKey};
use crate::primitives::rsa::{RsaPrivateKey, RsaPublicKey};
use crate::{Error, HashAlgorithm, RandomSource, Secret};

/// The padding of a raw RSA key. A message does not record it: whoever reads must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RsaPadding {
    /// OAEP with SHA-1 and MGF1-SHA-1.
    OaepSha1,
    /// OAEP with SHA-256 and MGF1-SHA-256.
    OaepSha256,
    /// OAEP with SHA-384 and MGF1-SHA-384.
    OaepSha384,
    /// OAEP with SHA-512 and MGF1-SHA-512.
    OaepSha512,
}

impl RsaPadding {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::OaepSha1, Self::OaepSha256, Self::OaepSha384, Self::OaepSha512];

    /// `RSA_OAEP_SHA1` and so on.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OaepSha1 => "RSA_OAEP_SHA1",
            Self::OaepSha256 => "RSA_OAEP_SHA256",
            Self::OaepSha384 => "RSA_OAEP_SHA384",
            Self::OaepSha512 => "RSA_OAEP_SHA512",
        }
    }

    const fn hash(self) -> HashAlgorithm {
        match self {
            Self::OaepSha1 => HashAlgorithm::Sha1,
            Self::OaepSha256 => HashAlgorithm::Sha256,
            Self::OaepSha384 => HashAlgorithm::Sha384,
            Self::OaepSha512 => HashAlgorithm::Sha512,
        }
    }
}

impl fmt::Display for RsaPadding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RsaPadding {
    type Err = Error;

    /// # Errors
    /// `Unsupported` for PKCS#1 v1.5; `InvalidInput` for other names.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text.starts_with("RSA_PKCS1") {
            return Err(Error::unsupported("RSA PKCS#1 v1.5 encryption: it cannot be decrypted safely; use OAEP"));
        }
        Self::ALL.iter().copied().find(|padding| padding.as_str() == text).ok_or_else(|| {
            Error::invalid_input("an RSA padding is RSA_OAEP_SHA1, RSA_OAEP_SHA256, RSA_OAEP_SHA384 or RSA_OAEP_SHA512")
        })
    }
}

/// An RSA key that wraps data keys with OAEP.
///
/// OAEP binds no encryption context, so only the message's header does: whoever has the public key can write
/// messages that its owner reads.
pub struct RawRsaKey {
    name: RawName,
    public: RsaPublicKey,
    private: Option<(RsaPrivateKey, Box<dyn RandomSource>)>,
    padding: RsaPadding,
}

impl RawRsaKey {
    /// The public half of the key `name` in `namespace`: writes only.
    ///
    /// # Errors
    /// `InvalidInput` if the namespace is `aws-kms`; if a name is longer than 65,000 bytes.
    pub fn public(
        namespace: impl Into<String>,
        name: impl Into<String>,
        key: RsaPublicKey,
        padding: RsaPadding,
    ) -> Result<Self, Error> {
        Ok(Self { name: RawName::new(namespace, name)?, public: key, private: None, padding })
    }

    /// The private key `name` in `namespace`: writes and reads. `random` blinds the private operations.
    ///
    /// # Errors
    /// As [`public`](Self::public).
    pub fn private(
        namespace: impl Into<String>,
        name: impl Into<String>,
        key: RsaPrivateKey,
        padding: RsaPadding,
        random: impl RandomSource + 'static,
    ) -> Result<Self, Error> {
        let public = key.public_key();
        Ok(Self { name: RawName::new(namespace, name)?, public, private: Some((key, Box::new(random))), padding })
    }
}

impl WrappingKey for RawRsaKey {
    fn wrap_data_key(
        &self,
        data_key: &Secret,
        request: &EncryptionRequest<'_>,
    ) -> Result<EncryptedDataKey<'static>, Error> {
        let ciphertext = self.public.encrypt_oaep(self.padding.hash(), data_key.expose(), request.random)?;
        Ok(EncryptedDataKey {
            provider_id: self.name.namespace.clone().into(),
            provider_info: self.name.name.clone().into_bytes().into(),
            ciphertext: ciphertext.into(),
        })
    }

    fn unwrap_data_key(
        &self,
        wrapped: &EncryptedDataKey<'_>,
        _request: &DecryptionRequest<'_>,
    ) -> Option<Result<Secret, Error>> {
        let (private, random) = self.private.as_ref()?;
        if wrapped.provider_id != self.name.namespace || *wrapped.provider_info != *self.name.name.as_bytes() {
            return None;
        }
        Some(private.decrypt_oaep(self.padding.hash(), &wrapped.ciphertext, random.as_ref()))
    }
}

impl fmt::Debug for RawRsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawRsaKey")
            .field("name", &self.name)
            .field("spec", &self.public.spec())
            .field("padding", &self.padding)
            .field("private", &self.private.is_some())
            .finish()
    }
}

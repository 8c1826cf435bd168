//! A wrapping key that is the data key itself.

use kms_core::message::{DecryptionRequest, EncryptedDataKey, EncryptionRequest, WrappingKey};
use kms_core::{Error, Secret};

/// Answers every encrypted data key with one data key, for known-answer tests that give it and nothing else.
#[derive(Debug)]
pub struct StaticDataKey(Secret);

impl StaticDataKey {
    /// This data key.
    #[must_use]
    pub const fn new(data_key: Secret) -> Self {
        Self(data_key)
    }
}

impl WrappingKey for StaticDataKey {
    fn wrap_data_key(&self, _: &Secret, _: &EncryptionRequest<'_>) -> Result<EncryptedDataKey<'static>, Error> {
        Err(Error::unsupported("a static data key only decrypts"))
    }

    fn unwrap_data_key(&self, _: &EncryptedDataKey<'_>, _: &DecryptionRequest<'_>) -> Option<Result<Secret, Error>> {
        Some(Ok(Secret::copy_from(self.0.expose())))
    }
}

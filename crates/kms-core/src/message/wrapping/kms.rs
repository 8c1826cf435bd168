//! KMS keys: the data key as a ciphertext blob, under the key's ARN.
//!
//! AWS Encryption SDK specification, `framework/aws-kms/aws-kms-keyring.md`.

use alloc::string::String;
use core::fmt;

use super::AWS_KMS;
use crate::message::header::EncryptedDataKey;
use crate::message::materials::{DecryptionRequest, EncryptionRequest, WrappingKey};
use crate::{CiphertextBlob, Error, Key, Secret};

/// A symmetric KMS key, known in messages by its ARN.
///
/// Only encrypted data keys that name exactly this ARN are its own. The encryption context of the message is the
/// context of the blob.
///
/// ```
/// # use kms_core::message::KmsWrappingKey;
/// # fn demo(key: kms_core::Key) -> Result<KmsWrappingKey, kms_core::Error> {
/// KmsWrappingKey::new("arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", key)
/// # }
/// ```
pub struct KmsWrappingKey {
    arn: String,
    key: Key,
}

impl KmsWrappingKey {
    /// `key`, under `arn`.
    ///
    /// # Errors
    /// `InvalidInput` if the ARN is empty or longer than 2,048 bytes (the AWS limit on a key id); `Unsupported`
    /// unless the key is symmetric.
    pub fn new(arn: impl Into<String>, key: Key) -> Result<Self, Error> {
        let arn = arn.into();
        if arn.is_empty() || arn.len() > 2048 {
            return Err(Error::invalid_input("a key ARN has 1 to 2,048 bytes"));
        }
        if key.info().spec != crate::KeySpec::SymmetricDefault {
            return Err(Error::unsupported(alloc::format!("messages under a {} key", key.info().spec)));
        }
        Ok(Self { arn, key })
    }

    /// The ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    fn wrapped(&self, blob: CiphertextBlob) -> EncryptedDataKey<'static> {
        EncryptedDataKey {
            provider_id: AWS_KMS.into(),
            provider_info: self.arn.clone().into_bytes().into(),
            ciphertext: blob.into_bytes().into(),
        }
    }
}

impl WrappingKey for KmsWrappingKey {
    fn wrap_data_key(
        &self,
        data_key: &Secret,
        request: &EncryptionRequest<'_>,
    ) -> Result<EncryptedDataKey<'static>, Error> {
        let blob = self.key.encrypt(data_key.expose(), request.context, request.call)?;
        Ok(self.wrapped(blob))
    }

    fn generate_data_key(&self, request: &EncryptionRequest<'_>) -> Result<(Secret, EncryptedDataKey<'static>), Error> {
        let (data_key, blob) = self.key.generate_data_key(request.suite.key_len(), request.context, request.call)?;
        Ok((data_key, self.wrapped(blob)))
    }

    fn unwrap_data_key(
        &self,
        wrapped: &EncryptedDataKey<'_>,
        request: &DecryptionRequest<'_>,
    ) -> Option<Result<Secret, Error>> {
        if wrapped.provider_id != AWS_KMS || *wrapped.provider_info != *self.arn.as_bytes() {
            return None;
        }
        Some(self.key.decrypt(&wrapped.ciphertext, request.context, request.call))
    }
}

impl fmt::Debug for KmsWrappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KmsWrappingKey").field(&self.arn).finish()
    }
}

//! A key of the service as the key of envelope messages.

use core::fmt;

use kms_core::message::{DecryptionRequest, EncryptedDataKey, EncryptionRequest, WrappingKey};
use kms_core::{Error, ErrorKind, Secret};

use crate::api::{DecryptRequest, EncryptRequest, GenerateDataKeyRequest};
use crate::{Caller, Exception, KmsError, Service};

/// What messages call keys that a KMS keeps: AWS Encryption SDK specification, `framework/aws-kms/aws-kms-keyring.md`.
const PROVIDER: &str = "aws-kms";

/// A symmetric key of the service, used on behalf of a caller: each data key that it makes, encrypts or decrypts is a
/// request of theirs, with all that belongs to one.
///
/// Known in messages by its ARN; only encrypted data keys that name exactly this ARN are its own. The encryption context of
/// the message is that of the request.
#[derive(Clone)]
pub struct ServiceKey {
    service: Service,
    caller: Caller,
    arn: String,
}

impl ServiceKey {
    /// The key of this ARN, for a caller.
    #[must_use]
    pub fn new(service: Service, caller: Caller, arn: impl Into<String>) -> Self {
        Self { service, caller, arn: arn.into() }
    }

    /// The ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    fn wrapped(&self, ciphertext: Vec<u8>) -> EncryptedDataKey<'static> {
        EncryptedDataKey {
            provider_id: PROVIDER.into(),
            provider_info: self.arn.clone().into_bytes().into(),
            ciphertext: ciphertext.into(),
        }
    }
}

/// The kind of error that an exception is for whoever only has a message. The exception is the source.
fn refused(error: KmsError) -> Error {
    let kind = match error.exception() {
        Exception::InvalidCiphertext | Exception::IncorrectKey => return Error::rejected(),
        Exception::AccessDenied => ErrorKind::Refused,
        Exception::Throttling => ErrorKind::Busy,
        Exception::DependencyTimeout => ErrorKind::TimedOut,
        Exception::KMSInternal => ErrorKind::Internal,
        Exception::Validation => ErrorKind::InvalidInput,
        Exception::InvalidKeyUsage | Exception::UnsupportedOperation => ErrorKind::Unsupported,
        _ => ErrorKind::KeyUnavailable,
    };
    Error::with_detail(kind, error.to_string()).with_source(error)
}

impl WrappingKey for ServiceKey {
    fn wrap_data_key(
        &self,
        data_key: &Secret,
        request: &EncryptionRequest<'_>,
    ) -> Result<EncryptedDataKey<'static>, Error> {
        let encrypt = EncryptRequest {
            key_id: self.arn.as_str().into(),
            plaintext: Secret::copy_from(data_key.expose()).into(),
            encryption_context: request.context.clone(),
            ..Default::default()
        };
        let answer = self.service.call(&self.caller, &encrypt).map_err(refused)?;
        Ok(self.wrapped(answer.ciphertext_blob.into_vec()))
    }

    fn generate_data_key(&self, request: &EncryptionRequest<'_>) -> Result<(Secret, EncryptedDataKey<'static>), Error> {
        let generate = GenerateDataKeyRequest {
            key_id: self.arn.as_str().into(),
            number_of_bytes: i32::try_from(request.suite.key_len()).ok(),
            encryption_context: request.context.clone(),
            ..Default::default()
        };
        let answer = self.service.call(&self.caller, &generate).map_err(refused)?;
        let data_key = answer.plaintext.ok_or(ErrorKind::Internal)?;
        Ok((data_key, self.wrapped(answer.ciphertext_blob.into_vec())))
    }

    fn unwrap_data_key(
        &self,
        wrapped: &EncryptedDataKey<'_>,
        request: &DecryptionRequest<'_>,
    ) -> Option<Result<Secret, Error>> {
        if wrapped.provider_id != PROVIDER || *wrapped.provider_info != *self.arn.as_bytes() {
            return None;
        }
        let decrypt = DecryptRequest {
            ciphertext_blob: Some(wrapped.ciphertext.to_vec().into()),
            key_id: Some(self.arn.clone()),
            encryption_context: request.context.clone(),
            ..Default::default()
        };
        let answer = self.service.call(&self.caller, &decrypt).map_err(refused);
        Some(answer.and_then(|answer| answer.plaintext.ok_or_else(|| ErrorKind::Internal.into())))
    }
}

impl fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceKey").field("arn", &self.arn).field("principal", &self.caller.principal).finish()
    }
}

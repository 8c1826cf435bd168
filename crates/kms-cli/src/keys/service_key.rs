//! A symmetric key of the service as a master key: each of its operations is a request, with its policy, its state and its
//! record in the audit log.

use kms_core::{
    Call, CiphertextBlob, EncryptionContext, Error, KeyInfo, MasterKey, RandomSource, Secret, SystemRandom,
};
use kms_service::api::{DecryptRequest, EncryptRequest, GenerateDataKeyRequest};
use kms_service::{Caller, KmsError, Perform, Service};

use crate::failure::backend_error;

/// The key, and who asks.
pub(super) struct ServiceKey {
    service: Service,
    caller: Caller,
    /// The key's id in the API.
    key_id: String,
    info: KeyInfo,
}

impl ServiceKey {
    pub(super) const fn new(service: Service, caller: Caller, key_id: String, info: KeyInfo) -> Self {
        Self { service, caller, key_id, info }
    }

    fn ask<R: Perform>(&self, request: &R) -> Result<R::Response, Error> {
        self.service.call(&self.caller, request).map_err(|error: KmsError| backend_error(&error))
    }
}

fn no_plaintext() -> Error {
    Error::with_detail(kms_core::ErrorKind::Internal, "the service answered without a plaintext")
}

impl MasterKey for ServiceKey {
    fn info(&self) -> &KeyInfo {
        &self.info
    }

    fn fill_random(&self, out: &mut [u8], _call: &Call) -> Result<(), Error> {
        SystemRandom.fill(out)
    }

    fn seal(&self, plaintext: &[u8], context: &EncryptionContext, _call: &Call) -> Result<CiphertextBlob, Error> {
        let sealed = self.ask(&EncryptRequest {
            key_id: self.key_id.clone().into(),
            plaintext: Secret::copy_from(plaintext).into(),
            encryption_context: context.clone(),
            ..EncryptRequest::default()
        })?;
        Ok(sealed.ciphertext_blob.into_vec().into())
    }

    fn open(&self, blob: &[u8], context: &EncryptionContext, _call: &Call) -> Result<Secret, Error> {
        let opened = self.ask(&DecryptRequest {
            ciphertext_blob: Some(blob.into()),
            encryption_context: context.clone(),
            key_id: Some(self.key_id.clone()),
            ..DecryptRequest::default()
        })?;
        opened.plaintext.ok_or_else(no_plaintext)
    }

    /// One request, and one record, where the default would take two.
    fn generate_data_key(
        &self,
        len: usize,
        context: &EncryptionContext,
        _call: &Call,
    ) -> Result<(Secret, CiphertextBlob), Error> {
        let len = i32::try_from(len).map_err(|_| Error::invalid_input("a data key has 1 to 1,024 bytes"))?;
        let made = self.ask(&GenerateDataKeyRequest {
            key_id: self.key_id.clone().into(),
            number_of_bytes: Some(len),
            encryption_context: context.clone(),
            ..GenerateDataKeyRequest::default()
        })?;
        Ok((made.plaintext.ok_or_else(no_plaintext)?, made.ciphertext_blob.into_vec().into()))
    }
}

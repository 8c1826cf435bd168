//! DeriveSharedSecret.

use kms_core::{KeyAgreementAlgorithm, KeyUsage, PublicKey};

use super::{Sealed, no_recipient};
use crate::Exception;
use crate::KmsError;
use crate::api::{DeriveSharedSecretRequest, DeriveSharedSecretResponse};
use crate::facts::Facts;
use crate::step::{Names, Step};

impl Sealed for DeriveSharedSecretRequest {
    fn perform(&self, step: &Step<'_>) -> Result<DeriveSharedSecretResponse, KmsError> {
        no_recipient(self.recipient.as_ref())?;
        let found = step.find(&self.key_id, Names::All)?;
        let spec = self.key_agreement_algorithm.get()?;
        let facts = Facts { key_agreement_algorithm: Some(spec.as_str()), ..Facts::default() };
        let ready = step.ready(found, "kms:DeriveSharedSecret", &facts, &self.grant_tokens)?;
        let algorithm = KeyAgreementAlgorithm::try_from(spec)?;
        let ready = ready.for_usage(KeyUsage::KeyAgreement)?.with_algorithm(algorithm)?;
        // AWS says no more than this either.
        let bad_peer = || KmsError::new(Exception::Validation);
        let peer = PublicKey::from_spki_der(&self.public_key).map_err(|_| bad_peer())?;
        if peer.spec() != ready.record().spec {
            return Err(bad_peer());
        }
        step.dry_run(self.dry_run)?;
        let secret = ready.key(ready.current())?.derive_shared_secret(&peer, &ready.call())?;
        ready.used(ready.current());
        Ok(DeriveSharedSecretResponse {
            key_id: ready.arn().to_string(),
            shared_secret: Some(secret),
            ciphertext_for_recipient: None,
            key_agreement_algorithm: Some(spec),
            key_origin: Some(ready.record().origin),
        })
    }
}

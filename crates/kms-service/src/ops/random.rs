//! GenerateRandom.

use kms_core::{RandomSource, Secret};

use super::{Sealed, no_recipient};
use crate::KmsError;
use crate::api::{GenerateRandomRequest, GenerateRandomResponse};
use crate::facts::Facts;
use crate::quota::Class;
use crate::step::Step;

impl Sealed for GenerateRandomRequest {
    fn perform(&self, step: &Step<'_>) -> Result<GenerateRandomResponse, KmsError> {
        no_recipient(self.recipient.as_ref())?;
        let admitted = step.account("kms:GenerateRandom", "*", &Facts::default(), None, Class::Symmetric)?;
        let len = usize::try_from(self.number_of_bytes.unwrap_or_default()).unwrap_or_default();
        let mut bytes = Secret::zeroed(len);
        match &self.custom_key_store_id {
            None => step.service.random.fill(bytes.expose_mut())?,
            Some(id) => step.connected_store(&admitted, id)?.0.fill_random(bytes.expose_mut())?,
        }
        Ok(GenerateRandomResponse { plaintext: Some(bytes), ciphertext_for_recipient: None })
    }
}

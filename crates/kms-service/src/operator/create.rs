//! Keys with ids that the operator chooses.

use crate::api::{CreateKeyRequest, CreateKeyResponse, Operation, Request as _};
use crate::caller::Caller;
use crate::service::Service;
use crate::step::Step;
use crate::{KmsError, KmsKeyId};

impl Service {
    /// Makes a key as `CreateKey` does, with an id that the operator chooses: what tests and their fixtures refer to. Recorded
    /// as `CreateKey`.
    ///
    /// Ids are not to be used again. Ciphertexts of a key that had the id before name the new one, which refuses them.
    ///
    /// # Errors
    /// As `CreateKey`; `AlreadyExistsException` if a key has the id, or the backend has material of it;
    /// `ValidationException` if the id is not of the form of the request's `MultiRegion`.
    pub fn create_key_as(
        &self,
        caller: &Caller,
        id: KmsKeyId,
        request: &CreateKeyRequest,
    ) -> Result<CreateKeyResponse, KmsError> {
        let step = Step::new(&self.inner, caller, Operation::CreateKey);
        let outcome = create(&step, id, request);
        self.recorded(&step, request, outcome).wait()
    }
}

fn create(step: &Step<'_>, id: KmsKeyId, request: &CreateKeyRequest) -> Result<CreateKeyResponse, KmsError> {
    request.validate()?;
    if !step.service.regions.contains(&step.caller.region) {
        return Err(KmsError::validation(format!("The region {} is not served here.", step.caller.region)));
    }
    if id.is_multi_region() != (request.multi_region == Some(true)) {
        return Err(KmsError::validation("The id of a multi-Region key, and of no other, begins with mrk-."));
    }
    request.make(step, Some(id))
}

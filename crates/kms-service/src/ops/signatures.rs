//! Sign, Verify, GenerateMac, VerifyMac, GetPublicKey.

use kms_core::{ErrorKind, KeyUsage, MacAlgorithm, MessageType, SigningAlgorithm};

use super::Sealed;
use super::keys::Algorithms;
use crate::api::{
    self, GenerateMacRequest, GenerateMacResponse, GetPublicKeyRequest, GetPublicKeyResponse, MacAlgorithmSpec, Named,
    SignRequest, SignResponse, SigningAlgorithmSpec, VerifyMacRequest, VerifyMacResponse, VerifyRequest,
    VerifyResponse,
};
use crate::authorise::Ready;
use crate::facts::Facts;
use crate::quota::Class;
use crate::step::{Names, Step};
use crate::{Exception, KmsError};

/// What both Sign and Verify say.
struct Signing<'a> {
    key_id: &'a str,
    action: &'static str,
    message_type: api::MessageType,
    algorithm: SigningAlgorithmSpec,
    tokens: &'a [String],
}

impl Signing<'_> {
    fn ready<'s>(&self, step: &'s Step<'_>) -> Result<(Ready<'s>, SigningAlgorithm, MessageType), KmsError> {
        let found = step.find(self.key_id, Names::All)?;
        let facts = Facts {
            signing_algorithm: Some(self.algorithm.as_str()),
            message_type: Some(self.message_type.as_str()),
            ..Facts::default()
        };
        let ready = step.ready(found, self.action, &facts, self.tokens)?.for_usage(KeyUsage::SignVerify)?;
        let algorithm = SigningAlgorithm::try_from(self.algorithm)?;
        Ok((ready.with_algorithm(algorithm)?, algorithm, self.message_type.try_into()?))
    }
}

fn message_type(named: Option<&Named<api::MessageType>>) -> Result<api::MessageType, KmsError> {
    named.map_or(Ok(api::MessageType::Raw), Named::get)
}

impl Sealed for SignRequest {
    fn perform(&self, step: &Step<'_>) -> Result<SignResponse, KmsError> {
        let signing = Signing {
            key_id: &self.key_id,
            action: "kms:Sign",
            message_type: message_type(self.message_type.as_ref())?,
            algorithm: self.signing_algorithm.get()?,
            tokens: &self.grant_tokens,
        };
        let (ready, algorithm, message_type) = signing.ready(step)?;
        step.dry_run(self.dry_run)?;
        let key = ready.key(ready.current())?;
        let signature = key.sign(algorithm, message_type, self.message.expose(), &ready.call())?;
        ready.used(ready.current());
        Ok(SignResponse {
            key_id: ready.arn().to_string(),
            signature: signature.into(),
            signing_algorithm: Some(signing.algorithm),
        })
    }
}

impl Sealed for VerifyRequest {
    fn perform(&self, step: &Step<'_>) -> Result<VerifyResponse, KmsError> {
        let signing = Signing {
            key_id: &self.key_id,
            action: "kms:Verify",
            message_type: message_type(self.message_type.as_ref())?,
            algorithm: self.signing_algorithm.get()?,
            tokens: &self.grant_tokens,
        };
        let (ready, algorithm, message_type) = signing.ready(step)?;
        let key = ready.key(ready.current())?;
        match key.verify(algorithm, message_type, self.message.expose(), &self.signature) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Rejected | ErrorKind::Malformed) => {
                return Err(KmsError::new(Exception::KMSInvalidSignature));
            }
            Err(error) => return Err(error.into()),
        }
        step.dry_run(self.dry_run)?;
        ready.used(ready.current());
        Ok(VerifyResponse {
            key_id: ready.arn().to_string(),
            signature_valid: true,
            signing_algorithm: Some(signing.algorithm),
        })
    }
}

fn mac_ready<'s>(
    step: &'s Step<'_>,
    key_id: &str,
    action: &'static str,
    algorithm: MacAlgorithmSpec,
    tokens: &[String],
) -> Result<(Ready<'s>, MacAlgorithm), KmsError> {
    let found = step.find(key_id, Names::All)?;
    let facts = Facts { mac_algorithm: Some(algorithm.as_str()), ..Facts::default() };
    let ready = step.ready(found, action, &facts, tokens)?.for_usage(KeyUsage::GenerateVerifyMac)?;
    let algorithm = MacAlgorithm::try_from(algorithm)?;
    Ok((ready.with_algorithm(algorithm)?, algorithm))
}

impl Sealed for GenerateMacRequest {
    fn perform(&self, step: &Step<'_>) -> Result<GenerateMacResponse, KmsError> {
        let spec = self.mac_algorithm.get()?;
        let (ready, algorithm) = mac_ready(step, &self.key_id, "kms:GenerateMac", spec, &self.grant_tokens)?;
        step.dry_run(self.dry_run)?;
        let mac = ready.key(ready.current())?.generate_mac(algorithm, self.message.expose(), &ready.call())?;
        ready.used(ready.current());
        Ok(GenerateMacResponse {
            mac: mac.expose().to_vec().into(),
            mac_algorithm: Some(spec),
            key_id: ready.arn().to_string(),
        })
    }
}

impl Sealed for VerifyMacRequest {
    fn perform(&self, step: &Step<'_>) -> Result<VerifyMacResponse, KmsError> {
        let spec = self.mac_algorithm.get()?;
        let (ready, algorithm) = mac_ready(step, &self.key_id, "kms:VerifyMac", spec, &self.grant_tokens)?;
        let key = ready.key(ready.current())?;
        match key.verify_mac(algorithm, self.message.expose(), &self.mac, &ready.call()) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Rejected => return Err(KmsError::new(Exception::KMSInvalidMac)),
            Err(error) => return Err(error.into()),
        }
        step.dry_run(self.dry_run)?;
        ready.used(ready.current());
        Ok(VerifyMacResponse { key_id: ready.arn().to_string(), mac_valid: true, mac_algorithm: Some(spec) })
    }
}

impl Sealed for GetPublicKeyRequest {
    fn perform(&self, step: &Step<'_>) -> Result<GetPublicKeyResponse, KmsError> {
        let found = step.find(&self.key_id, Names::All)?;
        let class = Class::Operation(step.operation);
        let allowed = step.authorise(found, "kms:GetPublicKey", &Facts::default(), &self.grant_tokens)?;
        let ready = allowed.admit(class)?.ready()?;
        let record = ready.record();
        if !record.spec.is_asymmetric() {
            let text = format!("{} is a symmetric key, which has no public key.", ready.arn());
            return Err(KmsError::with(Exception::UnsupportedOperation, text));
        }
        let public = ready.key(ready.current())?.public_key()?.to_spki_der()?;
        let algorithms = Algorithms::of(record)?;
        let spec = api::KeySpec::try_from(record.spec)?;
        Ok(GetPublicKeyResponse {
            key_id: ready.arn().to_string(),
            public_key: public.into(),
            customer_master_key_spec: spec.try_into().ok(),
            key_spec: Some(spec),
            key_usage: Some(record.usage.try_into()?),
            encryption_algorithms: algorithms.encryption,
            signing_algorithms: algorithms.signing,
            key_agreement_algorithms: algorithms.agreement,
            encapsulation_algorithms: Vec::new(),
        })
    }
}

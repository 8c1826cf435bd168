//! Data keys and data key pairs.

use kms_core::primitives::ecc::EccPrivateKey;
use kms_core::primitives::rsa::RsaPrivateKey;
use kms_core::{EncryptionAlgorithm, EncryptionContext, KeySpec, KeyUsage, Secret};

use super::{Sealed, no_recipient};
use crate::api::{
    DataKeyPairSpec, DataKeySpec, GenerateDataKeyPairRequest, GenerateDataKeyPairResponse,
    GenerateDataKeyPairWithoutPlaintextRequest, GenerateDataKeyPairWithoutPlaintextResponse, GenerateDataKeyRequest,
    GenerateDataKeyResponse, GenerateDataKeyWithoutPlaintextRequest, GenerateDataKeyWithoutPlaintextResponse, Named,
    OriginType,
};
use crate::authorise::Ready;
use crate::facts::Facts;
use crate::quota::Class;
use crate::step::{Names, Step};
use crate::{Exception, KmsError};

/// The length of a data key in bytes. The request was found to name one.
fn length(spec: Option<&Named<DataKeySpec>>, number: Option<i32>) -> Result<usize, KmsError> {
    Ok(match (spec, number) {
        (Some(spec), _) if spec.get()? == DataKeySpec::Aes128 => 16,
        (Some(_), _) => 32,
        (None, number) => usize::try_from(number.unwrap_or_default()).unwrap_or_default(),
    })
}

fn facts(context: &EncryptionContext) -> Facts<'_> {
    Facts { encryption_context: Some(context), encryption_algorithm: Some("SYMMETRIC_DEFAULT"), ..Facts::default() }
}

/// Data keys are encrypted under symmetric keys alone.
fn symmetric(ready: Ready<'_>) -> Result<Ready<'_>, KmsError> {
    ready.for_usage(KeyUsage::EncryptDecrypt)?.with_algorithm(EncryptionAlgorithm::SymmetricDefault)
}

impl Sealed for GenerateDataKeyRequest {
    fn perform(&self, step: &Step<'_>) -> Result<GenerateDataKeyResponse, KmsError> {
        no_recipient(self.recipient.as_ref())?;
        let found = step.find(&self.key_id, Names::All)?;
        let context = &self.encryption_context;
        let ready = symmetric(step.ready(found, "kms:GenerateDataKey", &facts(context), &self.grant_tokens)?)?;
        let len = length(self.key_spec.as_ref(), self.number_of_bytes)?;
        step.dry_run(self.dry_run)?;
        let current = ready.current();
        let (plaintext, sealed) = ready.key(current)?.generate_data_key(len, context, &ready.call())?;
        ready.used(current);
        Ok(GenerateDataKeyResponse {
            ciphertext_blob: sealed.into_bytes().into(),
            plaintext: Some(plaintext),
            key_id: ready.arn().to_string(),
            ciphertext_for_recipient: None,
            key_material_id: ready.material_id(current),
        })
    }
}

impl Sealed for GenerateDataKeyWithoutPlaintextRequest {
    fn perform(&self, step: &Step<'_>) -> Result<GenerateDataKeyWithoutPlaintextResponse, KmsError> {
        let found = step.find(&self.key_id, Names::All)?;
        let (context, action) = (&self.encryption_context, "kms:GenerateDataKeyWithoutPlaintext");
        let ready = symmetric(step.ready(found, action, &facts(context), &self.grant_tokens)?)?;
        let len = length(self.key_spec.as_ref(), self.number_of_bytes)?;
        step.dry_run(self.dry_run)?;
        let current = ready.current();
        let (_, sealed) = ready.key(current)?.generate_data_key(len, context, &ready.call())?;
        ready.used(current);
        Ok(GenerateDataKeyWithoutPlaintextResponse {
            ciphertext_blob: sealed.into_bytes().into(),
            key_id: ready.arn().to_string(),
            key_material_id: ready.material_id(current),
        })
    }
}

/// A key pair, its private half in clear and sealed.
struct Pair {
    arn: String,
    private: Secret,
    sealed: Vec<u8>,
    public: Vec<u8>,
    material_id: Option<String>,
}

struct NewPair<'a> {
    key_id: &'a str,
    action: &'static str,
    context: &'a EncryptionContext,
    spec: DataKeyPairSpec,
    tokens: &'a [String],
    dry_run: Option<bool>,
}

impl NewPair<'_> {
    fn make(&self, step: &Step<'_>) -> Result<Pair, KmsError> {
        let spec = KeySpec::try_from(self.spec)?;
        let found = step.find(self.key_id, Names::All)?;
        let facts = Facts { data_key_pair_spec: Some(self.spec.as_str()), ..facts(self.context) };
        let allowed = step.authorise(found, self.action, &facts, self.tokens)?;
        let ready = symmetric(allowed.admit(Class::DataKeyPair(spec))?.ready()?)?;
        if ready.record().origin == OriginType::AwsCloudhsm {
            let text = format!("{} is in a custom key store, which makes no data key pairs.", ready.arn());
            return Err(KmsError::with(Exception::UnsupportedOperation, text));
        }
        step.dry_run(self.dry_run)?;
        let random = &step.service.random;
        let (private, public) = if spec.is_rsa() {
            let key = RsaPrivateKey::generate(spec, random)?;
            (key.to_pkcs8()?, key.public_key().to_spki()?)
        } else {
            let key = EccPrivateKey::generate(spec, random)?;
            (key.to_pkcs8()?, key.public_key().to_spki()?)
        };
        let current = ready.current();
        let sealed = ready.key(current)?.encrypt(private.expose(), self.context, &ready.call())?;
        ready.used(current);
        Ok(Pair {
            arn: ready.arn().to_string(),
            private,
            sealed: sealed.into_bytes(),
            public,
            material_id: ready.material_id(current),
        })
    }
}

impl Sealed for GenerateDataKeyPairRequest {
    fn perform(&self, step: &Step<'_>) -> Result<GenerateDataKeyPairResponse, KmsError> {
        no_recipient(self.recipient.as_ref())?;
        let spec = self.key_pair_spec.get()?;
        let pair = NewPair {
            key_id: &self.key_id,
            action: "kms:GenerateDataKeyPair",
            context: &self.encryption_context,
            spec,
            tokens: &self.grant_tokens,
            dry_run: self.dry_run,
        };
        let pair = pair.make(step)?;
        Ok(GenerateDataKeyPairResponse {
            private_key_ciphertext_blob: pair.sealed.into(),
            private_key_plaintext: Some(pair.private),
            public_key: pair.public.into(),
            key_id: pair.arn,
            key_pair_spec: Some(spec),
            ciphertext_for_recipient: None,
            key_material_id: pair.material_id,
        })
    }
}

impl Sealed for GenerateDataKeyPairWithoutPlaintextRequest {
    fn perform(&self, step: &Step<'_>) -> Result<GenerateDataKeyPairWithoutPlaintextResponse, KmsError> {
        let spec = self.key_pair_spec.get()?;
        let pair = NewPair {
            key_id: &self.key_id,
            action: "kms:GenerateDataKeyPairWithoutPlaintext",
            context: &self.encryption_context,
            spec,
            tokens: &self.grant_tokens,
            dry_run: self.dry_run,
        };
        let pair = pair.make(step)?;
        Ok(GenerateDataKeyPairWithoutPlaintextResponse {
            private_key_ciphertext_blob: pair.sealed.into(),
            public_key: pair.public.into(),
            key_id: pair.arn,
            key_pair_spec: Some(spec),
            key_material_id: pair.material_id,
        })
    }
}

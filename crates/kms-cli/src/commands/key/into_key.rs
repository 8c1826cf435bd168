//! `kms key import --into` and `kms key delete-material`: the material of a key that was made without, or that is rotated.

use clap::Args;
use kms_core::{EncryptionAlgorithm, KeyMaterial, KeySpec, PublicKey, Secret, SystemRandom};
use kms_service::Timestamp;
use kms_service::api::{
    AlgorithmSpec, DeleteImportedKeyMaterialRequest, ExpirationModelType, GetParametersForImportRequest,
    ImportKeyMaterialRequest, ImportType, WrappingKeySpec,
};
use serde_json::json;

use super::super::Common;
use super::super::asking::{About, to_json};
use crate::failure::Failure;
use crate::input::as_pem;

/// An import into a key that is there.
#[derive(Debug, Args)]
pub(super) struct Into {
    /// Bring the material into this key, made with --external, instead of a new one; the same material again if it was
    /// deleted or has expired
    #[arg(long = "into", value_name = "KEY", conflicts_with_all = ["spec", "usage", "alias", "description"])]
    pub(super) key: Option<String>,

    /// It is new material, for `kms key rotate`
    #[arg(long, requires = "key")]
    new_material: bool,

    /// The material is of no use, and deleted, from this time on, for example 2027-01-01T00:00:00Z; at most a year ahead
    #[arg(long, value_name = "TIME", requires = "key", value_parser = time)]
    valid_to: Option<Timestamp>,
}

/// Delete the imported material of a key; the key stays
///
/// What is encrypted under it cannot be decrypted until the same material is imported again.
#[derive(Debug, Args)]
pub(crate) struct DeleteMaterial {
    /// Its alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,
}

fn time(text: &str) -> Result<Timestamp, String> {
    let time =
        humantime::parse_rfc3339_weak(text).map_err(|error| format!("{error}; a time is 2027-01-01T00:00:00Z"))?;
    Ok(time.into())
}

impl Into {
    /// As from any other caller: the material goes to the service wrapped under a key that is made for it.
    pub(super) fn run(&self, common: &Common, bytes: &[u8]) -> Result<(), Failure> {
        let about = About::new(common, self.key.as_deref().unwrap_or_default())?;
        let spec = about.entry.spec;
        if spec.is_rsa() {
            return Err(Failure::usage("private RSA keys are imported as new keys only").hint("Leave --into out."));
        }
        let secret = match (spec.is_asymmetric(), as_pem(bytes)) {
            (true, Some(pem)) => match KeyMaterial::from_pem(pem)? {
                KeyMaterial::Pkcs8(der) => der,
                _ => return Err(Failure::usage("is no private key")),
            },
            _ => Secret::copy_from(bytes),
        };
        // RSA-OAEP with SHA-256 holds 190 bytes under 2,048 bits, fewer than the PKCS#8 of a P-521 key has.
        let wrapping = if spec == KeySpec::EccNistP521 { WrappingKeySpec::Rsa3072 } else { WrappingKeySpec::Rsa2048 };
        let parameters = about.ask(&GetParametersForImportRequest {
            key_id: about.id().into(),
            wrapping_algorithm: AlgorithmSpec::RsaesOaepSha256.into(),
            wrapping_key_spec: wrapping.into(),
        })?;
        let public = PublicKey::from_spki_der(&parameters.public_key)?;
        let wrapped = public
            .encrypt(EncryptionAlgorithm::RsaesOaepSha256, secret.expose(), &SystemRandom)
            .map_err(|_| Failure::usage(format!("is not the material of a {spec} key")))?;
        let expires = match self.valid_to {
            Some(_) => ExpirationModelType::KeyMaterialExpires,
            None => ExpirationModelType::KeyMaterialDoesNotExpire,
        };
        let answer = about.ask(&ImportKeyMaterialRequest {
            key_id: about.id().into(),
            import_token: parameters.import_token.into(),
            encrypted_key_material: kms_service::api::Blob::from(wrapped).into(),
            valid_to: self.valid_to,
            expiration_model: Some(expires.into()),
            import_type: self.new_material.then(|| ImportType::NewKeyMaterial.into()),
            ..ImportKeyMaterialRequest::default()
        })?;
        common.report.done(&format!("{} has its material", about.id()));
        common.report.record(|| to_json(&answer))
    }
}

impl DeleteMaterial {
    pub(super) fn run(&self, common: &Common) -> Result<(), Failure> {
        let about = About::new(common, &self.key)?;
        let key_id = about.id().into();
        about.ask(&DeleteImportedKeyMaterialRequest { key_id, ..DeleteImportedKeyMaterialRequest::default() })?;
        common.report.done(&format!("The material of {} is deleted", about.id()));
        common.report.record(|| json!({ "KeyId": about.id() }))
    }
}

//! Keys of all kinds, and their material made and wrapped as a client would.

use aes_kw::{KeyInit, KwpAes256};
use kms_core::primitives::ecc::EccPrivateKey;
use kms_core::primitives::rsa::{RsaPrivateKey, RsaPublicKey};
use kms_core::{HashAlgorithm, RandomSource, Secret, SystemRandom};
use kms_service::KmsError;
use kms_service::api::{
    AlgorithmSpec, CreateKeyRequest, ExpirationModelType, GetParametersForImportRequest,
    GetParametersForImportResponse, ImportKeyMaterialRequest, ImportKeyMaterialResponse, KeyMetadata, KeySpec,
    KeyUsageType, OriginType, WrappingKeySpec,
};

use crate::desk::Desk;

/// All that AWS has and this service too.
pub(crate) const ALL: &[(KeySpec, KeyUsageType)] = &[
    (KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt),
    (KeySpec::Rsa2048, KeyUsageType::EncryptDecrypt),
    (KeySpec::Rsa3072, KeyUsageType::EncryptDecrypt),
    (KeySpec::Rsa4096, KeyUsageType::EncryptDecrypt),
    (KeySpec::Rsa2048, KeyUsageType::SignVerify),
    (KeySpec::Rsa3072, KeyUsageType::SignVerify),
    (KeySpec::Rsa4096, KeyUsageType::SignVerify),
    (KeySpec::EccNistP256, KeyUsageType::SignVerify),
    (KeySpec::EccNistP384, KeyUsageType::SignVerify),
    (KeySpec::EccNistP521, KeyUsageType::SignVerify),
    (KeySpec::EccSecgP256k1, KeyUsageType::SignVerify),
    (KeySpec::EccNistP256, KeyUsageType::KeyAgreement),
    (KeySpec::EccNistP384, KeyUsageType::KeyAgreement),
    (KeySpec::EccNistP521, KeyUsageType::KeyAgreement),
    (KeySpec::Hmac224, KeyUsageType::GenerateVerifyMac),
    (KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac),
    (KeySpec::Hmac384, KeyUsageType::GenerateVerifyMac),
    (KeySpec::Hmac512, KeyUsageType::GenerateVerifyMac),
];

pub(crate) fn of(spec: KeySpec, usage: KeyUsageType) -> CreateKeyRequest {
    CreateKeyRequest { key_spec: Some(spec.into()), key_usage: Some(usage.into()), ..Default::default() }
}

pub(crate) fn external(spec: KeySpec, usage: KeyUsageType) -> CreateKeyRequest {
    CreateKeyRequest { origin: Some(OriginType::External.into()), ..of(spec, usage) }
}

pub(crate) fn external_symmetric() -> CreateKeyRequest {
    external(KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt)
}

pub(crate) fn multi_region(spec: KeySpec, usage: KeyUsageType) -> CreateKeyRequest {
    CreateKeyRequest { multi_region: Some(true), ..of(spec, usage) }
}

impl Desk {
    pub(crate) fn make(&self, spec: KeySpec, usage: KeyUsageType) -> KeyMetadata {
        self.create(of(spec, usage))
    }

    pub(crate) fn parameters(
        &self,
        key: &str,
        algorithm: AlgorithmSpec,
        wrapping: WrappingKeySpec,
    ) -> Result<GetParametersForImportResponse, KmsError> {
        self.ask(GetParametersForImportRequest {
            key_id: key.into(),
            wrapping_algorithm: algorithm.into(),
            wrapping_key_spec: wrapping.into(),
        })
    }

    /// Imports symmetric material that does not expire.
    pub(crate) fn import(&self, key: &str, material: &[u8]) -> Result<ImportKeyMaterialResponse, KmsError> {
        self.import_with(key, material, |_| {})
    }

    pub(crate) fn import_with(
        &self,
        key: &str,
        material: &[u8],
        change: impl FnOnce(&mut ImportKeyMaterialRequest),
    ) -> Result<ImportKeyMaterialResponse, KmsError> {
        let mut request = self.import_request(key, material);
        change(&mut request);
        self.ask(request)
    }

    pub(crate) fn import_request(&self, key: &str, material: &[u8]) -> ImportKeyMaterialRequest {
        let algorithm = AlgorithmSpec::RsaesOaepSha256;
        let parameters = self.parameters(key, algorithm, WrappingKeySpec::Rsa2048).unwrap();
        ImportKeyMaterialRequest {
            key_id: key.into(),
            encrypted_key_material: wrap(&parameters.public_key, algorithm, material).into(),
            import_token: parameters.import_token.into(),
            expiration_model: Some(ExpirationModelType::KeyMaterialDoesNotExpire.into()),
            ..Default::default()
        }
    }
}

/// Wraps key material under the public key that the service has given out.
pub(crate) fn wrap(public: &[u8], algorithm: AlgorithmSpec, material: &[u8]) -> kms_service::api::Blob {
    let public = RsaPublicKey::from_spki(public).unwrap();
    let (hash, through_aes) = match algorithm {
        AlgorithmSpec::RsaesOaepSha1 => (HashAlgorithm::Sha1, false),
        AlgorithmSpec::RsaesOaepSha256 => (HashAlgorithm::Sha256, false),
        AlgorithmSpec::RsaAesKeyWrapSha1 => (HashAlgorithm::Sha1, true),
        _ => (HashAlgorithm::Sha256, true),
    };
    if !through_aes {
        return public.encrypt_oaep(hash, material, &SystemRandom).unwrap().into();
    }
    let mut aes = [0; 32];
    SystemRandom.fill(&mut aes).unwrap();
    let mut wrapped = vec![0; material.len().next_multiple_of(8) + 8];
    KwpAes256::new_from_slice(&aes).unwrap().wrap_key(material, &mut wrapped).unwrap();
    let mut all = public.encrypt_oaep(hash, &aes, &SystemRandom).unwrap();
    all.extend(wrapped);
    all.into()
}

/// Material of a spec, as it is imported.
pub(crate) fn material(spec: KeySpec) -> Secret {
    let core: kms_core::KeySpec = spec.as_str().parse().unwrap();
    let raw = |len| {
        let mut secret = Secret::zeroed(len);
        SystemRandom.fill(secret.expose_mut()).unwrap();
        secret
    };
    match spec {
        KeySpec::SymmetricDefault | KeySpec::Hmac256 => raw(32),
        KeySpec::Hmac224 => raw(28),
        KeySpec::Hmac384 => raw(48),
        KeySpec::Hmac512 => raw(64),
        _ if core.is_rsa() => RsaPrivateKey::generate(core, &SystemRandom).unwrap().to_pkcs8().unwrap(),
        _ => EccPrivateKey::generate(core, &SystemRandom).unwrap().to_pkcs8().unwrap(),
    }
}

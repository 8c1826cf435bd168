//! Key material on its way to the endpoint.

use aes_kw::{KeyInit, KwpAes256};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{AlgorithmSpec, ExpirationModelType, WrappingKeySpec};
use kms_core::primitives::ecc::EccPrivateKey;
use kms_core::primitives::rsa::RsaPrivateKey;
use kms_core::{EncryptionAlgorithm, Error, ErrorKind, KeyMaterial, KeySpec, PublicKey, Secret, SystemRandom};

use crate::client::{AwsClient, bytes, random};
use crate::io::Deadline;

/// What AES key wrap with padding adds to a key at most: a block of 8 bytes, and the padding to one (RFC 5649).
const KWP_OVERHEAD: usize = 15;

/// The material, if it is that of a key of `spec`: what the endpoint would refuse is refused before anything is made.
pub(crate) fn checked(spec: KeySpec, material: KeyMaterial) -> Result<Secret, Error> {
    material.check_form(spec)?;
    let is_one = match &material {
        KeyMaterial::Pkcs8(der) if spec.is_rsa() => match RsaPrivateKey::from_pkcs8(der.expose()) {
            Ok(key) if key.public_key().spec() == spec => Ok(()),
            Ok(_) => Err(Error::invalid_input("an RSA key of another size")),
            Err(error) => Err(error),
        },
        KeyMaterial::Pkcs8(der) => EccPrivateKey::from_pkcs8(spec, der.expose()).map(drop),
        _ => Ok(()),
    };
    is_one.map_err(|error| material.misfit(spec, error))?;
    match material {
        KeyMaterial::Raw(secret) | KeyMaterial::Pkcs8(secret) => Ok(secret),
        _ => Err(Error::unsupported("key material of a kind that this version does not know")),
    }
}

/// Brings material into a key that has none: GetParametersForImport, ImportKeyMaterial.
pub(crate) fn into(
    client: &AwsClient,
    key: &str,
    spec: KeySpec,
    material: &Secret,
    deadline: Deadline,
) -> Result<(), Error> {
    let wrapping = if spec.is_rsa() { AlgorithmSpec::RsaAesKeyWrapSha256 } else { AlgorithmSpec::RsaesOaepSha256 };
    let request = client.kms.get_parameters_for_import().key_id(key).wrapping_algorithm(wrapping);
    let parameters = client.ask(deadline, key, request.wrapping_key_spec(WrappingKeySpec::Rsa4096).send())?;
    let wrapping_key = PublicKey::from_spki_der(&bytes(parameters.public_key)?)?;
    let token = bytes(parameters.import_token)?;
    let wrapped = wrap(&wrapping_key, spec, material)?;
    let request = client.kms.import_key_material().key_id(key).import_token(Blob::new(token));
    let request = request.encrypted_key_material(Blob::new(wrapped));
    let request = request.expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire);
    client.ask(deadline, key, request.send()).map(drop)
}

/// RSAES-OAEP with SHA-256; around an RSA key, which is too long for that, AES-256 key wrap with padding, whose key
/// goes before it under RSAES-OAEP (PKCS #11 3.1, section 6.1.10, CKM_RSA_AES_KEY_WRAP).
fn wrap(wrapping_key: &PublicKey, spec: KeySpec, material: &Secret) -> Result<Vec<u8>, Error> {
    let oaep =
        |secret: &Secret| wrapping_key.encrypt(EncryptionAlgorithm::RsaesOaepSha256, secret.expose(), &SystemRandom);
    if !spec.is_rsa() {
        return oaep(material);
    }
    let key = random(32)?;
    let failed = |_| Error::new(ErrorKind::Internal);
    let cipher = KwpAes256::new_from_slice(key.expose()).map_err(|_| Error::new(ErrorKind::Internal))?;
    let mut out = vec![0; material.len() + KWP_OVERHEAD];
    let wrapped = cipher.wrap_key(material.expose(), &mut out).map_err(failed)?.to_vec();
    Ok([oaep(&key)?, wrapped].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the other end does with it.
    #[test]
    fn an_rsa_key_comes_out_as_it_went_in() {
        let private = RsaPrivateKey::generate(KeySpec::Rsa2048, &SystemRandom).unwrap();
        let public = PublicKey::from(private.public_key());
        for len in [1217, 1218, 1224] {
            let material = random(len).unwrap();
            let wrapped = wrap(&public, KeySpec::Rsa2048, &material).unwrap();
            let (key, inner) = wrapped.split_at(256);
            let key = private.decrypt_oaep(kms_core::HashAlgorithm::Sha256, key, &SystemRandom).unwrap();
            let mut out = vec![0; inner.len()];
            let out = KwpAes256::new_from_slice(key.expose()).unwrap().unwrap_key(inner, &mut out).unwrap();
            assert!(material.ct_eq(out));
        }
    }
}

//! Key material, unwrapped.

use aes_kw::{KeyInit, KwpAes256};
use kms_core::primitives::rsa::RsaPrivateKey;
use kms_core::{Error, HashAlgorithm, KeyMaterial, KeySpec, RandomSource, Secret};

use crate::api::{AlgorithmSpec, Enumeration, WrappingKeySpec};
use crate::{Exception, KmsError};

/// The hash of an algorithm, and whether an AES key stands between.
const fn parts(algorithm: AlgorithmSpec) -> Option<(HashAlgorithm, bool)> {
    match algorithm {
        AlgorithmSpec::RsaesOaepSha1 => Some((HashAlgorithm::Sha1, false)),
        AlgorithmSpec::RsaesOaepSha256 => Some((HashAlgorithm::Sha256, false)),
        AlgorithmSpec::RsaAesKeyWrapSha1 => Some((HashAlgorithm::Sha1, true)),
        AlgorithmSpec::RsaAesKeyWrapSha256 => Some((HashAlgorithm::Sha256, true)),
        _ => None,
    }
}

/// Whether material of `spec` can come wrapped so; answers the wrapping key's spec.
///
/// # Errors
/// `UnsupportedOperationException`: RSA material is too long for RSA-OAEP, a P-521 key for RSA-OAEP with a 2,048-bit
/// key, only private keys come under RSA and AES, RSAES-PKCS1-v1_5 is withdrawn, SM2 is not here.
pub(crate) fn check_wrapping(
    spec: KeySpec,
    algorithm: AlgorithmSpec,
    wrapping: WrappingKeySpec,
) -> Result<KeySpec, KmsError> {
    let refuse = |why: &str| {
        let text = format!("Wrapping algorithm {} {why}", algorithm.name());
        Err(KmsError::with(Exception::UnsupportedOperation, text))
    };
    let wrapping = match wrapping {
        WrappingKeySpec::Rsa2048 => KeySpec::Rsa2048,
        WrappingKeySpec::Rsa3072 => KeySpec::Rsa3072,
        WrappingKeySpec::Rsa4096 => KeySpec::Rsa4096,
        _ => return refuse("is not supported with this wrapping key spec."),
    };
    match parts(algorithm) {
        None => refuse("is not supported."),
        Some((_, false)) if spec.is_rsa() => refuse(&format!("cannot hold the key material of {spec}.")),
        Some((_, false)) if spec == KeySpec::EccNistP521 && wrapping == KeySpec::Rsa2048 => {
            refuse("with RSA_2048 cannot hold the key material of ECC_NIST_P521.")
        }
        Some((_, true)) if !spec.is_asymmetric() => refuse("is for the key material of RSA and ECC keys."),
        Some(_) => Ok(wrapping),
    }
}

/// Unwraps the material of a key of `spec`.
///
/// # Errors
/// `Rejected` for everything that is wrong with what was wrapped: an oracle would tell more.
pub(crate) fn unwrap(
    algorithm: AlgorithmSpec,
    private_key: &RsaPrivateKey,
    wrapped: &[u8],
    spec: KeySpec,
    random: &dyn RandomSource,
) -> Result<KeyMaterial, Error> {
    let (hash, aes) = parts(algorithm).ok_or_else(Error::rejected)?;
    let secret = if aes {
        let modulus = private_key.public_key().spec().modulus_len().ok_or_else(Error::rejected)?;
        let (key, material) = wrapped.split_at_checked(modulus).ok_or_else(Error::rejected)?;
        let key = private_key.decrypt_oaep(hash, key, random)?;
        let cipher = KwpAes256::new_from_slice(key.expose()).map_err(|_| Error::rejected())?;
        let mut out = Secret::zeroed(material.len());
        let len = cipher.unwrap_key(material, out.expose_mut()).map_err(|_| Error::rejected())?.len();
        out.truncate(len);
        out
    } else {
        private_key.decrypt_oaep(hash, wrapped, random)?
    };
    Ok(if spec.is_asymmetric() { KeyMaterial::Pkcs8(secret) } else { KeyMaterial::Raw(secret) })
}

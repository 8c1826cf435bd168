//! What a master key is, and what it may be used for.

use core::fmt;
use core::str::FromStr;

use crate::Error;
use crate::algorithm::{
    AlgorithmSet, EncryptionAlgorithm, HashAlgorithm, KeyAgreementAlgorithm, MacAlgorithm, Names, SigningAlgorithm,
    named,
};

named! {
    /// The type and size of a key (`KeySpec` of the AWS KMS API).
    KeySpec, "key spec":
    /// 256 random bits; AES-256-GCM under a key derived from them for each ciphertext.
    SymmetricDefault = "SYMMETRIC_DEFAULT",
    /// RSA, 2,048-bit modulus.
    Rsa2048 = "RSA_2048",
    /// RSA, 3,072-bit modulus.
    Rsa3072 = "RSA_3072",
    /// RSA, 4,096-bit modulus.
    Rsa4096 = "RSA_4096",
    /// NIST P-256 (secp256r1).
    EccNistP256 = "ECC_NIST_P256",
    /// NIST P-384 (secp384r1).
    EccNistP384 = "ECC_NIST_P384",
    /// NIST P-521 (secp521r1).
    EccNistP521 = "ECC_NIST_P521",
    /// secp256k1.
    EccSecgP256k1 = "ECC_SECG_P256K1",
    /// HMAC key of 28 bytes (imported: 28 to 64).
    Hmac224 = "HMAC_224",
    /// HMAC key of 32 bytes (imported: 32 to 64).
    Hmac256 = "HMAC_256",
    /// HMAC key of 48 bytes (imported: 48 to 128).
    Hmac384 = "HMAC_384",
    /// HMAC key of 64 bytes (imported: 64 to 128).
    Hmac512 = "HMAC_512",
}

named! {
    /// The one kind of operation a key is for (`KeyUsage` of the AWS KMS API).
    KeyUsage, "key usage":
    /// Encrypt and decrypt; wrap data keys.
    EncryptDecrypt = "ENCRYPT_DECRYPT",
    /// Sign and verify.
    SignVerify = "SIGN_VERIFY",
    /// Make and verify message authentication codes.
    GenerateVerifyMac = "GENERATE_VERIFY_MAC",
    /// Agree on a shared secret.
    KeyAgreement = "KEY_AGREEMENT",
}

impl KeySpec {
    /// The usages a key of this type can be made for; the first is the default.
    #[must_use]
    pub const fn usages(self) -> &'static [KeyUsage] {
        match self {
            Self::SymmetricDefault => &[KeyUsage::EncryptDecrypt],
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => &[KeyUsage::EncryptDecrypt, KeyUsage::SignVerify],
            Self::EccNistP256 | Self::EccNistP384 | Self::EccNistP521 => {
                &[KeyUsage::SignVerify, KeyUsage::KeyAgreement]
            }
            Self::EccSecgP256k1 => &[KeyUsage::SignVerify],
            Self::Hmac224 | Self::Hmac256 | Self::Hmac384 | Self::Hmac512 => &[KeyUsage::GenerateVerifyMac],
        }
    }

    /// For backends: that a key of this type can be for `usage`.
    ///
    /// # Errors
    /// `Unsupported` if it cannot, with what it can be for.
    pub fn check_usage(self, usage: KeyUsage) -> Result<(), Error> {
        if self.usages().contains(&usage) { Ok(()) } else { Err(Error::unsupported(self.misuse(usage))) }
    }

    /// Why there is no key of this type for `usage`.
    pub(crate) fn misuse(self, usage: KeyUsage) -> alloc::string::String {
        alloc::format!("a {self} key cannot be used for {usage}; it can for {}", Names(self.usages()))
    }

    /// Whether the key has a public half.
    #[must_use]
    pub const fn is_asymmetric(self) -> bool {
        self.is_rsa() || self.is_ecc()
    }

    /// Whether this is an RSA key.
    #[must_use]
    pub const fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096)
    }

    /// Whether this is an elliptic curve key.
    #[must_use]
    pub const fn is_ecc(self) -> bool {
        matches!(self, Self::EccNistP256 | Self::EccNistP384 | Self::EccNistP521 | Self::EccSecgP256k1)
    }

    /// The lengths in bytes that raw key material may have, for the symmetric and HMAC keys. The shortest is
    /// the one that is generated. HMAC lengths are those AWS KMS imports.
    #[must_use]
    pub const fn material_len(self) -> Option<core::ops::RangeInclusive<usize>> {
        match self {
            Self::SymmetricDefault => Some(32..=32),
            Self::Hmac224 => Some(28..=64),
            Self::Hmac256 => Some(32..=64),
            Self::Hmac384 => Some(48..=128),
            Self::Hmac512 => Some(64..=128),
            _ => None,
        }
    }

    /// The most plaintext `algorithm` takes, in bytes: 4,096 for the symmetric key (the AWS KMS limit), and for
    /// RSAES-OAEP the modulus less two hashes and 2 (RFC 8017, section 7.1.1). `None`: not an algorithm of this key.
    #[must_use]
    pub const fn max_plaintext(self, algorithm: EncryptionAlgorithm) -> Option<usize> {
        match (self, self.modulus_len(), algorithm.oaep_hash()) {
            (Self::SymmetricDefault, _, None) => Some(4096),
            (_, Some(modulus), Some(hash)) => Some(oaep_limit(modulus, hash)),
            _ => None,
        }
    }

    /// The length in bytes of the modulus, for the RSA keys: that of their ciphertexts and signatures.
    #[must_use]
    pub const fn modulus_len(self) -> Option<usize> {
        match self {
            Self::Rsa2048 => Some(256),
            Self::Rsa3072 => Some(384),
            Self::Rsa4096 => Some(512),
            _ => None,
        }
    }

    /// The length in bytes of an ECDSA signature in its fixed form `r || s`, for the elliptic curve keys.
    #[must_use]
    pub const fn fixed_signature_len(self) -> Option<usize> {
        match self.coordinate_len() {
            Some(len) => Some(2 * len),
            None => None,
        }
    }

    /// The length in bytes of a coordinate, for the elliptic curve keys: that of `r`, of `s`, and of a shared secret.
    #[must_use]
    pub const fn coordinate_len(self) -> Option<usize> {
        match self {
            Self::EccNistP256 | Self::EccSecgP256k1 => Some(32),
            Self::EccNistP384 => Some(48),
            Self::EccNistP521 => Some(66),
            _ => None,
        }
    }
}

pub(crate) const fn oaep_limit(modulus: usize, hash: HashAlgorithm) -> usize {
    modulus - 2 * hash.output_len() - 2
}

impl AlgorithmSet {
    /// What AWS KMS offers on a key of `spec` made for `usage`; empty when the two do not go together.
    #[must_use]
    pub fn of(spec: KeySpec, usage: KeyUsage) -> Self {
        let set = Self::empty();
        if !spec.usages().contains(&usage) {
            return set;
        }
        match (usage, spec) {
            (KeyUsage::EncryptDecrypt, KeySpec::SymmetricDefault) => set.with(EncryptionAlgorithm::SymmetricDefault),
            (KeyUsage::EncryptDecrypt, _) => {
                set.with(EncryptionAlgorithm::RsaesOaepSha1).with(EncryptionAlgorithm::RsaesOaepSha256)
            }
            (KeyUsage::SignVerify, KeySpec::EccNistP256 | KeySpec::EccSecgP256k1) => {
                set.with(SigningAlgorithm::EcdsaSha256)
            }
            (KeyUsage::SignVerify, KeySpec::EccNistP384) => set.with(SigningAlgorithm::EcdsaSha384),
            (KeyUsage::SignVerify, KeySpec::EccNistP521) => set.with(SigningAlgorithm::EcdsaSha512),
            (KeyUsage::SignVerify, _) => SigningAlgorithm::ALL
                .iter()
                .filter(|one| one.scheme() != crate::SignatureScheme::Ecdsa)
                .fold(set, |set, &one| set.with(one)),
            (KeyUsage::GenerateVerifyMac, KeySpec::Hmac224) => set.with(MacAlgorithm::HmacSha224),
            (KeyUsage::GenerateVerifyMac, KeySpec::Hmac256) => set.with(MacAlgorithm::HmacSha256),
            (KeyUsage::GenerateVerifyMac, KeySpec::Hmac384) => set.with(MacAlgorithm::HmacSha384),
            (KeyUsage::GenerateVerifyMac, _) => set.with(MacAlgorithm::HmacSha512),
            (KeyUsage::KeyAgreement, _) => set.with(KeyAgreementAlgorithm::Ecdh),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_aws_documents() {
        let limit = |spec: KeySpec, algorithm| spec.max_plaintext(algorithm);
        assert_eq!(limit(KeySpec::SymmetricDefault, EncryptionAlgorithm::SymmetricDefault), Some(4096));
        assert_eq!(limit(KeySpec::Rsa2048, EncryptionAlgorithm::RsaesOaepSha1), Some(214));
        assert_eq!(limit(KeySpec::Rsa2048, EncryptionAlgorithm::RsaesOaepSha256), Some(190));
        assert_eq!(limit(KeySpec::Rsa3072, EncryptionAlgorithm::RsaesOaepSha1), Some(342));
        assert_eq!(limit(KeySpec::Rsa3072, EncryptionAlgorithm::RsaesOaepSha256), Some(318));
        assert_eq!(limit(KeySpec::Rsa4096, EncryptionAlgorithm::RsaesOaepSha1), Some(470));
        assert_eq!(limit(KeySpec::Rsa4096, EncryptionAlgorithm::RsaesOaepSha256), Some(446));
        assert_eq!(limit(KeySpec::Rsa2048, EncryptionAlgorithm::SymmetricDefault), None);
    }

    #[test]
    fn every_spec_has_algorithms_for_its_usages_and_for_no_other() {
        for &spec in KeySpec::ALL {
            for &usage in KeyUsage::ALL {
                let fits = spec.usages().contains(&usage);
                assert_eq!(!AlgorithmSet::of(spec, usage).is_empty(), fits, "{spec} {usage}");
            }
        }
    }
}

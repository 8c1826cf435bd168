//! The algorithm suites of the message format, and the policy on key commitment.
//!
//! AWS Encryption SDK specification, `framework/algorithm-suites.md` and `client-apis/client.md`.

use core::fmt;
use core::str::FromStr;

use crate::algorithm::{Names, named};
use crate::{Error, ErrorKind, HashAlgorithm, KeySpec};

named! {
    /// How a message is encrypted. Every suite is AES-GCM with 96-bit nonces and 128-bit tags; they differ in key
    /// size, key derivation, key commitment and signature. The names are those of the AWS Encryption SDK.
    AlgorithmSuite, "algorithm suite":
    /// 0014: AES-128-GCM under the data key itself.
    Aes128GcmNoKdf = "ALG_AES_128_GCM_IV12_TAG16_NO_KDF",
    /// 0046: AES-192-GCM under the data key itself.
    Aes192GcmNoKdf = "ALG_AES_192_GCM_IV12_TAG16_NO_KDF",
    /// 0078: AES-256-GCM under the data key itself.
    Aes256GcmNoKdf = "ALG_AES_256_GCM_IV12_TAG16_NO_KDF",
    /// 0114: AES-128-GCM, HKDF-SHA-256.
    Aes128GcmHkdfSha256 = "ALG_AES_128_GCM_IV12_TAG16_HKDF_SHA256",
    /// 0146: AES-192-GCM, HKDF-SHA-256.
    Aes192GcmHkdfSha256 = "ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA256",
    /// 0178: AES-256-GCM, HKDF-SHA-256.
    Aes256GcmHkdfSha256 = "ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA256",
    /// 0214: AES-128-GCM, HKDF-SHA-256, ECDSA P-256.
    Aes128GcmHkdfSha256EcdsaP256 = "ALG_AES_128_GCM_IV12_TAG16_HKDF_SHA256_ECDSA_P256",
    /// 0346: AES-192-GCM, HKDF-SHA-384, ECDSA P-384.
    Aes192GcmHkdfSha384EcdsaP384 = "ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384",
    /// 0378: AES-256-GCM, HKDF-SHA-384, ECDSA P-384.
    Aes256GcmHkdfSha384EcdsaP384 = "ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384",
    /// 0478: AES-256-GCM, HKDF-SHA-512 with key commitment. The default here.
    Aes256GcmHkdfSha512CommitKey = "ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY",
    /// 0578: AES-256-GCM, HKDF-SHA-512 with key commitment, ECDSA P-384. The default of the AWS Encryption SDKs.
    Aes256GcmHkdfSha512CommitKeyEcdsaP384 = "ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384",
}

/// The elliptic curve signature of a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SuiteSignature {
    pub(crate) curve: KeySpec,
    pub(crate) hash: HashAlgorithm,
    /// The longest signature in DER, in bytes.
    pub(crate) max_len: usize,
}

impl AlgorithmSuite {
    /// The identifier in the message header.
    #[must_use]
    pub const fn id(self) -> u16 {
        match self {
            Self::Aes128GcmNoKdf => 0x0014,
            Self::Aes192GcmNoKdf => 0x0046,
            Self::Aes256GcmNoKdf => 0x0078,
            Self::Aes128GcmHkdfSha256 => 0x0114,
            Self::Aes192GcmHkdfSha256 => 0x0146,
            Self::Aes256GcmHkdfSha256 => 0x0178,
            Self::Aes128GcmHkdfSha256EcdsaP256 => 0x0214,
            Self::Aes192GcmHkdfSha384EcdsaP384 => 0x0346,
            Self::Aes256GcmHkdfSha384EcdsaP384 => 0x0378,
            Self::Aes256GcmHkdfSha512CommitKey => 0x0478,
            Self::Aes256GcmHkdfSha512CommitKeyEcdsaP384 => 0x0578,
        }
    }

    /// The suite with this identifier.
    #[must_use]
    pub fn from_id(id: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|suite| suite.id() == id)
    }

    /// The version of the header it belongs to: 2 for the committing suites, else 1.
    #[must_use]
    pub const fn version(self) -> u8 {
        if self.commits() { 2 } else { 1 }
    }

    /// Whether a message opens under one data key only.
    #[must_use]
    pub const fn commits(self) -> bool {
        matches!(self, Self::Aes256GcmHkdfSha512CommitKey | Self::Aes256GcmHkdfSha512CommitKeyEcdsaP384)
    }

    /// Whether a message ends with a signature.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        self.signature().is_some()
    }

    /// The length of the data key, and of the AES key, in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128GcmNoKdf | Self::Aes128GcmHkdfSha256 | Self::Aes128GcmHkdfSha256EcdsaP256 => 16,
            Self::Aes192GcmNoKdf | Self::Aes192GcmHkdfSha256 | Self::Aes192GcmHkdfSha384EcdsaP384 => 24,
            _ => 32,
        }
    }

    /// The length of the message id in bytes.
    pub(crate) const fn message_id_len(self) -> usize {
        if self.commits() { 32 } else { 16 }
    }

    /// The hash of the key derivation; `None` where the data key is used as it is.
    #[must_use]
    pub const fn kdf_hash(self) -> Option<HashAlgorithm> {
        match self {
            Self::Aes128GcmNoKdf | Self::Aes192GcmNoKdf | Self::Aes256GcmNoKdf => None,
            Self::Aes128GcmHkdfSha256
            | Self::Aes192GcmHkdfSha256
            | Self::Aes256GcmHkdfSha256
            | Self::Aes128GcmHkdfSha256EcdsaP256 => Some(HashAlgorithm::Sha256),
            Self::Aes192GcmHkdfSha384EcdsaP384 | Self::Aes256GcmHkdfSha384EcdsaP384 => Some(HashAlgorithm::Sha384),
            Self::Aes256GcmHkdfSha512CommitKey | Self::Aes256GcmHkdfSha512CommitKeyEcdsaP384 => {
                Some(HashAlgorithm::Sha512)
            }
        }
    }

    pub(crate) const fn signature(self) -> Option<SuiteSignature> {
        match self {
            Self::Aes128GcmHkdfSha256EcdsaP256 => {
                Some(SuiteSignature { curve: KeySpec::EccNistP256, hash: HashAlgorithm::Sha256, max_len: 72 })
            }
            Self::Aes192GcmHkdfSha384EcdsaP384
            | Self::Aes256GcmHkdfSha384EcdsaP384
            | Self::Aes256GcmHkdfSha512CommitKeyEcdsaP384 => {
                Some(SuiteSignature { curve: KeySpec::EccNistP384, hash: HashAlgorithm::Sha384, max_len: 104 })
            }
            _ => None,
        }
    }
}

named! {
    /// Whether messages without key commitment are written and read.
    ///
    /// Without commitment, whoever chooses the data keys can make one ciphertext that opens to different
    /// plaintexts under different keys.
    #[derive(Default)]
    CommitmentPolicy, "commitment policy":
    /// Write only without commitment, for readers that know nothing newer; read both.
    ForbidEncryptAllowDecrypt = "FORBID_ENCRYPT_ALLOW_DECRYPT",
    /// Write only with commitment; read both. The default here.
    #[default]
    RequireEncryptAllowDecrypt = "REQUIRE_ENCRYPT_ALLOW_DECRYPT",
    /// Write and read only with commitment.
    RequireEncryptRequireDecrypt = "REQUIRE_ENCRYPT_REQUIRE_DECRYPT",
}

impl CommitmentPolicy {
    pub(crate) fn check_encrypt(self, suite: AlgorithmSuite) -> Result<(), Error> {
        let wants_commitment = self != Self::ForbidEncryptAllowDecrypt;
        if suite.commits() == wants_commitment {
            return Ok(());
        }
        Err(Error::with_detail(
            ErrorKind::Refused,
            alloc::format!("the commitment policy {self} does not write {suite} messages"),
        ))
    }

    pub(crate) fn check_decrypt(self, suite: AlgorithmSuite) -> Result<(), Error> {
        if suite.commits() || self != Self::RequireEncryptRequireDecrypt {
            return Ok(());
        }
        Err(Error::with_detail(
            ErrorKind::Refused,
            alloc::format!("the commitment policy {self} does not read {suite} messages"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_read_back() {
        for &suite in AlgorithmSuite::ALL {
            assert_eq!(AlgorithmSuite::from_id(suite.id()), Some(suite));
            assert_eq!(suite.as_str().parse::<AlgorithmSuite>().unwrap(), suite);
        }
        for id in [0, 0x0070, 0x6700, 0xffff] {
            assert_eq!(AlgorithmSuite::from_id(id), None);
        }
    }

    #[test]
    fn the_policy_is_checked_both_ways() {
        let (old, new) = (AlgorithmSuite::Aes256GcmHkdfSha256, AlgorithmSuite::Aes256GcmHkdfSha512CommitKey);
        use CommitmentPolicy as P;
        let table = [
            (P::ForbidEncryptAllowDecrypt, true, false, true),
            (P::RequireEncryptAllowDecrypt, false, true, true),
            (P::RequireEncryptRequireDecrypt, false, true, false),
        ];
        for (policy, writes_old, writes_new, reads_old) in table {
            assert_eq!(policy.check_encrypt(old).is_ok(), writes_old);
            assert_eq!(policy.check_encrypt(new).is_ok(), writes_new);
            assert_eq!(policy.check_decrypt(old).is_ok(), reads_old);
            assert!(policy.check_decrypt(new).is_ok());
        }
    }
}

//! The algorithms of the AWS KMS API, under its names.

use core::fmt;
use core::str::FromStr;

use crate::Error;

macro_rules! named {
    ($(#[$meta:meta])* $name:ident, $what:literal: $($(#[$vmeta:meta])* $variant:ident = $text:literal,)+) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name { $($(#[$vmeta])* $variant,)+ }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in the AWS KMS API.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text).ok_or_else(|| {
                    Error::invalid_input(alloc::format!(concat!("unknown ", $what, " {:?}; known: {}"), text, Names(Self::ALL)))
                })
            }
        }
    };
}
pub(crate) use named;

/// A list of names for an error text.
pub(crate) struct Names<T: 'static>(pub(crate) &'static [T]);

impl<T: fmt::Display> fmt::Display for Names<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            write!(f, "{}{name}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

named! {
    /// A hash function of FIPS 180-4.
    HashAlgorithm, "hash algorithm":
    /// 20 bytes; for OAEP and its mask generation only.
    Sha1 = "SHA_1",
    /// 28 bytes.
    Sha224 = "SHA_224",
    /// 32 bytes.
    Sha256 = "SHA_256",
    /// 48 bytes.
    Sha384 = "SHA_384",
    /// 64 bytes.
    Sha512 = "SHA_512",
}

impl HashAlgorithm {
    /// Length of the hash in bytes.
    #[must_use]
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

named! {
    /// How a payload is encrypted (`EncryptionAlgorithm` of the AWS KMS API).
    EncryptionAlgorithm, "encryption algorithm":
    /// AES-256-GCM under a key derived for each ciphertext; see `docs/FORMAT.md`.
    SymmetricDefault = "SYMMETRIC_DEFAULT",
    /// RSAES-OAEP with SHA-1 and MGF1-SHA-1 (RFC 8017, section 7.1), empty label.
    RsaesOaepSha1 = "RSAES_OAEP_SHA_1",
    /// RSAES-OAEP with SHA-256 and MGF1-SHA-256 (RFC 8017, section 7.1), empty label.
    RsaesOaepSha256 = "RSAES_OAEP_SHA_256",
}

impl EncryptionAlgorithm {
    /// The OAEP hash, for the RSA algorithms.
    #[must_use]
    pub const fn oaep_hash(self) -> Option<HashAlgorithm> {
        match self {
            Self::SymmetricDefault => None,
            Self::RsaesOaepSha1 => Some(HashAlgorithm::Sha1),
            Self::RsaesOaepSha256 => Some(HashAlgorithm::Sha256),
        }
    }
}

named! {
    /// How a message is signed (`SigningAlgorithmSpec` of the AWS KMS API).
    SigningAlgorithm, "signing algorithm":
    /// RSASSA-PSS with SHA-256, MGF1-SHA-256 and a 32-byte salt (RFC 8017, section 8.1).
    RsassaPssSha256 = "RSASSA_PSS_SHA_256",
    /// RSASSA-PSS with SHA-384, MGF1-SHA-384 and a 48-byte salt.
    RsassaPssSha384 = "RSASSA_PSS_SHA_384",
    /// RSASSA-PSS with SHA-512, MGF1-SHA-512 and a 64-byte salt.
    RsassaPssSha512 = "RSASSA_PSS_SHA_512",
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 8.2).
    RsassaPkcs1V15Sha256 = "RSASSA_PKCS1_V1_5_SHA_256",
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RsassaPkcs1V15Sha384 = "RSASSA_PKCS1_V1_5_SHA_384",
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RsassaPkcs1V15Sha512 = "RSASSA_PKCS1_V1_5_SHA_512",
    /// ECDSA over P-256 or secp256k1 with SHA-256 (FIPS 186-5, section 6).
    EcdsaSha256 = "ECDSA_SHA_256",
    /// ECDSA over P-384 with SHA-384.
    EcdsaSha384 = "ECDSA_SHA_384",
    /// ECDSA over P-521 with SHA-512.
    EcdsaSha512 = "ECDSA_SHA_512",
}

/// The families of signature schemes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureScheme {
    /// Elliptic curve DSA.
    Ecdsa,
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1V15,
    /// RSASSA-PSS.
    RsaPss,
}

impl SigningAlgorithm {
    /// The hash that a message is reduced to before it is signed.
    #[must_use]
    pub const fn hash(self) -> HashAlgorithm {
        match self {
            Self::RsassaPssSha256 | Self::RsassaPkcs1V15Sha256 | Self::EcdsaSha256 => HashAlgorithm::Sha256,
            Self::RsassaPssSha384 | Self::RsassaPkcs1V15Sha384 | Self::EcdsaSha384 => HashAlgorithm::Sha384,
            Self::RsassaPssSha512 | Self::RsassaPkcs1V15Sha512 | Self::EcdsaSha512 => HashAlgorithm::Sha512,
        }
    }

    /// The family.
    #[must_use]
    pub const fn scheme(self) -> SignatureScheme {
        match self {
            Self::RsassaPssSha256 | Self::RsassaPssSha384 | Self::RsassaPssSha512 => SignatureScheme::RsaPss,
            Self::RsassaPkcs1V15Sha256 | Self::RsassaPkcs1V15Sha384 | Self::RsassaPkcs1V15Sha512 => {
                SignatureScheme::RsaPkcs1V15
            }
            Self::EcdsaSha256 | Self::EcdsaSha384 | Self::EcdsaSha512 => SignatureScheme::Ecdsa,
        }
    }
}

named! {
    /// How a message authentication code is made (`MacAlgorithmSpec` of the AWS KMS API): HMAC, FIPS 198-1.
    MacAlgorithm, "MAC algorithm":
    /// 28 bytes.
    HmacSha224 = "HMAC_SHA_224",
    /// 32 bytes.
    HmacSha256 = "HMAC_SHA_256",
    /// 48 bytes.
    HmacSha384 = "HMAC_SHA_384",
    /// 64 bytes.
    HmacSha512 = "HMAC_SHA_512",
}

impl MacAlgorithm {
    /// The hash inside.
    #[must_use]
    pub const fn hash(self) -> HashAlgorithm {
        match self {
            Self::HmacSha224 => HashAlgorithm::Sha224,
            Self::HmacSha256 => HashAlgorithm::Sha256,
            Self::HmacSha384 => HashAlgorithm::Sha384,
            Self::HmacSha512 => HashAlgorithm::Sha512,
        }
    }
}

named! {
    /// How a secret is agreed on (`KeyAgreementAlgorithmSpec` of the AWS KMS API).
    KeyAgreementAlgorithm, "key agreement algorithm":
    /// Elliptic curve Diffie-Hellman with the cofactor (SP 800-56A, section 5.7.1.2); the raw x coordinate.
    Ecdh = "ECDH",
}

named! {
    /// Whether `Sign` and `Verify` are given the message or its hash (`MessageType` of the AWS KMS API).
    MessageType, "message type":
    /// The message itself.
    Raw = "RAW",
    /// The hash of the message, by the hash function of the signing algorithm.
    Digest = "DIGEST",
}

/// Any algorithm a master key can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Algorithm {
    /// Of a key that encrypts.
    Encryption(EncryptionAlgorithm),
    /// Of a key that signs.
    Signing(SigningAlgorithm),
    /// Of a key that authenticates.
    Mac(MacAlgorithm),
    /// Of a key that agrees on secrets.
    KeyAgreement(KeyAgreementAlgorithm),
}

impl Algorithm {
    /// Every algorithm there is.
    pub fn all() -> impl Iterator<Item = Self> {
        let encryption = EncryptionAlgorithm::ALL.iter().map(|&one| Self::Encryption(one));
        let signing = SigningAlgorithm::ALL.iter().map(|&one| Self::Signing(one));
        let mac = MacAlgorithm::ALL.iter().map(|&one| Self::Mac(one));
        let agreement = KeyAgreementAlgorithm::ALL.iter().map(|&one| Self::KeyAgreement(one));
        encryption.chain(signing).chain(mac).chain(agreement)
    }

    const fn bit(self) -> u64 {
        let index = match self {
            Self::Encryption(one) => one as u32,
            Self::Signing(one) => 16 + one as u32,
            Self::Mac(one) => 40 + one as u32,
            Self::KeyAgreement(one) => 56 + one as u32,
        };
        1 << index
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encryption(one) => one.fmt(f),
            Self::Signing(one) => one.fmt(f),
            Self::Mac(one) => one.fmt(f),
            Self::KeyAgreement(one) => one.fmt(f),
        }
    }
}

impl From<EncryptionAlgorithm> for Algorithm {
    fn from(one: EncryptionAlgorithm) -> Self {
        Self::Encryption(one)
    }
}

impl From<SigningAlgorithm> for Algorithm {
    fn from(one: SigningAlgorithm) -> Self {
        Self::Signing(one)
    }
}

impl From<MacAlgorithm> for Algorithm {
    fn from(one: MacAlgorithm) -> Self {
        Self::Mac(one)
    }
}

impl From<KeyAgreementAlgorithm> for Algorithm {
    fn from(one: KeyAgreementAlgorithm) -> Self {
        Self::KeyAgreement(one)
    }
}

/// A set of algorithms.
///
/// ```
/// use kms_core::{AlgorithmSet, KeySpec, KeyUsage, SigningAlgorithm};
/// let set = AlgorithmSet::of(KeySpec::EccNistP256, KeyUsage::SignVerify);
/// assert!(set.contains(SigningAlgorithm::EcdsaSha256));
/// assert!(!set.contains(SigningAlgorithm::EcdsaSha384));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct AlgorithmSet(u64);

impl AlgorithmSet {
    /// The empty set.
    #[must_use]
    pub const fn empty() -> Self {
        Self(0)
    }

    /// The set with `algorithm` added.
    #[must_use]
    pub fn with(self, algorithm: impl Into<Algorithm>) -> Self {
        Self(self.0 | algorithm.into().bit())
    }

    /// The set with `algorithm` taken out.
    #[must_use]
    pub fn without(self, algorithm: impl Into<Algorithm>) -> Self {
        Self(self.0 & !algorithm.into().bit())
    }

    /// Whether `algorithm` is in the set.
    #[must_use]
    pub fn contains(self, algorithm: impl Into<Algorithm>) -> bool {
        self.0 & algorithm.into().bit() != 0
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The algorithms in the set.
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::all().filter(move |&one| self.contains(one))
    }
}

impl FromIterator<Algorithm> for AlgorithmSet {
    fn from_iter<T: IntoIterator<Item = Algorithm>>(algorithms: T) -> Self {
        algorithms.into_iter().fold(Self::empty(), Self::with)
    }
}

impl fmt::Debug for AlgorithmSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut set = f.debug_set();
        self.iter().for_each(|one| {
            set.entry(&format_args!("{one}"));
        });
        set.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_has_a_bit_of_its_own() {
        let all: AlgorithmSet = Algorithm::all().collect();
        assert_eq!(all.iter().count(), Algorithm::all().count());
        assert_eq!(all.iter().count(), 17);
    }

    #[test]
    fn names_parse_back() {
        for &one in SigningAlgorithm::ALL {
            assert_eq!(one.as_str().parse::<SigningAlgorithm>().unwrap(), one);
        }
        assert!("RSASSA".parse::<SigningAlgorithm>().is_err());
    }
}

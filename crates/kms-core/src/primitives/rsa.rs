//! RSA (RFC 8017): OAEP, PSS and PKCS#1 v1.5 signatures. PKCS#1 v1.5 encryption does not exist here.
//!
//! Private operations are blinded with the caller's randomness, without exception; see `docs/RSA.md`.

use alloc::vec::Vec;
use core::fmt;

use ::rsa::traits::PublicKeyParts;
use ::rsa::{BoxedUint, Oaep, Pkcs1v15Sign, PrivateKey, Pss, PublicKey};
use pkcs8::{DecodePrivateKey, EncodePrivateKey};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use spki::{DecodePublicKey, EncodePublicKey};

use crate::random::AsRng;
use crate::stack::{self, LARGE};
use crate::{Error, ErrorKind, HashAlgorithm, KeySpec, RandomSource, Secret, SignatureScheme, SigningAlgorithm};

/// The public exponent of the keys generated here: F4.
const PUBLIC_EXPONENT: u64 = 65_537;

fn spec_of(key: &impl PublicKeyParts) -> Result<KeySpec, Error> {
    // The modulus is public. Its precision would not do: that is rounded up to whole words.
    match key.n().bit_width_vartime() {
        2048 => Ok(KeySpec::Rsa2048),
        3072 => Ok(KeySpec::Rsa3072),
        4096 => Ok(KeySpec::Rsa4096),
        _ => Err(Error::unsupported("RSA keys have 2,048, 3,072 or 4,096 bits")),
    }
}

macro_rules! with_oaep {
    ($hash:expr, $padding:ident => $body:expr) => {
        match $hash {
            HashAlgorithm::Sha1 => {
                let $padding = Oaep::<Sha1>::new();
                $body
            }
            HashAlgorithm::Sha256 => {
                let $padding = Oaep::<Sha256>::new();
                $body
            }
            HashAlgorithm::Sha384 => {
                let $padding = Oaep::<Sha384>::new();
                $body
            }
            HashAlgorithm::Sha512 => {
                let $padding = Oaep::<Sha512>::new();
                $body
            }
            HashAlgorithm::Sha224 => return Err(Error::unsupported("OAEP with SHA-224")),
        }
    };
}

macro_rules! with_signature_scheme {
    ($algorithm:expr, $scheme:ident => $body:expr) => {
        match ($algorithm.scheme(), $algorithm.hash()) {
            (SignatureScheme::RsaPss, HashAlgorithm::Sha256) => {
                let $scheme = Pss::<Sha256>::new_blinded();
                $body
            }
            (SignatureScheme::RsaPss, HashAlgorithm::Sha384) => {
                let $scheme = Pss::<Sha384>::new_blinded();
                $body
            }
            (SignatureScheme::RsaPss, HashAlgorithm::Sha512) => {
                let $scheme = Pss::<Sha512>::new_blinded();
                $body
            }
            (SignatureScheme::RsaPkcs1V15, HashAlgorithm::Sha256) => {
                let $scheme = Pkcs1v15Sign::new::<Sha256>();
                $body
            }
            (SignatureScheme::RsaPkcs1V15, HashAlgorithm::Sha384) => {
                let $scheme = Pkcs1v15Sign::new::<Sha384>();
                $body
            }
            (SignatureScheme::RsaPkcs1V15, HashAlgorithm::Sha512) => {
                let $scheme = Pkcs1v15Sign::new::<Sha512>();
                $body
            }
            _ => return Err(Error::unsupported("not a signing algorithm of RSA keys")),
        }
    };
}

/// An RSA public key of 2,048, 3,072 or 4,096 bits.
#[derive(Clone, PartialEq, Eq)]
pub struct RsaPublicKey {
    key: PublicKey,
    spec: KeySpec,
}

impl RsaPublicKey {
    /// From a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// `Malformed`; `Unsupported` for other sizes.
    pub fn from_spki(der: &[u8]) -> Result<Self, Error> {
        let key = PublicKey::from_public_key_der(der).map_err(|_| Error::malformed("not an RSA public key"))?;
        let spec = spec_of(&key)?;
        Ok(Self { key, spec })
    }

    /// From the modulus and the public exponent, big-endian (RFC 8017, section 3.1).
    ///
    /// # Errors
    /// `Malformed` if they are no public key; `Unsupported` for other sizes.
    pub fn from_components(modulus: &[u8], exponent: &[u8]) -> Result<Self, Error> {
        let key = PublicKey::new(BoxedUint::from_be_slice_vartime(modulus), BoxedUint::from_be_slice_vartime(exponent))
            .map_err(|_| Error::malformed("not an RSA public key"))?;
        let spec = spec_of(&key)?;
        Ok(Self { key, spec })
    }

    /// Whether `ciphertext` is as long as the modulus and smaller: the first thing that decryption checks (RFC 8017,
    /// sections 5.1.2 and 7.1.2), before the private key is asked.
    #[must_use]
    pub fn is_in_range(&self, ciphertext: &[u8]) -> bool {
        // Numbers of equal length in big-endian bytes have the order of those bytes.
        ciphertext.len() == self.key.size() && ciphertext < &*self.key.n_bytes()
    }

    /// As a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// `Internal`; does not happen for a key that was read or made here.
    pub fn to_spki(&self) -> Result<Vec<u8>, Error> {
        self.key.to_public_key_der().map(|der| der.into_vec()).map_err(|_| Error::new(ErrorKind::Internal))
    }

    /// Its size.
    #[must_use]
    pub const fn spec(&self) -> KeySpec {
        self.spec
    }

    /// RSAES-OAEP encryption with an empty label; the mask generation uses the same hash.
    ///
    /// # Errors
    /// `InvalidInput` if the plaintext is too long; `Internal` if the generator fails.
    pub fn encrypt_oaep(
        &self,
        hash: HashAlgorithm,
        plaintext: &[u8],
        random: &dyn RandomSource,
    ) -> Result<Vec<u8>, Error> {
        if plaintext.len() > crate::spec::oaep_limit(self.key.size(), hash) {
            return Err(Error::invalid_input("plaintext too long for this RSA key and hash"));
        }
        with_oaep!(hash, padding => self.key.encrypt(&mut AsRng(random), padding, plaintext))
            .map_err(|_| Error::new(ErrorKind::Internal))
    }

    /// Verifies a signature over a digest.
    ///
    /// # Errors
    /// `Rejected`; `Unsupported` for algorithms of other keys.
    pub fn verify_digest(&self, algorithm: SigningAlgorithm, digest: &[u8], signature: &[u8]) -> Result<(), Error> {
        with_signature_scheme!(algorithm, scheme => self.key.verify(scheme, digest, signature))
            .map_err(|_| Error::rejected())
    }
}

impl fmt::Debug for RsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaPublicKey({})", self.spec)
    }
}

/// An RSA private key of 2,048, 3,072 or 4,096 bits in process memory.
///
/// The `rsa` crate frees copies of the primes without wiping them; use a wiping allocator (see `docs/RSA.md`).
pub struct RsaPrivateKey {
    key: PrivateKey,
    spec: KeySpec,
}

impl RsaPrivateKey {
    /// Generates a key with the public exponent 65,537. Takes up to some seconds.
    ///
    /// # Errors
    /// `InvalidInput` if `spec` is not an RSA key; `Internal` if the generator fails.
    pub fn generate(spec: KeySpec, random: &dyn RandomSource) -> Result<Self, Error> {
        stack::wiped::<LARGE, _>(|| {
            let bits = match spec {
                KeySpec::Rsa2048 => 2048,
                KeySpec::Rsa3072 => 3072,
                KeySpec::Rsa4096 => 4096,
                _ => return Err(Error::invalid_input("not an RSA key spec")),
            };
            let key = PrivateKey::new_with_exp(&mut AsRng(random), bits, BoxedUint::from(PUBLIC_EXPONENT))
                .map_err(|_| Error::with_detail(ErrorKind::Internal, "RSA key generation failed"))?;
            Ok(Self { key, spec })
        })
    }

    /// From PKCS#8 DER (RFC 5958). The key is checked for consistency.
    ///
    /// # Errors
    /// `Malformed`; `Unsupported` for other sizes.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, Error> {
        stack::wiped::<LARGE, _>(|| {
            let key =
                PrivateKey::from_pkcs8_der(der).map_err(|_| Error::malformed("not an RSA private key in PKCS#8"))?;
            let spec = spec_of(&key)?;
            key.validate().map_err(|_| Error::malformed("the RSA private key is not consistent"))?;
            Ok(Self { key, spec })
        })
    }

    /// As PKCS#8 DER.
    ///
    /// # Errors
    /// `Internal`; does not happen for a key that was read or made here.
    pub fn to_pkcs8(&self) -> Result<Secret, Error> {
        stack::wiped::<LARGE, _>(|| {
            self.key
                .to_pkcs8_der()
                .map(|der| Secret::copy_from(der.as_bytes()))
                .map_err(|_| Error::new(ErrorKind::Internal))
        })
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> RsaPublicKey {
        RsaPublicKey { key: self.key.to_public_key(), spec: self.spec }
    }

    /// RSAES-OAEP decryption with an empty label, blinded. Every failure is the same, after the same work.
    ///
    /// # Errors
    /// `Rejected`; `Internal` if the generator fails.
    pub fn decrypt_oaep(
        &self,
        hash: HashAlgorithm,
        ciphertext: &[u8],
        random: &dyn RandomSource,
    ) -> Result<Secret, Error> {
        stack::wiped::<LARGE, _>(|| {
            with_oaep!(hash, padding => self.key.decrypt_blinded(&mut AsRng(random), padding, ciphertext))
                .map(Secret::from)
                .map_err(|error| match error {
                    ::rsa::errors::Error::Rng => Error::with_detail(ErrorKind::Internal, "the random generator failed"),
                    _ => Error::rejected(),
                })
        })
    }

    /// Signs a digest, blinded.
    ///
    /// # Errors
    /// `InvalidInput` if the digest's length is not the hash's; `Unsupported` for algorithms of other keys;
    /// `Internal` if the generator fails.
    pub fn sign_digest(
        &self,
        algorithm: SigningAlgorithm,
        digest: &[u8],
        random: &dyn RandomSource,
    ) -> Result<Vec<u8>, Error> {
        stack::wiped::<LARGE, _>(|| {
            if digest.len() != algorithm.hash().output_len() {
                return Err(Error::invalid_input("the digest does not have the length of the algorithm's hash"));
            }
            with_signature_scheme!(algorithm, scheme => self.key.sign_with_rng(&mut AsRng(random), scheme, digest))
                .map_err(|_| Error::with_detail(ErrorKind::Internal, "RSA signing failed"))
        })
    }
}

impl fmt::Debug for RsaPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaPrivateKey({})", self.spec)
    }
}

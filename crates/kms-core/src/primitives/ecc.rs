//! ECDSA (FIPS 186-5) and ECDH (NIST SP 800-56A) over P-256, P-384, P-521 and secp256k1.
//!
//! Signatures are hedged: the nonce comes from the key, the digest and fresh randomness (RFC 6979, section 3.6),
//! so neither a broken generator nor a fault repeated on equal inputs gives the key away.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use k256::ecdsa as k256_ecdsa;
use p256::ecdsa as p256_ecdsa;
use p256::ecdsa::signature::hazmat::{PrehashVerifier, RandomizedPrehashSigner};
use p384::ecdsa as p384_ecdsa;
use p521::ecdsa as p521_ecdsa;
use pkcs8::{DecodePrivateKey, EncodePrivateKey};
use spki::{DecodePublicKey, EncodePublicKey};

use crate::random::AsRng;
use crate::stack::{self, LARGE};
use crate::{Error, ErrorKind, KeySpec, RandomSource, Secret};

/// A public key on one of the four curves: a valid point that is not the identity.
#[derive(Clone, PartialEq, Eq)]
pub struct EccPublicKey(Public);

#[derive(Clone, PartialEq, Eq)]
enum Public {
    P256(p256::PublicKey),
    P384(p384::PublicKey),
    P521(p521::PublicKey),
    K256(k256::PublicKey),
}

/// A private key on one of the four curves, in process memory. Wiped on drop.
pub struct EccPrivateKey(Private);

/// The form that signs holds the public point too, which otherwise costs as much to find as a signature. Boxed, so that
/// a move leaves no copy of the key behind.
enum Private {
    P256(Box<p256_ecdsa::SigningKey>),
    P384(Box<p384_ecdsa::SigningKey>),
    P521(Box<p521_ecdsa::SigningKey>),
    K256(Box<k256_ecdsa::SigningKey>),
}

macro_rules! on_curve {
    ($enum:ident, $value:expr, $key:ident => $body:expr) => {
        match $value {
            $enum::P256($key) => $body,
            $enum::P384($key) => $body,
            $enum::P521($key) => $body,
            $enum::K256($key) => $body,
        }
    };
}

fn internal<E>(_: E) -> Error {
    Error::new(ErrorKind::Internal)
}

impl EccPublicKey {
    /// From a SubjectPublicKeyInfo in DER, on the curve of `spec`.
    ///
    /// # Errors
    /// `Malformed` for another curve, a point that is not on it, the identity; `InvalidInput` if `spec` is no curve.
    pub fn from_spki(spec: KeySpec, der: &[u8]) -> Result<Self, Error> {
        let bad = |_| Error::malformed("not an elliptic curve public key");
        Ok(Self(match spec {
            KeySpec::EccNistP256 => Public::P256(p256::PublicKey::from_public_key_der(der).map_err(bad)?),
            KeySpec::EccNistP384 => Public::P384(p384::PublicKey::from_public_key_der(der).map_err(bad)?),
            KeySpec::EccNistP521 => Public::P521(p521::PublicKey::from_public_key_der(der).map_err(bad)?),
            KeySpec::EccSecgP256k1 => Public::K256(k256::PublicKey::from_public_key_der(der).map_err(bad)?),
            _ => return Err(not_a_curve()),
        }))
    }

    /// From a point in SEC 1 form, compressed or not (SEC 1, section 2.3.3).
    ///
    /// # Errors
    /// As [`from_spki`](Self::from_spki).
    pub fn from_sec1(spec: KeySpec, point: &[u8]) -> Result<Self, Error> {
        let bad = |_| Error::malformed("not a point on the curve");
        Ok(Self(match spec {
            KeySpec::EccNistP256 => Public::P256(p256::PublicKey::from_sec1_bytes(point).map_err(bad)?),
            KeySpec::EccNistP384 => Public::P384(p384::PublicKey::from_sec1_bytes(point).map_err(bad)?),
            KeySpec::EccNistP521 => Public::P521(p521::PublicKey::from_sec1_bytes(point).map_err(bad)?),
            KeySpec::EccSecgP256k1 => Public::K256(k256::PublicKey::from_sec1_bytes(point).map_err(bad)?),
            _ => return Err(not_a_curve()),
        }))
    }

    /// The point in compressed SEC 1 form.
    #[must_use]
    pub fn to_sec1_compressed(&self) -> Vec<u8> {
        use p256::elliptic_curve::sec1::ToSec1Point;
        on_curve!(Public, &self.0, key => key.to_sec1_point(true).as_bytes().to_vec())
    }

    /// As a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// `Internal`; does not happen for a key that was read or made here.
    pub fn to_spki(&self) -> Result<Vec<u8>, Error> {
        on_curve!(Public, &self.0, key => key.to_public_key_der().map(|der| der.into_vec()).map_err(internal))
    }

    /// Its curve.
    #[must_use]
    pub const fn spec(&self) -> KeySpec {
        match self.0 {
            Public::P256(_) => KeySpec::EccNistP256,
            Public::P384(_) => KeySpec::EccNistP384,
            Public::P521(_) => KeySpec::EccNistP521,
            Public::K256(_) => KeySpec::EccSecgP256k1,
        }
    }

    /// Verifies an ECDSA signature in DER over a digest.
    ///
    /// # Errors
    /// `Rejected`.
    pub fn verify_digest(&self, digest: &[u8], signature: &[u8]) -> Result<(), Error> {
        let rejected = |_| Error::rejected();
        match &self.0 {
            Public::P256(key) => p256_ecdsa::VerifyingKey::from(*key)
                .verify_prehash(digest, &p256_ecdsa::Signature::from_der(signature).map_err(rejected)?),
            Public::P384(key) => p384_ecdsa::VerifyingKey::from(*key)
                .verify_prehash(digest, &p384_ecdsa::Signature::from_der(signature).map_err(rejected)?),
            Public::P521(key) => p521_ecdsa::VerifyingKey::from(*key)
                .verify_prehash(digest, &p521_ecdsa::Signature::from_der(signature).map_err(rejected)?),
            // The crate refuses the larger of the two valid values of s (a rule of Bitcoin, not of ECDSA).
            Public::K256(key) => k256_ecdsa::VerifyingKey::from(*key)
                .verify_prehash(digest, &k256_ecdsa::Signature::from_der(signature).map_err(rejected)?.normalize_s()),
        }
        .map_err(rejected)
    }
}

impl fmt::Debug for EccPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EccPublicKey({})", self.spec())
    }
}

impl EccPrivateKey {
    /// Generates a key on the curve of `spec`.
    ///
    /// # Errors
    /// `InvalidInput` if `spec` is no curve; `Internal` if the generator fails.
    pub fn generate(spec: KeySpec, random: &dyn RandomSource) -> Result<Self, Error> {
        stack::wiped::<LARGE, _>(|| {
            use p256::elliptic_curve::Generate;
            let rng = &mut AsRng(random);
            Ok(Self(match spec {
                KeySpec::EccNistP256 => {
                    Private::P256(p256_ecdsa::SigningKey::try_generate_from_rng(rng).map(Box::new).map_err(internal)?)
                }
                KeySpec::EccNistP384 => {
                    Private::P384(p384_ecdsa::SigningKey::try_generate_from_rng(rng).map(Box::new).map_err(internal)?)
                }
                KeySpec::EccNistP521 => {
                    Private::P521(p521_ecdsa::SigningKey::try_generate_from_rng(rng).map(Box::new).map_err(internal)?)
                }
                KeySpec::EccSecgP256k1 => {
                    Private::K256(k256_ecdsa::SigningKey::try_generate_from_rng(rng).map(Box::new).map_err(internal)?)
                }
                _ => return Err(not_a_curve()),
            }))
        })
    }

    /// From PKCS#8 DER (RFC 5958), on the curve of `spec`.
    ///
    /// # Errors
    /// `Malformed`; `InvalidInput` if `spec` is no curve.
    pub fn from_pkcs8(spec: KeySpec, der: &[u8]) -> Result<Self, Error> {
        stack::wiped::<LARGE, _>(|| {
            let bad = |_| Error::malformed("not a private key on this curve in PKCS#8");
            Ok(Self(match spec {
                KeySpec::EccNistP256 => {
                    Private::P256(Box::new(p256::SecretKey::from_pkcs8_der(der).map_err(bad)?.into()))
                }
                KeySpec::EccNistP384 => {
                    Private::P384(Box::new(p384::SecretKey::from_pkcs8_der(der).map_err(bad)?.into()))
                }
                KeySpec::EccNistP521 => {
                    Private::P521(Box::new(p521::SecretKey::from_pkcs8_der(der).map_err(bad)?.into()))
                }
                KeySpec::EccSecgP256k1 => {
                    Private::K256(Box::new(k256::SecretKey::from_pkcs8_der(der).map_err(bad)?.into()))
                }
                _ => return Err(not_a_curve()),
            }))
        })
    }

    /// As PKCS#8 DER.
    ///
    /// # Errors
    /// `Internal`; does not happen for a key that was read or made here.
    pub fn to_pkcs8(&self) -> Result<Secret, Error> {
        stack::wiped::<LARGE, _>(|| {
            on_curve!(Private, &self.0, key => key.to_pkcs8_der())
                .map(|der| Secret::copy_from(der.as_bytes()))
                .map_err(internal)
        })
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> EccPublicKey {
        EccPublicKey(match &self.0 {
            Private::P256(key) => Public::P256(key.verifying_key().into()),
            Private::P384(key) => Public::P384(key.verifying_key().into()),
            Private::P521(key) => Public::P521(key.verifying_key().into()),
            Private::K256(key) => Public::K256(key.verifying_key().into()),
        })
    }

    /// Signs a digest with ECDSA. The signature is the fixed form `r || s`.
    ///
    /// # Errors
    /// `InvalidInput` if the digest is shorter than half the curve's order; `Internal` if the generator fails.
    pub fn sign_digest(&self, digest: &[u8], random: &dyn RandomSource) -> Result<Vec<u8>, Error> {
        stack::wiped::<LARGE, _>(|| {
            let rng = &mut AsRng(random);
            let failed = |_| Error::with_detail(ErrorKind::Internal, "ECDSA signing failed");
            Ok(match &self.0 {
                Private::P256(key) => {
                    let signature: p256_ecdsa::Signature = key.sign_prehash_with_rng(rng, digest).map_err(failed)?;
                    signature.to_bytes().to_vec()
                }
                Private::P384(key) => {
                    let signature: p384_ecdsa::Signature = key.sign_prehash_with_rng(rng, digest).map_err(failed)?;
                    signature.to_bytes().to_vec()
                }
                Private::P521(key) => {
                    let signature: p521_ecdsa::Signature = key.sign_prehash_with_rng(rng, digest).map_err(failed)?;
                    signature.to_bytes().to_vec()
                }
                Private::K256(key) => {
                    let signature: k256_ecdsa::Signature = key.sign_prehash_with_rng(rng, digest).map_err(failed)?;
                    signature.to_bytes().to_vec()
                }
            })
        })
    }

    /// The ECDH secret with `peer`: the x coordinate of the shared point, as long as the curve's field.
    ///
    /// # Errors
    /// `InvalidInput` if the curves differ; `Unsupported` for secp256k1, as in AWS KMS.
    pub fn agree(&self, peer: &EccPublicKey) -> Result<Secret, Error> {
        stack::wiped::<LARGE, _>(|| {
            Ok(match (&self.0, &peer.0) {
                (Private::P256(key), Public::P256(peer)) => {
                    let shared = p256::ecdh::diffie_hellman(key.as_nonzero_scalar(), peer.as_affine());
                    Secret::copy_from(shared.raw_secret_bytes())
                }
                (Private::P384(key), Public::P384(peer)) => {
                    let shared = p384::ecdh::diffie_hellman(key.as_nonzero_scalar(), peer.as_affine());
                    Secret::copy_from(shared.raw_secret_bytes())
                }
                (Private::P521(key), Public::P521(peer)) => {
                    let shared = p521::ecdh::diffie_hellman(key.as_nonzero_scalar(), peer.as_affine());
                    Secret::copy_from(shared.raw_secret_bytes())
                }
                (Private::K256(_), _) => return Err(Error::unsupported("key agreement on secp256k1")),
                _ => return Err(Error::invalid_input("the peer's public key is on another curve")),
            })
        })
    }
}

/// Turns the fixed form `r || s` of an ECDSA signature into DER (RFC 3279, section 2.2.3).
///
/// # Errors
/// `Malformed` if it is not a signature on the curve of `spec`; `InvalidInput` if `spec` is no curve.
pub fn signature_to_der(spec: KeySpec, fixed: &[u8]) -> Result<Vec<u8>, Error> {
    let bad = |_| Error::malformed("not an ECDSA signature");
    Ok(match spec {
        KeySpec::EccNistP256 => p256_ecdsa::Signature::from_slice(fixed).map_err(bad)?.to_der().as_bytes().to_vec(),
        KeySpec::EccNistP384 => p384_ecdsa::Signature::from_slice(fixed).map_err(bad)?.to_der().as_bytes().to_vec(),
        KeySpec::EccNistP521 => p521_ecdsa::Signature::from_slice(fixed).map_err(bad)?.to_der().as_bytes().to_vec(),
        KeySpec::EccSecgP256k1 => k256_ecdsa::Signature::from_slice(fixed).map_err(bad)?.to_der().as_bytes().to_vec(),
        _ => return Err(not_a_curve()),
    })
}

/// Turns the DER of an ECDSA signature (RFC 3279, section 2.2.3), as remote services answer it, into the fixed form
/// `r || s`.
///
/// # Errors
/// `Malformed` if it is not a signature on the curve of `spec`; `InvalidInput` if `spec` is no curve.
pub fn signature_from_der(spec: KeySpec, der: &[u8]) -> Result<Vec<u8>, Error> {
    let bad = |_| Error::malformed("not an ECDSA signature in DER");
    Ok(match spec {
        KeySpec::EccNistP256 => p256_ecdsa::Signature::from_der(der).map_err(bad)?.to_bytes().to_vec(),
        KeySpec::EccNistP384 => p384_ecdsa::Signature::from_der(der).map_err(bad)?.to_bytes().to_vec(),
        KeySpec::EccNistP521 => p521_ecdsa::Signature::from_der(der).map_err(bad)?.to_bytes().to_vec(),
        KeySpec::EccSecgP256k1 => k256_ecdsa::Signature::from_der(der).map_err(bad)?.to_bytes().to_vec(),
        _ => return Err(not_a_curve()),
    })
}

fn not_a_curve() -> Error {
    Error::invalid_input("not an elliptic curve key spec")
}

impl fmt::Debug for EccPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EccPrivateKey({})", self.public_key().spec())
    }
}

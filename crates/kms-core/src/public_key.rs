//! Public keys by themselves: encrypt and verify with no backend at all.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use spki::der::Decode;
use spki::der::pem::LineEnding;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use crate::primitives::ecc::EccPublicKey;
use crate::primitives::hash::hash;
use crate::primitives::rsa::RsaPublicKey;
use crate::{EncryptionAlgorithm, Error, ErrorKind, KeySpec, MessageType, RandomSource, SigningAlgorithm};

const RSA: spki::ObjectIdentifier = spki::ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: spki::ObjectIdentifier = spki::ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: spki::ObjectIdentifier = spki::ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: spki::ObjectIdentifier = spki::ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: spki::ObjectIdentifier = spki::ObjectIdentifier::new_unwrap("1.3.132.0.35");
const K256: spki::ObjectIdentifier = spki::ObjectIdentifier::new_unwrap("1.3.132.0.10");
const PEM_LABEL: &str = "PUBLIC KEY";

/// The public half of an RSA or elliptic curve key.
///
/// ```
/// use kms_core::{KeySpec, PublicKey, SystemRandom, primitives::ecc::EccPrivateKey};
/// let private = EccPrivateKey::generate(KeySpec::EccNistP256, &SystemRandom)?;
/// let public = PublicKey::from_spki_der(&private.public_key().to_spki()?)?;
/// assert_eq!(public.spec(), KeySpec::EccNistP256);
/// assert_eq!(PublicKey::from_pem(&public.to_pem()?)?, public);
/// # Ok::<(), kms_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(Inner);

#[derive(Clone, PartialEq, Eq)]
enum Inner {
    Rsa(RsaPublicKey),
    Ecc(EccPublicKey),
}

impl PublicKey {
    /// From the DER of a SubjectPublicKeyInfo (RFC 5280, section 4.1): what `GetPublicKey` returns.
    ///
    /// # Errors
    /// [`ErrorKind::Malformed`] if it is not that, or the point is not on its curve; [`ErrorKind::Unsupported`]
    /// for other algorithms, curves and RSA sizes.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        let info = SubjectPublicKeyInfoRef::from_der(der)
            .map_err(|_| Error::malformed("not a SubjectPublicKeyInfo in DER"))?;
        let Some(spec) = spec_of(&info.algorithm)? else {
            return RsaPublicKey::from_spki(der).map(|key| Self(Inner::Rsa(key)));
        };
        EccPublicKey::from_spki(spec, der).map(|key| Self(Inner::Ecc(key)))
    }

    /// From PEM with the label `PUBLIC KEY` (RFC 7468, section 13).
    ///
    /// # Errors
    /// As [`from_spki_der`](Self::from_spki_der).
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        let (label, der) = spki::der::pem::decode_vec(pem.as_bytes())
            .map_err(|_| Error::malformed("not PEM: expected -----BEGIN PUBLIC KEY-----"))?;
        if label != PEM_LABEL {
            return Err(Error::malformed(alloc::format!("PEM label is {label:?}; expected {PEM_LABEL:?}")));
        }
        Self::from_spki_der(&der)
    }

    /// The DER of the SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`]; does not happen for a key that was read.
    pub fn to_spki_der(&self) -> Result<Vec<u8>, Error> {
        match &self.0 {
            Inner::Rsa(key) => key.to_spki(),
            Inner::Ecc(key) => key.to_spki(),
        }
    }

    /// PEM with the label `PUBLIC KEY`.
    ///
    /// # Errors
    /// As [`to_spki_der`](Self::to_spki_der).
    pub fn to_pem(&self) -> Result<String, Error> {
        spki::der::pem::encode_string(PEM_LABEL, LineEnding::LF, &self.to_spki_der()?)
            .map_err(|_| ErrorKind::Internal.into())
    }

    /// Type and size.
    #[must_use]
    pub const fn spec(&self) -> KeySpec {
        match &self.0 {
            Inner::Rsa(key) => key.spec(),
            Inner::Ecc(key) => key.spec(),
        }
    }

    /// Encrypts for whoever holds the private key.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if the plaintext is longer than [`KeySpec::max_plaintext`];
    /// [`ErrorKind::Unsupported`] unless this is an RSA key and `algorithm` one of its own.
    pub fn encrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        plaintext: &[u8],
        random: &dyn RandomSource,
    ) -> Result<Vec<u8>, Error> {
        match (&self.0, algorithm.oaep_hash()) {
            (Inner::Rsa(key), Some(hash)) => key.encrypt_oaep(hash, plaintext, random),
            _ => Err(Error::unsupported(alloc::format!("{algorithm} with a {} key", self.spec()))),
        }
    }

    /// Verifies a signature over a message, or over its digest. ECDSA signatures are in DER, as in AWS KMS.
    ///
    /// # Errors
    /// [`ErrorKind::Rejected`] if it is not a signature over the message by this key; [`ErrorKind::InvalidInput`]
    /// if a digest has the wrong length; [`ErrorKind::Unsupported`] if the algorithm is not one of this key.
    pub fn verify(
        &self,
        algorithm: SigningAlgorithm,
        message_type: MessageType,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        if !crate::AlgorithmSet::of(self.spec(), crate::KeyUsage::SignVerify).contains(algorithm) {
            return Err(Error::unsupported(alloc::format!("{algorithm} with a {} key", self.spec())));
        }
        let digest = digest_of(algorithm, message_type, message)?;
        match &self.0 {
            Inner::Rsa(key) => key.verify_digest(algorithm, &digest, signature),
            Inner::Ecc(key) => key.verify_digest(&digest, signature),
        }
    }

    /// The elliptic curve key, if it is one.
    #[must_use]
    pub const fn as_ecc(&self) -> Option<&EccPublicKey> {
        match &self.0 {
            Inner::Ecc(key) => Some(key),
            Inner::Rsa(_) => None,
        }
    }

    /// The RSA key, if it is one.
    #[must_use]
    pub const fn as_rsa(&self) -> Option<&RsaPublicKey> {
        match &self.0 {
            Inner::Rsa(key) => Some(key),
            Inner::Ecc(_) => None,
        }
    }
}

impl From<RsaPublicKey> for PublicKey {
    fn from(key: RsaPublicKey) -> Self {
        Self(Inner::Rsa(key))
    }
}

impl From<EccPublicKey> for PublicKey {
    fn from(key: EccPublicKey) -> Self {
        Self(Inner::Ecc(key))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.spec())
    }
}

/// The curve that an algorithm identifier names; `None` for RSA, whose size it does not tell.
pub(crate) fn spec_of(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Option<KeySpec>, Error> {
    match (algorithm.oid, algorithm.parameters_oid()) {
        (RSA, _) => Ok(None),
        (EC, Ok(P256)) => Ok(Some(KeySpec::EccNistP256)),
        (EC, Ok(P384)) => Ok(Some(KeySpec::EccNistP384)),
        (EC, Ok(P521)) => Ok(Some(KeySpec::EccNistP521)),
        (EC, Ok(K256)) => Ok(Some(KeySpec::EccSecgP256k1)),
        (EC, Ok(_)) => Err(Error::unsupported("key on an unknown curve")),
        (EC, Err(_)) => Err(Error::malformed("elliptic curve key without a named curve")),
        _ => Err(Error::unsupported("key of an unknown algorithm")),
    }
}

/// The digest a signature covers, from what `Sign` and `Verify` are given.
pub(crate) fn digest_of(
    algorithm: SigningAlgorithm,
    message_type: MessageType,
    message: &[u8],
) -> Result<Vec<u8>, Error> {
    match message_type {
        MessageType::Raw => Ok(hash(algorithm.hash(), message)),
        MessageType::Digest if message.len() == algorithm.hash().output_len() => Ok(message.to_vec()),
        MessageType::Digest => Err(Error::invalid_input(alloc::format!(
            "a digest for {algorithm} has {} bytes, not {}",
            algorithm.hash().output_len(),
            message.len()
        ))),
    }
}

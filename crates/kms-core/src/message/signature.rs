//! The signature of a message: a key pair made for it, whose public half is part of the encryption context.
//!
//! AWS Encryption SDK specification, `data-format/message-footer.md`, and `framework/default-cmm.md` for the
//! context key.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64, Encoding};

use super::materials::EncryptionRequest;
use super::suite::{AlgorithmSuite, SuiteSignature};
use crate::primitives::ecc::{EccPrivateKey, EccPublicKey, signature_to_der};
use crate::primitives::hash::Hasher;
use crate::{EncryptionContext, Error, RandomSource};

/// The context key under which the public key stands: base64 of the compressed SEC 1 point.
const CONTEXT_KEY: &str = "aws-crypto-public-key";

/// A key pair for one message and the context that names it; `None` for suites that do not sign.
pub(crate) fn generate(request: &EncryptionRequest<'_>) -> Result<Option<(EncryptionContext, EccPrivateKey)>, Error> {
    let Some(signature) = request.suite.signature() else { return Ok(None) };
    let key = EccPrivateKey::generate(signature.curve, request.random)?;
    Ok(Some((context_with(request.context, &key)?, key)))
}

/// `context` and the public half of `key`.
pub(crate) fn context_with(context: &EncryptionContext, key: &EccPrivateKey) -> Result<EncryptionContext, Error> {
    let public: String = Base64::encode_string(&key.public_key().to_sec1_compressed());
    context.with_pair(CONTEXT_KEY, public)
}

/// Signs what passes through it.
pub(crate) struct Signer {
    hasher: Hasher,
    signature: SuiteSignature,
}

impl Signer {
    pub(crate) fn new(suite: AlgorithmSuite) -> Option<Self> {
        suite.signature().map(|signature| Self { hasher: Hasher::new(signature.hash), signature })
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// The signature in DER, without the footer's length.
    pub(crate) fn sign(self, key: &EccPrivateKey, random: &dyn RandomSource) -> Result<Vec<u8>, Error> {
        let fixed = key.sign_digest(&self.hasher.finish(), random)?;
        signature_to_der(self.signature.curve, &fixed)
    }
}

/// Verifies the signature over what passes through it.
pub(crate) struct Verifier {
    hasher: Hasher,
    key: EccPublicKey,
}

impl Verifier {
    /// For a message of `suite` with this stored context; `None` for suites that do not sign.
    pub(crate) fn new(suite: AlgorithmSuite, stored: &EncryptionContext) -> Result<Option<Self>, Error> {
        match (suite.signature(), stored.get(CONTEXT_KEY)) {
            (None, None) => Ok(None),
            (Some(signature), Some(text)) => {
                let point = Base64::decode_vec(text).map_err(|_| Error::malformed("the signature's public key"))?;
                let key = EccPublicKey::from_sec1(signature.curve, &point)?;
                if key.to_sec1_compressed() != point {
                    return Err(Error::malformed("the signature's public key is not a compressed point"));
                }
                Ok(Some(Self { hasher: Hasher::new(signature.hash), key }))
            }
            (None, Some(_)) => Err(Error::malformed("a signature's public key, and no signature")),
            (Some(_), None) => Err(Error::malformed("a signed message without its public key")),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    pub(crate) fn verify(self, signature: &[u8]) -> Result<(), Error> {
        self.key.verify_digest(&self.hasher.finish(), signature)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({})", self.key.spec())
    }
}

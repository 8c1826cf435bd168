//! The caller's face of a master key: every check that does not need the secret, once for all backends.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::primitives::ecc::signature_to_der;
use crate::public_key::digest_of;
use crate::{
    Algorithm, Call, CiphertextBlob, EncryptionAlgorithm, EncryptionContext, Error, ErrorKind, KeyAgreementAlgorithm,
    KeyInfo, MacAlgorithm, MasterKey, MessageType, PublicKey, Secret, SigningAlgorithm, blob,
};

/// A master key in use.
///
/// ```
/// use kms_core::{Call, EncryptionContext, Key, KeySpec, KeyUsage};
/// # use kms_core::{CiphertextBlob, Error, KeyId, KeyInfo, MacAlgorithm, MasterKey, RandomSource, Secret, SystemRandom};
/// # struct Demo(KeyInfo);
/// # impl Demo { fn prf(i: &[u8]) -> Result<Secret, Error> {
/// #     Ok(kms_core::primitives::mac::hmac(MacAlgorithm::HmacSha256, &[7; 32], i)) } }
/// # impl MasterKey for Demo {
/// #     fn info(&self) -> &KeyInfo { &self.0 }
/// #     fn fill_random(&self, out: &mut [u8], _: &Call) -> Result<(), Error> { SystemRandom.fill(out) }
/// #     fn seal(&self, p: &[u8], c: &EncryptionContext, _: &Call) -> Result<CiphertextBlob, Error> {
/// #         kms_core::blob::seal(&self.0.id, Self::prf, &SystemRandom, p, c) }
/// #     fn open(&self, b: &[u8], c: &EncryptionContext, _: &Call) -> Result<Secret, Error> {
/// #         kms_core::blob::open(&self.0.id, Self::prf, b, c) }
/// # }
/// # let info = KeyInfo::new(KeyId::from_bytes([1; 16]).into(), KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt)?;
/// # let key = Key::new(std::sync::Arc::new(Demo(info)));
/// let (context, call) = (EncryptionContext::new([("tenant", "42")])?, Call::default());
/// let sealed = key.encrypt(b"secret", &context, &call)?;
/// assert_eq!(key.decrypt(sealed.as_bytes(), &context, &call)?.expose(), b"secret");
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Key(Arc<dyn MasterKey>);

impl Key {
    /// The face of `master_key`.
    #[must_use]
    pub fn new(master_key: Arc<dyn MasterKey>) -> Self {
        Self(master_key)
    }

    /// The public facts.
    #[must_use]
    pub fn info(&self) -> &KeyInfo {
        self.0.info()
    }

    /// The public half.
    ///
    /// # Errors
    /// `Unsupported` for symmetric and HMAC keys; `Internal` if the backend's answer is not a key of this spec.
    pub fn public_key(&self) -> Result<PublicKey, Error> {
        let der = self.0.public_key().ok_or_else(|| Error::unsupported("this key has no public half"))?;
        match PublicKey::from_spki_der(der) {
            Ok(key) if key.spec() == self.info().spec => Ok(key),
            _ => Err(bad_answer("its public key is not of its spec")),
        }
    }

    /// Random bytes from where the key lives.
    ///
    /// # Errors
    /// If the generator or the way to it fails.
    pub fn fill_random(&self, out: &mut [u8], call: &Call) -> Result<(), Error> {
        self.0.fill_random(out, call)
    }

    /// Encrypts at most 4,096 bytes with a symmetric key.
    ///
    /// # Errors
    /// `InvalidInput` if the plaintext is longer; `Unsupported` unless the key is symmetric; the backend's faults.
    pub fn encrypt(&self, plaintext: &[u8], context: &EncryptionContext, call: &Call) -> Result<CiphertextBlob, Error> {
        self.needs(EncryptionAlgorithm::SymmetricDefault)?;
        if plaintext.len() > blob::MAX_PLAINTEXT {
            return Err(Error::invalid_input("a symmetric key encrypts at most 4,096 bytes: use a data key"));
        }
        checked(self.0.seal(plaintext, context, call)?, plaintext.len())
    }

    /// Decrypts what [`encrypt`](Self::encrypt) or [`generate_data_key`](Self::generate_data_key) made, under the
    /// same context.
    ///
    /// # Errors
    /// `Rejected` if anything does not verify; `IncorrectKey` if another key, or generation of this one, made it;
    /// `Malformed`; `Unsupported` unless the key is symmetric; the backend's faults.
    pub fn decrypt(&self, ciphertext: &[u8], context: &EncryptionContext, call: &Call) -> Result<Secret, Error> {
        self.needs(EncryptionAlgorithm::SymmetricDefault)?;
        if ciphertext.is_empty() || ciphertext.len() > blob::MAX_BLOB {
            return Err(Error::malformed("a ciphertext blob has 1 to 6,144 bytes"));
        }
        self.0.open(ciphertext, context, call)
    }

    /// Decrypts, with the private key, what its public half encrypted.
    ///
    /// # Errors
    /// `Rejected` for any ciphertext that is not right; `Unsupported` if the algorithm is not one of this key;
    /// the backend's faults.
    pub fn decrypt_asymmetric(
        &self,
        algorithm: EncryptionAlgorithm,
        ciphertext: &[u8],
        call: &Call,
    ) -> Result<Secret, Error> {
        self.needs(algorithm)?;
        if algorithm == EncryptionAlgorithm::SymmetricDefault {
            return Err(Error::unsupported("SYMMETRIC_DEFAULT is not an asymmetric algorithm"));
        }
        self.0.decrypt(algorithm, ciphertext, call)
    }

    /// A fresh data key of 1 to 1,024 bytes, in clear and encrypted under this key.
    ///
    /// # Errors
    /// `InvalidInput` for another length; otherwise as [`encrypt`](Self::encrypt).
    pub fn generate_data_key(
        &self,
        len: usize,
        context: &EncryptionContext,
        call: &Call,
    ) -> Result<(Secret, CiphertextBlob), Error> {
        self.needs(EncryptionAlgorithm::SymmetricDefault)?;
        if !(1..=1024).contains(&len) {
            return Err(Error::invalid_input("a data key has 1 to 1,024 bytes"));
        }
        let (data_key, sealed) = self.0.generate_data_key(len, context, call)?;
        // Every byte is read, so that the time taken does not tell how many of them are zero.
        let all_zero = data_key.expose().iter().fold(0, |seen, byte| seen | byte) == 0;
        if data_key.len() != len || all_zero && len >= 16 {
            return Err(bad_answer("its data key is not one"));
        }
        Ok((data_key, checked(sealed, len)?))
    }

    /// Signs a message, or its digest. ECDSA signatures are in DER, as in AWS KMS.
    ///
    /// # Errors
    /// `InvalidInput` if a digest has the wrong length; `Unsupported` if the algorithm is not one of this key;
    /// the backend's faults.
    pub fn sign(
        &self,
        algorithm: SigningAlgorithm,
        message_type: MessageType,
        message: &[u8],
        call: &Call,
    ) -> Result<Vec<u8>, Error> {
        self.needs(algorithm)?;
        let digest = digest_of(algorithm, message_type, message)?;
        let signature = self.0.sign_digest(algorithm, &digest, call)?;
        let spec = self.info().spec;
        match (spec.fixed_signature_len(), spec.modulus_len()) {
            (Some(len), _) if signature.len() == len => {
                signature_to_der(spec, &signature).map_err(|_| bad_answer("its signature is not one"))
            }
            (_, Some(len)) if signature.len() == len => Ok(signature),
            _ => Err(bad_answer("its signature has the wrong length")),
        }
    }

    /// Verifies a signature of this key; needs only the public half.
    ///
    /// # Errors
    /// As [`PublicKey::verify`]; `Unsupported` if the algorithm is not one of this key.
    pub fn verify(
        &self,
        algorithm: SigningAlgorithm,
        message_type: MessageType,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        self.needs(algorithm)?;
        self.public_key()?.verify(algorithm, message_type, message, signature)
    }

    /// The authentication code of a message.
    ///
    /// # Errors
    /// `Unsupported` if the algorithm is not one of this key; the backend's faults.
    pub fn generate_mac(&self, algorithm: MacAlgorithm, message: &[u8], call: &Call) -> Result<Secret, Error> {
        self.needs(algorithm)?;
        let mac = self.0.mac(algorithm, message, call)?;
        if mac.len() == algorithm.hash().output_len() {
            Ok(mac)
        } else {
            Err(bad_answer("its MAC has the wrong length"))
        }
    }

    /// Verifies an authentication code, in constant time.
    ///
    /// # Errors
    /// `Rejected` if it is not the message's; otherwise as [`generate_mac`](Self::generate_mac).
    pub fn verify_mac(&self, algorithm: MacAlgorithm, message: &[u8], mac: &[u8], call: &Call) -> Result<(), Error> {
        if self.generate_mac(algorithm, message, call)?.ct_eq(mac) { Ok(()) } else { Err(Error::rejected()) }
    }

    /// The raw ECDH secret with a peer's public key (`DeriveSharedSecret`).
    ///
    /// # Errors
    /// `InvalidInput` if the peer's key is on another curve; `Unsupported` if the key does not agree on secrets;
    /// the backend's faults.
    pub fn derive_shared_secret(&self, peer: &PublicKey, call: &Call) -> Result<Secret, Error> {
        self.needs(KeyAgreementAlgorithm::Ecdh)?;
        if peer.spec() != self.info().spec {
            return Err(Error::invalid_input(alloc::format!(
                "the peer's public key is {}, not {}",
                peer.spec(),
                self.info().spec
            )));
        }
        let secret = self.0.agree(&peer.to_spki_der()?, call)?;
        if Some(secret.len()) == self.info().spec.coordinate_len() {
            Ok(secret)
        } else {
            Err(bad_answer("its shared secret has the wrong length"))
        }
    }

    fn needs(&self, algorithm: impl Into<Algorithm>) -> Result<(), Error> {
        let (info, algorithm) = (self.info(), algorithm.into());
        if info.algorithms.contains(algorithm) {
            return Ok(());
        }
        Err(Error::unsupported(alloc::format!("{algorithm} with a {} key for {}", info.spec, info.usage)))
    }
}

impl From<Arc<dyn MasterKey>> for Key {
    fn from(master_key: Arc<dyn MasterKey>) -> Self {
        Self(master_key)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(self.info()).finish()
    }
}

/// A ciphertext shorter than its plaintext is none: a backend answered with nothing (tink-go issue 7).
fn checked(sealed: CiphertextBlob, plaintext_len: usize) -> Result<CiphertextBlob, Error> {
    if sealed.as_bytes().len() > plaintext_len { Ok(sealed) } else { Err(bad_answer("its ciphertext is too short")) }
}

fn bad_answer(what: &'static str) -> Error {
    Error::with_detail(ErrorKind::Internal, alloc::format!("the key's backend gave a bad answer: {what}"))
}

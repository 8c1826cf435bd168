//! The seam between the core and whatever holds a key: a module of an HSM, process memory, a remote service.

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::{
    AlgorithmSet, Call, CiphertextBlob, EncryptionAlgorithm, EncryptionContext, Error, KeySpec, KeyUsage, MacAlgorithm,
    Secret, SigningAlgorithm,
};

/// The identity of a KMS key: 128 bits, shown as a UUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 16]);

impl KeyId {
    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// A random id, in the form of a version 4 UUID (RFC 9562, section 5.4).
    ///
    /// # Errors
    /// If the generator fails.
    pub fn random(random: &dyn crate::RandomSource) -> Result<Self, Error> {
        let mut bytes = [0; 16];
        random.fill(&mut bytes)?;
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Ok(Self(bytes))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // At once: it stands in every answer and every record.
        let mut text = [b'-'; 36];
        let places = (0..36).filter(|at| !matches!(at, 8 | 13 | 18 | 23));
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        for (at, digit) in places.zip(digits) {
            if let Some(place) = text.get_mut(at) {
                *place = digit + if digit < 10 { b'0' } else { b'a' - 10 };
            }
        }
        f.write_str(core::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::invalid_input("a key id looks like 1234abcd-12ab-34cd-56ef-1234567890ab");
        let text: &[u8; 36] = text.as_bytes().try_into().map_err(|_| bad())?;
        let mut bytes = [0; 16];
        let mut digits = 0;
        for (at, &character) in text.iter().enumerate() {
            let digit = match character {
                b'-' if matches!(at, 8 | 13 | 18 | 23) => continue,
                _ if matches!(at, 8 | 13 | 18 | 23) => return Err(bad()),
                b'0'..=b'9' => character - b'0',
                b'a'..=b'f' => character - b'a' + 10,
                b'A'..=b'F' => character - b'A' + 10,
                _ => return Err(bad()),
            };
            if let Some(byte) = bytes.get_mut(digits / 2) {
                *byte = *byte << 4 | digit;
            }
            digits += 1;
        }
        Ok(Self(bytes))
    }
}

/// The identity of one generation of key material: what a ciphertext names, so that rotation never breaks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(clippy::exhaustive_structs, reason = "frozen by the ciphertext blob's format")]
pub struct MaterialId {
    /// The KMS key.
    pub key: KeyId,
    /// Counts its generations; the first is 0.
    pub generation: u32,
}

impl From<KeyId> for MaterialId {
    /// The first generation.
    fn from(key: KeyId) -> Self {
        Self { key, generation: 0 }
    }
}

impl fmt::Display for MaterialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.key, self.generation)
    }
}

/// The public facts about a master key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyInfo {
    /// What its ciphertexts name.
    pub id: MaterialId,
    /// Type and size.
    pub spec: KeySpec,
    /// The one kind of operation it is for.
    pub usage: KeyUsage,
    /// What it can do: all that `spec` and `usage` allow, less what its backend lacks.
    pub algorithms: AlgorithmSet,
}

impl KeyInfo {
    /// A key that can do all that `spec` and `usage` allow.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if a key of `spec` cannot be for `usage`.
    pub fn new(id: MaterialId, spec: KeySpec, usage: KeyUsage) -> Result<Self, Error> {
        let algorithms = AlgorithmSet::of(spec, usage);
        if algorithms.is_empty() {
            return Err(Error::invalid_input(spec.misuse(usage)));
        }
        Ok(Self { id, spec, usage, algorithms })
    }

    /// The same key, with only those of its algorithms that are in `supported`.
    #[must_use]
    pub fn limited_to(mut self, supported: AlgorithmSet) -> Self {
        self.algorithms = self.algorithms.iter().filter(|&one| supported.contains(one)).collect();
        self
    }
}

/// One generation of key material in a backend: the operations that need the secret, and no others.
///
/// Implement this for a new kind of backend; call keys through [`Key`](crate::Key), which checks usage, limits,
/// algorithms and the backend's answers once for all backends. Public-key operations, hashing and encodings are
/// not here: they need no secret.
///
/// Implementations return secrets only from [`open`](Self::open), [`decrypt`](Self::decrypt),
/// [`mac`](Self::mac), [`agree`](Self::agree) and [`generate_data_key`](Self::generate_data_key). There is no
/// way to read the key itself. A forged or damaged input is [`ErrorKind::Rejected`](crate::ErrorKind::Rejected)
/// whatever the reason; a fault of a device or network is never that.
///
/// Decorators (retry, metrics, quota, fault injection) are `MasterKey`s that call another.
pub trait MasterKey: Send + Sync {
    /// The public facts.
    fn info(&self) -> &KeyInfo;

    /// The public half, as the DER of a SubjectPublicKeyInfo (RFC 5280, section 4.1). `None` for symmetric keys.
    fn public_key(&self) -> Option<&[u8]> {
        None
    }

    /// Random bytes from where the key lives.
    ///
    /// # Errors
    /// If the generator or the way to it fails.
    fn fill_random(&self, out: &mut [u8], call: &Call) -> Result<(), Error>;

    /// Encrypts at most 4,096 bytes; the context is authenticated.
    ///
    /// # Errors
    /// `Unsupported` unless the key is symmetric; transport faults.
    fn seal(&self, plaintext: &[u8], context: &EncryptionContext, call: &Call) -> Result<CiphertextBlob, Error> {
        let _ = (plaintext, context, call);
        Err(unsupported())
    }

    /// Decrypts what [`seal`](Self::seal) made, under the same context.
    ///
    /// # Errors
    /// `IncorrectKey` if the blob names other material; `Rejected` if anything does not verify; transport faults.
    fn open(&self, blob: &[u8], context: &EncryptionContext, call: &Call) -> Result<Secret, Error> {
        let _ = (blob, context, call);
        Err(unsupported())
    }

    /// Decrypts with the private key.
    ///
    /// # Errors
    /// `Rejected` for every bad ciphertext, after the same work; transport faults.
    fn decrypt(&self, algorithm: EncryptionAlgorithm, ciphertext: &[u8], call: &Call) -> Result<Secret, Error> {
        let _ = (algorithm, ciphertext, call);
        Err(unsupported())
    }

    /// Signs a digest whose length is that of the algorithm's hash. ECDSA signatures are the fixed form `r || s`.
    ///
    /// # Errors
    /// Transport faults.
    fn sign_digest(&self, algorithm: SigningAlgorithm, digest: &[u8], call: &Call) -> Result<Vec<u8>, Error> {
        let _ = (algorithm, digest, call);
        Err(unsupported())
    }

    /// The full-length authentication code of a message.
    ///
    /// # Errors
    /// Transport faults.
    fn mac(&self, algorithm: MacAlgorithm, message: &[u8], call: &Call) -> Result<Secret, Error> {
        let _ = (algorithm, message, call);
        Err(unsupported())
    }

    /// The raw ECDH secret (x coordinate) with the public key `peer`, a SubjectPublicKeyInfo in DER on the same
    /// curve, which the caller has checked to be a valid point.
    ///
    /// # Errors
    /// Transport faults.
    fn agree(&self, peer: &[u8], call: &Call) -> Result<Secret, Error> {
        let _ = (peer, call);
        Err(unsupported())
    }

    /// `len` fresh random bytes, in clear and sealed under this key.
    ///
    /// # Errors
    /// As [`fill_random`](Self::fill_random) and [`seal`](Self::seal).
    fn generate_data_key(
        &self,
        len: usize,
        context: &EncryptionContext,
        call: &Call,
    ) -> Result<(Secret, CiphertextBlob), Error> {
        let mut data_key = Secret::zeroed(len);
        self.fill_random(data_key.expose_mut(), call)?;
        let sealed = self.seal(data_key.expose(), context, call)?;
        Ok((data_key, sealed))
    }
}

fn unsupported() -> Error {
    Error::unsupported("this master key has no such operation")
}

impl fmt::Debug for dyn MasterKey + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MasterKey").field(self.info()).finish()
    }
}

// Object safety is part of the contract.
const _: fn(&dyn MasterKey) = |_| {};

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_key_id_reads_back() {
        let id = KeyId::from_bytes(*b"\x12\x34\xab\xcd\x12\xab\x34\xcd\x56\xef\x12\x34\x56\x78\x90\xab");
        assert_eq!(id.to_string(), "1234abcd-12ab-34cd-56ef-1234567890ab");
        assert_eq!(id.to_string().parse::<KeyId>().unwrap(), id);
        for bad in [
            "",
            "1234abcd",
            "1234abcd-12ab-34cd-56ef-1234567890a",
            "1234abcd-12ab-34cd-56ef-1234567890abc",
            "1234abcd012ab-34cd-56ef-1234567890ab",
            "+234abcd-12ab-34cd-56ef-1234567890ab",
            "é234abcd",
        ] {
            assert!(bad.parse::<KeyId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn usage_must_fit() {
        let id = KeyId::from_bytes([0; 16]).into();
        assert!(KeyInfo::new(id, KeySpec::Hmac256, KeyUsage::SignVerify).is_err());
        assert!(KeyInfo::new(id, KeySpec::Hmac256, KeyUsage::GenerateVerifyMac).is_ok());
    }
}

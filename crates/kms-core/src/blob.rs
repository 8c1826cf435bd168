//! The ciphertext blob: what `Encrypt` and `GenerateDataKey` return. Drawn byte by byte in `docs/FORMAT.md`.
//!
//! ```text
//!  0        1        2               18             22          38               70
//!  +--------+--------+---------------+--------------+-----------+----------------+----------------+---------+
//!  | C1     | 01     | key id        | generation   | nonce     | commitment     | ciphertext     | tag     |
//!  | version| suite  | 16 bytes      | u32          | 16 bytes  | 32 bytes       | 0..=4096 bytes | 16 bytes|
//!  +--------+--------+---------------+--------------+-----------+----------------+----------------+---------+
//! ```
//!
//! Suite 01 derives an AES-256 key for each blob from the 256-bit master key and the nonce, by the counter-mode
//! KDF of NIST SP 800-108r1 (section 4.1) with HMAC-SHA-256 in one block, and encrypts 32 zero bytes followed by
//! the plaintext with AES-256-GCM under a zero nonce. The associated data are the first 38 bytes and the
//! canonical encryption context. The encrypted zeros commit to the key: no ciphertext opens under two master
//! keys. A blob needs exactly one HMAC from whatever holds the master key, so an HSM computes the same bytes.

use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq;

use crate::parse::Reader;
use crate::primitives::aead::{AesGcm, NONCE_LEN, TAG_LEN};
use crate::{EncryptionContext, Error, ErrorKind, KeyId, MaterialId, RandomSource, Secret};

/// First byte of version 1. Not a first byte of an Encryption SDK message, nor ASCII.
pub const VERSION: u8 = 0xc1;
/// AES-256-GCM, key-committing, under a key derived for each blob.
const SUITE_DERIVED: u8 = 0x01;
const SALT_LEN: usize = 16;
const COMMITMENT_LEN: usize = 32;
const HEADER_LEN: usize = 1 + 1 + 16 + 4 + SALT_LEN;
const OVERHEAD: usize = HEADER_LEN + COMMITMENT_LEN + TAG_LEN;
/// The KDF's label.
const LABEL: &[u8] = b"kms ciphertext blob v1";
/// Longest plaintext in bytes, as in AWS KMS.
pub const MAX_PLAINTEXT: usize = 4096;
/// Longest blob in bytes that is read (the AWS KMS limit on a ciphertext blob).
pub const MAX_BLOB: usize = 6144;

/// A payload or data key encrypted under a master key.
///
/// For keys of this project, version 1 of the format of this [module](self). A key behind a remote service puts that
/// service's own blob here.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CiphertextBlob(Vec<u8>);

impl CiphertextBlob {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl From<Vec<u8>> for CiphertextBlob {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for CiphertextBlob {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for CiphertextBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CiphertextBlob({} bytes)", self.0.len())
    }
}

/// Which material a blob names, without a key.
///
/// # Errors
/// [`ErrorKind::Malformed`] if this is no blob of version 1; [`ErrorKind::Unsupported`] for a suite that this
/// version does not know.
///
/// ```
/// assert!(kms_core::blob::material_id(b"not a blob").is_err());
/// ```
pub fn material_id(blob: &[u8]) -> Result<MaterialId, Error> {
    Parts::parse(blob).map(|parts| parts.id)
}

struct Parts<'a> {
    id: MaterialId,
    header: &'a [u8],
    salt: [u8; SALT_LEN],
    body: &'a [u8],
    tag: [u8; TAG_LEN],
}

impl<'a> Parts<'a> {
    fn parse(blob: &'a [u8]) -> Result<Self, Error> {
        let malformed = || Error::malformed("not a kms ciphertext blob");
        let missing = |_| malformed();
        if blob.len() > MAX_BLOB {
            return Err(Error::malformed("a ciphertext blob has at most 6,144 bytes"));
        }
        let mut reader = Reader::new(blob);
        if reader.u8() != Ok(VERSION) {
            return Err(malformed());
        }
        if reader.u8().map_err(missing)? != SUITE_DERIVED {
            return Err(Error::unsupported("this ciphertext blob was made by a newer version or another backend"));
        }
        let key = KeyId::from_bytes(reader.array().map_err(missing)?);
        let generation = reader.u32().map_err(missing)?;
        let salt = reader.array().map_err(missing)?;
        let (body, tag) = reader.rest().split_last_chunk().ok_or_else(malformed)?;
        if body.len() < COMMITMENT_LEN {
            return Err(malformed());
        }
        let header = blob.get(..HEADER_LEN).ok_or_else(malformed)?;
        Ok(Self { id: MaterialId { key, generation }, header, salt, body, tag: *tag })
    }
}

/// The input of the one HMAC-SHA-256 that derives a blob's key: SP 800-108r1, section 4.1, with 32-bit counter
/// and length fields: `[1] || label || 00 || nonce || key id || generation || [256]`.
fn kdf_input(id: &MaterialId, salt: &[u8; SALT_LEN]) -> Vec<u8> {
    let mut input = Vec::with_capacity(4 + LABEL.len() + 1 + SALT_LEN + 20 + 4);
    input.extend(1u32.to_be_bytes());
    input.extend(LABEL);
    input.push(0);
    input.extend(salt);
    input.extend(id.key.as_bytes());
    input.extend(id.generation.to_be_bytes());
    input.extend(256u32.to_be_bytes());
    input
}

fn associated_data(header: &[u8], context: &EncryptionContext) -> Vec<u8> {
    [header, context.aad()].concat()
}

fn derive(
    id: &MaterialId,
    salt: &[u8; SALT_LEN],
    prf: impl FnOnce(&[u8]) -> Result<Secret, Error>,
) -> Result<AesGcm, Error> {
    let key = prf(&kdf_input(id, salt))?;
    if key.len() != 32 {
        return Err(Error::with_detail(ErrorKind::Internal, "the backend's HMAC-SHA-256 is not 32 bytes"));
    }
    AesGcm::new(key.expose())
}

/// For backends: makes a blob. `prf` is HMAC-SHA-256 of its argument under the master key.
///
/// # Errors
/// `InvalidInput` for more than 4,096 bytes; what `prf` and `random` answer.
pub fn seal(
    id: &MaterialId,
    prf: impl FnOnce(&[u8]) -> Result<Secret, Error>,
    random: &dyn RandomSource,
    plaintext: &[u8],
    context: &EncryptionContext,
) -> Result<CiphertextBlob, Error> {
    if plaintext.len() > MAX_PLAINTEXT {
        return Err(Error::invalid_input("a symmetric key encrypts at most 4,096 bytes: use a data key"));
    }
    let mut salt = [0; SALT_LEN];
    random.fill(&mut salt)?;
    let cipher = derive(id, &salt, prf)?;

    let mut blob = Vec::with_capacity(OVERHEAD + plaintext.len());
    blob.extend([VERSION, SUITE_DERIVED]);
    blob.extend(id.key.as_bytes());
    blob.extend(id.generation.to_be_bytes());
    blob.extend(salt);
    let aad = associated_data(&blob, context);
    blob.extend([0; COMMITMENT_LEN]);
    blob.extend(plaintext);
    let body = blob.get_mut(HEADER_LEN..).ok_or(ErrorKind::Internal)?;
    let tag = cipher.seal_in_place(&[0; NONCE_LEN], &aad, body)?;
    blob.extend(tag);
    Ok(CiphertextBlob(blob))
}

/// For backends: opens a blob that [`seal`] made under the same material and context.
///
/// # Errors
/// `Malformed`, `Unsupported`; `IncorrectKey` if it names material other than `id`; `Rejected` if it does not
/// verify; what `prf` answers.
pub fn open(
    id: &MaterialId,
    prf: impl FnOnce(&[u8]) -> Result<Secret, Error>,
    blob: &[u8],
    context: &EncryptionContext,
) -> Result<Secret, Error> {
    let parts = Parts::parse(blob)?;
    if parts.id != *id {
        return Err(ErrorKind::IncorrectKey.into());
    }
    let cipher = derive(id, &parts.salt, prf)?;
    let aad = associated_data(parts.header, context);
    let mut padded = Secret::copy_from(parts.body);
    cipher.open_in_place(&[0; NONCE_LEN], &aad, padded.expose_mut(), &parts.tag)?;
    let (commitment, plaintext) = padded.expose().split_at_checked(COMMITMENT_LEN).ok_or_else(Error::rejected)?;
    if !bool::from(commitment.ct_eq(&[0; COMMITMENT_LEN])) {
        return Err(Error::rejected());
    }
    Ok(Secret::copy_from(plaintext))
}

#[cfg(all(test, feature = "getrandom"))]
mod tests {
    use super::*;
    use crate::primitives::mac::hmac;
    use crate::{MacAlgorithm, SystemRandom};

    fn id() -> MaterialId {
        MaterialId { key: KeyId::from_bytes([7; 16]), generation: 3 }
    }

    fn prf(key: [u8; 32]) -> impl Fn(&[u8]) -> Result<Secret, Error> {
        move |input| Ok(hmac(MacAlgorithm::HmacSha256, &key, input))
    }

    #[test]
    fn round_trip_and_length() {
        let context = EncryptionContext::new([("a", "b")]).unwrap();
        for len in [0, 1, 32, 4096] {
            let plaintext = alloc::vec![9; len];
            let blob = seal(&id(), prf([1; 32]), &SystemRandom, &plaintext, &context).unwrap();
            assert_eq!(blob.as_bytes().len(), len + 86);
            assert_eq!(material_id(blob.as_bytes()).unwrap(), id());
            assert_eq!(open(&id(), prf([1; 32]), blob.as_bytes(), &context).unwrap().expose(), plaintext);
        }
        let too_long = seal(&id(), prf([1; 32]), &SystemRandom, &[0; 4097], &context);
        assert_eq!(too_long.unwrap_err().kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn every_flip_and_every_cut_is_refused() {
        let context = EncryptionContext::empty();
        let blob = seal(&id(), prf([1; 32]), &SystemRandom, b"payload", &context).unwrap().into_bytes();
        for index in 0..blob.len() {
            let mut bad = blob.clone();
            bad[index] ^= 1;
            let kind = open(&id(), prf([1; 32]), &bad, &context).unwrap_err().kind();
            let expected = match index {
                0 => ErrorKind::Malformed,
                1 => ErrorKind::Unsupported,
                2..22 => ErrorKind::IncorrectKey,
                _ => ErrorKind::Rejected,
            };
            assert_eq!(kind, expected, "byte {index}");
            assert!(open(&id(), prf([1; 32]), &blob[..index], &context).is_err());
        }
        let other = EncryptionContext::new([("a", "b")]).unwrap();
        assert_eq!(open(&id(), prf([1; 32]), &blob, &other).unwrap_err().kind(), ErrorKind::Rejected);
        assert_eq!(open(&id(), prf([2; 32]), &blob, &context).unwrap_err().kind(), ErrorKind::Rejected);
    }

    #[test]
    fn a_blob_without_the_commitment_is_rejected() {
        // What an attacker who knows the key would build: a valid tag over something else than zeros.
        let context = EncryptionContext::empty();
        let mut blob = seal(&id(), prf([1; 32]), &SystemRandom, b"", &context).unwrap().into_bytes();
        blob.truncate(HEADER_LEN);
        let salt: [u8; SALT_LEN] = blob[22..38].try_into().unwrap();
        let mut body = [1; COMMITMENT_LEN];
        let cipher = derive(&id(), &salt, prf([1; 32])).unwrap();
        let tag = cipher.seal_in_place(&[0; NONCE_LEN], &blob, &mut body).unwrap();
        blob.extend(body);
        blob.extend(tag);
        assert_eq!(open(&id(), prf([1; 32]), &blob, &context).unwrap_err().kind(), ErrorKind::Rejected);
    }
}

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
//! keys. A blob needs exactly one HMAC from whatever holds the master key, so an HSM computes the same bytes; one that
//! has the KDF itself computes them without the derived key leaving it.
//!
//! Suite 02 is for AES keys that an HSM held before, and that can do nothing but AES-GCM. It is not key-committing, and
//! the number of its blobs under one key is bounded; whoever holds the key counts them.
//!
//! ```text
//!  0        1        2               18             22         34
//!  +--------+--------+---------------+--------------+----------+----------------+---------+
//!  | C1     | 02     | key id        | generation   | nonce    | ciphertext     | tag     |
//!  | version| suite  | 16 bytes      | u32          | 12 bytes | 0..=4096 bytes | 16 bytes|
//!  +--------+--------+---------------+--------------+----------+----------------+---------+
//! ```
//!
//! Its associated data are the first 22 bytes and the canonical encryption context.

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
/// AES-256-GCM, directly under the master key.
const SUITE_DIRECT: u8 = 0x02;
/// Version, suite, key id, generation.
const NAME_LEN: usize = 1 + 1 + 16 + 4;
const SALT_LEN: usize = 16;
const COMMITMENT_LEN: usize = 32;
const HEADER_LEN: usize = NAME_LEN + SALT_LEN;
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
    /// What is authenticated beside the context.
    header: &'a [u8],
    sealed: Sealed<'a>,
}

/// What differs between the suites. `body` is followed by `tag`.
enum Sealed<'a> {
    Derived { salt: &'a [u8; SALT_LEN], body_and_tag: &'a [u8] },
    Direct { nonce: &'a [u8; NONCE_LEN], body_and_tag: &'a [u8] },
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
        let suite = reader.u8().map_err(missing)?;
        if !matches!(suite, SUITE_DERIVED | SUITE_DIRECT) {
            return Err(Error::unsupported("this ciphertext blob was made by a newer version or another backend"));
        }
        let key = KeyId::from_bytes(reader.array().map_err(missing)?);
        let generation = reader.u32().map_err(missing)?;
        let (header_len, least, sealed) = if suite == SUITE_DERIVED {
            let salt = reader.chunk().map_err(missing)?;
            (HEADER_LEN, COMMITMENT_LEN + TAG_LEN, Sealed::Derived { salt, body_and_tag: reader.rest() })
        } else {
            let nonce = reader.chunk().map_err(missing)?;
            (NAME_LEN, TAG_LEN, Sealed::Direct { nonce, body_and_tag: reader.rest() })
        };
        if reader.rest().len() < least {
            return Err(malformed());
        }
        let header = blob.get(..header_len).ok_or_else(malformed)?;
        Ok(Self { id: MaterialId { key, generation }, header, sealed })
    }

    /// A blob of this material.
    fn of(blob: &'a [u8], id: &MaterialId) -> Result<Self, Error> {
        let parts = Self::parse(blob)?;
        if parts.id == *id { Ok(parts) } else { Err(ErrorKind::IncorrectKey.into()) }
    }
}

/// The fixed input of the KDF that gives a blob of suite 01 its key: SP 800-108r1, section 4.1, counter mode with
/// HMAC-SHA-256, 32-bit counter and length fields.
#[derive(Debug, Clone, Copy)]
pub struct Derivation {
    /// Nonce, key id, generation.
    context: [u8; SALT_LEN + 20],
}

impl Derivation {
    fn new(id: &MaterialId, salt: &[u8; SALT_LEN]) -> Self {
        let mut context = [0; SALT_LEN + 20];
        let parts = salt.iter().chain(id.key.as_bytes()).copied().chain(id.generation.to_be_bytes());
        context.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        Self { context }
    }

    /// What stands between the counter and the length: `label || 00 || nonce || key id || generation`.
    #[must_use]
    pub fn fixed_input(&self) -> Vec<u8> {
        [LABEL, &[0], &self.context].concat()
    }

    /// The input of the one HMAC-SHA-256 that the KDF comes to: `[1] || fixed input || [256]`.
    #[must_use]
    pub fn prf_input(&self) -> Vec<u8> {
        let mut input = Vec::with_capacity(4 + LABEL.len() + 1 + self.context.len() + 4);
        input.extend(1u32.to_be_bytes());
        input.extend(LABEL);
        input.push(0);
        input.extend(self.context);
        input.extend(256u32.to_be_bytes());
        input
    }

    fn cipher(&self, prf: impl FnOnce(&[u8]) -> Result<Secret, Error>) -> Result<AesGcm, Error> {
        let key = prf(&self.prf_input())?;
        if key.len() != 32 {
            return Err(Error::with_detail(ErrorKind::Internal, "the backend's HMAC-SHA-256 is not 32 bytes"));
        }
        AesGcm::new(key.expose())
    }
}

fn associated_data(header: &[u8], context: &EncryptionContext) -> Vec<u8> {
    [header, context.aad()].concat()
}

/// The beginning of a blob of `suite`, with room for `more`.
fn named(id: &MaterialId, suite: u8, more: usize) -> Vec<u8> {
    let mut blob = Vec::with_capacity(NAME_LEN + more);
    blob.extend([VERSION, suite]);
    blob.extend(id.key.as_bytes());
    blob.extend(id.generation.to_be_bytes());
    blob
}

fn check_len(plaintext: &[u8]) -> Result<(), Error> {
    if plaintext.len() > MAX_PLAINTEXT {
        return Err(Error::invalid_input("a symmetric key encrypts at most 4,096 bytes: use a data key"));
    }
    Ok(())
}

/// The plaintext behind the commitment.
fn committed(padded: &Secret) -> Result<Secret, Error> {
    let (commitment, plaintext) = padded.expose().split_at_checked(COMMITMENT_LEN).ok_or_else(Error::rejected)?;
    if !bool::from(commitment.ct_eq(&[0; COMMITMENT_LEN])) {
        return Err(Error::rejected());
    }
    Ok(Secret::copy_from(plaintext))
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
    check_len(plaintext)?;
    let mut salt = [0; SALT_LEN];
    random.fill(&mut salt)?;
    let cipher = Derivation::new(id, &salt).cipher(prf)?;
    let mut blob = named(id, SUITE_DERIVED, OVERHEAD - NAME_LEN + plaintext.len());
    blob.extend(salt);
    let aad = associated_data(&blob, context);
    blob.extend([0; COMMITMENT_LEN]);
    blob.extend(plaintext);
    let body = blob.get_mut(HEADER_LEN..).ok_or(ErrorKind::Internal)?;
    let tag = cipher.seal_in_place(&[0; NONCE_LEN], &aad, body)?;
    blob.extend(tag);
    Ok(CiphertextBlob(blob))
}

/// For backends: opens a blob that [`seal`] or [`seal_inside`] made under the same material and context.
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
    let parts = Parts::of(blob, id)?;
    let Sealed::Derived { salt, body_and_tag } = parts.sealed else { return Err(other_suite()) };
    let (body, tag) = body_and_tag.split_last_chunk().ok_or_else(Error::rejected)?;
    let cipher = Derivation::new(id, salt).cipher(prf)?;
    let aad = associated_data(parts.header, context);
    let mut padded = Secret::copy_from(body);
    cipher.open_in_place(&[0; NONCE_LEN], &aad, padded.expose_mut(), tag)?;
    committed(&padded)
}

/// For backends that hold the KDF and the cipher: makes the blob that [`seal`] makes.
///
/// `aead` derives the AES-256 key of its first argument and encrypts its third under a nonce of twelve zero bytes with
/// the second as associated data; it answers ciphertext and tag.
///
/// # Errors
/// As [`seal`]; what `aead` answers; `Internal` if that has the wrong length.
pub fn seal_inside(
    id: &MaterialId,
    random: &dyn RandomSource,
    plaintext: &[u8],
    context: &EncryptionContext,
    aead: impl FnOnce(&Derivation, &[u8], &Secret) -> Result<Vec<u8>, Error>,
) -> Result<CiphertextBlob, Error> {
    check_len(plaintext)?;
    let mut salt = [0; SALT_LEN];
    random.fill(&mut salt)?;
    let mut blob = named(id, SUITE_DERIVED, OVERHEAD - NAME_LEN + plaintext.len());
    blob.extend(salt);
    let mut padded = Secret::zeroed(COMMITMENT_LEN + plaintext.len());
    padded.expose_mut().iter_mut().skip(COMMITMENT_LEN).zip(plaintext).for_each(|(to, from)| *to = *from);
    let sealed = aead(&Derivation::new(id, &salt), &associated_data(&blob, context), &padded)?;
    append(blob, &sealed, padded.len())
}

/// For backends that hold the KDF and the cipher: opens a blob of suite 01.
///
/// `aead` is the inverse of that of [`seal_inside`]: `Rejected` if the tag does not verify.
///
/// # Errors
/// As [`open`]; what `aead` answers.
pub fn open_inside(
    id: &MaterialId,
    blob: &[u8],
    context: &EncryptionContext,
    aead: impl FnOnce(&Derivation, &[u8], &[u8]) -> Result<Secret, Error>,
) -> Result<Secret, Error> {
    let parts = Parts::of(blob, id)?;
    let Sealed::Derived { salt, body_and_tag } = parts.sealed else { return Err(other_suite()) };
    committed(&aead(&Derivation::new(id, salt), &associated_data(parts.header, context), body_and_tag)?)
}

/// For backends that hold an AES key and can do nothing else with it: makes a blob of suite 02.
///
/// `aead` encrypts its second argument under the master key with the first as associated data, and answers the nonce,
/// which must never repeat under one key, and the ciphertext and tag. **Count them**: with random nonces, at most 2^32
/// under one key (NIST SP 800-38D, section 8.3).
///
/// # Errors
/// As [`seal`]; what `aead` answers; `Internal` if that has the wrong length.
pub fn seal_direct(
    id: &MaterialId,
    plaintext: &[u8],
    context: &EncryptionContext,
    aead: impl FnOnce(&[u8], &[u8]) -> Result<([u8; NONCE_LEN], Vec<u8>), Error>,
) -> Result<CiphertextBlob, Error> {
    check_len(plaintext)?;
    let mut blob = named(id, SUITE_DIRECT, NONCE_LEN + plaintext.len() + TAG_LEN);
    let (nonce, sealed) = aead(&associated_data(&blob, context), plaintext)?;
    blob.extend(nonce);
    append(blob, &sealed, plaintext.len())
}

/// For backends that hold an AES key: opens a blob of suite 02.
///
/// `aead` is given the associated data, the nonce, and ciphertext and tag: `Rejected` if the tag does not verify.
///
/// # Errors
/// As [`open`]; what `aead` answers.
pub fn open_direct(
    id: &MaterialId,
    blob: &[u8],
    context: &EncryptionContext,
    aead: impl FnOnce(&[u8], &[u8; NONCE_LEN], &[u8]) -> Result<Secret, Error>,
) -> Result<Secret, Error> {
    let parts = Parts::of(blob, id)?;
    let Sealed::Direct { nonce, body_and_tag } = parts.sealed else { return Err(other_suite()) };
    aead(&associated_data(parts.header, context), nonce, body_and_tag)
}

fn append(mut blob: Vec<u8>, sealed: &[u8], plaintext_len: usize) -> Result<CiphertextBlob, Error> {
    if sealed.len() != plaintext_len + TAG_LEN {
        return Err(Error::with_detail(ErrorKind::Internal, "the backend's AES-GCM gave a wrong length"));
    }
    blob.extend(sealed);
    Ok(CiphertextBlob(blob))
}

/// A blob that names this key and could not have been made by it.
fn other_suite() -> Error {
    Error::rejected()
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
                1 => ErrorKind::Unsupported, // 01 becomes 00
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
        let cipher = Derivation::new(&id(), &salt).cipher(prf([1; 32])).unwrap();
        let tag = cipher.seal_in_place(&[0; NONCE_LEN], &blob, &mut body).unwrap();
        blob.extend(body);
        blob.extend(tag);
        assert_eq!(open(&id(), prf([1; 32]), &blob, &context).unwrap_err().kind(), ErrorKind::Rejected);
    }

    /// What an HSM with the KDF does, in software.
    fn inside(derivation: &Derivation) -> Result<AesGcm, Error> {
        derivation.cipher(prf([1; 32]))
    }

    fn seal_to_vec(cipher: &AesGcm, nonce: &[u8; NONCE_LEN], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let mut sealed = plaintext.to_vec();
        let tag = cipher.seal_in_place(nonce, aad, &mut sealed)?;
        sealed.extend(tag);
        Ok(sealed)
    }

    fn open_to_secret(cipher: &AesGcm, nonce: &[u8; NONCE_LEN], aad: &[u8], sealed: &[u8]) -> Result<Secret, Error> {
        let (body, tag) = sealed.split_last_chunk().ok_or_else(Error::rejected)?;
        let mut plaintext = Secret::copy_from(body);
        cipher.open_in_place(nonce, aad, plaintext.expose_mut(), tag)?;
        Ok(plaintext)
    }

    #[test]
    fn derived_inside_or_outside_the_blob_is_the_same() {
        let context = EncryptionContext::new([("a", "b")]).unwrap();
        let sealed = seal_inside(&id(), &SystemRandom, b"payload", &context, |derivation, aad, padded| {
            seal_to_vec(&inside(derivation)?, &[0; NONCE_LEN], aad, padded.expose())
        });
        let mut blob = sealed.unwrap().into_bytes();
        assert_eq!(open(&id(), prf([1; 32]), &blob, &context).unwrap().expose(), b"payload");
        let aead = |derivation: &Derivation, aad: &[u8], sealed: &[u8]| {
            open_to_secret(&inside(derivation)?, &[0; NONCE_LEN], aad, sealed)
        };
        assert_eq!(open_inside(&id(), &blob, &context, aead).unwrap().expose(), b"payload");
        *blob.last_mut().unwrap() ^= 1;
        assert_eq!(open_inside(&id(), &blob, &context, aead).unwrap_err().kind(), ErrorKind::Rejected);
    }

    #[test]
    fn the_fixed_input_is_the_middle_of_the_hmac_input() {
        let derivation = Derivation::new(&id(), &[9; SALT_LEN]);
        let whole = [&[0, 0, 0, 1], &*derivation.fixed_input(), &[0, 0, 1, 0]].concat();
        assert_eq!(whole, derivation.prf_input());
    }

    #[test]
    fn a_direct_blob_is_bound_to_its_name_and_context() {
        let context = EncryptionContext::new([("a", "b")]).unwrap();
        let cipher = AesGcm::new(&[5; 32]).unwrap();
        let sealed = seal_direct(&id(), b"payload", &context, |aad, plaintext| {
            Ok(([3; NONCE_LEN], seal_to_vec(&cipher, &[3; NONCE_LEN], aad, plaintext)?))
        });
        let blob = sealed.unwrap().into_bytes();
        assert_eq!(blob.len(), 7 + 22 + 12 + 16);
        assert_eq!(material_id(&blob).unwrap(), id());
        let aead = |aad: &[u8], nonce: &[u8; NONCE_LEN], sealed: &[u8]| open_to_secret(&cipher, nonce, aad, sealed);
        assert_eq!(open_direct(&id(), &blob, &context, aead).unwrap().expose(), b"payload");
        for index in 0..blob.len() {
            let mut bad = blob.clone();
            bad[index] ^= 4;
            assert!(open_direct(&id(), &bad, &context, aead).is_err(), "byte {index}");
            assert!(open_direct(&id(), &blob[..index], &context, aead).is_err(), "cut at {index}");
        }
        let empty = EncryptionContext::empty();
        assert_eq!(open_direct(&id(), &blob, &empty, aead).unwrap_err().kind(), ErrorKind::Rejected);
        // One key is of one suite: a blob of the other cannot be its own.
        assert_eq!(open(&id(), prf([1; 32]), &blob, &context).unwrap_err().kind(), ErrorKind::Rejected);
    }
}

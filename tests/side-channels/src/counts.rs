//! Instruction counts: operations that must cost the same whatever the secret, or whatever is wrong with the input.

use core::hint::black_box;

use kms_core::message::{self, DecryptOptions, EncryptOptions, Header, Parsed, RawAesKey};
use kms_core::primitives::aead::AesGcm;
use kms_core::primitives::ecc::EccPrivateKey;
use kms_core::primitives::rsa::RsaPrivateKey;
use kms_core::{
    Call, EncryptionContext, Error, ErrorKind, HashAlgorithm, KeyMaterial, KeySpec, KeyUsage, MacAlgorithm, Secret,
};

use crate::fixed::{self, FixedRandom};
use crate::valgrind::counted;

/// Operations whose counts must not differ by more than `slack`.
pub(crate) struct Group {
    pub(crate) what: &'static str,
    /// Why it is not 0, where it is not.
    pub(crate) slack: u64,
    pub(crate) cases: &'static [Case],
}

pub(crate) struct Case {
    pub(crate) what: &'static str,
    /// Counts the operation, and checks that its outcome is the expected one.
    pub(crate) run: fn() -> Result<(), Error>,
}

macro_rules! group {
    ($what:literal, $slack:literal: $($case:literal => $run:expr,)+) => {
        Group { what: $what, slack: $slack, cases: &[$(Case { what: $case, run: || $run },)+] }
    };
}

pub(crate) const GROUPS: &[Group] = &[
    group! { "RSA-2048 OAEP decryption, refused", 0:
        "hash of another label" => oaep(fixed::BAD_LABEL_HASH, false),
        "another byte for the separator" => oaep(fixed::BAD_SEPARATOR, false),
        "no separator" => oaep(fixed::NO_SEPARATOR, false),
    },
    // What is right is copied out, what is wrong is not.
    group! { "RSA-2048 OAEP decryption, refused or not", 1000:
        "another byte for the separator" => oaep(fixed::BAD_SEPARATOR, false),
        "valid" => oaep(fixed::VALID, true),
    },
    // RFC 8017 (section 7.1.2, step 3g) refuses the second; `rsa` 0.10 does not look at that byte at all, and so gives
    // no oracle for it (Manger 2001). See docs/RSA.md.
    group! { "RSA-2048 OAEP decryption, the first byte", 0:
        "zero" => oaep(fixed::VALID, true),
        "not zero" => oaep(fixed::FIRST_BYTE, true),
    },
    group! { "ECDSA P-256, three keys", 0:
        "key 1" => ecdsa(KeySpec::EccNistP256, 1),
        "key 2" => ecdsa(KeySpec::EccNistP256, 2),
        "key 3" => ecdsa(KeySpec::EccNistP256, 3),
    },
    group! { "ECDSA P-384, three keys", 0:
        "key 1" => ecdsa(KeySpec::EccNistP384, 1),
        "key 2" => ecdsa(KeySpec::EccNistP384, 2),
        "key 3" => ecdsa(KeySpec::EccNistP384, 3),
    },
    group! { "ECDH P-256, three keys", 0:
        "key 1" => ecdh(1),
        "key 2" => ecdh(2),
        "key 3" => ecdh(3),
    },
    group! { "Secret::ct_eq of 32 bytes", 0:
        "equal" => ct_eq(None),
        "first byte differs" => ct_eq(Some(0)),
        "last byte differs" => ct_eq(Some(31)),
    },
    group! { "verifying an HMAC-SHA-256, refused", 0:
        "first byte differs" => verify_mac(0),
        "last byte differs" => verify_mac(31),
    },
    group! { "AES-256-GCM opening, refused", 0:
        "first byte of the tag differs" => aead(0),
        "last byte of the tag differs" => aead(15),
    },
    // 1 KiB of plaintext: 38 bytes of header, 32 of commitment, 1,024, 16 of tag.
    group! { "opening a ciphertext blob, refused", 0:
        "first byte of the commitment differs" => blob(38),
        "last byte of the ciphertext differs" => blob(1093),
        "first byte of the tag differs" => blob(1094),
        "last byte of the tag differs" => blob(1109),
    },
    group! { "reading a message, its commitment refused", 0:
        "first byte differs" => commitment(32),
        "last byte differs" => commitment(1),
    },
];

/// An operation went otherwise than the measurement supposes.
fn unexpected() -> Error {
    Error::with_detail(ErrorKind::Internal, "the measured operation had another outcome than it should have")
}

fn must_be_rejected<T>(result: Result<T, Error>) -> Result<(), Error> {
    match result {
        Err(error) if error.kind() == ErrorKind::Rejected => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(unexpected()),
    }
}

fn flip(bytes: &mut [u8], index: usize) -> Result<(), Error> {
    *bytes.get_mut(index).ok_or_else(unexpected)? ^= 0x80;
    Ok(())
}

fn oaep(ciphertext: &[u8], valid: bool) -> Result<(), Error> {
    let key = RsaPrivateKey::from_pkcs8(fixed::RSA_KEY)?;
    let blinding = FixedRandom::new(1);
    let result = counted(|| key.decrypt_oaep(HashAlgorithm::Sha256, ciphertext, &blinding));
    if valid { result.map(drop) } else { must_be_rejected(result) }
}

fn ecdsa(spec: KeySpec, seed: u64) -> Result<(), Error> {
    let key = EccPrivateKey::generate(spec, &FixedRandom::new(seed))?;
    let nonce = FixedRandom::new(9);
    let digest = [5; 48];
    let len = if spec == KeySpec::EccNistP384 { 48 } else { 32 };
    let digest = digest.get(..len).ok_or_else(unexpected)?;
    counted(|| key.sign_digest(digest, &nonce)).map(drop)
}

fn ecdh(seed: u64) -> Result<(), Error> {
    let key = EccPrivateKey::generate(KeySpec::EccNistP256, &FixedRandom::new(seed))?;
    let peer = EccPrivateKey::generate(KeySpec::EccNistP256, &FixedRandom::new(9))?.public_key();
    counted(|| key.agree(&peer)).map(drop)
}

fn ct_eq(differs_at: Option<usize>) -> Result<(), Error> {
    let secret = Secret::from(vec![7; 32]);
    let mut other = [7; 32];
    if let Some(index) = differs_at {
        flip(&mut other, index)?;
    }
    let equal = counted(|| black_box(&secret).ct_eq(black_box(&other)));
    if equal == differs_at.is_none() { Ok(()) } else { Err(unexpected()) }
}

fn verify_mac(differs_at: usize) -> Result<(), Error> {
    let material = KeyMaterial::Raw(fixed::symmetric_material());
    let key = fixed::soft_key(KeySpec::Hmac256, KeyUsage::GenerateVerifyMac, material, FixedRandom::new(1))?;
    let (algorithm, call) = (MacAlgorithm::HmacSha256, Call::default());
    let mut mac = key.generate_mac(algorithm, b"message", &call)?;
    flip(mac.expose_mut(), differs_at)?;
    must_be_rejected(counted(|| key.verify_mac(algorithm, b"message", mac.expose(), &call)))
}

fn aead(differs_at: usize) -> Result<(), Error> {
    let cipher = AesGcm::new(&[7; 32])?;
    let mut buffer = [3; 1024];
    let mut tag = cipher.seal_in_place(&[0; 12], b"aad", &mut buffer)?;
    flip(&mut tag, differs_at)?;
    must_be_rejected(counted(|| cipher.open_in_place(&[0; 12], b"aad", &mut buffer, &tag)))
}

fn blob(differs_at: usize) -> Result<(), Error> {
    let material = KeyMaterial::Raw(fixed::symmetric_material());
    let key = fixed::soft_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, material, FixedRandom::new(1))?;
    let (context, call) = (EncryptionContext::new([("tenant", "42")])?, Call::default());
    let mut blob = key.encrypt(&[3; 1024], &context, &call)?.into_bytes();
    flip(&mut blob, differs_at)?;
    must_be_rejected(counted(|| key.decrypt(&blob, &context, &call)))
}

/// `from_end` counts from the end of the commitment, which the header's tag follows.
fn commitment(from_end: usize) -> Result<(), Error> {
    let key = RawAesKey::new("side-channels", "k", fixed::symmetric_material())?;
    let (options, call) = (EncryptOptions::new(EncryptionContext::empty()), Call::default());
    let mut sealed = message::encrypt(&key, &options, &[3; 64], &FixedRandom::new(1), &call)?;
    let len = match Header::parse(&sealed)? {
        Parsed::Complete(header) => header.len,
        Parsed::Incomplete(_) => return Err(unexpected()),
    };
    flip(&mut sealed, len - 16 - from_end)?;
    let options = DecryptOptions::new();
    must_be_rejected(counted(|| message::decrypt(&key, &options, &sealed, &call)))
}

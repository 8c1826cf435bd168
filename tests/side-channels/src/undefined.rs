//! Undefined secrets: operations that run with every secret marked undefined, so that memcheck reports each place
//! where one decides a jump or an address.
//!
//! Preparing (reading a key's DER, say) is not reported, but what it computes from the secret stays undefined.

use kms_core::message::{self, DecryptOptions, EncryptOptions, RawAesKey};
use kms_core::primitives::aead::AesGcm;
use kms_core::primitives::ecc::EccPrivateKey;
use kms_core::primitives::kdf::hkdf;
use kms_core::primitives::mac::hmac;
use kms_core::primitives::rsa::RsaPrivateKey;
use kms_core::{
    Call, EncryptionContext, Error, ErrorKind, HashAlgorithm, KeyMaterial, KeySpec, KeyUsage, MacAlgorithm, Secret,
    SigningAlgorithm,
};

use crate::fixed::{self, FixedRandom};
use crate::valgrind::{mark_defined, mark_undefined, unreported};

pub(crate) struct Case {
    pub(crate) what: &'static str,
    pub(crate) run: fn() -> Result<(), Error>,
}

macro_rules! cases {
    ($($case:literal => $run:expr,)+) => { &[$(Case { what: $case, run: || $run },)+] };
}

pub(crate) const CASES: &[Case] = cases! {
    // The control: it must be reported, or nothing here means anything.
    "control" => control(),
    "aes-gcm seal" => aes_gcm_seal(),
    "aes-gcm open" => aes_gcm_open(),
    "hkdf" => key_derivation(),
    "hmac" => mac(),
    "blob seal" => blob_seal(),
    "blob open" => blob_open(),
    "data key" => data_key(),
    "message write" => message_write(),
    "message read" => message_read(),
    "ecdh p-256" => ecdh(KeySpec::EccNistP256),
    "ecdh p-384" => ecdh(KeySpec::EccNistP384),
    "ecdsa p-256" => ecdsa(KeySpec::EccNistP256),
    "ecdsa p-384" => ecdsa(KeySpec::EccNistP384),
    "ecdsa p-521" => ecdsa(KeySpec::EccNistP521),
    "ecdsa secp256k1" => ecdsa(KeySpec::EccSecgP256k1),
    "rsa oaep decrypt" => rsa_oaep(fixed::VALID),
    "rsa oaep refuse" => rsa_oaep(fixed::BAD_SEPARATOR),
    "rsa pss sign" => rsa_pss(),
};

fn secret(len: usize) -> Secret {
    let mut secret = Secret::from(vec![0x5a; len]);
    mark_undefined(secret.expose_mut());
    secret
}

/// Both outcomes are right: what is measured is the way there.
fn either<T>(result: Result<T, Error>) -> Result<(), Error> {
    match result {
        Err(error) if error.kind() != ErrorKind::Rejected => Err(error),
        _ => Ok(()),
    }
}

fn control() -> Result<(), Error> {
    let secret = secret(32);
    if core::hint::black_box(secret.expose()).first() == Some(&0x5a) { Ok(()) } else { Err(ErrorKind::Internal.into()) }
}

fn aes_gcm_seal() -> Result<(), Error> {
    let (key, mut buffer) = (secret(32), secret(1000));
    AesGcm::new(key.expose())?.seal_in_place(&[1; 12], b"aad", buffer.expose_mut()).map(drop)
}

fn aes_gcm_open() -> Result<(), Error> {
    let (key, mut buffer) = (secret(32), secret(1000));
    let cipher = AesGcm::new(key.expose())?;
    let tag = cipher.seal_in_place(&[1; 12], b"aad", buffer.expose_mut())?;
    mark_defined(buffer.expose());
    mark_defined(&tag);
    cipher.open_in_place(&[1; 12], b"aad", buffer.expose_mut(), &tag)
}

fn key_derivation() -> Result<(), Error> {
    let key = secret(32);
    for hash in [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512] {
        hkdf(hash, b"salt", key.expose(), &[b"info"], &mut [0; 100])?;
    }
    Ok(())
}

fn mac() -> Result<(), Error> {
    let (key, message) = (secret(64), secret(300));
    for &algorithm in MacAlgorithm::ALL {
        core::hint::black_box(hmac(algorithm, key.expose(), message.expose()));
    }
    Ok(())
}

fn symmetric_key() -> Result<kms_core::Key, Error> {
    let material = KeyMaterial::Raw(secret(32));
    fixed::soft_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, material, FixedRandom::new(1))
}

fn blob_seal() -> Result<(), Error> {
    let (key, plaintext) = (symmetric_key()?, secret(100));
    key.encrypt(plaintext.expose(), &EncryptionContext::empty(), &Call::default()).map(drop)
}

fn blob_open() -> Result<(), Error> {
    let (key, plaintext) = (symmetric_key()?, secret(100));
    let (context, call) = (EncryptionContext::empty(), Call::default());
    let blob = key.encrypt(plaintext.expose(), &context, &call)?;
    mark_defined(blob.as_bytes());
    key.decrypt(blob.as_bytes(), &context, &call).map(drop)
}

fn data_key() -> Result<(), Error> {
    let material = KeyMaterial::Raw(secret(32));
    let random = FixedRandom::undefined(1);
    let key = fixed::soft_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, material, random)?;
    key.generate_data_key(32, &EncryptionContext::empty(), &Call::default()).map(drop)
}

fn write_message(key: &RawAesKey) -> Result<Vec<u8>, Error> {
    let options = EncryptOptions::new(EncryptionContext::empty()).with_frame_len(64);
    message::encrypt(key, &options, secret(100).expose(), &FixedRandom::undefined(1), &Call::default())
}

fn message_write() -> Result<(), Error> {
    write_message(&RawAesKey::new("side-channels", "k", secret(32))?).map(drop)
}

fn message_read() -> Result<(), Error> {
    let key = RawAesKey::new("side-channels", "k", secret(32))?;
    let message = unreported(|| write_message(&key))?;
    mark_defined(&message);
    message::decrypt(&key, &DecryptOptions::new(), &message, &Call::default()).map(drop)
}

/// The key with its scalar undefined. The scalar is the first OCTET STRING within the inner sequence (RFC 5915).
fn ecc_key(spec: KeySpec) -> Result<EccPrivateKey, Error> {
    let key = EccPrivateKey::generate(spec, &FixedRandom::new(3))?;
    let mut der = key.to_pkcs8()?;
    let scalar_len = spec.fixed_signature_len().ok_or(ErrorKind::Internal)? / 2;
    let head = [0x02, 0x01, 0x01, 0x04, u8::try_from(scalar_len).map_err(|_| ErrorKind::Internal)?];
    let at = der.expose().windows(head.len()).position(|window| window == head).ok_or(ErrorKind::Internal)?;
    let scalar = der.expose_mut().get_mut(at + head.len()..at + head.len() + scalar_len).ok_or(ErrorKind::Internal)?;
    mark_undefined(scalar);
    unreported(|| EccPrivateKey::from_pkcs8(spec, der.expose()))
}

fn ecdh(spec: KeySpec) -> Result<(), Error> {
    let key = ecc_key(spec)?;
    let peer = EccPrivateKey::generate(spec, &FixedRandom::new(9))?.public_key();
    key.agree(&peer).map(drop)
}

fn ecdsa(spec: KeySpec) -> Result<(), Error> {
    let key = ecc_key(spec)?;
    key.sign_digest(&[5; 64], &FixedRandom::undefined(9)).map(drop)
}

/// The key with d, p, q, dP, dQ and qInv undefined.
fn rsa_key() -> Result<RsaPrivateKey, Error> {
    let mut der = Secret::copy_from(fixed::RSA_KEY);
    let range = secret_integers(der.expose()).ok_or(ErrorKind::Internal)?;
    for (at, len) in range {
        mark_undefined(der.expose_mut().get_mut(at..at + len).ok_or(ErrorKind::Internal)?);
    }
    unreported(|| RsaPrivateKey::from_pkcs8(der.expose()))
}

/// Where the contents of the secret integers of an RSAPrivateKey are (RFC 8017, appendix A.1.2), in PKCS#8.
fn secret_integers(der: &[u8]) -> Option<Vec<(usize, usize)>> {
    // A tag and its length: where the contents start, and how long they are.
    let head = |at: usize| -> Option<(usize, usize)> {
        match *der.get(at + 1)? {
            0x82 => Some((at + 4, usize::from(u16::from_be_bytes([*der.get(at + 2)?, *der.get(at + 3)?])))),
            0x81 => Some((at + 3, usize::from(*der.get(at + 2)?))),
            len if len < 0x80 => Some((at + 2, usize::from(len))),
            _ => None,
        }
    };
    let (version, _) = head(0)?;
    let next = |at: usize| head(at).map(|(start, len)| start + len);
    let octets = next(next(version)?)?;
    let (sequence, _) = head(octets)?;
    let (mut at, _) = head(sequence)?;
    let mut secrets = Vec::new();
    for index in 0..9 {
        let (start, len) = head(at)?;
        // Version, n and e are public.
        if index > 2 {
            secrets.push((start, len));
        }
        at = start + len;
    }
    (at == der.len()).then_some(secrets)
}

fn rsa_oaep(ciphertext: &[u8]) -> Result<(), Error> {
    let key = rsa_key()?;
    let result = key.decrypt_oaep(HashAlgorithm::Sha256, ciphertext, &FixedRandom::undefined(1));
    // The plaintext's length is undefined, and with it every step of wiping it.
    unreported(|| either(result))
}

fn rsa_pss() -> Result<(), Error> {
    let key = rsa_key()?;
    key.sign_digest(SigningAlgorithm::RsassaPssSha256, &[5; 32], &FixedRandom::undefined(1)).map(drop)
}

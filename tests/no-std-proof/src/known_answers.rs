//! Published vectors, through the primitives.

use kms_core::primitives::aead::AesGcm;
use kms_core::primitives::ecc::{EccPublicKey, signature_to_der};
use kms_core::primitives::hash::hash;
use kms_core::primitives::kdf::hkdf;
use kms_core::primitives::mac::hmac;
use kms_core::{HashAlgorithm, KeySpec, MacAlgorithm, MessageType, PublicKey, SigningAlgorithm};

use crate::{Step, check, during};

/// The bytes that `text` spells in hexadecimal.
pub(crate) const fn hex<const N: usize>(text: &str) -> [u8; N] {
    const fn digit(byte: u8) -> u8 {
        match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => panic!("not a hexadecimal digit"),
        }
    }
    let text = text.as_bytes();
    assert!(text.len() == 2 * N, "wrong length");
    let (mut bytes, mut index) = ([0; N], 0);
    while index < N {
        bytes[index] = digit(text[2 * index]) << 4 | digit(text[2 * index + 1]);
        index += 1;
    }
    bytes
}

pub(crate) fn run() -> Result<(), Step> {
    aes_gcm()?;
    key_derivation()?;
    ecdsa()
}

/// McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16.
fn aes_gcm() -> Result<(), Step> {
    const KEY: [u8; 32] = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    const NONCE: [u8; 12] = hex("cafebabefacedbaddecaf888");
    const AAD: [u8; 20] = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    const PLAINTEXT: [u8; 60] = hex(concat!(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72",
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    ));
    const CIPHERTEXT: [u8; 60] = hex(concat!(
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa",
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
    ));
    const TAG: [u8; 16] = hex("76fc6ece0f4e1768cddf8853bb2d551b");

    let failed = during(Step::AesGcm);
    let cipher = AesGcm::new(&KEY).map_err(&failed)?;
    let mut out = [0; 60];
    let tag = cipher.seal(&NONCE, &AAD, &PLAINTEXT, &mut out).map_err(&failed)?;
    check(out == CIPHERTEXT && tag == TAG, Step::AesGcm)?;
    cipher.open_in_place(&NONCE, &AAD, &mut out, &TAG).map_err(|_| Step::AesGcm)?;
    check(out == PLAINTEXT, Step::AesGcm)
}

fn key_derivation() -> Result<(), Step> {
    // RFC 5869, appendix A.1.
    const SALT: [u8; 13] = hex("000102030405060708090a0b0c");
    const INFO: [u8; 10] = hex("f0f1f2f3f4f5f6f7f8f9");
    const OKM: [u8; 42] = hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    let mut out = [0; 42];
    hkdf(HashAlgorithm::Sha256, &SALT, &[0x0b; 22], &[&INFO], &mut out).map_err(|_| Step::Hkdf)?;
    check(out == OKM, Step::Hkdf)?;

    // RFC 4231, section 4.3.
    const MAC: [u8; 32] = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    let mac = hmac(MacAlgorithm::HmacSha256, b"Jefe", b"what do ya want for nothing?");
    check(mac.ct_eq(&MAC), Step::Hmac)?;

    // FIPS 180-4's example.
    const DIGEST: [u8; 32] = hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check(hash(HashAlgorithm::Sha256, b"abc") == DIGEST, Step::Hash)
}

/// RFC 6979, appendix A.2.5: P-256 with SHA-256 over "sample".
fn ecdsa() -> Result<(), Step> {
    const POINT: [u8; 65] = hex(concat!(
        "04",
        "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
        "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
    ));
    const SIGNATURE: [u8; 64] = hex(concat!(
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    ));
    let failed = during(Step::Ecdsa);
    let key = PublicKey::from(EccPublicKey::from_sec1(KeySpec::EccNistP256, &POINT).map_err(&failed)?);
    let signature = signature_to_der(KeySpec::EccNistP256, &SIGNATURE).map_err(&failed)?;
    let verify = |message: &[u8]| key.verify(SigningAlgorithm::EcdsaSha256, MessageType::Raw, message, &signature);
    verify(b"sample").map_err(&failed)?;
    check(verify(b"simple").is_err(), Step::Ecdsa)
}

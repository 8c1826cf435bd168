//! Algorithms.

use crate::api::enums::names;

names! {
    /// How key material is wrapped for import.
    AlgorithmSpec:
    RsaesPkcs1V15 = "RSAES_PKCS1_V1_5",
    RsaesOaepSha1 = "RSAES_OAEP_SHA_1",
    RsaesOaepSha256 = "RSAES_OAEP_SHA_256",
    RsaAesKeyWrapSha1 = "RSA_AES_KEY_WRAP_SHA_1",
    RsaAesKeyWrapSha256 = "RSA_AES_KEY_WRAP_SHA_256",
    Sm2pke = "SM2PKE",
}

names! {
    /// How a secret is encapsulated (FIPS 203).
    EncapsulationAlgorithmSpec:
    MlKem = "ML_KEM",
}

names! {
    /// How a payload is encrypted.
    EncryptionAlgorithmSpec:
    SymmetricDefault = "SYMMETRIC_DEFAULT",
    RsaesOaepSha1 = "RSAES_OAEP_SHA_1",
    RsaesOaepSha256 = "RSAES_OAEP_SHA_256",
    Sm2pke = "SM2PKE",
}

names! {
    /// How a secret is agreed on.
    KeyAgreementAlgorithmSpec:
    Ecdh = "ECDH",
}

names! {
    /// How a plaintext is encrypted for an attested recipient.
    KeyEncryptionMechanism:
    RsaesOaepSha256 = "RSAES_OAEP_SHA_256",
}

names! {
    /// How a message authentication code is made.
    MacAlgorithmSpec:
    HmacSha224 = "HMAC_SHA_224",
    HmacSha256 = "HMAC_SHA_256",
    HmacSha384 = "HMAC_SHA_384",
    HmacSha512 = "HMAC_SHA_512",
}

names! {
    /// How a message is signed.
    SigningAlgorithmSpec:
    RsassaPssSha256 = "RSASSA_PSS_SHA_256",
    RsassaPssSha384 = "RSASSA_PSS_SHA_384",
    RsassaPssSha512 = "RSASSA_PSS_SHA_512",
    RsassaPkcs1V15Sha256 = "RSASSA_PKCS1_V1_5_SHA_256",
    RsassaPkcs1V15Sha384 = "RSASSA_PKCS1_V1_5_SHA_384",
    RsassaPkcs1V15Sha512 = "RSASSA_PKCS1_V1_5_SHA_512",
    EcdsaSha256 = "ECDSA_SHA_256",
    EcdsaSha384 = "ECDSA_SHA_384",
    EcdsaSha512 = "ECDSA_SHA_512",
    Sm2dsa = "SM2DSA",
    MlDsaShake256 = "ML_DSA_SHAKE_256",
    Ed25519Sha512 = "ED25519_SHA_512",
    Ed25519PhSha512 = "ED25519_PH_SHA_512",
}

names! {
    /// Whether `Sign` and `Verify` are given the message or its hash.
    MessageType:
    Raw = "RAW",
    Digest = "DIGEST",
    ExternalMu = "EXTERNAL_MU",
}

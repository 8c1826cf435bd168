//! The envelope message: a payload of any length, encrypted under a data key that is encrypted under master keys.
//!
//! The format is that of the AWS Encryption SDK, so other languages read what is written here and the reverse:
//! versions 1 and 2 are read, every algorithm suite, framed or not, signed or not; version 2 is written, with key
//! commitment, and version 1 on explicit request. Section names in this module refer to the public AWS Encryption
//! SDK specification.
//!
//! - [`encrypt`] and [`decrypt`], for what fits in memory;
//! - [`Encryptor`] and [`Decryptor`], piece by piece over the caller's buffers;
//! - `EncryptWriter` and `DecryptReader`, over `std::io`, with the feature `std`;
//! - [`KmsWrappingKey`], [`RawAesKey`], [`RawRsaKey`]: what data keys are encrypted under; [`WrappingKeys`] for
//!   several on one message;
//! - [`DataKeyCache`], to ask a backend less often.
//!
//! Frames are authenticated one by one, so an unsigned message can be read as a stream: each frame that comes out
//! is authentic and in its place, and [`Decryptor::finish`] tells a whole message from one that is cut off.

mod cache;
mod decrypt;
mod derive;
mod encrypt;
mod frame;
mod header;
#[cfg(feature = "std")]
mod io;
mod materials;
mod options;
mod signature;
mod suite;
mod wrapping;

pub use self::cache::{CacheLimits, CacheStats, DataKeyCache};
pub use self::decrypt::{Advance, Decrypted, Decryptor, MessageHeader, decrypt};
pub use self::encrypt::{DEFAULT_FRAME_LEN, EncryptOptions, Encryptor, encrypt};
pub use self::frame::{FINAL_FRAME_OVERHEAD, FRAME_OVERHEAD, Parsed, UnitHead, UnitKind};
pub use self::header::{Content, EncryptedDataKey, Header};
#[cfg(feature = "std")]
pub use self::io::{DecryptReader, EncryptWriter};
pub use self::materials::{
    DecryptionMaterials, DecryptionRequest, EncryptionMaterials, EncryptionRequest, MaterialsProvider, WrappingKey,
    WrappingKeys,
};
pub use self::options::{DEFAULT_MAX_ENCRYPTED_DATA_KEYS, DEFAULT_MAX_FRAME_LEN, DecryptOptions};
pub use self::suite::{AlgorithmSuite, CommitmentPolicy};
pub use self::wrapping::{AWS_KMS, KmsWrappingKey, RawAesKey, RawRsaKey, RsaPadding};
pub use crate::context::Pairs;

// All of it can be sent to and shared with other threads.
const _: fn() = || {
    fn check<T: Send + Sync>() {}
    check::<Encryptor<'_>>();
    check::<Decryptor<'_>>();
    check::<WrappingKeys<'_>>();
    check::<DataKeyCache<RawAesKey>>();
    check::<(KmsWrappingKey, RawAesKey, RawRsaKey)>();
    check::<(EncryptionMaterials, DecryptionMaterials)>();
};

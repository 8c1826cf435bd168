//! SHA-1 and SHA-2 (FIPS 180-4).

use alloc::vec::Vec;
use core::fmt;

use digest::Digest;
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use crate::HashAlgorithm;

/// A hash over bytes that arrive in pieces.
#[derive(Clone)]
pub struct Hasher(Inner);

#[derive(Clone)]
enum Inner {
    Sha1(Sha1),
    Sha224(Sha224),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hasher {
    /// Nothing hashed yet.
    #[must_use]
    pub fn new(algorithm: HashAlgorithm) -> Self {
        Self(match algorithm {
            HashAlgorithm::Sha1 => Inner::Sha1(Sha1::new()),
            HashAlgorithm::Sha224 => Inner::Sha224(Sha224::new()),
            HashAlgorithm::Sha256 => Inner::Sha256(Sha256::new()),
            HashAlgorithm::Sha384 => Inner::Sha384(Sha384::new()),
            HashAlgorithm::Sha512 => Inner::Sha512(Sha512::new()),
        })
    }

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Inner::Sha1(hash) => Digest::update(hash, bytes),
            Inner::Sha224(hash) => Digest::update(hash, bytes),
            Inner::Sha256(hash) => Digest::update(hash, bytes),
            Inner::Sha384(hash) => Digest::update(hash, bytes),
            Inner::Sha512(hash) => Digest::update(hash, bytes),
        }
    }

    /// The hash of everything taken in.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        match self.0 {
            Inner::Sha1(hash) => hash.finalize().to_vec(),
            Inner::Sha224(hash) => hash.finalize().to_vec(),
            Inner::Sha256(hash) => hash.finalize().to_vec(),
            Inner::Sha384(hash) => hash.finalize().to_vec(),
            Inner::Sha512(hash) => hash.finalize().to_vec(),
        }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher(..)")
    }
}

/// The hash of `bytes`.
#[must_use]
pub fn hash(algorithm: HashAlgorithm, bytes: &[u8]) -> Vec<u8> {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish()
}

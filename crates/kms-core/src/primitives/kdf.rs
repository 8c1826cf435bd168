//! HKDF (RFC 5869).

use hkdf::Hkdf;
use sha2::{Sha256, Sha384, Sha512};

use crate::{Error, HashAlgorithm};

/// HKDF-Extract and -Expand: fills `out` from the secret `ikm`. An empty `salt` is the RFC's default, zeros.
///
/// # Errors
/// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if `out` is longer than 255 hashes;
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for hashes other than SHA-256, SHA-384 and SHA-512.
pub fn hkdf(hash: HashAlgorithm, salt: &[u8], ikm: &[u8], info: &[&[u8]], out: &mut [u8]) -> Result<(), Error> {
    Prk::extract(hash, salt, ikm)?.expand(info, out)
}

/// An extracted pseudorandom key, for expanding more than once.
pub struct Prk(Inner);

enum Inner {
    Sha256(Hkdf<Sha256>),
    Sha384(Hkdf<Sha384>),
    Sha512(Hkdf<Sha512>),
}

impl Prk {
    /// HKDF-Extract.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for hashes other than SHA-256, SHA-384, SHA-512.
    pub fn extract(hash: HashAlgorithm, salt: &[u8], ikm: &[u8]) -> Result<Self, Error> {
        Ok(Self(match hash {
            HashAlgorithm::Sha256 => Inner::Sha256(Hkdf::new(Some(salt), ikm)),
            HashAlgorithm::Sha384 => Inner::Sha384(Hkdf::new(Some(salt), ikm)),
            HashAlgorithm::Sha512 => Inner::Sha512(Hkdf::new(Some(salt), ikm)),
            HashAlgorithm::Sha1 | HashAlgorithm::Sha224 => {
                return Err(Error::unsupported("HKDF is used with SHA-256, SHA-384 and SHA-512"));
            }
        }))
    }

    /// HKDF-Expand with the concatenation of `info`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if `out` is longer than 255 hashes.
    pub fn expand(&self, info: &[&[u8]], out: &mut [u8]) -> Result<(), Error> {
        match &self.0 {
            Inner::Sha256(hkdf) => hkdf.expand_multi_info(info, out),
            Inner::Sha384(hkdf) => hkdf.expand_multi_info(info, out),
            Inner::Sha512(hkdf) => hkdf.expand_multi_info(info, out),
        }
        .map_err(|_| Error::invalid_input("HKDF: output longer than 255 hashes"))
    }
}

impl core::fmt::Debug for Prk {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Prk(..)")
    }
}

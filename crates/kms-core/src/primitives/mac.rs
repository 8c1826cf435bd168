//! HMAC (FIPS 198-1).

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha224, Sha256, Sha384, Sha512};

use crate::{MacAlgorithm, Secret};

macro_rules! hmac {
    ($hash:ty, $key:expr, $message:expr) => {{
        // HMAC takes a key of any length; the error type is the trait's.
        let Ok(mut mac) = Hmac::<$hash>::new_from_slice($key) else { return Secret::zeroed(0) };
        mac.update($message);
        Secret::copy_from(&mac.finalize().into_bytes())
    }};
}

/// The authentication code of `message` under `key`, in full length.
#[must_use]
pub fn hmac(algorithm: MacAlgorithm, key: &[u8], message: &[u8]) -> Secret {
    match algorithm {
        MacAlgorithm::HmacSha224 => hmac!(Sha224, key, message),
        MacAlgorithm::HmacSha256 => hmac!(Sha256, key, message),
        MacAlgorithm::HmacSha384 => hmac!(Sha384, key, message),
        MacAlgorithm::HmacSha512 => hmac!(Sha512, key, message),
    }
}

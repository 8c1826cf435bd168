//! Signing keys: derived from a secret for a day, a region and a service.

use core::fmt;
use std::collections::VecDeque;

use kms_core::primitives::mac::hmac;
use kms_core::{MacAlgorithm, Secret};
use parking_lot::Mutex;
use zeroize::Zeroizing;

use super::TERMINATOR;

/// How many signing keys of one access key are kept: a few regions, before and after midnight.
const KEPT: usize = 16;

/// The signing keys that an access key was last used with. They are wiped with it.
///
/// Deriving one takes four HMACs; the signature itself, one.
#[derive(Default)]
pub(crate) struct SigningKeys(Mutex<VecDeque<Kept>>);

struct Kept {
    date: Box<str>,
    region: Box<str>,
    service: Box<str>,
    key: Secret,
}

impl SigningKeys {
    /// The signing key of a scope. Kept whether or not the signature turns out to be right, so that known and unknown access
    /// keys take the same time.
    pub(super) fn get(&self, secret: &Secret, date: &str, region: &str, service: &str) -> Secret {
        let fits = |kept: &&Kept| &*kept.date == date && &*kept.region == region && &*kept.service == service;
        if let Some(kept) = self.0.lock().iter().find(fits) {
            return Secret::copy_from(kept.key.expose());
        }
        let key = derive(secret, date, region, service);
        let kept = Kept {
            date: date.into(),
            region: region.into(),
            service: service.into(),
            key: Secret::copy_from(key.expose()),
        };
        let mut all = self.0.lock();
        if all.len() >= KEPT {
            all.pop_front();
        }
        all.push_back(kept);
        key
    }
}

fn derive(secret: &Secret, date: &str, region: &str, service: &str) -> Secret {
    let mut first = Zeroizing::new(Vec::with_capacity(4 + secret.len()));
    first.extend_from_slice(b"AWS4");
    first.extend_from_slice(secret.expose());
    let first = hmac(MacAlgorithm::HmacSha256, &first, date.as_bytes());
    [region, service, TERMINATOR]
        .into_iter()
        .fold(first, |key, part| hmac(MacAlgorithm::HmacSha256, key.expose(), part.as_bytes()))
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKeys({})", self.0.lock().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_documentation_is_derived_and_the_number_kept_is_bounded() {
        // IAM User Guide, "Troubleshoot Signature Version 4": the example of a signing key.
        let secret = Secret::copy_from(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let keys = SigningKeys::default();
        let key = keys.get(&secret, "20150830", "us-east-1", "iam");
        let hex = "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9";
        assert_eq!(base16ct::lower::encode_string(key.expose()), hex);
        for number in 0..100 {
            let region = format!("region-{number}");
            let first = keys.get(&secret, "20150830", &region, "kms");
            assert!(first.ct_eq(keys.get(&secret, "20150830", &region, "kms").expose()));
        }
        assert_eq!(keys.0.lock().len(), KEPT);
        assert!(keys.get(&secret, "20150830", "us-east-1", "iam").ct_eq(key.expose()));
    }
}

//! The count of AES-GCM nonces under one key that the token uses directly.

use std::sync::Arc;

use kms_core::{Error, ErrorKind, MaterialId, RandomSource, Records, SystemRandom};
use parking_lot::Mutex;

/// Random 96-bit nonces of one key, counted. Blocks of the count are set aside durably before they are used, so that
/// what a crash loses is nonces, not the count.
pub(crate) struct Nonces {
    id: MaterialId,
    records: Arc<dyn Records>,
    /// How many of the last block are left.
    left: Mutex<u64>,
}

impl Nonces {
    /// With random nonces, a key encrypts at most 2^32 times (NIST SP 800-38D, section 8.3).
    pub(crate) const MOST: u64 = 1 << 32;
    /// How many are set aside at a time.
    const BLOCK: u64 = 1 << 12;

    pub(crate) fn new(id: MaterialId, records: Arc<dyn Records>) -> Self {
        Self { id, records, left: Mutex::new(0) }
    }

    /// A nonce. Tokens that make their own overwrite it, and are counted all the same.
    pub(crate) fn next(&self) -> Result<[u8; 12], Error> {
        let mut left = self.left.lock();
        if *left == 0 {
            if self.records.reserve_nonces(self.id, Self::BLOCK, Self::MOST)?.is_none() {
                return Err(Error::with_detail(
                    ErrorKind::KeyUnavailable,
                    "the key has encrypted as often as AES-GCM allows with random nonces, 2^32 times: rotate it \
                     (it still decrypts)",
                ));
            }
            *left = Self::BLOCK;
        }
        *left -= 1;
        drop(left);
        let mut nonce = [0; 12];
        SystemRandom.fill(&mut nonce)?;
        Ok(nonce)
    }

    /// How many were used or set aside.
    pub(crate) fn used(&self) -> Result<u64, Error> {
        Ok(self.records.reserved_nonces(self.id)?.saturating_sub(*self.left.lock()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kms_core::{InMemory, KeyId};

    #[test]
    fn the_bound_is_kept_over_restarts() {
        let records = Arc::new(InMemory::default());
        let id = MaterialId::from(KeyId::from_bytes([1; 16]));
        let nonces = Nonces::new(id, records.clone());
        assert_eq!(nonces.used().unwrap(), 0);
        let (first, second) = (nonces.next().unwrap(), nonces.next().unwrap());
        assert_ne!(first, second);
        assert_eq!(nonces.used().unwrap(), 2);
        // A crash: what was set aside counts as used.
        let nonces = Nonces::new(id, records.clone());
        assert_eq!(nonces.used().unwrap(), Nonces::BLOCK);
        records.reserve_nonces(id, Nonces::MOST - 2 * Nonces::BLOCK, Nonces::MOST).unwrap().unwrap();
        for _ in 0..Nonces::BLOCK {
            nonces.next().unwrap();
        }
        let error = nonces.next().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::KeyUnavailable);
        assert!(error.to_string().contains("rotate"), "{error}");
    }
}

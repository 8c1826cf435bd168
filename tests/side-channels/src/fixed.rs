//! Fixed keys and fixed randomness, so that two runs differ in nothing but what is to be compared.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kms_core::{Backend, Call, Error, Key, KeyId, KeyMaterial, KeySpec, KeyUsage, RandomSource, Secret};
use kms_soft::SoftBackend;

use crate::valgrind;

/// PKCS#8, 2,048 bits. The ciphertexts below are under it; `data/make.py` made them all.
pub(crate) const RSA_KEY: &[u8] = include_bytes!("../data/rsa-2048.pk8");
pub(crate) const VALID: &[u8] = include_bytes!("../data/valid");
pub(crate) const FIRST_BYTE: &[u8] = include_bytes!("../data/first-byte");
pub(crate) const BAD_LABEL_HASH: &[u8] = include_bytes!("../data/bad-label-hash");
pub(crate) const BAD_SEPARATOR: &[u8] = include_bytes!("../data/bad-separator");
pub(crate) const NO_SEPARATOR: &[u8] = include_bytes!("../data/no-separator");

/// Equal bytes in every run: SplitMix64 over a counter. Good for nothing but these measurements.
#[derive(Debug)]
pub(crate) struct FixedRandom {
    state: AtomicU64,
    undefined: bool,
}

impl FixedRandom {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed), undefined: false }
    }

    /// The same bytes, undefined in the eyes of memcheck: nonces and blinding factors are secrets too.
    pub(crate) const fn undefined(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed), undefined: true }
    }
}

impl RandomSource for FixedRandom {
    fn fill(&self, out: &mut [u8]) -> Result<(), Error> {
        for chunk in out.chunks_mut(8) {
            let mut word = self.state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^= word >> 31;
            chunk.iter_mut().zip(word.to_be_bytes()).for_each(|(byte, random)| *byte = random);
        }
        if self.undefined {
            valgrind::mark_undefined(out);
        }
        Ok(())
    }
}

/// A key in memory of this material, through the face that callers use.
pub(crate) fn soft_key(
    spec: KeySpec,
    usage: KeyUsage,
    material: KeyMaterial,
    random: FixedRandom,
) -> Result<Key, Error> {
    let at = SoftBackend::locator(KeyId::from_bytes([7; 16]).into());
    SoftBackend::new(Arc::new(random)).import(&at, spec, usage, material, &Call::default()).map(Key::new)
}

pub(crate) fn symmetric_material() -> Secret {
    Secret::from((0..32).collect::<Vec<u8>>())
}

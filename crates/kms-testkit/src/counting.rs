//! A master key that counts what is asked of it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kms_core::{
    Call, CiphertextBlob, EncryptionAlgorithm, EncryptionContext, Error, KeyInfo, MacAlgorithm, MasterKey, Secret,
    SigningAlgorithm,
};

/// An operation of [`MasterKey`] that reaches the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// [`MasterKey::agree`]
    Agree,
    /// [`MasterKey::decrypt`]
    Decrypt,
    /// [`MasterKey::fill_random`]
    FillRandom,
    /// [`MasterKey::generate_data_key`]
    GenerateDataKey,
    /// [`MasterKey::mac`]
    Mac,
    /// [`MasterKey::open`]
    Open,
    /// [`MasterKey::seal`]
    Seal,
    /// [`MasterKey::sign_digest`]
    SignDigest,
}

/// Passes every operation on to another master key, and counts it.
pub struct Counting {
    inner: Arc<dyn MasterKey>,
    counts: [AtomicU64; 8],
}

impl Counting {
    /// Nothing counted yet.
    pub fn new(inner: Arc<dyn MasterKey>) -> Arc<Self> {
        Arc::new(Self { inner, counts: Default::default() })
    }

    /// How often `operation` was called.
    #[must_use]
    pub fn calls(&self, operation: Operation) -> u64 {
        self.counts.get(operation as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// How often anything was called.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    fn count(&self, operation: Operation) -> &dyn MasterKey {
        if let Some(count) = self.counts.get(operation as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        &*self.inner
    }
}

impl MasterKey for Counting {
    fn info(&self) -> &KeyInfo {
        self.inner.info()
    }

    fn public_key(&self) -> Option<&[u8]> {
        self.inner.public_key()
    }

    fn fill_random(&self, out: &mut [u8], call: &Call) -> Result<(), Error> {
        self.count(Operation::FillRandom).fill_random(out, call)
    }

    fn seal(&self, plaintext: &[u8], context: &EncryptionContext, call: &Call) -> Result<CiphertextBlob, Error> {
        self.count(Operation::Seal).seal(plaintext, context, call)
    }

    fn open(&self, blob: &[u8], context: &EncryptionContext, call: &Call) -> Result<Secret, Error> {
        self.count(Operation::Open).open(blob, context, call)
    }

    fn decrypt(&self, algorithm: EncryptionAlgorithm, ciphertext: &[u8], call: &Call) -> Result<Secret, Error> {
        self.count(Operation::Decrypt).decrypt(algorithm, ciphertext, call)
    }

    fn sign_digest(&self, algorithm: SigningAlgorithm, digest: &[u8], call: &Call) -> Result<Vec<u8>, Error> {
        self.count(Operation::SignDigest).sign_digest(algorithm, digest, call)
    }

    fn mac(&self, algorithm: MacAlgorithm, message: &[u8], call: &Call) -> Result<Secret, Error> {
        self.count(Operation::Mac).mac(algorithm, message, call)
    }

    fn agree(&self, peer: &[u8], call: &Call) -> Result<Secret, Error> {
        self.count(Operation::Agree).agree(peer, call)
    }

    fn generate_data_key(
        &self,
        len: usize,
        context: &EncryptionContext,
        call: &Call,
    ) -> Result<(Secret, CiphertextBlob), Error> {
        self.count(Operation::GenerateDataKey).generate_data_key(len, context, call)
    }
}

impl fmt::Debug for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counting").field("info", self.info()).field("counts", &self.counts).finish()
    }
}

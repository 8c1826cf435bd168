//! A master key that counts what is asked of it.

use std::fmt;
use std::sync::Arc;

use kms_core::{
    Call, CiphertextBlob, EncryptionAlgorithm, EncryptionContext, Error, KeyInfo, MacAlgorithm, MasterKey, Secret,
    SigningAlgorithm,
};

pub use crate::operation::Operation;

use crate::operation::Counts;

/// Passes every operation on to another master key, and counts it.
pub struct Counting {
    inner: Arc<dyn MasterKey>,
    counts: Counts,
}

impl Counting {
    /// Nothing counted yet.
    pub fn new(inner: Arc<dyn MasterKey>) -> Arc<Self> {
        Arc::new(Self { inner, counts: Counts::default() })
    }

    /// How often `operation` was called.
    #[must_use]
    pub fn calls(&self, operation: Operation) -> u64 {
        self.counts.of(operation)
    }

    /// How often anything was called.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.total()
    }

    fn count(&self, operation: Operation) -> &dyn MasterKey {
        self.counts.next(operation);
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

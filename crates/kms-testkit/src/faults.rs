//! A master key that fails by a script.
//!
//! For whatever stands above one: caches, messages, retries, services. Each entry of the script names an operation,
//! which of its calls it is about, and what goes wrong.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use kms_core::{
    Call, CiphertextBlob, EncryptionAlgorithm, EncryptionContext, Error, KeyInfo, MacAlgorithm, MasterKey, Secret,
    SigningAlgorithm,
};

pub use crate::operation::Operation;

use crate::operation::Counts;

/// The calls of an operation, counted from 1.
pub type Calls = RangeInclusive<u64>;

/// Every call.
pub const ALWAYS: Calls = 1..=u64::MAX;

/// What becomes of an answer on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// No bytes.
    Empty,
    /// The first half.
    Half,
    /// The last byte is another.
    Flipped,
    /// As long as it was, all zero.
    Zeroed,
}

/// Passes every operation on to another master key, except where its script says otherwise.
///
/// ```
/// use kms_core::{Backend, Call, EncryptionContext, ErrorKind, Key, KeyId, KeySpec, KeyUsage, SystemRandom};
/// use kms_testkit::faults::{Faulty, Operation};
/// use kms_soft::SoftBackend;
///
/// let (backend, call) = (SoftBackend::new(SystemRandom), Call::default());
/// let at = SoftBackend::locator(KeyId::random(&SystemRandom)?.into());
/// let good = backend.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call)?;
/// let key = Key::from(Faulty::new(good).fails(Operation::Seal, 2..=2, || ErrorKind::Busy.into()).into_master_key());
///
/// let context = EncryptionContext::empty();
/// assert!(key.encrypt(b"the first", &context, &call).is_ok());
/// assert_eq!(key.encrypt(b"the second", &context, &call).unwrap_err().kind(), ErrorKind::Busy);
/// assert!(key.encrypt(b"the third", &context, &call).is_ok());
/// # Ok::<(), kms_core::Error>(())
/// ```
#[must_use]
pub struct Faulty {
    inner: Arc<dyn MasterKey>,
    counts: Counts,
    script: Vec<Entry>,
}

struct Entry {
    operation: Operation,
    calls: Calls,
    fault: Fault,
}

enum Fault {
    Before(Box<MakeError>),
    After(Box<MakeError>),
    Delay(Duration),
    Damage(Damage),
    DamageDataKey(Damage),
}

type MakeError = dyn Fn() -> Error + Send + Sync;

impl Faulty {
    /// Nothing goes wrong yet.
    pub fn new(inner: Arc<dyn MasterKey>) -> Self {
        Self { inner, counts: Counts::default(), script: Vec::new() }
    }

    /// These calls are answered with an error, and never reach the key.
    pub fn fails(self, operation: Operation, calls: Calls, error: impl Fn() -> Error + Send + Sync + 'static) -> Self {
        self.with(operation, calls, Fault::Before(Box::new(error)))
    }

    /// These calls reach the key, and their answer is lost: it is an error that [may have
    /// run](Error::may_have_run) instead.
    pub fn loses_the_answer(
        self,
        operation: Operation,
        calls: Calls,
        error: impl Fn() -> Error + Send + Sync + 'static,
    ) -> Self {
        self.with(operation, calls, Fault::After(Box::new(error)))
    }

    /// These calls take so much longer.
    pub fn delays(self, operation: Operation, calls: Calls, delay: Duration) -> Self {
        self.with(operation, calls, Fault::Delay(delay))
    }

    /// The answers of these calls are damaged: of [`Operation::GenerateDataKey`] the ciphertext. Bytes of
    /// [`Operation::FillRandom`] that are taken away stay zero.
    pub fn damages(self, operation: Operation, calls: Calls, damage: Damage) -> Self {
        self.with(operation, calls, Fault::Damage(damage))
    }

    /// The data keys, in clear, that these calls of [`Operation::GenerateDataKey`] answer are damaged.
    pub fn damages_data_keys(self, calls: Calls, damage: Damage) -> Self {
        self.with(Operation::GenerateDataKey, calls, Fault::DamageDataKey(damage))
    }

    /// In the form in which keys are used.
    #[must_use]
    pub fn into_master_key(self) -> Arc<dyn MasterKey> {
        Arc::new(self)
    }

    /// How often `operation` was called, whatever came of it.
    #[must_use]
    pub fn calls(&self, operation: Operation) -> u64 {
        self.counts.of(operation)
    }

    fn with(mut self, operation: Operation, calls: Calls, fault: Fault) -> Self {
        self.script.push(Entry { operation, calls, fault });
        self
    }

    /// Runs one call by the script.
    fn run<T: Answer>(
        &self,
        operation: Operation,
        work: impl FnOnce(&dyn MasterKey) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let number = self.counts.next(operation);
        let script = || {
            let due = |entry: &&Entry| entry.operation == operation && entry.calls.contains(&number);
            self.script.iter().filter(due).map(|entry| &entry.fault)
        };
        for fault in script() {
            match fault {
                Fault::Delay(delay) => thread::sleep(*delay),
                Fault::Before(error) => return Err(error()),
                _ => {}
            }
        }
        let mut answer = work(&*self.inner)?;
        for fault in script() {
            match fault {
                Fault::After(error) => return Err(error().that_may_have_run()),
                Fault::Damage(damage) => answer.damage(*damage),
                Fault::DamageDataKey(damage) => answer.damage_data_key(*damage),
                _ => {}
            }
        }
        Ok(answer)
    }
}

/// What can be damaged on its way.
trait Answer {
    fn damage(&mut self, damage: Damage);

    fn damage_data_key(&mut self, _damage: Damage) {}
}

impl Answer for Vec<u8> {
    fn damage(&mut self, damage: Damage) {
        match damage {
            Damage::Empty => self.clear(),
            Damage::Half => self.truncate(self.len() / 2),
            Damage::Flipped => self.last_mut().into_iter().for_each(|byte| *byte ^= 1),
            Damage::Zeroed => self.fill(0),
        }
    }
}

impl Answer for Secret {
    fn damage(&mut self, damage: Damage) {
        let mut bytes = self.expose().to_vec();
        bytes.damage(damage);
        *self = Self::from(bytes);
    }
}

impl Answer for CiphertextBlob {
    fn damage(&mut self, damage: Damage) {
        let mut bytes = self.as_bytes().to_vec();
        bytes.damage(damage);
        *self = Self::from(bytes);
    }
}

impl Answer for (Secret, CiphertextBlob) {
    fn damage(&mut self, damage: Damage) {
        self.1.damage(damage);
    }

    fn damage_data_key(&mut self, damage: Damage) {
        self.0.damage(damage);
    }
}

impl MasterKey for Faulty {
    fn info(&self) -> &KeyInfo {
        self.inner.info()
    }

    fn public_key(&self) -> Option<&[u8]> {
        self.inner.public_key()
    }

    fn fill_random(&self, out: &mut [u8], call: &Call) -> Result<(), Error> {
        let bytes = self.run(Operation::FillRandom, |key| {
            let mut bytes = vec![0; out.len()];
            key.fill_random(&mut bytes, call).map(|()| bytes)
        })?;
        out.fill(0);
        out.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        Ok(())
    }

    fn seal(&self, plaintext: &[u8], context: &EncryptionContext, call: &Call) -> Result<CiphertextBlob, Error> {
        self.run(Operation::Seal, |key| key.seal(plaintext, context, call))
    }

    fn open(&self, blob: &[u8], context: &EncryptionContext, call: &Call) -> Result<Secret, Error> {
        self.run(Operation::Open, |key| key.open(blob, context, call))
    }

    fn decrypt(&self, algorithm: EncryptionAlgorithm, ciphertext: &[u8], call: &Call) -> Result<Secret, Error> {
        self.run(Operation::Decrypt, |key| key.decrypt(algorithm, ciphertext, call))
    }

    fn sign_digest(&self, algorithm: SigningAlgorithm, digest: &[u8], call: &Call) -> Result<Vec<u8>, Error> {
        self.run(Operation::SignDigest, |key| key.sign_digest(algorithm, digest, call))
    }

    fn mac(&self, algorithm: MacAlgorithm, message: &[u8], call: &Call) -> Result<Secret, Error> {
        self.run(Operation::Mac, |key| key.mac(algorithm, message, call))
    }

    fn agree(&self, peer: &[u8], call: &Call) -> Result<Secret, Error> {
        self.run(Operation::Agree, |key| key.agree(peer, call))
    }

    fn generate_data_key(
        &self,
        len: usize,
        context: &EncryptionContext,
        call: &Call,
    ) -> Result<(Secret, CiphertextBlob), Error> {
        self.run(Operation::GenerateDataKey, |key| key.generate_data_key(len, context, call))
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("info", self.info()).field("counts", &self.counts).finish_non_exhaustive()
    }
}

//! The conformance suite finds what is wrong with wrong backends, each by the check that is there for it.

#![expect(clippy::std_instead_of_alloc, reason = "a test with an operating system under it")]

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use kms_core::{
    AlgorithmSet, Backend, Call, CiphertextBlob, EncryptionContext, Error, ErrorKind, KeyInfo, KeyMaterial, KeySpec,
    KeyUsage, Locator, MacAlgorithm, MasterKey, MaterialId, Secret, Supported, SystemRandom,
};
use kms_soft::SoftBackend;
use kms_testkit::conformance::{self, Subject};

const SPEC: KeySpec = KeySpec::SymmetricDefault;
const USAGE: KeyUsage = KeyUsage::EncryptDecrypt;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    IgnoresContext,
    RepeatsNonces,
    BlamesItself,
    SaysWhy,
    GivesMacs,
    CreatesAnother,
    DestroysNeighbours,
    ForgetsNothing,
    AdvertisesTooMuch,
    AdvertisesTooLittle,
    HasOneAnswer,
}

/// Symmetric keys in memory, with a flaw.
struct Flawed {
    inner: SoftBackend,
    flaw: Flaw,
    supported: Vec<Supported>,
    made: std::sync::Mutex<Vec<Locator>>,
}

impl Flawed {
    fn new(flaw: Flaw) -> Self {
        let mut supported = vec![Supported::new(SPEC, USAGE, AlgorithmSet::of(SPEC, USAGE))];
        let hmac = (KeySpec::Hmac256, KeyUsage::GenerateVerifyMac);
        match flaw {
            Flaw::AdvertisesTooMuch => supported.push(Supported::new(hmac.0, hmac.1, AlgorithmSet::of(hmac.0, hmac.1))),
            Flaw::AdvertisesTooLittle => supported = vec![Supported::new(SPEC, USAGE, AlgorithmSet::empty())],
            _ => {}
        }
        Self { inner: SoftBackend::new(SystemRandom), flaw, supported, made: std::sync::Mutex::default() }
    }

    fn key(&self, inner: Arc<dyn MasterKey>) -> Arc<dyn MasterKey> {
        Arc::new(FlawedKey { inner, flaw: self.flaw, last: std::sync::Mutex::new(None), dead: AtomicBool::new(false) })
    }
}

impl Backend for Flawed {
    fn supported(&self) -> &[Supported] {
        &self.supported
    }

    fn locator(&self, id: MaterialId) -> Locator {
        self.inner.locator(id)
    }

    fn create(&self, at: &Locator, spec: KeySpec, usage: KeyUsage, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        if spec != SPEC || usage != USAGE {
            return Err(Error::unsupported("no such keys here"));
        }
        if self.flaw == Flaw::CreatesAnother {
            self.inner.destroy(at, call)?;
        }
        if let Ok(mut made) = self.made.lock() {
            made.push(at.clone());
        }
        Ok(self.key(self.inner.create(at, spec, usage, call)?))
    }

    fn open(&self, at: &Locator, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        Ok(self.key(self.inner.open(at, call)?))
    }

    fn import(
        &self,
        at: &Locator,
        spec: KeySpec,
        usage: KeyUsage,
        material: KeyMaterial,
        call: &Call,
    ) -> Result<Arc<dyn MasterKey>, Error> {
        if spec != SPEC || usage != USAGE {
            return Err(Error::unsupported("no such keys here"));
        }
        Ok(self.key(self.inner.import(at, spec, usage, material, call)?))
    }

    fn destroy(&self, at: &Locator, call: &Call) -> Result<(), Error> {
        match self.flaw {
            Flaw::ForgetsNothing => Ok(()),
            Flaw::DestroysNeighbours => {
                let made = self.made.lock().map(|mut made| core::mem::take(&mut *made)).unwrap_or_default();
                made.iter().chain([at]).try_for_each(|at| self.inner.destroy(at, call))
            }
            _ => self.inner.destroy(at, call),
        }
    }

    fn health(&self, call: &Call) -> Result<(), Error> {
        self.inner.health(call)
    }
}

struct FlawedKey {
    inner: Arc<dyn MasterKey>,
    flaw: Flaw,
    last: std::sync::Mutex<Option<CiphertextBlob>>,
    dead: AtomicBool,
}

impl MasterKey for FlawedKey {
    fn info(&self) -> &KeyInfo {
        self.inner.info()
    }

    fn fill_random(&self, out: &mut [u8], call: &Call) -> Result<(), Error> {
        self.inner.fill_random(out, call)
    }

    fn seal(&self, plaintext: &[u8], context: &EncryptionContext, call: &Call) -> Result<CiphertextBlob, Error> {
        let context = if self.flaw == Flaw::IgnoresContext { &EncryptionContext::empty() } else { context };
        let sealed = self.inner.seal(plaintext, context, call)?;
        if self.flaw == Flaw::RepeatsNonces
            && let Ok(mut last) = self.last.lock()
        {
            // The same plaintext twice: the same ciphertext twice.
            if let Some(last) = last.as_ref().filter(|last| last.as_bytes().len() == sealed.as_bytes().len()) {
                return Ok(last.clone());
            }
            *last = Some(sealed.clone());
        }
        Ok(sealed)
    }

    fn open(&self, blob: &[u8], context: &EncryptionContext, call: &Call) -> Result<Secret, Error> {
        if self.dead.load(Ordering::Relaxed) {
            return Err(ErrorKind::Disconnected.into());
        }
        let context = if self.flaw == Flaw::IgnoresContext { &EncryptionContext::empty() } else { context };
        self.inner.open(blob, context, call).map_err(|error| match (self.flaw, error.kind()) {
            (Flaw::BlamesItself, ErrorKind::Rejected) => ErrorKind::Internal.into(),
            (Flaw::SaysWhy, ErrorKind::Rejected) => Error::malformed("the tag differs"),
            (Flaw::HasOneAnswer, ErrorKind::Rejected) => {
                self.dead.store(true, Ordering::Relaxed);
                error
            }
            _ => error,
        })
    }

    fn mac(&self, algorithm: MacAlgorithm, message: &[u8], call: &Call) -> Result<Secret, Error> {
        if self.flaw == Flaw::GivesMacs {
            return Ok(Secret::zeroed(algorithm.hash().output_len()));
        }
        self.inner.mac(algorithm, message, call)
    }
}

fn report(flaw: Flaw) -> conformance::Report {
    let backend = Flawed::new(flaw);
    let others = KeySpec::ALL.iter().filter(|&&spec| spec != SPEC);
    let locate = |id: MaterialId| SoftBackend::locator(id);
    let subject = Subject::new(format!("{flaw:?}"), &backend, locate)
        .with_destroyed_keys_usable("a handle shares the key with the backend");
    conformance::run(&others.fold(subject, |subject, &spec| subject.without_spec(spec, "left out here")))
}

#[test]
fn without_a_flaw_it_passes() {
    report(Flaw::None).assert_passed();
}

/// The flaw is found, and by the check that is there for it.
fn found(flaw: Flaw, check: &str) {
    let report = report(flaw);
    let failed: Vec<_> = report.failures.iter().map(|failure| failure.check.to_string()).collect();
    assert!(failed.iter().any(|name| name == check), "{flaw:?}: {failed:?}");
}

#[test]
fn each_flaw_is_found_by_name() {
    for (flaw, check) in [
        (Flaw::IgnoresContext, "symmetric: a wrong context is refused"),
        (Flaw::RepeatsNonces, "symmetric: no nonce repeats in 1,000 ciphertexts"),
        (Flaw::BlamesItself, "forgery: every byte flipped alone is refused as what it is"),
        (Flaw::SaysWhy, "forgery: every truncation is refused"),
        (Flaw::GivesMacs, "algorithms: every other is Unsupported"),
        (Flaw::CreatesAnother, "create: the same locator gives the same key"),
        (Flaw::DestroysNeighbours, "destroy: the neighbours stay"),
        (Flaw::ForgetsNothing, "destroy: the key is gone, and what was opened before is as declared"),
        (Flaw::AdvertisesTooMuch, "algorithms: every one that is advertised works"),
        (Flaw::AdvertisesTooLittle, "supported: what is missing is declared with its reason"),
        (Flaw::HasOneAnswer, "forgery: 1,000 bad ciphertexts in a row, then a good one"),
    ] {
        found(flaw, check);
    }
}

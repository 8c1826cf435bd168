//! A backend of one's own: symmetric keys that are computed from one secret and a random number each, and the conformance
//! suite on it.
//!
//! Only the numbers are stored: whoever has them has no key, and a key whose number is gone is destroyed. `cargo run -p kms-testkit --example own_backend` prints the report.

#![expect(clippy::std_instead_of_alloc, reason = "a program with an operating system under it")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use kms_core::primitives::mac::hmac;
use kms_core::{
    AlgorithmSet, Backend, Call, CiphertextBlob, EncryptionContext, Error, ErrorKind, KeyInfo, KeySpec, KeyUsage,
    Locator, MacAlgorithm, MasterKey, MaterialId, RandomSource, Secret, Supported, SystemRandom, blob,
};
use kms_testkit::conformance::{self, Subject};

const SPEC: KeySpec = KeySpec::SymmetricDefault;
const USAGE: KeyUsage = KeyUsage::EncryptDecrypt;

/// The keys that exist, and their numbers.
#[derive(Clone, Default)]
struct There(Arc<Mutex<BTreeMap<MaterialId, [u8; 16]>>>);

impl There {
    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<MaterialId, [u8; 16]>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Keys computed from `root`.
struct Derived {
    root: Arc<Secret>,
    there: There,
    supported: Vec<Supported>,
}

impl Derived {
    fn new() -> Result<Self, Error> {
        let mut root = Secret::zeroed(32);
        SystemRandom.fill(root.expose_mut())?;
        let supported = vec![Supported::new(SPEC, USAGE, AlgorithmSet::of(SPEC, USAGE))];
        Ok(Self { root: Arc::new(root), there: There::default(), supported })
    }

    fn locator(id: MaterialId) -> Locator {
        Locator::new(id, format!("derived:{id}"))
    }

    fn key(&self, id: MaterialId) -> Result<Arc<dyn MasterKey>, Error> {
        let info = KeyInfo::new(id, SPEC, USAGE)?;
        Ok(Arc::new(DerivedKey { info, root: self.root.clone(), there: self.there.clone() }))
    }
}

impl Backend for Derived {
    fn supported(&self) -> &[Supported] {
        &self.supported
    }

    fn locator(&self, id: MaterialId) -> Locator {
        Self::locator(id)
    }

    fn create(&self, at: &Locator, spec: KeySpec, usage: KeyUsage, _: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        if (spec, usage) != (SPEC, USAGE) {
            return Err(Error::unsupported(format!("keys here are {SPEC} for {USAGE}")));
        }
        let mut number = [0; 16];
        SystemRandom.fill(&mut number)?;
        self.there.with(|there| *there.entry(at.id()).or_insert(number));
        self.key(at.id())
    }

    fn open(&self, at: &Locator, _: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        if self.there.with(|there| there.contains_key(&at.id())) { self.key(at.id()) } else { Err(absent()) }
    }

    fn destroy(&self, at: &Locator, _: &Call) -> Result<(), Error> {
        self.there.with(|there| there.remove(&at.id()));
        Ok(())
    }

    fn health(&self, _: &Call) -> Result<(), Error> {
        Ok(())
    }
}

struct DerivedKey {
    info: KeyInfo,
    root: Arc<Secret>,
    there: There,
}

impl DerivedKey {
    /// HMAC-SHA-256 under the key, which is an HMAC of its number under the root.
    fn prf(&self, input: &[u8]) -> Result<Secret, Error> {
        let number = self.there.with(|there| there.get(&self.info.id).copied()).ok_or_else(absent)?;
        let key = hmac(MacAlgorithm::HmacSha256, self.root.expose(), &number);
        Ok(hmac(MacAlgorithm::HmacSha256, key.expose(), input))
    }
}

impl MasterKey for DerivedKey {
    fn info(&self) -> &KeyInfo {
        &self.info
    }

    fn fill_random(&self, out: &mut [u8], _: &Call) -> Result<(), Error> {
        SystemRandom.fill(out)
    }

    fn seal(&self, plaintext: &[u8], context: &EncryptionContext, _: &Call) -> Result<CiphertextBlob, Error> {
        blob::seal(&self.info.id, |input| self.prf(input), &SystemRandom, plaintext, context)
    }

    fn open(&self, blob: &[u8], context: &EncryptionContext, _: &Call) -> Result<Secret, Error> {
        blob::open(&self.info.id, |input| self.prf(input), blob, context)
    }
}

fn absent() -> Error {
    Error::with_detail(ErrorKind::KeyUnavailable, "no such key")
}

fn main() -> Result<ExitCode, Error> {
    let backend = Derived::new()?;
    let others = KeySpec::ALL.iter().filter(|&&spec| spec != SPEC);
    let subject = others.fold(
        Subject::new("derived", &backend, Derived::locator).without_imports("its keys are computed"),
        |subject, &spec| subject.without_spec(spec, "its keys are HMACs"),
    );
    let report = conformance::run(&subject);
    println!("{report}");
    Ok(if report.is_pass() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

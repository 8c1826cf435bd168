//! The keyring as a backend, and keys that go from one keeper to another.

use alloc::sync::Arc;
use core::time::Duration;
use std::time::SystemTime;

use kms_core::{Backend, Call, Error, Key, KeyMaterial, KeySpec, KeyUsage, Locator, MasterKey, MaterialId, Supported};

use super::contents::{GenerationRecord, Origin};
use super::opened::{Keyring, random};
use crate::key::{Material, SoftKey};
use crate::sealed::SealedKey;

impl Keyring {
    /// A key of this keyring, sealed under another master key.
    ///
    /// # Errors
    /// `KeyUnavailable` if it is not here; `Unsupported` unless `under` is symmetric; the faults of its backend.
    pub fn export(&self, at: &Locator, under: &Key, call: &Call) -> Result<SealedKey, Error> {
        self.key(at.id(), call)?.seal_under(under, call)
    }

    /// Brings in a key that was sealed under another master key.
    ///
    /// # Errors
    /// As [`SoftKey::open_sealed`]; `InvalidInput` if a key has the id; as every change, see
    /// [`add_alias`](Self::add_alias).
    pub fn import_sealed(&self, sealed: &SealedKey, under: &Key, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        self.add(SoftKey::open_sealed(sealed, under, random(), call)?, Origin::External, call)
    }

    /// Seals a key into the file.
    fn add(&self, key: SoftKey, origin: Origin, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        let created = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let created = Duration::from_secs(created.as_secs());
        self.change(call, |root, contents| {
            let sealed = key.seal_under(&root.key, call)?.blob().clone();
            contents.add(key.info(), GenerationRecord { origin, created, sealed }).map(|()| true)
        })?;
        let key = Arc::new(key);
        Ok(key)
    }
}

impl Backend for Keyring {
    fn supported(&self) -> &[Supported] {
        &self.supported
    }

    fn locator(&self, id: MaterialId) -> Locator {
        Self::locator(id)
    }

    fn create(&self, at: &Locator, spec: KeySpec, usage: KeyUsage, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        if self.state().contents.has(at.id(), spec, usage)? {
            return self.open(at, call);
        }
        // A keyring that cannot be changed says so before an RSA key is searched for.
        drop(self.start_change()?);
        let material = Material::generate(spec, &*random())?;
        match self.add(SoftKey::new(at.id(), spec, usage, material, random())?, Origin::AwsKms, call) {
            // Another thread was first.
            Err(_) if self.state().contents.has(at.id(), spec, usage)? => self.open(at, call),
            made => made,
        }
    }

    fn open(&self, at: &Locator, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        let key = self.key(at.id(), call)?;
        Ok(key)
    }

    fn import(
        &self,
        at: &Locator,
        spec: KeySpec,
        usage: KeyUsage,
        material: KeyMaterial,
        call: &Call,
    ) -> Result<Arc<dyn MasterKey>, Error> {
        let material = Material::import(spec, material)?;
        self.add(SoftKey::new(at.id(), spec, usage, material, random())?, Origin::External, call)
    }

    fn destroy(&self, at: &Locator, call: &Call) -> Result<(), Error> {
        self.change(call, |_, contents| {
            let there = contents.find(at.id()).is_some();
            contents.remove(at.id());
            Ok(there)
        })
    }

    fn health(&self, _call: &Call) -> Result<(), Error> {
        Self::open(self.path()).map(drop)
    }
}

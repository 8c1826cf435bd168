//! The backend: master keys in process memory, by their material id.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use kms_core::{
    AlgorithmSet, Backend, Call, Error, ErrorKind, Key, KeyMaterial, KeySpec, KeyUsage, Locator, MasterKey, MaterialId,
    RandomSource, Supported,
};

use crate::key::{Material, SoftKey};
use crate::sealed::SealedKey;

/// Master keys in the memory of this process: gone with it.
pub struct SoftBackend {
    keys: spin::RwLock<BTreeMap<MaterialId, Arc<SoftKey>>>,
    supported: Vec<Supported>,
    random: Arc<dyn RandomSource>,
}

impl SoftBackend {
    /// An empty backend whose keys come from `random`.
    #[must_use]
    pub fn new(random: impl RandomSource + 'static) -> Self {
        Self { keys: spin::RwLock::new(BTreeMap::new()), supported: supported(), random: Arc::new(random) }
    }

    /// The address of `id` in this kind of backend.
    #[must_use]
    pub fn locator(id: MaterialId) -> Locator {
        Locator::new(id, alloc::format!("soft:{id}"))
    }

    fn find(&self, id: MaterialId) -> Option<Arc<SoftKey>> {
        self.keys.read().get(&id).cloned()
    }

    /// A key, sealed under another master key.
    ///
    /// # Errors
    /// `KeyUnavailable` if it is not here; `Unsupported` unless `under` is symmetric; the faults of its backend.
    pub fn export(&self, at: &Locator, under: &Key, call: &Call) -> Result<SealedKey, Error> {
        self.find(at.id()).ok_or_else(|| absent(at))?.seal_under(under, call)
    }

    /// Brings in a key that was sealed under another master key.
    ///
    /// # Errors
    /// As [`SoftKey::open_sealed`]; `InvalidInput` if a key has the id.
    pub fn import_sealed(&self, sealed: &SealedKey, under: &Key, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        let key = self.insert_new(SoftKey::open_sealed(sealed, under, self.random.clone(), call)?)?;
        Ok(key)
    }

    /// Puts a new key in its place, unless another thread was first.
    fn insert(&self, key: SoftKey) -> Arc<SoftKey> {
        let id = key.info().id;
        self.keys.write().entry(id).or_insert_with(|| Arc::new(key)).clone()
    }

    /// Puts a key in a place that must be free.
    fn insert_new(&self, key: SoftKey) -> Result<Arc<SoftKey>, Error> {
        let id = key.info().id;
        match self.keys.write().entry(id) {
            Entry::Vacant(place) => Ok(place.insert(Arc::new(key)).clone()),
            Entry::Occupied(_) => Err(Error::invalid_input(alloc::format!("another key is at {}", Self::locator(id)))),
        }
    }
}

/// All there is: process memory can do whatever a key spec and usage allow.
pub(crate) fn supported() -> Vec<Supported> {
    let pairs = KeySpec::ALL.iter().flat_map(|&spec| spec.usages().iter().map(move |&usage| (spec, usage)));
    pairs.map(|(spec, usage)| Supported::new(spec, usage, AlgorithmSet::of(spec, usage))).collect()
}

fn absent(at: &Locator) -> Error {
    Error::with_detail(ErrorKind::KeyUnavailable, alloc::format!("no key at {at}"))
}

impl Backend for SoftBackend {
    fn is_in_process(&self) -> bool {
        true
    }

    fn supported(&self) -> &[Supported] {
        &self.supported
    }

    fn locator(&self, id: MaterialId) -> Locator {
        Self::locator(id)
    }

    fn create(&self, at: &Locator, spec: KeySpec, usage: KeyUsage, _call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        // Before anything is made: an RSA key takes seconds.
        spec.check_usage(usage)?;
        let key = match self.find(at.id()) {
            Some(key) => key,
            None => {
                let material = Material::generate(spec, &self.random)?;
                self.insert(SoftKey::new(at.id(), spec, usage, material, self.random.clone())?)
            }
        };
        if key.info().spec == spec && key.info().usage == usage {
            Ok(key)
        } else {
            Err(Error::invalid_input(alloc::format!("another key is at {at}")))
        }
    }

    fn open(&self, at: &Locator, _call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        match self.find(at.id()) {
            Some(key) => Ok(key),
            None => Err(absent(at)),
        }
    }

    fn import(
        &self,
        at: &Locator,
        spec: KeySpec,
        usage: KeyUsage,
        material: KeyMaterial,
        _call: &Call,
    ) -> Result<Arc<dyn MasterKey>, Error> {
        spec.check_usage(usage)?;
        let material = Material::import(spec, material)?;
        let key = self.insert_new(SoftKey::new(at.id(), spec, usage, material, self.random.clone())?)?;
        Ok(key)
    }

    fn destroy(&self, at: &Locator, _call: &Call) -> Result<(), Error> {
        self.keys.write().remove(&at.id());
        Ok(())
    }

    fn health(&self, _call: &Call) -> Result<(), Error> {
        Ok(())
    }
}

impl fmt::Debug for SoftBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoftBackend({} keys)", self.keys.read().len())
    }
}

//! The backend whose keys outlive the process: each is kept as a [`SealedKey`] in a place for records.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use kms_core::{
    Backend, Call, EncryptionContext, Error, ErrorKind, Key, KeyMaterial, KeySpec, KeyUsage, Locator, MasterKey,
    MaterialId, RandomSource, Records, Supported,
};

use crate::SoftBackend;
use crate::backend::supported;
use crate::key::{Material, SoftKey};
use crate::sealed::SealedKey;

/// Master keys in process memory that are kept, sealed under a root key, in a place for [`Records`].
///
/// No key stays here: [`open`](Backend::open) unseals it anew each time, and whoever needs it often holds on to it. What
/// was sealed is wiped with the last clone. **Who loses the root key, or the records, loses the keys.**
pub struct SealedBackend {
    root: Key,
    records: Arc<dyn Records>,
    supported: Vec<Supported>,
    random: Arc<dyn RandomSource>,
}

impl SealedBackend {
    /// Keys in `records`, sealed under `root`; `random` makes them.
    ///
    /// # Errors
    /// `Unsupported` unless `root` encrypts and decrypts under [`KeySpec::SymmetricDefault`].
    pub fn new(root: Key, records: Arc<dyn Records>, random: impl RandomSource + 'static) -> Result<Self, Error> {
        if root.info().spec != KeySpec::SymmetricDefault || root.info().algorithms.is_empty() {
            return Err(Error::unsupported(alloc::format!("a root key is not {}", root.info().spec)));
        }
        Ok(Self { root, records, supported: supported(), random: Arc::new(random) })
    }

    /// The address of `id` in every soft backend.
    #[must_use]
    pub fn locator(id: MaterialId) -> Locator {
        SoftBackend::locator(id)
    }

    fn find(&self, at: &Locator, call: &Call) -> Result<Option<SoftKey>, Error> {
        let Some(record) = self.records.get(at.id())? else { return Ok(None) };
        let sealed = SealedKey::parse(&record)?;
        if sealed.id() != at.id() {
            return Err(Error::malformed(alloc::format!("the record of {} is of another key", at.id())));
        }
        SoftKey::open_sealed(&sealed, &self.root, self.random.clone(), call).map(Some)
    }

    fn keep(&self, at: &Locator, key: &SoftKey, call: &Call) -> Result<(), Error> {
        self.records.insert(at.id(), &key.seal_under(&self.root, call)?.to_bytes()?)
    }
}

fn occupied(at: &Locator) -> Error {
    Error::invalid_input(alloc::format!("another key is at {at}"))
}

impl Backend for SealedBackend {
    fn is_in_process(&self) -> bool {
        true
    }

    fn supported(&self) -> &[Supported] {
        &self.supported
    }

    fn locator(&self, id: MaterialId) -> Locator {
        Self::locator(id)
    }

    fn create(&self, at: &Locator, spec: KeySpec, usage: KeyUsage, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        spec.check_usage(usage)?;
        let found = match self.find(at, call)? {
            Some(key) => key,
            None => {
                let material = Material::generate(spec, &self.random)?;
                let key = SoftKey::new(at.id(), spec, usage, material, self.random.clone())?;
                match self.keep(at, &key, call) {
                    Ok(()) => key,
                    // Another thread or process was first.
                    Err(error) if error.kind() == ErrorKind::InvalidInput => self.find(at, call)?.ok_or(error)?,
                    Err(error) => return Err(error),
                }
            }
        };
        if found.info().spec == spec && found.info().usage == usage { Ok(Arc::new(found)) } else { Err(occupied(at)) }
    }

    fn open(&self, at: &Locator, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        match self.find(at, call)? {
            Some(key) => Ok(Arc::new(key)),
            None => Err(Error::with_detail(ErrorKind::KeyUnavailable, alloc::format!("no key at {at}"))),
        }
    }

    fn import(
        &self,
        at: &Locator,
        spec: KeySpec,
        usage: KeyUsage,
        material: KeyMaterial,
        call: &Call,
    ) -> Result<Arc<dyn MasterKey>, Error> {
        spec.check_usage(usage)?;
        let material = Material::import(spec, material)?;
        let key = SoftKey::new(at.id(), spec, usage, material, self.random.clone())?;
        self.keep(at, &key, call)?;
        Ok(Arc::new(key))
    }

    fn destroy(&self, at: &Locator, _call: &Call) -> Result<(), Error> {
        self.records.remove(at.id())
    }

    /// Whether the root key seals and opens.
    fn health(&self, call: &Call) -> Result<(), Error> {
        let context = EncryptionContext::empty();
        let sealed = self.root.encrypt(b"", &context, call)?;
        self.root.decrypt(sealed.as_bytes(), &context, call).map(drop)
    }
}

impl fmt::Debug for SealedBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedBackend(root {})", self.root.info().id)
    }
}

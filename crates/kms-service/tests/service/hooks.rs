//! Things that happen in the middle of others.

use core::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kms_core::{
    Backend, Call, Error, KeyMaterial, KeySpec, KeyUsage, Locator, MasterKey, MaterialId, Supported, SystemRandom,
};
use kms_service::store::{Outcome, Revision, Stored, Transaction, Watch, Write};
use kms_service::{SealedStore, ServiceBuilder, Store};
use kms_soft::SealedBackend;
use kms_store::Memory;

use crate::desk::{Desk, root_key};

/// What is to happen once, at a time.
type Once<T> = Mutex<Option<(T, Box<dyn FnOnce() + Send>)>>;

fn take<T>(hook: &Once<T>, is_time: impl FnOnce(&T) -> bool) {
    let mut hook = hook.lock().unwrap();
    let now = if hook.as_ref().is_some_and(|(time, _)| is_time(time)) { hook.take() } else { None };
    drop(hook);
    if let Some((_, work)) = now {
        work();
    }
}

/// What a backend is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    Create,
    Import,
    Destroy,
}

/// A backend before which other things can happen.
pub(crate) struct HookedBackend {
    inner: Arc<dyn Backend>,
    hook: Once<About>,
}

impl HookedBackend {
    pub(crate) fn new(inner: Arc<dyn Backend>) -> Arc<Self> {
        Arc::new(Self { inner, hook: Mutex::default() })
    }

    /// `work` is done once, before that.
    pub(crate) fn before(&self, what: About, work: impl FnOnce() + Send + 'static) {
        *self.hook.lock().unwrap() = Some((what, Box::new(work)));
    }

    fn about(&self, what: About) {
        take(&self.hook, |wanted| *wanted == what);
    }
}

impl fmt::Debug for HookedBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HookedBackend")
    }
}

impl Backend for HookedBackend {
    fn supported(&self) -> &[Supported] {
        self.inner.supported()
    }

    fn locator(&self, id: MaterialId) -> Locator {
        self.inner.locator(id)
    }

    fn create(&self, at: &Locator, spec: KeySpec, usage: KeyUsage, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        self.about(About::Create);
        self.inner.create(at, spec, usage, call)
    }

    fn open(&self, at: &Locator, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        self.inner.open(at, call)
    }

    fn import(
        &self,
        at: &Locator,
        spec: KeySpec,
        usage: KeyUsage,
        material: KeyMaterial,
        call: &Call,
    ) -> Result<Arc<dyn MasterKey>, Error> {
        self.about(About::Import);
        self.inner.import(at, spec, usage, material, call)
    }

    fn destroy(&self, at: &Locator, call: &Call) -> Result<(), Error> {
        self.about(About::Destroy);
        self.inner.destroy(at, call)
    }

    fn health(&self, call: &Call) -> Result<(), Error> {
        self.inner.health(call)
    }
}

/// A store before whose transactions other things can happen.
pub(crate) struct HookedStore {
    inner: Memory,
    hook: Once<&'static [u8]>,
    list_hook: Once<&'static [u8]>,
    reads: Mutex<Vec<Vec<u8>>>,
}

impl HookedStore {
    /// `work` is done once, before the first transaction that writes a place that begins so.
    pub(crate) fn before(&self, prefix: &'static [u8], work: impl FnOnce() + Send + 'static) {
        *self.hook.lock().unwrap() = Some((prefix, Box::new(work)));
    }

    /// `work` is done once, before a list of what is at places that begin so is read.
    pub(crate) fn before_list(&self, prefix: &'static [u8], work: impl FnOnce() + Send + 'static) {
        *self.list_hook.lock().unwrap() = Some((prefix, Box::new(work)));
    }

    /// How often what begins so was read since this was last asked.
    pub(crate) fn reads_of(&self, prefix: &[u8]) -> usize {
        let reads = core::mem::take(&mut *self.reads.lock().unwrap());
        reads.iter().filter(|place| place.starts_with(prefix)).count()
    }
}

impl Store for HookedStore {
    fn get(&self, keys: &[&[u8]]) -> Result<Vec<Option<Stored>>, Error> {
        self.reads.lock().unwrap().extend(keys.iter().map(|key| key.to_vec()));
        self.inner.get(keys)
    }

    fn list(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Stored)>, Error> {
        self.reads.lock().unwrap().push(prefix.to_vec());
        take(&self.list_hook, |wanted| prefix.starts_with(wanted));
        self.inner.list(prefix, after, limit)
    }

    fn commit(&self, transaction: &Transaction) -> Result<Outcome, Error> {
        let writes = |prefix: &&[u8]| {
            transaction.writes.iter().any(|write| match write {
                Write::Put(place, _) | Write::Delete(place) => place.starts_with(prefix),
            })
        };
        take(&self.hook, |prefix| writes(prefix));
        self.inner.commit(transaction)
    }

    fn barrier(&self) -> Result<Revision, Error> {
        self.inner.barrier()
    }

    fn watch(&self, prefix: &[u8]) -> Result<Box<dyn Watch>, Error> {
        self.inner.watch(prefix)
    }

    fn health(&self) -> Result<(), Error> {
        self.inner.health()
    }
}

/// A service over such a store.
pub(crate) fn over_hooked_store(settings: impl FnOnce(ServiceBuilder) -> ServiceBuilder) -> (Arc<HookedStore>, Desk) {
    let store = Arc::new(HookedStore {
        inner: Memory::new(),
        hook: Mutex::default(),
        list_hook: Mutex::default(),
        reads: Mutex::default(),
    });
    (store.clone(), Desk::over(store, root_key(), settings))
}

/// A service over such a backend.
pub(crate) fn over_hooked_backend() -> (Arc<HookedBackend>, Desk) {
    let (store, root) = (Arc::new(Memory::new()), root_key());
    let sealed = SealedStore::open(store.clone(), &root).unwrap();
    let backend = SealedBackend::new(root.clone(), sealed.records(), SystemRandom).unwrap();
    let backend = HookedBackend::new(Arc::new(backend));
    let desk =
        Desk::over_backend(store, root, sealed, backend.clone(), |builder| builder.freshness(Some(Duration::ZERO)));
    (backend, desk)
}

//! Where the master keys of KMS keys live: one backend for keys of the service, and one for each custom key store.

use core::fmt;
use std::sync::Arc;

use kms_core::{Backend, Call, Error, Key, KeyMaterial, KeySpec, KeyUsage, MaterialId};

/// A backend that master keys are made in, and found in again.
pub(crate) struct Home {
    backend: Arc<dyn Backend>,
    /// What is asked of it may take so long.
    budget: Option<core::time::Duration>,
}

impl Home {
    pub(crate) fn new(backend: Arc<dyn Backend>, budget: Option<core::time::Duration>) -> Self {
        Self { backend, budget }
    }

    /// What travels with calls to the backend.
    pub(crate) fn call(&self) -> Call {
        match self.budget {
            Some(budget) => Call::default().with_budget(budget),
            None => Call::default(),
        }
    }

    /// Makes key material. Asked again for the same, it answers the same.
    pub(crate) fn create(&self, id: MaterialId, spec: KeySpec, usage: KeyUsage) -> Result<Key, Error> {
        Ok(Key::new(self.backend.create(&self.backend.locator(id), spec, usage, &self.call())?))
    }

    pub(crate) fn open(&self, id: MaterialId, call: &Call) -> Result<Key, Error> {
        Ok(Key::new(self.backend.open(&self.backend.locator(id), call)?))
    }

    pub(crate) fn import(
        &self,
        id: MaterialId,
        spec: KeySpec,
        usage: KeyUsage,
        material: KeyMaterial,
    ) -> Result<Key, Error> {
        Ok(Key::new(self.backend.import(&self.backend.locator(id), spec, usage, material, &self.call())?))
    }

    pub(crate) fn destroy(&self, id: MaterialId) -> Result<(), Error> {
        self.backend.destroy(&self.backend.locator(id), &self.call())
    }

    pub(crate) fn health(&self) -> Result<(), Error> {
        self.backend.health(&self.call())
    }

    pub(crate) fn is_in_process(&self) -> bool {
        self.backend.is_in_process()
    }

    /// Whether keys of `spec` for `usage` can be made here.
    pub(crate) fn has(&self, spec: KeySpec, usage: KeyUsage) -> bool {
        self.backend.supported().iter().any(|one| (one.spec, one.usage) == (spec, usage))
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Home({} kinds of keys)", self.backend.supported().len())
    }
}

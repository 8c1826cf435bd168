//! What backends keep outside themselves.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::sync::Mutex;
use crate::{Error, MaterialId};

/// A place for what a backend keeps outside itself, each record under the id of its key material: keys sealed under a
/// root key, keys wrapped under a token's. The backend authenticates them, so that a changed one is noticed; **who loses
/// them loses the keys**.
///
/// Whoever has a store of records keeps them there.
pub trait Records: Send + Sync {
    /// The record of a wrapped key.
    ///
    /// # Errors
    /// If the place cannot be read. An absent record is `None`.
    fn get(&self, id: MaterialId) -> Result<Option<Vec<u8>>, Error>;

    /// Adds a record, durably, before it returns.
    ///
    /// # Errors
    /// `InvalidInput` if there is one under `id`, which stays as it is; if the place cannot be written.
    fn insert(&self, id: MaterialId, record: &[u8]) -> Result<(), Error>;

    /// Removes a record, durably. An absent one is removed.
    ///
    /// # Errors
    /// If the place cannot be written.
    fn remove(&self, id: MaterialId) -> Result<(), Error>;

    /// The ids that have a record, sorted.
    ///
    /// # Errors
    /// If the place cannot be read.
    fn list(&self) -> Result<Vec<MaterialId>, Error>;

    /// Adds `nonces` to the number that is set aside for a key, durably, unless that would pass `most`; answers how
    /// many were set aside before. `None`: it would.
    ///
    /// # Errors
    /// If the place cannot be written.
    fn reserve_nonces(&self, id: MaterialId, nonces: u64, most: u64) -> Result<Option<u64>, Error>;

    /// How many nonces were set aside for a key.
    ///
    /// # Errors
    /// If the place cannot be read.
    fn reserved_nonces(&self, id: MaterialId) -> Result<u64, Error>;
}

// Object safety is part of the contract.
const _: fn(&dyn Records) = |_| {};

impl<T: Records + ?Sized> Records for Arc<T> {
    fn get(&self, id: MaterialId) -> Result<Option<Vec<u8>>, Error> {
        (**self).get(id)
    }

    fn insert(&self, id: MaterialId, record: &[u8]) -> Result<(), Error> {
        (**self).insert(id, record)
    }

    fn remove(&self, id: MaterialId) -> Result<(), Error> {
        (**self).remove(id)
    }

    fn list(&self) -> Result<Vec<MaterialId>, Error> {
        (**self).list()
    }

    fn reserve_nonces(&self, id: MaterialId, nonces: u64, most: u64) -> Result<Option<u64>, Error> {
        (**self).reserve_nonces(id, nonces, most)
    }

    fn reserved_nonces(&self, id: MaterialId) -> Result<u64, Error> {
        (**self).reserved_nonces(id)
    }
}

/// Records in process memory: for tests, and for programs that make their keys anew at each start.
#[derive(Default)]
pub struct InMemory {
    records: Mutex<BTreeMap<MaterialId, Vec<u8>>>,
    nonces: Mutex<BTreeMap<MaterialId, u64>>,
}

impl Records for InMemory {
    fn get(&self, id: MaterialId) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.records.with(|records| records.get(&id).cloned()))
    }

    fn insert(&self, id: MaterialId, record: &[u8]) -> Result<(), Error> {
        self.records.with(|records| {
            if records.contains_key(&id) {
                return Err(Error::invalid_input(alloc::format!("another key has the id {id}")));
            }
            records.insert(id, record.to_vec());
            Ok(())
        })
    }

    fn remove(&self, id: MaterialId) -> Result<(), Error> {
        self.records.with(|records| records.remove(&id));
        Ok(())
    }

    fn list(&self) -> Result<Vec<MaterialId>, Error> {
        Ok(self.records.with(|records| records.keys().copied().collect()))
    }

    fn reserve_nonces(&self, id: MaterialId, nonces: u64, most: u64) -> Result<Option<u64>, Error> {
        Ok(self.nonces.with(|counts| {
            let count = counts.entry(id).or_default();
            match count.checked_add(nonces) {
                Some(sum) if sum <= most => Some(core::mem::replace(count, sum)),
                _ => None,
            }
        }))
    }

    fn reserved_nonces(&self, id: MaterialId) -> Result<u64, Error> {
        Ok(self.nonces.with(|nonces| nonces.get(&id).copied().unwrap_or_default()))
    }
}

impl fmt::Debug for InMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InMemory({} records)", self.records.with(|records| records.len()))
    }
}

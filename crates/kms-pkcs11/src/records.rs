//! What is kept outside the token: master keys wrapped under its root key, and counts of nonces.

use std::collections::BTreeMap;
use std::fmt;

use kms_core::{Error, MaterialId};
use parking_lot::Mutex;

mod directory;

pub use directory::Directory;

/// A place for records, each under the id of its key material. What is in them is authenticated by the token, so that
/// a changed one is noticed; **who loses them loses the keys**.
///
/// A program that has a store keeps them there; [`Directory`] keeps them in files.
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

/// Records in process memory: for tests, and for programs that make their keys anew at each start.
#[derive(Default)]
pub struct InMemory {
    records: Mutex<BTreeMap<MaterialId, Vec<u8>>>,
    nonces: Mutex<BTreeMap<MaterialId, u64>>,
}

impl Records for InMemory {
    fn get(&self, id: MaterialId) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.records.lock().get(&id).cloned())
    }

    fn insert(&self, id: MaterialId, record: &[u8]) -> Result<(), Error> {
        let mut records = self.records.lock();
        if records.contains_key(&id) {
            return Err(occupied(id));
        }
        records.insert(id, record.to_vec());
        Ok(())
    }

    fn remove(&self, id: MaterialId) -> Result<(), Error> {
        self.records.lock().remove(&id);
        Ok(())
    }

    fn list(&self) -> Result<Vec<MaterialId>, Error> {
        Ok(self.records.lock().keys().copied().collect())
    }

    fn reserve_nonces(&self, id: MaterialId, nonces: u64, most: u64) -> Result<Option<u64>, Error> {
        let mut counts = self.nonces.lock();
        let count = counts.entry(id).or_default();
        Ok(match count.checked_add(nonces) {
            Some(sum) if sum <= most => Some(core::mem::replace(count, sum)),
            _ => None,
        })
    }

    fn reserved_nonces(&self, id: MaterialId) -> Result<u64, Error> {
        Ok(self.nonces.lock().get(&id).copied().unwrap_or_default())
    }
}

impl fmt::Debug for InMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InMemory({} records)", self.records.lock().len())
    }
}

fn occupied(id: MaterialId) -> Error {
    Error::invalid_input(format!("another key has the id {id}"))
}

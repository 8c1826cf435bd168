//! What backends keep, in the store: sealed keys, wrapped keys, counts of nonces.

use kms_core::{Error, ErrorKind, MaterialId, Records};

use super::{Change, SealedStore};
use crate::place;

/// The records of backends, in a sealed store.
pub(super) struct StoreRecords(pub(super) SealedStore);

impl StoreRecords {
    fn counted(&self, id: MaterialId) -> Result<Option<super::Versioned<u64>>, Error> {
        self.0.get(&place::nonces(id))
    }
}

impl Records for StoreRecords {
    fn get(&self, id: MaterialId) -> Result<Option<Vec<u8>>, Error> {
        let place = place::material(id);
        let stored = self.0.engine().get(&[&place])?.into_iter().next().flatten();
        stored.map(|stored| Ok(self.0.unseal(&place, &stored.value)?.expose().to_vec())).transpose()
    }

    fn insert(&self, id: MaterialId, record: &[u8]) -> Result<(), Error> {
        let place = place::material(id);
        let mut change = Change::default();
        change.writes.push(crate::store::Write::Put(place.clone(), self.0.seal(&place, record)?));
        change.absent(place);
        match self.0.commit_material(change)? {
            Some(_) => Ok(()),
            None => Err(Error::invalid_input(format!("another key has the id {id}"))),
        }
    }

    fn remove(&self, id: MaterialId) -> Result<(), Error> {
        let mut change = Change::default();
        change.delete(place::material(id));
        self.0.commit_material(change).map(drop)
    }

    fn list(&self) -> Result<Vec<MaterialId>, Error> {
        let (mut ids, mut after) = (Vec::new(), None::<Vec<u8>>);
        loop {
            let page = self.0.engine().list(place::MATERIALS, after.as_deref(), crate::store::MAX_PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(ids) };
            after = Some(last.clone());
            ids.extend(page.iter().filter_map(|(place, _)| place::material_id(place)));
        }
    }

    fn reserve_nonces(&self, id: MaterialId, nonces: u64, most: u64) -> Result<Option<u64>, Error> {
        let place = place::nonces(id);
        // Conflicts end: somebody else's reservation succeeded each time.
        for _ in 0..1000 {
            let found = self.counted(id)?;
            let before = found.as_ref().map_or(0, |found| found.record);
            let Some(sum) = before.checked_add(nonces).filter(|&sum| sum <= most) else { return Ok(None) };
            let mut change = Change::default();
            match found {
                Some(found) => change.unchanged(place.clone(), found.version),
                None => change.absent(place.clone()),
            };
            self.0.put(&mut change, place.clone(), &sum)?;
            if self.0.commit_material(change)?.is_some() {
                return Ok(Some(before));
            }
        }
        Err(ErrorKind::Busy.into())
    }

    fn reserved_nonces(&self, id: MaterialId) -> Result<u64, Error> {
        Ok(self.counted(id)?.map_or(0, |found| found.record))
    }
}

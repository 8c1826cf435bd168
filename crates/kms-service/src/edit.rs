//! Changes to keys and what belongs to them, in one transaction.

use kms_core::KeyId;

use crate::cache::{AliasKey, KeyName};
use crate::grants;
use crate::record::{AliasRecord, Counts, GrantRecord, KeyRecord, Listed};
use crate::sealed::{Change, Versioned};
use crate::service::Inner;
use crate::store::Revision;
use crate::{AccountId, AliasName, Exception, KmsError, Region, Timestamp, place, snapshot};

/// How often a change that others were faster than is tried.
const TRIES: usize = 64;

/// A change that is being put together.
pub(crate) struct Edit<'a> {
    service: &'a Inner,
    change: Change,
    keys: Vec<KeyName>,
    aliases: Vec<AliasKey>,
    /// More has changed than can be named.
    everything: bool,
}

impl Inner {
    /// Makes a change: `work` reads what it needs, and says what becomes of it. When something that it read was changed
    /// meanwhile, it is called again.
    ///
    /// # Errors
    /// Those of `work`; `DependencyTimeoutException`, `KMSInternalException`.
    pub(crate) fn edit<T>(&self, mut work: impl FnMut(&mut Edit<'_>) -> Result<T, KmsError>) -> Result<T, KmsError> {
        for _ in 0..TRIES {
            let mut edit = Edit {
                service: self,
                change: Change::default(),
                keys: Vec::new(),
                aliases: Vec::new(),
                everything: false,
            };
            let done = work(&mut edit)?;
            if edit.commit()? {
                return Ok(done);
            }
        }
        Err(KmsError::with(Exception::DependencyTimeout, "Too many changes at once: try again."))
    }
}

impl<'a> Edit<'a> {
    pub(crate) const fn service(&self) -> &'a Inner {
        self.service
    }

    /// A key as it is now.
    ///
    /// # Errors
    /// `KMSInternalException` if it was put back; the store's faults.
    pub(crate) fn key(&self, region: &Region, id: KeyId) -> Result<Option<Versioned<KeyRecord>>, KmsError> {
        let (store, place) = (&self.service.store, place::key(region, id));
        for _ in 0..TRIES {
            let Some(found) = store.get::<KeyRecord>(&place)? else { return Ok(None) };
            let (_, listed) = places(&found.record);
            let listed = store.get::<Listed>(&listed)?;
            if listed.is_some_and(|listed| listed.record.revision == found.record.revision) {
                return Ok(Some(found));
            }
            // It was changed between the two, or the one does not belong to the other.
            if store.get::<KeyRecord>(&place)?.is_some_and(|again| again.version == found.version) {
                return Err(snapshot::rolled_back(&found.record).into());
            }
        }
        Err(KmsError::with(Exception::DependencyTimeout, "Too many changes at once: try again."))
    }

    /// Adds a key that must not be there yet.
    pub(crate) fn add_key(&mut self, record: &KeyRecord) -> Result<(), KmsError> {
        let (key, listed) = places(record);
        self.change.absent(key.clone());
        self.put_both(record, key, listed)
    }

    /// Puts a changed key in the place of the one that was read.
    pub(crate) fn put_key(&mut self, record: &mut KeyRecord, read: Revision) -> Result<(), KmsError> {
        record.revision += 1;
        let (key, listed) = places(record);
        self.change.unchanged(key.clone(), read);
        self.put_both(record, key, listed)
    }

    fn put_both(&mut self, record: &KeyRecord, key: Vec<u8>, listed: Vec<u8>) -> Result<(), KmsError> {
        self.service.store.put(&mut self.change, listed, &Listed { revision: record.revision })?;
        self.service.store.put(&mut self.change, key, record)?;
        self.keys.push((record.region.clone(), record.id.id()));
        Ok(())
    }

    /// Takes a key away.
    pub(crate) fn delete_key(&mut self, record: &KeyRecord, read: Revision) {
        let (key, listed) = places(record);
        self.change.unchanged(key.clone(), read).delete(key).delete(listed);
        self.change.delete(place::usage(&record.region, record.id.id()));
        self.keys.push((record.region.clone(), record.id.id()));
    }

    /// An alias as it is now.
    pub(crate) fn alias(
        &self,
        account: AccountId,
        region: &Region,
        name: &AliasName,
    ) -> Result<Option<Versioned<AliasRecord>>, KmsError> {
        Ok(self.service.store.get(&place::alias(account, region, name))?)
    }

    /// Puts an alias; `read` is the one that it replaces.
    pub(crate) fn put_alias(
        &mut self,
        account: AccountId,
        region: &Region,
        record: &AliasRecord,
        read: Option<Revision>,
    ) -> Result<(), KmsError> {
        let place = place::alias(account, region, &record.name);
        match read {
            Some(version) => self.change.unchanged(place.clone(), version),
            None => self.change.absent(place.clone()),
        };
        self.service.store.put(&mut self.change, place, record)?;
        self.aliases.push((account, region.clone(), record.name.clone()));
        Ok(())
    }

    pub(crate) fn delete_alias(&mut self, account: AccountId, region: &Region, name: &AliasName) {
        self.change.delete(place::alias(account, region, name));
        self.aliases.push((account, region.clone(), name.clone()));
    }

    /// Adds a grant to a key, whose record the caller puts.
    pub(crate) fn add_grant(&mut self, record: &mut KeyRecord, grant: &GrantRecord) -> Result<(), KmsError> {
        let place = place::grant(&record.region, record.id.id(), &grant.id);
        self.change.absent(place.clone());
        self.service.store.put(&mut self.change, place, grant)?;
        if let Some(retiring) = &grant.retiring {
            let place = retirable(record, retiring, &grant.id);
            self.service.store.put(&mut self.change, place, retiring)?;
        }
        record.grants += 1;
        let print = grants::fingerprint(&self.service.store, record, grant)?;
        grants::toggle(&mut record.grants_digest, &print);
        Ok(())
    }

    /// Takes a grant away from a key, whose record the caller puts.
    pub(crate) fn delete_grant(&mut self, record: &mut KeyRecord, grant: &GrantRecord) -> Result<(), KmsError> {
        self.change.delete(place::grant(&record.region, record.id.id(), &grant.id));
        if let Some(retiring) = &grant.retiring {
            self.change.delete(retirable(record, retiring, &grant.id));
        }
        record.grants = record.grants.saturating_sub(1);
        let print = grants::fingerprint(&self.service.store, record, grant)?;
        grants::toggle(&mut record.grants_digest, &print);
        Ok(())
    }

    /// Changes how many things an account has in a region.
    ///
    /// # Errors
    /// What `work` says.
    pub(crate) fn count(
        &mut self,
        account: AccountId,
        region: &Region,
        work: impl FnOnce(&mut Counts) -> Result<(), KmsError>,
    ) -> Result<(), KmsError> {
        let place = place::counts(account, region);
        let found = self.service.store.get::<Counts>(&place)?;
        let mut counts = found.as_ref().map(|found| found.record).unwrap_or_default();
        work(&mut counts)?;
        match found {
            Some(found) => self.change.unchanged(place.clone(), found.version),
            None => self.change.absent(place.clone()),
        };
        Ok(self.service.store.put(&mut self.change, place, &counts)?)
    }

    /// Notes that something will be due for a key. A note that is no longer true does nothing.
    pub(crate) fn note_due(&mut self, at: Timestamp, kind: &str, record: &KeyRecord) -> Result<(), KmsError> {
        let place = place::due(at, kind, &record.region, record.id.id());
        Ok(self.service.store.put(&mut self.change, place, &())?)
    }

    /// Nothing is changed unless a key is still the one that was read.
    pub(crate) fn only_if_unchanged(&mut self, region: &Region, id: KeyId, read: Revision) {
        self.change.unchanged(place::key(region, id), read);
    }

    /// Puts any other record, in the place of the one that was read.
    pub(crate) fn put<T: serde::Serialize>(
        &mut self,
        place: Vec<u8>,
        record: &T,
        read: Option<Revision>,
    ) -> Result<(), KmsError> {
        match read {
            Some(version) => self.change.unchanged(place.clone(), version),
            None => self.change.absent(place.clone()),
        };
        Ok(self.service.store.put(&mut self.change, place, record)?)
    }

    /// All that is kept in memory is forgotten: more has changed than keys and aliases that could be named.
    pub(crate) const fn changes_everything(&mut self) {
        self.everything = true;
    }

    /// Takes any other record away.
    pub(crate) fn delete(&mut self, place: Vec<u8>) {
        self.change.delete(place);
    }

    /// Takes any other record away, if it is the one that was read.
    pub(crate) fn delete_unchanged(&mut self, place: Vec<u8>, read: Revision) {
        self.change.unchanged(place.clone(), read).delete(place);
    }

    /// False if something was changed meanwhile.
    fn commit(self) -> Result<bool, KmsError> {
        let committed = self.service.store.commit(self.change);
        // Also when the outcome is not known: it may have happened.
        if self.everything {
            self.service.cache.clear();
        }
        for name in &self.keys {
            self.service.cache.key_changed(name);
        }
        for name in &self.aliases {
            self.service.cache.alias_changed(name);
        }
        let committed = committed?;
        if let Some(revision) = committed {
            self.service.lease.committed(revision);
        }
        Ok(committed.is_some())
    }
}

fn places(record: &KeyRecord) -> (Vec<u8>, Vec<u8>) {
    (place::key(&record.region, record.id.id()), place::listed(record.account, &record.region, record.id))
}

fn retirable(record: &KeyRecord, retiring: &str, grant: &str) -> Vec<u8> {
    // Whoever may retire it lists it among theirs, whosesoever key it is on.
    let account = grants::account_of(retiring).unwrap_or(record.account);
    place::retirable(account, &record.region, retiring, record.id.id(), grant)
}

//! What there is, without a use of it.

use kms_core::{KeyId, KeySpec, KeyUsage, MaterialId};

use crate::api::KeyMetadata;
use crate::ops::metadata;
use crate::record::Listed;
use crate::service::Service;
use crate::store::MAX_PAGE;
use crate::{AccountId, AliasName, KmsError, KmsKeyId, Region, place};

/// A key, as its operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Known {
    /// Its id.
    pub id: KmsKeyId,
    /// Type and size.
    pub spec: KeySpec,
    /// The one kind of operation it is for.
    pub usage: KeyUsage,
    /// What `DescribeKey` answers.
    pub metadata: KeyMetadata,
    /// Its aliases, sorted.
    pub aliases: Vec<String>,
    /// The generations of its material, by number.
    pub generations: Vec<u32>,
    /// The generation that encrypts and signs.
    pub current: MaterialId,
}

impl Service {
    /// What is known of a key. `None`: the account has none of that id in the region.
    ///
    /// # Errors
    /// `KMSInternalException` if its records do not belong together; the store's faults.
    pub fn known(&self, account: AccountId, region: &Region, id: KeyId) -> Result<Option<Known>, KmsError> {
        let service = &*self.inner;
        let Some(snapshot) = service.key(region, id)? else { return Ok(None) };
        let record = &snapshot.record;
        if record.account != account {
            return Ok(None);
        }
        Ok(Some(Known {
            id: record.id,
            spec: record.spec,
            usage: record.usage,
            metadata: metadata(record, snapshot.connected, None, service.clock.now())?,
            aliases: record.aliases.iter().cloned().collect(),
            generations: record.generations.iter().map(|one| one.number).collect(),
            current: MaterialId { key: id, generation: record.current },
        }))
    }

    /// The key that an alias points to.
    ///
    /// # Errors
    /// The store's faults.
    pub fn alias_target(
        &self,
        account: AccountId,
        region: &Region,
        alias: &AliasName,
    ) -> Result<Option<KmsKeyId>, KmsError> {
        self.inner.alias(account, region, alias)
    }

    /// The ids that begin with `beginning`, of an account's keys in a region, sorted; at most `limit`, or 1,000.
    ///
    /// # Errors
    /// The store's faults.
    pub fn ids_from(
        &self,
        account: AccountId,
        region: &Region,
        beginning: &str,
        limit: usize,
    ) -> Result<Vec<KmsKeyId>, KmsError> {
        let prefix = place::listed_from(account, region, beginning);
        let page = self.inner.store.list::<Listed>(&prefix, None, limit.clamp(1, MAX_PAGE))?;
        Ok(page.iter().filter_map(|(place, _)| place::listed_id(place)).collect())
    }
}

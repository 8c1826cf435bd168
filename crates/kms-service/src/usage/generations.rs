//! The uses of each generation of a key's material: which are still needed.

use crate::api::KeyMaterialState;
use crate::record::KeyRecord;
use crate::service::Service;
use crate::step::not_found;
use crate::{AccountId, Arn, KmsError, KmsKeyId, Region, Timestamp, name, place};

/// How much a generation of a key's material was used, in one region.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GenerationUses {
    /// Its number, which ciphertexts name: from 0.
    pub number: u32,
    /// Its `KeyMaterialId`: 64 hexadecimal digits.
    pub material_id: String,
    /// What it is to the key.
    pub state: KeyMaterialState,
    /// Operations that succeeded with it, dry runs left out.
    pub uses: u64,
    /// When the last one was. Of a generation that is not the current one, it is a decryption.
    pub last_use: Option<Timestamp>,
}

impl Service {
    /// How much each generation of a key was used, in the order of their making. What was encrypted under a generation
    /// that is not the current one, and that has not been used for longer than anything is kept, is encrypted anew or
    /// gone: the generation is needed no more.
    ///
    /// For the operator: no policy is asked. Each region of a multi-region key counts for itself.
    ///
    /// # Errors
    /// `NotFoundException` if the account has no such key in the region; the store's faults.
    pub fn generation_uses(
        &self,
        account: AccountId,
        region: &Region,
        key: KmsKeyId,
    ) -> Result<Vec<GenerationUses>, KmsError> {
        let found = self.inner.store.get::<KeyRecord>(&place::key(region, key.id()))?;
        let found = found.filter(|found| found.record.account == account && found.record.id == key);
        let arn = || Arn::new(region.clone(), account, name::Resource::Key(key));
        let found = found.ok_or_else(|| not_found(format!("Key '{}' does not exist", arn())))?;
        let usage = self.inner.usage_of(region, key.id())?;
        let uses = found.record.generations.into_iter().map(|one| GenerationUses {
            number: one.number,
            material_id: one.material_id,
            state: one.state,
            uses: usage.generations.get(&one.number).copied().unwrap_or_default(),
            last_use: usage.last_uses.get(&one.number).copied().map(Timestamp::from_millis),
        });
        Ok(uses.collect())
    }
}

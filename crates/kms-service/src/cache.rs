//! Keys and aliases that were read, until they change.
//!
//! What is kept is immutable. Every place in the store belongs to one of a fixed number of *epochs*; a change bumps the
//! epoch of what it changed, after it was committed and before it is answered. What was read notes the epoch from before
//! it was read, and serves only while that is the present one. So nothing stale is served after the answer to a change,
//! whatever the order in which readers and writers run.

use core::fmt;
use core::hash::{BuildHasher, Hash};
use std::collections::hash_map::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kms_core::KeyId;
use quick_cache::sync::Cache as Kept;

use crate::snapshot::Snapshot;
use crate::{AccountId, AliasName, KmsKeyId, Region};

/// How many epochs there are: a change of one key makes one in so many others be read anew.
const EPOCHS: usize = 4096;

/// The name of a key in a region.
pub(crate) type KeyName = (Region, KeyId);
/// The name of an alias.
pub(crate) type AliasKey = (AccountId, Region, AliasName);

/// An alias, as it was read.
#[derive(Debug, Clone, Copy)]
struct KeptAlias {
    target: KmsKeyId,
    epoch: u64,
}

pub(crate) struct Cache {
    keys: Kept<KeyName, Arc<Snapshot>>,
    aliases: Kept<AliasKey, KeptAlias>,
    epochs: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Cache {
    /// A cache of at most `keys` keys, and as many aliases.
    pub(crate) fn new(keys: usize) -> Self {
        Self {
            keys: Kept::new(keys.max(16)),
            aliases: Kept::new(keys.max(16)),
            epochs: (0..EPOCHS).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
        }
    }

    fn epoch_of(&self, name: &impl Hash) -> &AtomicU64 {
        let slot = usize::try_from(self.hasher.hash_one(name) % EPOCHS as u64).unwrap_or(0);
        // The number of a slot is below EPOCHS; the first stands in for what cannot be.
        self.epochs.get(slot).unwrap_or(&FALLBACK)
    }

    /// The epoch that a key is to be read in.
    pub(crate) fn key_epoch(&self, name: &KeyName) -> u64 {
        self.epoch_of(name).load(Ordering::SeqCst)
    }

    pub(crate) fn alias_epoch(&self, name: &AliasKey) -> u64 {
        self.epoch_of(name).load(Ordering::SeqCst)
    }

    /// A key, if it was read and has not changed.
    pub(crate) fn key(&self, name: &KeyName) -> Option<Arc<Snapshot>> {
        let kept = self.keys.get(name)?;
        (kept.epoch == self.key_epoch(name)).then_some(kept)
    }

    pub(crate) fn keep_key(&self, name: KeyName, key: Arc<Snapshot>) {
        let epoch = key.epoch;
        self.keys.insert(name.clone(), key);
        // A change that came between would leave it here unsealed, for nobody.
        if epoch != self.key_epoch(&name) {
            self.keys.remove(&name);
        }
    }

    pub(crate) fn alias(&self, name: &AliasKey) -> Option<KmsKeyId> {
        let kept = self.aliases.get(name)?;
        (kept.epoch == self.alias_epoch(name)).then_some(kept.target)
    }

    pub(crate) fn keep_alias(&self, name: AliasKey, target: KmsKeyId, epoch: u64) {
        self.aliases.insert(name.clone(), KeptAlias { target, epoch });
        if epoch != self.alias_epoch(&name) {
            self.aliases.remove(&name);
        }
    }

    /// The key has changed: what was read of it serves no more. Answers what was kept.
    pub(crate) fn key_changed(&self, name: &KeyName) -> Option<Arc<Snapshot>> {
        self.epoch_of(name).fetch_add(1, Ordering::SeqCst);
        self.keys.remove(name).map(|(_, kept)| kept)
    }

    pub(crate) fn alias_changed(&self, name: &AliasKey) {
        self.epoch_of(name).fetch_add(1, Ordering::SeqCst);
        self.aliases.remove(name);
    }

    /// Anything may have changed.
    pub(crate) fn clear(&self) {
        for epoch in &self.epochs {
            epoch.fetch_add(1, Ordering::SeqCst);
        }
        self.keys.clear();
        self.aliases.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }
}

static FALLBACK: AtomicU64 = AtomicU64::new(0);

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cache({} keys, {} aliases)", self.keys.len(), self.aliases.len())
    }
}

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
use parking_lot::Mutex;
use quick_cache::Weighter;
use quick_cache::sync::Cache as Kept;

use crate::snapshot::Snapshot;
use crate::{AccountId, AliasName, KmsKeyId, Region};

/// How many epochs there are: a change of one key makes one in so many others be read anew.
const EPOCHS: usize = 4096;
/// How many keys can be read at a time. One that is read has some others wait, of which there are as many more.
const READERS: usize = 1024;
/// How many grants take as much memory as a key without any.
const GRANTS_OF_WEIGHT: u64 = 8;

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

/// What a key weighs: as many keys without grants as take as much memory.
#[derive(Debug, Clone, Copy)]
struct ByGrants {
    /// What is heavier would not be kept at all.
    most: u64,
}

impl Weighter<KeyName, Arc<Snapshot>> for ByGrants {
    fn weight(&self, _: &KeyName, key: &Arc<Snapshot>) -> u64 {
        (1 + key.record.grants / GRANTS_OF_WEIGHT).min(self.most)
    }
}

pub(crate) struct Cache {
    keys: Kept<KeyName, Arc<Snapshot>, ByGrants>,
    aliases: Kept<AliasKey, KeptAlias>,
    epochs: Box<[AtomicU64]>,
    /// Held by whoever reads a key.
    reading: Box<[Mutex<()>]>,
    hasher: RandomState,
}

impl Cache {
    /// A cache of what weighs as much as `keys` keys without grants, and of as many aliases.
    pub(crate) fn new(keys: usize) -> Self {
        let keys = keys.max(16);
        let weighing = |most| Kept::with_weighter(keys, keys as u64, ByGrants { most });
        // It is cut into parts, and its parts take what fills nine tenths of one.
        let most = weighing(1).shard_capacity() * 9 / 10;
        Self {
            keys: weighing(most.max(1)),
            aliases: Kept::new(keys),
            reading: (0..READERS).map(|_| Mutex::new(())).collect(),
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

    /// What is held by whoever reads the key, so that others wait for what they find.
    pub(crate) fn reading(&self, name: &KeyName) -> &Mutex<()> {
        let slot = usize::try_from(self.hasher.hash_one(name) % READERS as u64).unwrap_or(0);
        self.reading.get(slot).unwrap_or(&FALLBACK_READER)
    }

    pub(crate) fn keep_key(&self, name: &KeyName, key: Arc<Snapshot>) {
        let epoch = key.epoch;
        self.keys.insert(name.clone(), key);
        // It may have changed before it was there to be taken out. It would serve nobody, and hold the key in memory.
        if self.key_epoch(name) != epoch {
            self.keys.remove_if(name, |kept| kept.epoch == epoch);
        }
    }

    pub(crate) fn alias(&self, name: &AliasKey) -> Option<KmsKeyId> {
        let kept = self.aliases.get(name)?;
        (kept.epoch == self.alias_epoch(name)).then_some(kept.target)
    }

    pub(crate) fn keep_alias(&self, name: AliasKey, target: KmsKeyId, epoch: u64) {
        self.aliases.insert(name.clone(), KeptAlias { target, epoch });
        if self.alias_epoch(&name) != epoch {
            self.aliases.remove_if(&name, |kept| kept.epoch == epoch);
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
static FALLBACK_READER: Mutex<()> = Mutex::new(());

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cache({} keys, {} aliases)", self.keys.len(), self.aliases.len())
    }
}

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
use quick_cache::sync::Cache as Kept;
use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter};

mod recent;

pub(crate) use recent::Lent;
use recent::Recent;

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

/// Takes what is evicted out of its slot as well.
#[derive(Clone)]
struct WithSlots {
    recent: Arc<Recent>,
    hasher: RandomState,
}

impl Lifecycle<KeyName, Arc<Snapshot>> for WithSlots {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), (region, id): KeyName, key: Arc<Snapshot>) {
        self.recent.take_back(slot_of(&self.hasher, &(&region, id)), &key);
    }
}

type KeptKeys<L> = Kept<KeyName, Arc<Snapshot>, ByGrants, DefaultHashBuilder, L>;

pub(crate) struct Cache {
    keys: KeptKeys<WithSlots>,
    /// Some of the same keys.
    recent: Arc<Recent>,
    aliases: Kept<AliasKey, KeptAlias>,
    epochs: Box<[AtomicU64]>,
    /// Held by whoever reads a key.
    reading: Box<[Mutex<()>]>,
    /// How many keys were put in.
    read: AtomicU64,
    hasher: RandomState,
}

/// Which epoch and which slot something has.
fn slot_of(hasher: &RandomState, name: &impl Hash) -> usize {
    usize::try_from(hasher.hash_one(name) % EPOCHS as u64).unwrap_or(0)
}

impl Cache {
    /// A cache of what weighs as much as `keys` keys without grants, and of as many aliases.
    pub(crate) fn new(keys: usize) -> Self {
        let keys = keys.max(16);
        let (recent, hasher) = (Arc::new(Recent::new(EPOCHS)), RandomState::new());
        let weighing = |most| -> KeptKeys<WithSlots> {
            let with_slots = WithSlots { recent: recent.clone(), hasher: hasher.clone() };
            Kept::with(keys, keys as u64, ByGrants { most }, DefaultHashBuilder::default(), with_slots)
        };
        // It is cut into parts, and its parts take what fills nine tenths of one.
        let most = weighing(1).shard_capacity() * 9 / 10;
        Self {
            keys: weighing(most.max(1)),
            recent,
            aliases: Kept::new(keys),
            reading: (0..READERS).map(|_| Mutex::new(())).collect(),
            read: AtomicU64::new(0),
            epochs: (0..EPOCHS).map(|_| AtomicU64::new(0)).collect(),
            hasher,
        }
    }

    fn epoch(&self, slot: usize) -> &AtomicU64 {
        // The number of a slot is below EPOCHS; the first stands in for what cannot be.
        self.epochs.get(slot).unwrap_or(&FALLBACK)
    }

    fn epoch_of(&self, name: &impl Hash) -> &AtomicU64 {
        self.epoch(slot_of(&self.hasher, name))
    }

    /// The epoch that a key is to be read in.
    pub(crate) fn key_epoch(&self, name: &KeyName) -> u64 {
        self.epoch_of(name).load(Ordering::SeqCst)
    }

    pub(crate) fn alias_epoch(&self, name: &AliasKey) -> u64 {
        self.epoch_of(name).load(Ordering::SeqCst)
    }

    /// A key, if it was read and has not changed.
    pub(crate) fn key(&self, region: &Region, id: KeyId) -> Option<Lent> {
        // A tuple of references hashes as the name does.
        let slot = slot_of(&self.hasher, &(region, id));
        let is_turn = recent::is_turn();
        let is_new = |key: &Snapshot| key.epoch == self.epoch(slot).load(Ordering::SeqCst);
        if !is_turn
            && let Some(lent) = self.recent.get(slot)
            && lent.record.id.id() == id
            && lent.record.region == *region
            && is_new(&lent)
        {
            return Some(lent);
        }
        let name = (region.clone(), id);
        let kept = self.keys.get(&name).filter(|key| is_new(key))?;
        if is_turn {
            self.recent.put(slot, kept.clone());
            // As in `keep_key`; and it may have been evicted meanwhile.
            if !is_new(&kept) || self.keys.peek(&name).is_none_or(|found| !Arc::ptr_eq(&found, &kept)) {
                self.recent.take_back(slot, &kept);
            }
        }
        Some(kept.into())
    }

    /// What is held by whoever reads the key, so that others wait for what they find.
    pub(crate) fn reading(&self, name: &KeyName) -> &Mutex<()> {
        let slot = usize::try_from(self.hasher.hash_one(name) % READERS as u64).unwrap_or(0);
        self.reading.get(slot).unwrap_or(&FALLBACK_READER)
    }

    /// How many keys were put in, ever.
    pub(crate) fn keys_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(crate) fn keep_key(&self, name: &KeyName, key: Arc<Snapshot>) {
        self.read.fetch_add(1, Ordering::Relaxed);
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

    /// The key has changed: what was read of it serves no more.
    pub(crate) fn key_changed(&self, name: &KeyName) {
        let slot = slot_of(&self.hasher, name);
        self.epoch(slot).fetch_add(1, Ordering::SeqCst);
        self.keys.remove(name);
        self.recent.clear(slot);
    }

    pub(crate) fn alias_changed(&self, name: &AliasKey) {
        self.epoch_of(name).fetch_add(1, Ordering::SeqCst);
        self.aliases.remove(name);
    }

    /// Anything may have changed.
    pub(crate) fn clear(&self) {
        for (slot, epoch) in self.epochs.iter().enumerate() {
            epoch.fetch_add(1, Ordering::SeqCst);
            self.recent.clear(slot);
        }
        self.keys.clear();
        // What was brought back meanwhile is taken out again by whoever brought it.
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

//! How much keys are used: counted in memory, kept in the store now and then.

mod bill;
mod generations;

pub use bill::{Bill, BillLine, KeyKind, Prices};
pub use generations::GenerationUses;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kms_core::KeyId;
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};

use crate::api::Operation;
use crate::cache::KeyName;
use crate::record::KeyRecord;
use crate::service::{Inner, is_tracked};
use crate::step::Step;
use crate::{KmsError, Region, Timestamp, place, text};

/// How many months a key's record remembers.
const MONTHS: usize = 14;

/// The uses of all keys since they were last kept.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    keys: Mutex<HashMap<KeyName, Arc<Uses>>>,
    /// Held while uses are kept: two at once would keep the same uses twice.
    keeping: Mutex<()>,
}

/// The uses of one key since they were last kept.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    by_generation: RwLock<BTreeMap<u32, Arc<Count>>>,
    /// The millisecond and the operation that `last` is of.
    mark: AtomicU64,
    last: Mutex<Option<Latest>>,
}

/// The last use of a key, until it is kept.
#[derive(Debug)]
struct Latest {
    operation: Operation,
    time: Timestamp,
    event: KeyId,
    request: Option<String>,
}

/// The uses of one generation since they were last kept, and when the last was, in milliseconds since 1970.
#[derive(Debug, Default)]
pub(crate) struct Count {
    uses: AtomicU64,
    last: AtomicU64,
}

impl Count {
    pub(crate) fn add(&self, now: Timestamp) {
        self.uses.fetch_add(1, Ordering::Relaxed);
        // What is not written is not taken from the other cores.
        if self.last.load(Ordering::Relaxed) < now.as_millis() {
            self.last.fetch_max(now.as_millis(), Ordering::Relaxed);
        }
    }
}

/// The last use of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastUse {
    #[serde(with = "text")]
    pub(crate) operation: Operation,
    #[serde(with = "text::millis")]
    pub(crate) time: Timestamp,
    #[serde(default)]
    pub(crate) event: String,
    #[serde(default)]
    pub(crate) request: Option<String>,
}

/// What the store keeps of the uses of a key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct UsageRecord {
    /// Uses of each generation, for ever.
    #[serde(default)]
    pub(crate) generations: BTreeMap<u32, u64>,
    /// When each generation was last used, in milliseconds since 1970.
    #[serde(default)]
    pub(crate) last_uses: BTreeMap<u32, u64>,
    /// Uses in each month, as `2026-11`.
    #[serde(default)]
    pub(crate) months: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<LastUse>,
}

impl Uses {
    /// The count of a generation.
    pub(crate) fn of(&self, generation: u32) -> Arc<Count> {
        if let Some(count) = self.by_generation.read().get(&generation) {
            return count.clone();
        }
        self.by_generation.write().entry(generation).or_default().clone()
    }

    /// Notes a use as the last one. Of those in the same millisecond by the same operation, the first.
    pub(crate) fn note_last(&self, step: &Step<'_>) {
        if !is_tracked(step.operation) {
            return;
        }
        let mark = step.now.as_millis().wrapping_mul(256) | u64::from(step.operation as u8);
        if self.mark.load(Ordering::Relaxed) == mark {
            return;
        }
        // Of two uses at once, either is the last.
        if let Some(mut last) = self.last.try_lock() {
            let (operation, time, event) = (step.operation, step.now, step.event_id());
            // The room for the request's id serves again.
            let mut request = last.take().and_then(|before| before.request);
            request.clone_from(&step.caller.request_id);
            *last = Some(Latest { operation, time, event, request });
            self.mark.store(mark, Ordering::Relaxed);
        }
    }

    fn is_empty(&self) -> bool {
        self.by_generation.read().values().all(|count| count.uses.load(Ordering::Relaxed) == 0)
    }

    fn add_to(&self, record: &mut UsageRecord, now: Timestamp) -> Counted {
        let counts = self.by_generation.read();
        for (&generation, count) in counts.iter() {
            let last = count.last.load(Ordering::Relaxed);
            let known = record.last_uses.entry(generation).or_default();
            *known = last.max(*known);
        }
        let counts = counts.iter().map(|(&generation, count)| (generation, count.uses.load(Ordering::Relaxed)));
        let counts: BTreeMap<u32, u64> = counts.filter(|(_, count)| *count > 0).collect();
        for (generation, count) in &counts {
            *record.generations.entry(*generation).or_default() += count;
        }
        *record.months.entry(month(now)).or_default() += counts.values().sum::<u64>();
        while record.months.len() > MONTHS {
            record.months.pop_first();
        }
        if let Some(last) = &*self.last.lock() {
            record.last = Some(LastUse {
                operation: last.operation,
                time: last.time,
                event: last.event.to_string(),
                request: last.request.clone(),
            });
        }
        Counted(counts)
    }

    /// Forgets what was kept.
    fn subtract(&self, counted: &Counted) {
        let counts = self.by_generation.read();
        for (generation, count) in &counted.0 {
            if let Some(total) = counts.get(generation) {
                total.uses.fetch_sub(*count, Ordering::Relaxed);
            }
        }
    }
}

/// What was added to a record.
struct Counted(BTreeMap<u32, u64>);

impl Ledger {
    pub(crate) fn of(&self, name: &KeyName) -> Arc<Uses> {
        self.keys.lock().entry(name.clone()).or_default().clone()
    }

    fn used(&self) -> Vec<(KeyName, Arc<Uses>)> {
        let mut keys = self.keys.lock();
        // What is neither used nor in memory is forgotten.
        keys.retain(|_, uses| Arc::strong_count(uses) > 1 || !uses.is_empty());
        let used = keys.iter().filter(|(_, uses)| !uses.is_empty());
        used.map(|(name, uses)| (name.clone(), uses.clone())).collect()
    }
}

/// `2026-11`.
pub(crate) fn month(time: Timestamp) -> String {
    let mut text = time.to_string();
    text.truncate("2026-11".len());
    text
}

impl Inner {
    /// Keeps what was counted.
    ///
    /// # Errors
    /// The store's; what was not kept stays counted.
    pub(crate) fn keep_usage(&self) -> Result<(), KmsError> {
        let now = self.clock.now();
        let _keeping = self.ledger.keeping.lock();
        for ((region, id), uses) in self.ledger.used() {
            let counted = self.edit(|edit| {
                let place = place::usage(&region, id);
                let found = self.store.get::<UsageRecord>(&place)?;
                let (mut record, read) =
                    found.map_or_else(Default::default, |found| (found.record, Some(found.version)));
                let counted = uses.add_to(&mut record, now);
                // Of a key that is gone, nothing is kept.
                if edit.key(&region, id)?.is_some() {
                    edit.put(place, &record, read)?;
                }
                Ok(counted)
            })?;
            uses.subtract(&counted);
        }
        Ok(())
    }

    /// What is known of the uses of a key, those included that are not kept yet.
    pub(crate) fn usage_of(&self, region: &Region, id: KeyId) -> Result<UsageRecord, KmsError> {
        let found = self.store.get::<UsageRecord>(&place::usage(region, id))?;
        let mut record = found.map(|found| found.record).unwrap_or_default();
        self.ledger.of(&(region.clone(), id)).add_to(&mut record, self.clock.now());
        Ok(record)
    }

    /// Keeps what a key that is about to go is to be billed for.
    pub(crate) fn bill_deleted(&self, key: &KeyRecord, now: Timestamp) -> Result<(), KmsError> {
        bill::keep(self, key, now)
    }
}

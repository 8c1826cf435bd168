//! A cache of data keys, so that a backend is asked less often.
//!
//! AWS Encryption SDK specification, `framework/caching-cmm.md`. What reusing a data key costs: every message
//! under it falls with it, the backend's audit sees one request for many messages, and a key that is disabled or a
//! permission that is withdrawn keeps working until the entry's age is over. Messages under one data key do not
//! share their AES key, which is derived with the message's own random id; suites without derivation are therefore
//! never cached.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::materials::{
    DecryptionMaterials, DecryptionRequest, EncryptionMaterials, EncryptionRequest, MaterialsProvider,
};
use crate::primitives::hash::hash;
use crate::sync::Mutex;
use crate::{EncryptionContext, Error, ErrorKind, HashAlgorithm};

/// The bounds on the entries of a [`DataKeyCache`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheLimits {
    /// How long an entry is used.
    pub max_age: Duration,
    /// How many messages are written under one data key.
    pub max_messages: u32,
    /// How many bytes of plaintext are written under one data key.
    pub max_bytes: u64,
    /// How many entries are kept; the one that was not used for longest goes first.
    pub max_entries: usize,
}

impl CacheLimits {
    /// 1,000 entries, each for `max_age`, 2^32 - 1 messages and 2^63 - 1 bytes.
    ///
    /// There is no default age: it is how long a withdrawn permission keeps working.
    #[must_use]
    pub const fn new(max_age: Duration) -> Self {
        Self { max_age, max_messages: u32::MAX, max_bytes: (1 << 63) - 1, max_entries: 1000 }
    }

    /// Another bound on messages.
    #[must_use]
    pub const fn with_max_messages(mut self, max: u32) -> Self {
        self.max_messages = max;
        self
    }

    /// Another bound on bytes.
    #[must_use]
    pub const fn with_max_bytes(mut self, max: u64) -> Self {
        self.max_bytes = max;
        self
    }

    /// Another bound on entries.
    #[must_use]
    pub const fn with_max_entries(mut self, max: usize) -> Self {
        self.max_entries = max;
        self
    }
}

/// What a [`DataKeyCache`] has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Requests answered from the cache.
    pub hits: u64,
    /// Requests passed on, those that cannot be cached among them.
    pub misses: u64,
    /// Entries dropped for their age, their use or for room.
    pub evictions: u64,
    /// Entries there now.
    pub entries: usize,
}

/// Keeps the data keys of another provider for a while.
///
/// Entries are found by suite and encryption context, and when reading by the encrypted data keys too; a cache
/// belongs to one provider, so never crosses master keys. A message whose length is not known in advance
/// ([`EncryptOptions::with_plaintext_len`](super::EncryptOptions::with_plaintext_len)) does not use it. Data keys
/// are wiped when their entry is dropped and the last message under them is done.
///
/// ```
/// use core::time::Duration;
/// use kms_core::{Call, EncryptionContext, Secret, SystemRandom};
/// use kms_core::message::{self, CacheLimits, DataKeyCache, EncryptOptions, RawAesKey};
/// let key = RawAesKey::new("demo", "k", Secret::from(vec![7; 32]))?;
/// let start = std::time::Instant::now();
/// let limits = CacheLimits::new(Duration::from_secs(60)).with_max_messages(1000);
/// let cache = DataKeyCache::new(key, limits, move || start.elapsed());
/// let options = EncryptOptions::new(EncryptionContext::empty());
/// for _ in 0..3 {
///     message::encrypt(&cache, &options, b"small", &SystemRandom, &Call::default())?;
/// }
/// assert_eq!((cache.stats().misses, cache.stats().hits), (1, 2));
/// # Ok::<(), kms_core::Error>(())
/// ```
pub struct DataKeyCache<P> {
    provider: P,
    limits: CacheLimits,
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
    entries: Mutex<Entries>,
}

type Id = Vec<u8>;

#[derive(Default)]
struct Entries {
    by_id: BTreeMap<Id, Entry>,
    /// The ids, by when they were last used.
    by_use: BTreeMap<u64, Id>,
    /// The ids, by when they were made; the number tells apart what was made at once.
    by_age: BTreeMap<(Duration, u64), Id>,
    uses: u64,
    stats: CacheStats,
}

struct Entry {
    value: Value,
    made: (Duration, u64),
    last_use: u64,
    messages: u32,
    bytes: u64,
}

#[derive(Clone)]
enum Value {
    Encryption(Arc<EncryptionMaterials>),
    Decryption(Arc<DecryptionMaterials>),
}

impl<P> DataKeyCache<P> {
    /// An empty cache in front of `provider`. `clock` is the time since any fixed moment, and never goes back.
    pub fn new(provider: P, limits: CacheLimits, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { provider, limits, clock: Box::new(clock), entries: Mutex::new(Entries::default()) }
    }

    /// What the cache has done so far.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.entries.with(|entries| CacheStats { entries: entries.by_id.len(), ..entries.stats })
    }

    /// Drops the entries that are past their age. Every request does so too; an idle service calls this.
    pub fn evict_expired(&self) {
        self.entries.with(|entries| entries.drop_expired((self.clock)(), &self.limits));
    }

    /// Drops all entries.
    pub fn clear(&self) {
        self.entries.with(|entries| {
            entries.stats.evictions += u64::try_from(entries.by_id.len()).unwrap_or(u64::MAX);
            entries.by_id.clear();
            entries.by_use.clear();
            entries.by_age.clear();
        });
    }
}

impl Entries {
    /// The entry, if it is young enough and has `messages` and `bytes` left; those are then used.
    fn take(&mut self, id: &Id, now: Duration, limits: &CacheLimits, messages: u32, bytes: u64) -> Option<Value> {
        self.drop_expired(now, limits);
        let entry = self.by_id.get_mut(id)?;
        // One large message is no reason to drop what still serves small ones; `put` replaces it if a new one is made.
        let messages = entry.messages.checked_add(messages).filter(|&sum| sum <= limits.max_messages)?;
        let bytes = entry.bytes.checked_add(bytes).filter(|&sum| sum <= limits.max_bytes)?;
        (entry.messages, entry.bytes) = (messages, bytes);
        self.uses += 1;
        self.by_use.remove(&core::mem::replace(&mut entry.last_use, self.uses));
        self.by_use.insert(self.uses, id.clone());
        self.stats.hits += 1;
        Some(entry.value.clone())
    }

    fn drop_expired(&mut self, now: Duration, limits: &CacheLimits) {
        while let Some((&(made, _), id)) = self.by_age.first_key_value() {
            if now.checked_sub(made).is_some_and(|age| age < limits.max_age) {
                break;
            }
            let id = id.clone();
            self.remove(&id);
        }
    }

    fn remove(&mut self, id: &Id) {
        if let Some(entry) = self.by_id.remove(id) {
            self.by_use.remove(&entry.last_use);
            self.by_age.remove(&entry.made);
            self.stats.evictions += 1;
        }
    }

    fn put(&mut self, id: Id, now: Duration, limits: &CacheLimits, value: Value, messages: u32, bytes: u64) {
        if limits.max_entries == 0 || messages > limits.max_messages || bytes > limits.max_bytes {
            return;
        }
        // Another thread may have been here first: the newer entry stays.
        self.remove(&id);
        while self.by_id.len() >= limits.max_entries {
            let Some((_, id)) = self.by_use.first_key_value() else { break };
            let id = id.clone();
            self.remove(&id);
        }
        self.uses += 1;
        let made = (now, self.uses);
        self.by_use.insert(self.uses, id.clone());
        self.by_age.insert(made, id.clone());
        self.by_id.insert(id, Entry { value, made, last_use: self.uses, messages, bytes });
    }
}

/// What an entry is found by: a hash of everything it depends on.
fn entry_id(purpose: u8, suite: u16, context: &EncryptionContext, rest: &[u8]) -> Id {
    let mut input = Vec::with_capacity(7 + context.aad().len() + rest.len());
    input.push(purpose);
    input.extend(suite.to_be_bytes());
    // The context's length is at most 65,535.
    input.extend(u32::try_from(context.aad().len()).unwrap_or(u32::MAX).to_be_bytes());
    input.extend(context.aad());
    input.extend(rest);
    hash(HashAlgorithm::Sha384, &input)
}

impl<P> DataKeyCache<P> {
    /// What the cache has under `id`, or what `make` answers, which is then kept.
    fn cached(
        &self,
        id: Id,
        messages: u32,
        bytes: u64,
        make: impl FnOnce() -> Result<Value, Error>,
    ) -> Result<Value, Error> {
        let found = self.entries.with(|entries| entries.take(&id, (self.clock)(), &self.limits, messages, bytes));
        if let Some(found) = found {
            return Ok(found);
        }
        self.count_miss();
        // Old before it is there, if anything. The lock is not held while the backend works.
        let now = (self.clock)();
        let made = make()?;
        self.entries.with(|entries| entries.put(id, now, &self.limits, made.clone(), messages, bytes));
        Ok(made)
    }

    fn count_miss(&self) {
        self.entries.with(|entries| entries.stats.misses += 1);
    }
}

impl<P: MaterialsProvider> MaterialsProvider for DataKeyCache<P> {
    fn encryption_materials(&self, request: &EncryptionRequest<'_>) -> Result<Arc<EncryptionMaterials>, Error> {
        let cacheable = request.suite.kdf_hash().is_some();
        let Some(bytes) = request.plaintext_len.filter(|_| cacheable) else {
            self.count_miss();
            return self.provider.encryption_materials(request);
        };
        let id = entry_id(1, request.suite.id(), request.context, &[]);
        match self.cached(id, 1, bytes, || self.provider.encryption_materials(request).map(Value::Encryption))? {
            Value::Encryption(materials) => Ok(materials),
            Value::Decryption(_) => Err(ErrorKind::Internal.into()),
        }
    }

    fn decryption_materials(&self, request: &DecryptionRequest<'_>) -> Result<Arc<DecryptionMaterials>, Error> {
        if request.suite.kdf_hash().is_none() {
            self.count_miss();
            return self.provider.decryption_materials(request);
        }
        let mut keys = Vec::new();
        for key in request.encrypted_data_keys {
            key.write(&mut keys)?;
        }
        let id = entry_id(2, request.suite.id(), request.context, &keys);
        match self.cached(id, 0, 0, || self.provider.decryption_materials(request).map(Value::Decryption))? {
            Value::Decryption(materials) => Ok(materials),
            Value::Encryption(_) => Err(ErrorKind::Internal.into()),
        }
    }
}

impl<P> fmt::Debug for DataKeyCache<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKeyCache")
            .field("limits", &self.limits)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

//! What a data key cache saves its backend, counted, and the limits under which it does.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "never built without std")]

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kms_core::message::{
    self, AlgorithmSuite, CacheLimits, CommitmentPolicy, DataKeyCache, DecryptOptions, EncryptOptions, EncryptWriter,
    Header, KmsWrappingKey, MaterialsProvider, Parsed,
};
use kms_core::{Backend, Call, EncryptionContext, Error, ErrorKind, Key, KeyId, KeySpec, KeyUsage, SystemRandom};
use kms_soft::SoftBackend;
use kms_testkit::counting::{Counting, Operation};

const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const MINUTE: Duration = Duration::from_secs(60);

/// A KMS key that counts, a clock that stands still, and a cache between.
struct Bench {
    backend: Arc<Counting>,
    clock: Arc<AtomicU64>,
    cache: DataKeyCache<KmsWrappingKey>,
}

impl Bench {
    fn new(limits: CacheLimits) -> Self {
        let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
        let soft = SoftBackend::new(SystemRandom);
        let key = soft.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &Call::default()).unwrap();
        let backend = Counting::new(key);
        let clock = Arc::new(AtomicU64::new(0));
        let now = Arc::clone(&clock);
        let cache =
            DataKeyCache::new(wrapping(&backend), limits, move || Duration::from_millis(now.load(Ordering::Relaxed)));
        Self { backend, clock, cache }
    }

    fn generated(&self) -> u64 {
        self.backend.calls(Operation::GenerateDataKey)
    }

    /// Hits, misses, evictions, entries.
    fn stats(&self) -> (u64, u64, u64, usize) {
        let stats = self.cache.stats();
        (stats.hits, stats.misses, stats.evictions, stats.entries)
    }
}

fn wrapping(backend: &Arc<Counting>) -> KmsWrappingKey {
    KmsWrappingKey::new(ARN, Key::new(backend.clone())).unwrap()
}

fn options(tenant: &str) -> EncryptOptions {
    EncryptOptions::new(EncryptionContext::new([("tenant", tenant)]).unwrap())
}

fn encrypt(keys: &dyn MaterialsProvider, options: &EncryptOptions, len: usize) -> Vec<u8> {
    message::encrypt(keys, options, &vec![7; len], &SystemRandom, &Call::default()).unwrap()
}

fn decrypt(keys: &dyn MaterialsProvider, message: &[u8]) -> Result<Vec<u8>, Error> {
    message::decrypt(keys, &DecryptOptions::new(), message, &Call::default())
        .map(|opened| opened.plaintext.expose().to_vec())
}

/// The data key of a message, encrypted: equal for messages under one data key.
fn wrapped_key(message: &[u8]) -> Vec<u8> {
    let Parsed::Complete(header) = Header::parse(message).unwrap() else { unreachable!("a whole message") };
    header.encrypted_data_keys.first().unwrap().ciphertext.to_vec()
}

#[test]
fn a_hundred_messages_cost_one_call_each_way() {
    let bench = Bench::new(CacheLimits::new(MINUTE));
    let messages: Vec<_> = (0..100).map(|len| encrypt(&bench.cache, &options("42"), len)).collect();
    assert_eq!((bench.generated(), bench.backend.total()), (1, 1));
    assert_eq!(bench.stats(), (99, 1, 0, 1));

    for (len, message) in messages.iter().enumerate() {
        assert_eq!(decrypt(&bench.cache, message).unwrap(), vec![7; len]);
    }
    assert_eq!((bench.backend.calls(Operation::Open), bench.backend.total()), (1, 2));
    assert_eq!(bench.stats(), (99 + 99, 2, 0, 2));
}

#[test]
fn without_a_cache_every_message_costs_a_call() {
    let bench = Bench::new(CacheLimits::new(MINUTE));
    let key = wrapping(&bench.backend);
    let messages: Vec<_> = (0..10).map(|len| encrypt(&key, &options("42"), len)).collect();
    for message in &messages {
        decrypt(&key, message).unwrap();
    }
    assert_eq!((bench.generated(), bench.backend.calls(Operation::Open), bench.backend.total()), (10, 10, 20));
}

#[test]
fn contexts_and_suites_do_not_share_data_keys() {
    let bench = Bench::new(CacheLimits::new(MINUTE));
    let suites = [AlgorithmSuite::Aes256GcmHkdfSha512CommitKey, AlgorithmSuite::Aes256GcmHkdfSha512CommitKeyEcdsaP384];
    for _ in 0..4 {
        for tenant in ["a", "b", "c"] {
            for suite in suites {
                let message = encrypt(&bench.cache, &options(tenant).with_suite(suite), 10);
                assert_eq!(decrypt(&wrapping(&bench.backend), &message).unwrap(), [7; 10]);
            }
        }
    }
    assert_eq!(bench.generated(), 6);
    assert_eq!(bench.stats(), (18, 6, 0, 6));
}

#[test]
fn the_limit_on_messages_is_exact() {
    let bench = Bench::new(CacheLimits::new(MINUTE).with_max_messages(5));
    let mut uses: BTreeMap<_, usize> = BTreeMap::new();
    for _ in 0..12 {
        *uses.entry(wrapped_key(&encrypt(&bench.cache, &options("42"), 10))).or_default() += 1;
    }
    let mut uses: Vec<_> = uses.into_values().collect();
    uses.sort_unstable();
    assert_eq!(uses, [2, 5, 5]);
    assert_eq!((bench.generated(), bench.stats()), (3, (9, 3, 2, 1)));
}

#[test]
fn the_limit_on_bytes_is_exact() {
    let bench = Bench::new(CacheLimits::new(MINUTE).with_max_bytes(100));
    // 100 fit, to the byte; one more does not, nor do 101 at once, which are not even kept.
    for (len, generated) in [(40, 1), (60, 1), (0, 1), (1, 2), (101, 3), (100, 4), (0, 4), (1, 5)] {
        encrypt(&bench.cache, &options("42"), len);
        assert_eq!(bench.generated(), generated, "at {len}");
    }
}

#[test]
fn a_large_message_does_not_cost_small_ones_their_entry() {
    let bench = Bench::new(CacheLimits::new(MINUTE).with_max_bytes(100));
    for (len, generated) in [(10, 1), (1000, 2), (10, 2), (1000, 3), (10, 3)] {
        encrypt(&bench.cache, &options("42"), len);
        assert_eq!(bench.generated(), generated, "at {len}");
    }
    assert_eq!(bench.stats(), (2, 3, 0, 1));
}

#[test]
fn an_entry_lives_to_its_age_and_no_longer() {
    let bench = Bench::new(CacheLimits::new(MINUTE));
    let message = encrypt(&bench.cache, &options("42"), 10);
    decrypt(&bench.cache, &message).unwrap();
    bench.clock.store(59_999, Ordering::Relaxed);
    encrypt(&bench.cache, &options("42"), 10);
    decrypt(&bench.cache, &message).unwrap();
    assert_eq!(bench.backend.total(), 2);
    // Nobody needs to ask for it.
    bench.clock.store(60_000, Ordering::Relaxed);
    assert_eq!(bench.cache.stats().entries, 2);
    bench.cache.evict_expired();
    assert_eq!(bench.cache.stats().entries, 0);
    // Use has not made it younger.
    bench.clock.store(60_000, Ordering::Relaxed);
    encrypt(&bench.cache, &options("42"), 10);
    decrypt(&bench.cache, &message).unwrap();
    assert_eq!((bench.generated(), bench.backend.calls(Operation::Open)), (2, 2));
    assert_eq!(bench.stats(), (2, 4, 2, 2));
}

#[test]
fn the_entry_not_used_for_longest_goes_first() {
    let bench = Bench::new(CacheLimits::new(MINUTE).with_max_entries(2));
    for (tenant, generated) in [("a", 1), ("b", 2), ("a", 2), ("c", 3), ("a", 3), ("b", 4), ("c", 5)] {
        encrypt(&bench.cache, &options(tenant), 10);
        assert_eq!(bench.generated(), generated, "at {tenant}");
    }
    assert_eq!(bench.stats(), (2, 5, 3, 2));
    bench.cache.clear();
    assert_eq!(bench.stats(), (2, 5, 5, 0));
}

#[test]
fn unknown_lengths_and_suites_without_derivation_are_never_cached() {
    let bench = Bench::new(CacheLimits::new(MINUTE));
    for _ in 0..3 {
        let options = options("42");
        let mut writer =
            EncryptWriter::new(Vec::new(), &bench.cache, &options, &SystemRandom, &Call::default()).unwrap();
        writer.write_all(b"of a length nobody knows").unwrap();
        writer.finish().unwrap();
    }
    assert_eq!((bench.generated(), bench.stats()), (3, (0, 3, 0, 0)));

    let bare = options("42")
        .with_suite(AlgorithmSuite::Aes256GcmNoKdf)
        .with_commitment_policy(CommitmentPolicy::ForbidEncryptAllowDecrypt);
    for _ in 0..3 {
        let message = encrypt(&bench.cache, &bare, 10);
        decrypt(&bench.cache, &message).unwrap();
    }
    assert_eq!((bench.generated(), bench.backend.calls(Operation::Open)), (6, 3));
    assert_eq!(bench.stats(), (0, 9, 0, 0));
}

/// The downgrade of CVE-2026-6550: a message without commitment is refused, whatever the cache holds.
#[test]
fn a_cache_does_not_soften_the_commitment_policy() {
    let bench = Bench::new(CacheLimits::new(MINUTE));
    let lax = options("42")
        .with_suite(AlgorithmSuite::Aes256GcmHkdfSha256)
        .with_commitment_policy(CommitmentPolicy::ForbidEncryptAllowDecrypt);
    let message = encrypt(&bench.cache, &lax, 10);
    decrypt(&bench.cache, &message).unwrap();
    let strict = DecryptOptions::new().with_commitment_policy(CommitmentPolicy::RequireEncryptRequireDecrypt);
    let refused = message::decrypt(&bench.cache, &strict, &message, &Call::default()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);

    let strict = options("42").with_suite(AlgorithmSuite::Aes256GcmHkdfSha256);
    let refused = message::encrypt(&bench.cache, &strict, b"x", &SystemRandom, &Call::default()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert_eq!(bench.backend.total(), 2);
}

#[test]
fn threads_do_not_stretch_the_limits() {
    const THREADS: usize = 8;
    const EACH: usize = 50;
    let bench = Bench::new(CacheLimits::new(MINUTE).with_max_messages(7));
    let messages: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let work = || (0..EACH).map(|_| encrypt(&bench.cache, &options("42"), 10)).collect::<Vec<_>>();
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut uses: BTreeMap<_, usize> = BTreeMap::new();
    for message in &messages {
        *uses.entry(wrapped_key(message)).or_default() += 1;
    }
    assert!(uses.values().all(|&count| count <= 7), "{:?}", uses.values());
    let (hits, misses, ..) = bench.stats();
    assert_eq!(hits + misses, (THREADS * EACH) as u64);
    assert_eq!((bench.generated(), uses.len() as u64), (misses, misses));
}

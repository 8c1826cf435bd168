//! The whole key service with 100 and with a million keys: opening, Encrypt, Decrypt and DescribeKey of random keys, with
//! the key in memory and without, pages of ListKeys, memory; and Encrypt by 64 callers at once with a durable audit log,
//! beside the log alone and a bare write and sync on the same disk.
//!
//! `--keys N` says how many the larger store has. Keys are made by CreateKey over a store in memory, 50,000 at a time, and
//! their records copied to the file in large transactions: CreateKey itself waits for two syncs. The files are made in the
//! directory for temporary ones (`TMPDIR`): it has to be on a disk.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::std_instead_of_alloc,
    reason = "a benchmark with an operating system under it stops at the first surprise"
)]

use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use kms_core::{Backend, Call, Key, KeyId, KeyMaterial, KeySpec, KeyUsage, RandomSource, Secret, SystemRandom};
use kms_service::api::{CreateKeyRequest, DecryptRequest, DescribeKeyRequest, EncryptRequest, ListKeysRequest};
use kms_service::audit::{Log, Options};
use kms_service::store::{MAX_PAGE, MAX_STEPS, Outcome, Transaction, Write};
use kms_service::{Caller, Limits, Perform, Quotas, Region, SealedStore, Service, ServiceBuilder, Store};
use kms_soft::{SealedBackend, SoftBackend};
use kms_store::{Memory, Sqlite};

/// Where a process of its own, whose memory holds nothing else, finds the store.
const MEMORY: &str = "KMS_BENCH_MEMORY";
/// How many keys are made in memory before they are copied.
const SLICE: u64 = 50_000;

fn main() {
    if let Some(path) = std::env::var_os(MEMORY) {
        memory(Path::new(&path));
        return;
    }
    let arguments: Vec<String> = std::env::args().collect();
    let timed = arguments.iter().any(|argument| argument == "--bench");
    let wanted = arguments.windows(2).find(|pair| pair[0] == "--keys").map(|pair| pair[1].parse().unwrap());
    let many = wanted.unwrap_or(if timed { 1_000_000 } else { 1000 });
    let effort = if timed { Duration::from_secs(2) } else { Duration::from_millis(20) };
    for keys in [100, many] {
        measure(keys, effort);
    }
}

fn region() -> Region {
    "eu-central-1".parse().unwrap()
}

/// Two accounts for each slice, so that two threads do not count keys at the same place.
fn caller(account: u64) -> Caller {
    Caller::root(format!("{:012}", 100_000_000_000 + account).parse().unwrap(), region())
}

fn service(store: Arc<dyn Store>, root: &Key, audit: Option<Arc<Log>>) -> Service {
    let sealed = SealedStore::open(store, root).unwrap();
    let backend = SealedBackend::new(root.clone(), sealed.records(), SystemRandom).unwrap();
    let mut limits = Limits::default();
    limits.keys = u64::MAX;
    let builder = ServiceBuilder::new(sealed, Arc::new(backend)).regions([region()]).quotas(Quotas::unlimited());
    let builder = builder.limits(limits);
    match audit {
        Some(log) => builder.audit(log),
        None => builder,
    }
    .build()
    .unwrap()
}

fn measure(keys: u64, effort: Duration) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("keys").join("store.db");
    let root = root();
    let start = Instant::now();
    let ids = fill(&path, &root, keys);
    println!("{keys} keys: made in {:.1} s", start.elapsed().as_secs_f64());

    let times = repeat(5, || drop(black_box(service(Arc::new(Sqlite::open(&path).unwrap()), &root, None))));
    report("open and close", &times);
    let service = service(Arc::new(Sqlite::open(&path).unwrap()), &root, None);
    let bench = Bench { service, ids };
    bench.uses("not in memory", usize::MAX, effort);
    bench.uses("in memory", 1000, effort);
    for limit in [100, 1000] {
        let request = ListKeysRequest { limit: Some(limit), ..Default::default() };
        let times = during(effort, || timed(|| bench.ask(0, &request).keys.len()));
        report(&format!("ListKeys, {limit}"), &times);
    }
    let Bench { service, ids } = bench;
    drop(service);
    let memory = std::process::Command::new(std::env::current_exe().unwrap()).env(MEMORY, &path).status().unwrap();
    assert!(memory.success());
    audited(home.path(), &path, &root, &ids, effort);
}

/// The same in every process.
fn root() -> Key {
    let at = SoftBackend::locator(KeyId::from_bytes([3; 16]).into());
    let material = KeyMaterial::Raw(Secret::copy_from(&[5; 32]));
    let backend = SoftBackend::new(SystemRandom);
    Key::new(
        backend.import(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, material, &Call::default()).unwrap(),
    )
}

/// What keys in memory need.
fn memory(path: &Path) {
    let service = service(Arc::new(Sqlite::open(path).unwrap()), &root(), None);
    let opened = resident();
    let (caller, mut marker) = (caller(0), None);
    for _ in 0..10 {
        let request = ListKeysRequest { limit: Some(1000), marker, ..Default::default() };
        let page = service.call(&caller, &request).unwrap();
        for entry in page.keys.iter() {
            drop(black_box(service.call(&caller, &encrypt(entry.key_id.parse().unwrap())).unwrap()));
        }
        marker = page.next_marker;
        if marker.is_none() {
            break;
        }
    }
    let (kept, after) = (service.cached_keys(), resident());
    println!("  memory that is not the file's: {opened} KiB after opening, {after} KiB with {kept} keys in memory");
}

/// A service, and the accounts and ids of its keys.
struct Bench {
    service: Service,
    ids: Vec<(u64, KeyId)>,
}

fn encrypt(id: KeyId) -> EncryptRequest {
    let plaintext = Secret::copy_from(&[7; 32]).into();
    EncryptRequest { key_id: id.to_string().into(), plaintext, ..Default::default() }
}

impl Bench {
    fn ask<R: Perform>(&self, account: u64, request: &R) -> R::Response {
        self.service.call(&caller(account), request).unwrap()
    }

    /// Encrypt, Decrypt and DescribeKey of random keys among the first so many.
    fn uses(&self, how: &str, among: usize, effort: Duration) {
        let among = among.min(self.ids.len());
        let any = || {
            // Where all of them would stay in memory, what is in memory is forgotten.
            if how == "not in memory" && self.ids.len() < 100_000 {
                self.service.refresh();
            }
            self.ids[usize::try_from(random() % u64::try_from(among).unwrap()).unwrap()]
        };
        let times = during(effort, || {
            let (account, id) = any();
            let (caller, request) = (caller(account), encrypt(id));
            timed(|| self.service.call(&caller, &request).unwrap())
        });
        report(&format!("Encrypt, {how}"), &times);
        let times = during(effort, || {
            let (account, id) = any();
            let sealed = self.ask(account, &encrypt(id)).ciphertext_blob;
            if how == "not in memory" {
                self.service.refresh();
            }
            let (caller, request) =
                (caller(account), DecryptRequest { ciphertext_blob: Some(sealed), ..Default::default() });
            timed(|| self.service.call(&caller, &request).unwrap())
        });
        report(&format!("Decrypt, {how}"), &times);
        let times = during(effort, || {
            let (account, id) = any();
            let (caller, request) =
                (caller(account), DescribeKeyRequest { key_id: id.to_string().into(), ..Default::default() });
            timed(|| self.service.call(&caller, &request).unwrap())
        });
        report(&format!("DescribeKey, {how}"), &times);
    }
}

/// Makes the keys, and answers them with the number of their account.
fn fill(path: &Path, root: &Key, keys: u64) -> Vec<(u64, KeyId)> {
    let store = Arc::new(Sqlite::open(path).unwrap());
    // Makes the header, which the stores in memory begin with.
    drop(SealedStore::open(store.clone(), root).unwrap());
    let header = store.list(b"", None, 1).unwrap().remove(0);
    let mut ids = Vec::with_capacity(usize::try_from(keys).unwrap());
    for first in (0..keys).step_by(usize::try_from(SLICE).unwrap()) {
        let slice = Arc::new(Memory::new());
        commit(&*slice, vec![Write::Put(header.0.clone(), header.1.value.clone())]);
        let service = service(slice.clone(), root, None);
        let (accounts, each) = (first / SLICE * 2, SLICE.min(keys - first).div_ceil(2));
        let make = |account: u64| {
            let caller = caller(account);
            let id = || service.call(&caller, &CreateKeyRequest::default()).unwrap().key_metadata.key_id;
            (0..each).map(|_| (account, id().parse().unwrap())).collect::<Vec<(u64, KeyId)>>()
        };
        let make = &make;
        ids.extend(std::thread::scope(|scope| {
            let makers: Vec<_> = [accounts, accounts + 1].map(|account| scope.spawn(move || make(account))).into();
            makers.into_iter().flat_map(|maker| maker.join().unwrap()).collect::<Vec<_>>()
        }));
        copy(&slice, &store, &header.0);
    }
    ids
}

fn copy(from: &Memory, to: &Sqlite, header: &[u8]) {
    let (sender, jobs) = std::sync::mpsc::sync_channel::<Vec<Write>>(64);
    let jobs = std::sync::Mutex::new(jobs);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                loop {
                    let job = jobs.lock().unwrap().recv();
                    let Ok(writes) = job else { break };
                    commit(to, writes);
                }
            });
        }
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = from.list(b"", after.as_deref(), MAX_PAGE).unwrap();
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            let entries: Vec<_> = page.into_iter().filter(|(key, _)| key != header).collect();
            for some in entries.chunks(MAX_STEPS) {
                sender
                    .send(some.iter().map(|(key, stored)| Write::Put(key.clone(), stored.value.clone())).collect())
                    .unwrap();
            }
        }
        drop(sender);
    });
}

fn commit(store: &dyn Store, writes: Vec<Write>) {
    let mut id = [0; 16];
    SystemRandom.fill(&mut id).unwrap();
    let mut transaction = Transaction::new(id);
    transaction.writes = writes;
    assert!(matches!(store.commit(&transaction).unwrap(), Outcome::Committed(_)));
}

/// Encrypt by 64 callers at once, each answer after its record is on the disk.
fn audited(home: &Path, path: &Path, root: &Key, ids: &[(u64, KeyId)], effort: Duration) {
    let log = Arc::new(Log::open(&home.join("audit"), Options::new("bench")).unwrap());
    let service = service(Arc::new(Sqlite::open(path).unwrap()), root, Some(log.clone()));
    let some = &ids[..ids.len().min(1000)];
    let before = log.head().sequence;
    let (calls, elapsed) = by_64(effort, |caller_number| {
        let (account, id) = some[caller_number % some.len()];
        let (caller, request) = (caller(account), encrypt(id));
        let service = &service;
        move || drop(black_box(service.call(&caller, &request).unwrap()))
    });
    println!("  Encrypt with its record on the disk, 64 callers: {:.0}/s", calls as f64 / elapsed.as_secs_f64());
    let written = log.head().sequence - before;
    assert_eq!(written, calls, "a record for each call");
    drop(service);

    let record = format!(r#"{{"eventName":"Encrypt","filling":"{:>900}"}}"#, "").into_bytes();
    let (records, elapsed) = by_64(effort, |_| {
        let (log, record) = (&log, &record);
        move || {
            black_box(log.append(record.clone()).unwrap());
        }
    });
    println!("  records of 930 bytes, 64 callers: {:.0}/s", records as f64 / elapsed.as_secs_f64());
    bare_sync(home, effort);
}

/// How often 64 threads do something, and in what time.
fn by_64<W: FnMut() + Send>(effort: Duration, work: impl Fn(usize) -> W) -> (u64, Duration) {
    let done = AtomicU64::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for number in 0..64 {
            let (mut work, done) = (work(number), &done);
            scope.spawn(move || {
                while start.elapsed() < effort {
                    work();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    (done.into_inner(), start.elapsed())
}

/// In place, as a log is written that has its length.
fn bare_sync(home: &Path, effort: Duration) {
    const PAGES: usize = 1000;
    let page = [7; 4096];
    let mut file = File::create(home.join("bare")).unwrap();
    (0..PAGES).for_each(|_| file.write_all(&page).unwrap());
    file.sync_all().unwrap();
    let mut pages = 0;
    let times = during(effort, || {
        if pages % PAGES == 0 {
            file.rewind().unwrap();
        }
        pages += 1;
        timed(|| {
            file.write_all(&page).unwrap();
            file.sync_data().unwrap();
        })
    });
    report("bare write and sync of 4 KiB", &times);
}

fn random() -> u64 {
    let mut random = [0; 8];
    SystemRandom.fill(&mut random).unwrap();
    u64::from_be_bytes(random)
}

/// Memory that is not a file's, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

fn during(effort: Duration, mut work: impl FnMut() -> Duration) -> Vec<Duration> {
    let start = Instant::now();
    let mut times = Vec::new();
    while times.is_empty() || start.elapsed() < effort {
        times.push(work());
    }
    times.sort_unstable();
    times
}

fn repeat(times: usize, mut work: impl FnMut()) -> Vec<Duration> {
    let mut times: Vec<_> = (0..times).map(|_| timed(&mut work)).collect();
    times.sort_unstable();
    times
}

/// The median and the 99th of a hundred of sorted times.
fn report(what: &str, times: &[Duration]) {
    let at = |of_hundred: usize| times[(times.len() - 1) * of_hundred / 100].as_secs_f64() * 1e6;
    println!("  {what}: p50 {:.1} µs, p99 {:.1} µs", at(50), at(99));
}

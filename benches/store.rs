//! What the SQLite store does with 100 and with a million entries of 1 KB: opening, reading, pages, commits, backup,
//! check; beside a bare `SELECT` on the same file, and a bare write and sync on the same disk.
//!
//! `--entries N` says how many the larger store has. The files are made in the directory for temporary ones (`TMPDIR`):
//! it has to be on a disk.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark with an operating system under it stops at the first surprise"
)]

use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::time::Instant;

use kms_core::{RandomSource, SystemRandom};
use kms_service::Store;
use kms_service::store::{Guard, MAX_PAGE, MAX_STEPS, Outcome, Transaction, Write};
use kms_store::Sqlite;
use rusqlite::Connection;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let timed = arguments.iter().any(|argument| argument == "--bench");
    let wanted = arguments.windows(2).find(|pair| pair[0] == "--entries").map(|pair| pair[1].parse().unwrap());
    let many = wanted.unwrap_or(if timed { 1_000_000 } else { 1000 });
    let effort = if timed { Duration::from_secs(4) } else { Duration::from_millis(20) };
    for entries in [100, many] {
        measure(entries, effort);
    }
}

fn measure(entries: u64, effort: Duration) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("store.db");
    let store = Sqlite::open(&path).unwrap();
    let start = Instant::now();
    fill(&store, entries);
    println!("{entries} entries of 1 KB: filled in {:.1} s", start.elapsed().as_secs_f64());
    drop(store);

    let times = repeat(5, || drop(black_box(Sqlite::open(&path).unwrap())));
    report("open and close", &times);
    let store = Sqlite::open(&path).unwrap();
    reads(&store, &path, entries, effort);
    pages(&store, effort);
    bare_sync(home.path(), effort);
    for threads in [1, 8, 64] {
        commits(&store, entries, threads, effort);
    }
    let times = repeat(1, || assert!(store.check().unwrap().is_empty()));
    report("check", &times);
    let times = repeat(1, || store.backup(&home.path().join("backup.db")).unwrap());
    report("backup, checked", &times);
    // As a process that is killed leaves it: the log stays.
    let left = home.path().join("left");
    std::fs::create_dir(&left).unwrap();
    for file in ["store.db", "store.db-wal"] {
        std::fs::copy(home.path().join(file), left.join(file)).unwrap();
        // Or the opening would pay for the copy.
        File::open(left.join(file)).unwrap().sync_all().unwrap();
    }
    let log = std::fs::metadata(left.join("store.db-wal")).unwrap().len() >> 20;
    let times = repeat(1, || drop(black_box(Sqlite::open(left.join("store.db")).unwrap())));
    report(&format!("open after a kill, log of {log} MiB"), &times);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find(|line| line.starts_with("RssAnon")).unwrap_or_default();
    println!("  file {} MiB, {resident}", std::fs::metadata(&path).unwrap().len() >> 20);
}

/// Keys in no order, as those of random ids are.
fn key(n: u64) -> Vec<u8> {
    format!("k/{:016x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).into_bytes()
}

fn value() -> Vec<u8> {
    let mut value = vec![0; 1024];
    SystemRandom.fill(&mut value).unwrap();
    value
}

fn transaction(guards: Vec<Guard>, writes: Vec<Write>) -> Transaction {
    let mut id = [0; 16];
    SystemRandom.fill(&mut id).unwrap();
    let mut transaction = Transaction::new(id);
    (transaction.guards, transaction.writes) = (guards, writes);
    transaction
}

fn fill(store: &Sqlite, entries: u64) {
    let next = AtomicU64::new(0);
    let step = u64::try_from(MAX_STEPS).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                loop {
                    let first = next.fetch_add(step, Ordering::Relaxed);
                    let numbers = first..entries.min(first.saturating_add(step));
                    if numbers.is_empty() {
                        break;
                    }
                    let writes = numbers.map(|n| Write::Put(key(n), value())).collect();
                    assert!(matches!(store.commit(&transaction(vec![], writes)).unwrap(), Outcome::Committed(_)));
                }
            });
        }
    });
}

fn reads(store: &Sqlite, path: &Path, entries: u64, effort: Duration) {
    let random = || {
        let mut random = [0; 8];
        SystemRandom.fill(&mut random).unwrap();
        key(u64::from_be_bytes(random) % entries)
    };
    let times = during(effort, || {
        let key = random();
        let start = Instant::now();
        assert!(black_box(store.get(&[&key]).unwrap())[0].is_some());
        start.elapsed()
    });
    report("get", &times);
    let bare = Connection::open(path).unwrap();
    let mut select = bare.prepare("SELECT v, revision FROM entry WHERE k = ?").unwrap();
    let times = during(effort, || {
        let key = random();
        let start = Instant::now();
        let found: (Vec<u8>, i64) = select.query_row([key], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        black_box(found);
        start.elapsed()
    });
    report("bare SELECT", &times);
}

/// One page after the other, in the order of keys, from the beginning.
fn pages(store: &Sqlite, effort: Duration) {
    let mut after: Option<Vec<u8>> = None;
    let times = during(effort, || {
        let start = Instant::now();
        let page = store.list(b"k/", after.as_deref(), MAX_PAGE).unwrap();
        let elapsed = start.elapsed();
        after = page.last().map(|(key, _)| key.clone());
        elapsed
    });
    report("page of 1000", &times);
}

/// In place, as the write-ahead log is written once it has its length.
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
        let start = Instant::now();
        file.write_all(&page).unwrap();
        file.sync_data().unwrap();
        start.elapsed()
    });
    report("bare write and sync of 4 KiB", &times);
}

/// Each thread writes entries of its own, under the guard of what it wrote last.
fn commits(store: &Sqlite, entries: u64, threads: u64, effort: Duration) {
    let start = Instant::now();
    let work = |thread: u64| {
        let key = key(thread % entries);
        let mut version = store.get(&[&key]).unwrap()[0].as_ref().unwrap().version;
        during(effort, || {
            let guard = Guard::Is(key.clone(), version);
            let change = transaction(vec![guard], vec![Write::Put(key.clone(), value())]);
            let start = Instant::now();
            let outcome = store.commit(&change).unwrap();
            let elapsed = start.elapsed();
            let Outcome::Committed(revision) = outcome else { unreachable!("nobody else writes it") };
            version = revision;
            elapsed
        })
    };
    let work = &work;
    let mut times: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let rate = times.len() as f64 / start.elapsed().as_secs_f64();
    times.sort_unstable();
    report(&format!("commit, {threads} threads, {rate:.0}/s"), &times);
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
    let mut times: Vec<_> = (0..times)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times
}

/// The median and the 99th of a hundred of sorted times.
fn report(what: &str, times: &[Duration]) {
    let at = |of_hundred: usize| times[(times.len() - 1) * of_hundred / 100].as_secs_f64() * 1e6;
    println!("  {what}: p50 {:.1} µs, p99 {:.1} µs", at(50), at(99));
}

//! The program that is killed: this test binary once more. And what it has to leave.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::thread;

use kms_core::{RandomSource, SystemRandom};
use kms_service::Store;
use kms_service::store::{Guard, MAX_PAGE, Outcome, Transaction, Write};
use kms_store::Sqlite;

pub(crate) const THREADS: u32 = 4;

/// The program: `role` is the name of an ignored test of this binary, `store` the file it works on.
pub(crate) fn program(role: &str, store: &Path) -> Command {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["--exact", role, "--ignored", "--nocapture"]).env("KMS_STORE_FILE", store);
    program
}

/// The file that the program works on. The other tests say it when they start the program.
pub(crate) fn file() -> std::path::PathBuf {
    std::env::var_os("KMS_STORE_FILE").unwrap().into()
}

/// A value that says where it belongs.
fn value(thread: u32, number: u32, length: usize) -> Vec<u8> {
    let text = format!("{thread}/{number};").into_bytes();
    text.iter().copied().cycle().take(length).collect()
}

fn length(number: u32) -> usize {
    // From within a page to several overflow pages.
    usize::try_from(number * 1009 % 9000 + 20).unwrap()
}

/// Transaction `number` of a thread: two entries, and the thread's count, which is guarded.
pub(crate) fn transaction(store: &dyn Store, thread: u32, number: u32) -> Transaction {
    let count = format!("c/{thread}").into_bytes();
    let mut id = [0; 16];
    SystemRandom.fill(&mut id).unwrap();
    let mut transaction = Transaction::new(id);
    transaction.guards.push(match store.get(&[&count]).unwrap().pop().unwrap() {
        None => Guard::Absent(count.clone()),
        Some(found) => Guard::Is(count.clone(), found.version),
    });
    let value = value(thread, number, length(number));
    transaction.writes =
        ["a", "b"].map(|half| Write::Put(format!("{half}/{thread}/{number:08}").into_bytes(), value.clone())).to_vec();
    transaction.writes.push(Write::Put(count, number.to_string().into_bytes()));
    transaction
}

/// What is next for a thread.
pub(crate) fn next(store: &dyn Store, thread: u32) -> u32 {
    let count = store.get(&[format!("c/{thread}").as_bytes()]).unwrap().pop().unwrap();
    count.map_or(0, |count| String::from_utf8(count.value).unwrap().parse::<u32>().unwrap() + 1)
}

/// Commits with all threads, each up to so many transactions, and reports each one that was acknowledged.
pub(crate) fn write(store: &dyn Store, each: u32, acknowledge: impl Fn(&str) + Sync) {
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let acknowledge = &acknowledge;
            scope.spawn(move || {
                let first = next(store, thread);
                for number in first..first.saturating_add(each) {
                    let outcome = store.commit(&transaction(store, thread, number)).unwrap();
                    assert!(matches!(outcome, Outcome::Committed(_)), "{outcome:?}");
                    acknowledge(&format!("ack {thread} {number}\n"));
                }
            });
        }
    });
}

/// For each thread the number after the last that is in these lines.
pub(crate) fn counts<'a>(lines: impl IntoIterator<Item = &'a str>) -> BTreeMap<u32, u32> {
    let mut counts = BTreeMap::new();
    for line in lines {
        let Some((thread, number)) = line.strip_prefix("ack ").and_then(|numbers| numbers.split_once(' ')) else {
            continue;
        };
        counts.insert(thread.parse().unwrap(), number.parse::<u32>().unwrap() + 1);
    }
    counts
}

/// What is wrong with a store in which so many transactions of each thread were acknowledged: each of them has to be
/// there, none may be there by half, and nothing may be damaged. The numbers of lost ones.
pub(crate) fn lost(store: &Sqlite, acknowledged: &BTreeMap<u32, u32>) -> Vec<String> {
    let findings = store.check().unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    store.health().unwrap();
    let mut lost = Vec::new();
    for thread in 0..THREADS {
        let there = next(store, thread);
        for half in ["a", "b"] {
            // All that the count says, in order, and nothing else: threads commit one after the other.
            let prefix = format!("{half}/{thread}/").into_bytes();
            let mut after: Option<Vec<u8>> = None;
            let mut number = 0;
            loop {
                let page = store.list(&prefix, after.as_deref(), MAX_PAGE).unwrap();
                let Some((last, _)) = page.last() else { break };
                after = Some(last.clone());
                for (key, stored) in page {
                    assert_eq!(key, format!("{half}/{thread}/{number:08}").into_bytes());
                    assert!(stored.value == value(thread, number, length(number)), "another value");
                    number += 1;
                }
            }
            assert_eq!(number, there, "thread {thread}: half a transaction");
        }
        let acknowledged = acknowledged.get(&thread).copied().unwrap_or_default();
        lost.extend((there..acknowledged).map(|number| format!("{thread}/{number}")));
    }
    lost
}

//! Several processes on one file.

use std::process::{Child, Command};
use std::time::Duration;

use kms_core::ErrorKind;
use kms_service::Store;
use kms_service::store::{Event, Guard, Outcome, Revision, Write};
use kms_store::Sqlite;

use crate::{Place, put, transaction, value};

const EACH: u32 = 40;

fn start(role: &str, place: &Place) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", role, "--ignored", "--nocapture"])
        .env("KMS_STORE_FILE", place.file())
        .spawn()
        .unwrap()
}

/// Adds one to the count as often, under the guard of what was read.
fn count_up(store: &dyn Store) {
    for _ in 0..EACH {
        loop {
            let found = store.get(&[b"count"]).unwrap().remove(0).unwrap();
            let count: u32 = String::from_utf8(found.value).unwrap().parse().unwrap();
            let next = Write::Put(b"count".to_vec(), (count + 1).to_string().into_bytes());
            let add = transaction(vec![Guard::Is(b"count".to_vec(), found.version)], vec![next]);
            if matches!(store.commit(&add).unwrap(), Outcome::Committed(_)) {
                break;
            }
        }
    }
}

#[test]
#[ignore = "the other process of another test"]
fn counter() {
    // Opens it now and then anew, as a command does.
    let open = || Sqlite::open(std::env::var_os("KMS_STORE_FILE").unwrap()).unwrap();
    count_up(&open());
    for n in 0..5 {
        put(&open(), format!("o/{}/{n}", std::process::id()).as_bytes(), b"");
    }
}

#[test]
fn updates_of_several_processes_are_not_lost_and_are_seen_by_who_watches() {
    let place = Place::new();
    let store = place.open();
    let begun = put(&store, b"count", b"0");
    let mut watch = store.watch(b"").unwrap();
    let others: Vec<_> = (0..3).map(|_| start("sqlite::processes::counter", &place)).collect();
    count_up(&store);
    for mut other in others {
        assert!(other.wait().unwrap().success());
    }
    assert_eq!(value(&store, b"count"), Some((4 * EACH).to_string().into_bytes()));
    assert_eq!(store.list(b"o/", None, 100).unwrap().len(), 15);

    let last = store.barrier().unwrap();
    let mut seen = Vec::new();
    loop {
        match watch.next(Duration::from_secs(30)).unwrap().unwrap() {
            Event::Changed(_, revision) => seen.push(revision),
            Event::Progress(revision) if revision == last => break,
            Event::Progress(revision) => assert!(revision < last),
            Event::Reset => unreachable!("nothing was lost"),
        }
    }
    let wanted: Vec<_> = (begun.0 + 1..=last.0).map(Revision).collect();
    assert_eq!(seen, wanted, "each transaction wrote one key");
    assert_eq!(store.check().unwrap(), []);
}

#[test]
fn a_store_that_another_process_holds_is_busy_and_stays_whole() {
    let place = Place::new();
    let store = place.open();
    put(&store, b"a", b"1");
    let other = place.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let change = transaction(vec![], vec![Write::Put(b"a".to_vec(), b"2".to_vec())]);
    let error = store.commit(&change).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.is_transient());
    assert_eq!(value(&store, b"a"), Some(b"1".to_vec()), "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    assert!(matches!(store.commit(&change).unwrap(), Outcome::Committed(_)));
}

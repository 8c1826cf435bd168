//! A full disk, and syncs that fail.

use std::path::Path;
use std::time::{Duration, Instant};

use kms_core::ErrorKind;
use kms_service::Store;
use kms_service::store::Outcome;
use kms_store::Sqlite;
use power_cut::Recorder;

use super::workload;

/// A directory beside the store, in which the program and the test leave files for each other.
fn signals(file: &Path) -> std::path::PathBuf {
    file.parent().unwrap().parent().unwrap().parent().unwrap().join("signals")
}

fn signal(file: &Path, name: &str) {
    std::fs::write(signals(file).join(name), "").unwrap();
}

fn await_signal(file: &Path, name: &str) {
    let start = Instant::now();
    while !signals(file).join(name).exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "no {name}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
#[ignore = "the program whose disk is full"]
fn full() {
    let file = workload::file();
    let store = Sqlite::open(&file).unwrap();
    workload::write(&store, 10, |_| {});
    signal(&file, "written");
    await_signal(&file, "full");
    for thread in 0..workload::THREADS {
        let refused = workload::transaction(&store, thread, 10);
        for _ in 0..3 {
            let error = store.commit(&refused).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Io);
            assert!(error.to_string().contains("the disk is full"), "{error}");
        }
    }
    assert_eq!(store.health().unwrap_err().kind(), ErrorKind::Io);
    // Reading goes on, and sees nothing of what was refused.
    assert_eq!((0..workload::THREADS).map(|thread| workload::next(&store, thread)).max(), Some(10));
    signal(&file, "refused");
    await_signal(&file, "room");
    store.health().unwrap();
    workload::write(&store, 10, |_| {});
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let home = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(home.path());
    std::fs::create_dir(home.path().join("signals")).unwrap();
    let file = recorder.directory().join("keys").join("store.db");
    let mut program = recorder.attach(&mut workload::program("crash::faults::full", &file)).spawn().unwrap();
    await_signal(&file, "written");
    recorder.fill_disk(true);
    signal(&file, "full");
    await_signal(&file, "refused");
    recorder.fill_disk(false);
    signal(&file, "room");
    assert!(program.wait().unwrap().success());
    let acknowledged = (0..workload::THREADS).map(|thread| (thread, 20)).collect();
    assert_eq!(workload::lost(&Sqlite::open(&file).unwrap(), &acknowledged), [""; 0]);
}

#[test]
#[ignore = "the program that cannot write"]
fn unwritten() {
    let file = workload::file();
    let store = Sqlite::open(&file).unwrap();
    workload::write(&store, 10, |_| {});
    signal(&file, "written");
    await_signal(&file, "failing");
    let doubtful = workload::transaction(&store, 0, 10);
    for _ in 0..3 {
        assert_eq!(store.commit(&doubtful).unwrap(), Outcome::Unknown);
        assert_eq!(store.health().unwrap_err().kind(), ErrorKind::Io);
    }
    signal(&file, "failed");
    await_signal(&file, "healed");
    store.health().unwrap();
    assert!(matches!(store.commit(&doubtful).unwrap(), Outcome::Committed(_)));
    assert_eq!(workload::next(&store, 0), 11);
    workload::write(&store, 10, |_| {});
}

#[test]
fn a_failing_write_leaves_doubt_until_it_is_asked_again() {
    let home = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(home.path());
    std::fs::create_dir(home.path().join("signals")).unwrap();
    let file = recorder.directory().join("keys").join("store.db");
    let mut program = recorder.attach(&mut workload::program("crash::faults::unwritten", &file)).spawn().unwrap();
    await_signal(&file, "written");
    recorder.fail_writes(true);
    signal(&file, "failing");
    await_signal(&file, "failed");
    recorder.fail_writes(false);
    signal(&file, "healed");
    assert!(program.wait().unwrap().success());
    let acknowledged = (0..workload::THREADS).map(|thread| (thread, if thread == 0 { 21 } else { 20 })).collect();
    assert_eq!(workload::lost(&Sqlite::open(&file).unwrap(), &acknowledged), [""; 0]);
}

#[test]
#[ignore = "the program whose disk fails"]
fn unsynced() {
    let file = workload::file();
    let store = Sqlite::open(&file).unwrap();
    workload::write(&store, 10, |_| {});
    signal(&file, "written");
    await_signal(&file, "failing");
    let doubtful = workload::transaction(&store, 0, 10);
    assert_eq!(store.commit(&doubtful).unwrap(), Outcome::Unknown);
    signal(&file, "failed");
    await_signal(&file, "healed");
    // A sync that succeeds after one that failed says nothing about what the failed one was for.
    assert_eq!(store.commit(&doubtful).unwrap(), Outcome::Unknown, "asked again");
    let refused = store.commit(&workload::transaction(&store, 1, 10)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Io);
    assert!(refused.to_string().contains("opened anew"), "{refused}");
    assert_eq!(store.health().unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(workload::next(&store, 1), 10, "reading goes on");
    drop(store);

    // Opened anew, the outcome is known: the same transaction again is committed, once.
    let store = Sqlite::open(&file).unwrap();
    store.health().unwrap();
    assert!(matches!(store.commit(&doubtful).unwrap(), Outcome::Committed(_)));
    assert_eq!(workload::next(&store, 0), 11);
    workload::write(&store, 10, |_| {});
}

#[test]
fn a_failing_sync_stops_writing_until_the_store_is_opened_anew() {
    let home = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(home.path());
    std::fs::create_dir(home.path().join("signals")).unwrap();
    let file = recorder.directory().join("keys").join("store.db");
    let mut program = recorder.attach(&mut workload::program("crash::faults::unsynced", &file)).spawn().unwrap();
    await_signal(&file, "written");
    recorder.fail_syncs(true);
    signal(&file, "failing");
    await_signal(&file, "failed");
    recorder.fail_syncs(false);
    signal(&file, "healed");
    assert!(program.wait().unwrap().success());
    let acknowledged = (0..workload::THREADS).map(|thread| (thread, if thread == 0 { 21 } else { 20 })).collect();
    assert_eq!(workload::lost(&Sqlite::open(&file).unwrap(), &acknowledged), [""; 0]);
}

//! Copies.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

use kms_core::ErrorKind;
use kms_service::Store;
use kms_service::store::{Outcome, Write};
use kms_store::{Sqlite, sqlite};

use crate::{Place, put, transaction, value};

#[test]
fn a_backup_made_under_writes_is_one_revision_of_the_store() {
    let place = Place::new();
    let store = place.open();
    let pair = |n: u32| {
        let writes = ["a", "b"].map(|key| Write::Put(key.as_bytes().to_vec(), n.to_string().into_bytes()));
        let mut writes = writes.to_vec();
        writes.push(Write::Put(format!("k/{n:06}").into_bytes(), vec![7; 3000]));
        transaction(vec![], writes)
    };
    for n in 0..200 {
        store.commit(&pair(n)).unwrap();
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 200;
            while !done.load(Ordering::Relaxed) {
                store.commit(&pair(n)).unwrap();
                n += 1;
            }
        });
        for round in 0..5 {
            let before = store.barrier().unwrap();
            let backup = place.path(&format!("backup-{round}.db"));
            store.backup(&backup).unwrap();
            let after = store.barrier().unwrap();
            assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);

            let restored = place.path(&format!("restored-{round}/store.db"));
            sqlite::restore(&backup, &restored).unwrap();
            let restored = Sqlite::open(restored).unwrap();
            assert_eq!(restored.check().unwrap(), []);
            let revision = restored.barrier().unwrap();
            assert!((before..=after).contains(&revision), "{before:?} {revision:?} {after:?}");
            // Transaction n has revision n + 1, and wrote the pair and its own entry.
            let newest = (revision.0 - 1).to_string().into_bytes();
            assert_eq!(value(&restored, b"a"), Some(newest.clone()));
            assert_eq!(value(&restored, b"b"), Some(newest));
            let own = |n: u64| restored.get(&[format!("k/{n:06}").as_bytes()]).unwrap().remove(0).is_some();
            assert!((0..revision.0).all(own) && !own(revision.0), "not the state of one revision");
        }
        done.store(true, Ordering::Relaxed);
    });
    let unfinished = fs::read_dir(place.path("")).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert!(!unfinished.into_iter().any(|name| name.starts_with('.')), "something unfinished is left");
}

#[test]
fn nothing_is_ever_replaced() {
    let place = Place::new();
    let store = place.open();
    put(&store, b"a", b"1");
    let backup = place.path("backup.db");
    fs::write(&backup, "something else").unwrap();
    assert_eq!(store.backup(&backup).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(store.backup(&place.file()).unwrap_err().kind(), ErrorKind::InvalidInput, "the store itself");
    assert_eq!(fs::read(&backup).unwrap(), b"something else");
    fs::remove_file(&backup).unwrap();
    store.backup(&backup).unwrap();
    assert_eq!(sqlite::restore(&backup, &place.file()).unwrap_err().kind(), ErrorKind::InvalidInput);

    // A log that is left would be taken for the restored store's.
    let to = place.path("new/store.db");
    fs::create_dir(place.path("new")).unwrap();
    fs::write(place.path("new/store.db-wal"), "").unwrap();
    assert_eq!(sqlite::restore(&backup, &to).unwrap_err().kind(), ErrorKind::InvalidInput);
    fs::remove_file(place.path("new/store.db-wal")).unwrap();
    sqlite::restore(&backup, &to).unwrap();
    assert_eq!(value(&Sqlite::open(&to).unwrap(), b"a"), Some(b"1".to_vec()));
    assert_eq!(store.backup(&place.path("nowhere/backup.db")).unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn a_backup_keeps_revisions_and_ids() {
    let place = Place::new();
    let store = place.open();
    let once = transaction(vec![], vec![Write::Put(b"a".to_vec(), b"1".to_vec())]);
    let revision = store.commit(&once).unwrap();
    put(&store, b"a", b"2");
    let (backup, to) = (place.path("backup.db"), place.path("restored/store.db"));
    store.backup(&backup).unwrap();
    let bytes = fs::read(&backup).unwrap();
    sqlite::restore(&backup, &to).unwrap();
    assert_eq!(fs::read(&backup).unwrap(), bytes, "restoring changed the backup");
    let restored = Sqlite::open(&to).unwrap();
    assert_eq!(restored.get(&[b"a"]).unwrap(), store.get(&[b"a"]).unwrap());
    assert_eq!(restored.commit(&once).unwrap(), revision);
    assert!(matches!(revision, Outcome::Committed(_)));
    assert_eq!(value(&restored, b"a"), Some(b"2".to_vec()));
}

#[test]
fn what_is_not_sound_is_neither_backed_up_nor_restored() {
    let place = Place::new();
    drop(place.open());
    place.raw().execute_batch("INSERT INTO entry VALUES (x'6b', x'', 99)").unwrap();
    let store = place.open();
    let to = place.path("copy.db");
    let error = store.backup(&to).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert!(!to.exists());
    drop(store);
    assert_eq!(sqlite::restore(&place.file(), &to).unwrap_err().kind(), ErrorKind::Malformed);
    assert!(!to.exists());
    fs::write(place.path("text"), "not a store").unwrap();
    assert_eq!(sqlite::restore(&place.path("text"), &to).unwrap_err().kind(), ErrorKind::Malformed);
    assert_eq!(sqlite::restore(&place.path("nothing"), &to).unwrap_err().kind(), ErrorKind::Io);
}

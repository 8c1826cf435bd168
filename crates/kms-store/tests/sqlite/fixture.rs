//! A file of format 1, made once. Every later version reads it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use kms_service::Store;
use kms_service::store::{Outcome, Revision, Transaction, Write};
use kms_store::{Sqlite, sqlite};

use crate::{Place, put, value};

fn fixture() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sqlite-v1.db")
}

/// The transactions of the file: 48 entries, of which 8 are written again and 4 are deleted.
fn transactions() -> Vec<Transaction> {
    let mut writes: Vec<Vec<Write>> = (0..48_u8)
        .map(|n| {
            let length = if n == 47 { 9000 } else { usize::from(n) * 7 };
            let key = if n < 40 { format!("k/{n:02}").into_bytes() } else { vec![n, 0, 255 - n] };
            vec![Write::Put(key, vec![n; length])]
        })
        .collect();
    writes.push((0..8).map(|n| Write::Put(format!("k/{n:02}").into_bytes(), b"again".to_vec())).collect());
    writes.push((10..14).map(|n| Write::Delete(format!("k/{n:02}").into_bytes())).collect());
    writes.push(vec![]);
    let transaction = |(n, writes)| {
        let mut transaction = Transaction::new([u8::try_from(n).unwrap(); 16]);
        transaction.writes = writes;
        transaction
    };
    writes.into_iter().enumerate().map(transaction).collect()
}

#[test]
#[ignore = "makes the file, which is done once"]
fn make() {
    assert!(!fixture().exists(), "the file is frozen");
    let place = Place::new();
    let store = place.open();
    for transaction in transactions() {
        store.commit(&transaction).unwrap();
    }
    store.backup(&fixture()).unwrap();
}

#[test]
fn a_file_of_format_1_is_read() {
    let place = Place::new();
    // With the rights of its directory's owner, whatever a checkout gave it.
    let copy = place.home.path().join("copy.db");
    fs::copy(fixture(), &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(sqlite::check(&copy).unwrap(), []);
    sqlite::restore(&copy, &place.file()).unwrap();
    let opened = Sqlite::open(&copy).unwrap();
    for store in [&place.open(), &opened] {
        let expected = kms_store::Memory::new();
        for transaction in transactions() {
            expected.commit(&transaction).unwrap();
        }
        let entries = store.list(b"", None, 1000).unwrap();
        assert_eq!(entries.len(), 44);
        assert_eq!(entries, expected.list(b"", None, 1000).unwrap());
        assert_eq!(store.barrier().unwrap(), Revision(51));
        for (n, transaction) in (1..).zip(transactions()) {
            assert_eq!(store.commit(&transaction).unwrap(), Outcome::Committed(Revision(n)), "an id is not known");
        }
        assert_eq!(put(store, b"new", b"1"), Revision(52));
        assert_eq!(value(store, b"new"), Some(b"1".to_vec()));
        assert_eq!(store.check().unwrap(), []);
    }
}

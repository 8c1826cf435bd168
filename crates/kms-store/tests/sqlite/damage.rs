//! Files that are not as they should be.

use std::fs;

use kms_core::ErrorKind;
use kms_service::Store;
use kms_service::store::MAX_VALUE;
use kms_store::{Sqlite, sqlite};

use crate::{Place, put};

fn findings(change: &str) -> Vec<String> {
    let place = Place::new();
    let store = place.open();
    for n in 0..10_u8 {
        put(&store, &[b'k', n], &[n; 100]);
    }
    drop(store);
    place.raw().execute_batch(change).unwrap();
    sqlite::check(&place.file()).unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn a_check_finds_what_breaks_a_limit() {
    assert_eq!(findings("SELECT 1"), [""; 0]);
    for (change, wanted) in [
        ("INSERT INTO entry VALUES (x'', x'', 1)", "a key of 0 bytes"),
        ("INSERT INTO entry VALUES (zeroblob(1025), x'', 1)", "a key of 1025 bytes"),
        (&format!("INSERT INTO entry VALUES (x'01', zeroblob({}), 1)", MAX_VALUE + 1), "a value of 262145 bytes"),
        ("INSERT INTO entry VALUES ('text', x'', 1)", "(text)"),
        ("INSERT INTO entry VALUES (x'01', 7, 1)", "(integer)"),
        ("INSERT INTO entry VALUES (x'01', x'', 11)", "newer than the store"),
        ("UPDATE entry SET revision = 0 WHERE k = x'6b05'", "k\\x05"),
        ("UPDATE entry SET revision = 'x' WHERE k = x'6b05'", "k\\x05"),
        ("DELETE FROM applied WHERE revision = 5", "9 transactions are remembered"),
        ("DELETE FROM applied WHERE revision = 10", "newer than the store"),
        ("DELETE FROM applied WHERE revision = 1", "9 transactions are remembered"),
        ("UPDATE applied SET id = x'00' WHERE revision = 3", "transaction 3"),
        ("UPDATE applied SET k = x'000541' WHERE revision = 3", "transaction 3"),
        ("UPDATE applied SET k = 'text' WHERE revision = 3", "transaction 3"),
    ] {
        let findings = findings(change);
        assert!(findings.iter().any(|finding| finding.contains(wanted)), "{change}: {findings:?}");
    }
}

#[test]
fn a_finding_names_its_entry() {
    let place = Place::new();
    drop(place.open());
    place.raw().execute_batch("INSERT INTO entry VALUES (x'6b2f31', x'', 7)").unwrap();
    let findings = place.open().check().unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].key(), Some(b"k/1".as_slice()));
}

/// Whatever byte of the file is another: no panic, no error but that of damage, and an entry that is gone is noticed.
#[test]
fn a_byte_that_changed_is_not_believed() {
    let place = Place::new();
    let store = place.open();
    for n in 0..60_u8 {
        put(&store, &[b'k', n], &vec![n; usize::from(n) * 40]);
    }
    drop(store);
    let sound = fs::read(place.file()).unwrap();
    let (mut noticed, mut rounds) = (0, 0);
    for at in (0..sound.len()).step_by(sound.len() / 400) {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x41;
        fs::write(place.file(), &bytes).unwrap();
        rounds += 1;
        let found = match sqlite::check(&place.file()) {
            Ok(findings) => !findings.is_empty(),
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Malformed), "{at}: {error:?}");
                true
            }
        };
        noticed += usize::from(found);
        match Sqlite::open(place.file()) {
            Ok(store) => {
                for n in 0..60_u8 {
                    if let Err(error) = store.get(&[&[b'k', n]]) {
                        assert_eq!(error.kind(), ErrorKind::Malformed, "{at}: {error:?}");
                    } else if store.get(&[&[b'k', n]]).unwrap() == [None] {
                        assert!(found, "{at}: an entry is gone, and a check finds nothing");
                    }
                }
                if let Err(error) = store.list(b"", None, 1000) {
                    assert_eq!(error.kind(), ErrorKind::Malformed, "{at}: {error:?}");
                }
            }
            Err(error) => assert!(
                matches!(error.kind(), ErrorKind::Malformed | ErrorKind::Unsupported | ErrorKind::Io),
                "{at}: {error:?}"
            ),
        }
        for beside in ["store.db-wal", "store.db-shm"] {
            let _absent = fs::remove_file(place.path(beside));
        }
    }
    // A byte inside a value is the business of whoever sealed it.
    assert!(noticed > 0 && noticed < rounds, "{noticed} of {rounds}");
}

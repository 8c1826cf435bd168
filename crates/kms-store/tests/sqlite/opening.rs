//! Making a store, and what is not opened.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use kms_core::{Error, ErrorKind};
use kms_service::Store;
use kms_service::store::{Outcome, Write};
use kms_store::Sqlite;

use crate::{Place, put, transaction, value};

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn refused(place: &Place) -> Error {
    Sqlite::open(place.file()).unwrap_err()
}

#[test]
fn a_new_store_is_private_and_says_what_it_is() {
    let place = Place::new();
    let deep = place.path("made/too/store.db");
    let store = Sqlite::open(&deep).unwrap();
    put(&store, b"a", b"1");
    for directory in [place.path(""), place.path("made"), place.path("made/too")] {
        assert_eq!(mode(&directory), 0o700, "{}", directory.display());
    }
    for file in fs::read_dir(place.path("made/too")).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    let header = fs::read(&deep).unwrap();
    assert_eq!(&header[68..72], b"kmsS", "application_id");
    assert_eq!(&header[60..64], [0, 0, 0, 1], "user_version");
    assert_eq!(&header[18..20], [2, 2], "the write-ahead log");

    drop(store);
    let left: Vec<_> = fs::read_dir(place.path("made/too")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["store.db"], "closing leaves one file");
    assert_eq!(value(&Sqlite::open(&deep).unwrap(), b"a"), Some(b"1".to_vec()));
}

#[test]
fn many_who_make_one_store_share_it() {
    let place = Place::new();
    let start = std::sync::Barrier::new(8);
    let stores: Vec<_> = std::thread::scope(|scope| {
        let open = || {
            start.wait();
            place.open()
        };
        let openers: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        openers.into_iter().map(|opener| opener.join().unwrap()).collect()
    });
    for (n, store) in stores.iter().enumerate() {
        put(store, n.to_string().as_bytes(), b"");
    }
    assert!(stores.iter().all(|store| store.list(b"", None, 10).unwrap().len() == 8));
    let names = fs::read_dir(place.path("")).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert!(names.into_iter().all(|name| name.starts_with("store.db")), "something unfinished is left");
}

#[test]
fn what_others_can_write_is_refused() {
    let place = Place::new();
    drop(place.open());
    for bad in [0o720, 0o702, 0o777] {
        set_mode(place.path(""), bad);
        let error = refused(&place);
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("directory") && error.to_string().contains("chmod"), "{error}");
    }
    set_mode(place.path(""), 0o755);
    for bad in [0o620, 0o602] {
        set_mode(place.file(), bad);
        let error = refused(&place);
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("file"), "{error}");
    }
    set_mode(place.file(), 0o640);
    drop(place.open());

    fs::rename(place.file(), place.path("elsewhere.db")).unwrap();
    symlink("elsewhere.db", place.file()).unwrap();
    assert_eq!(refused(&place).kind(), ErrorKind::Refused, "a link");
    fs::remove_file(place.file()).unwrap();
    fs::create_dir(place.file()).unwrap();
    assert_eq!(refused(&place).kind(), ErrorKind::Refused, "a directory");
}

#[test]
fn other_files_are_left_alone() {
    let place = Place::new();
    fs::create_dir(place.path("")).unwrap();
    set_mode(place.path(""), 0o700);
    let check = |content: &[u8], text: &str| {
        fs::write(place.file(), content).unwrap();
        let error = refused(&place);
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(fs::read(place.file()).unwrap(), content, "the file was changed");
        assert_eq!(fs::read_dir(place.path("")).unwrap().count(), 1, "there is something beside it");
        fs::remove_file(place.file()).unwrap();
    };
    check(b"", "empty");
    check(b"SQLite format 3", "not a store");
    check(&[0; 8192], "not a store");
    place.raw().execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    let other = fs::read(place.file()).unwrap();
    check(&other, "another program");
}

#[test]
fn a_newer_format_is_named() {
    let place = Place::new();
    drop(place.open());
    place.raw().pragma_update(None, "user_version", 2).unwrap();
    let error = refused(&place);
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("format 2") && error.to_string().contains("up to 1"), "{error}");
    place.raw().pragma_update(None, "user_version", 0).unwrap();
    assert_eq!(refused(&place).kind(), ErrorKind::Malformed);
}

#[test]
fn tables_that_are_not_of_the_format_are_refused() {
    for (text, name) in [
        ("CREATE TRIGGER spy AFTER INSERT ON entry BEGIN DELETE FROM entry; END", "spy"),
        ("CREATE VIEW more AS SELECT 1", "more"),
        ("CREATE INDEX more ON entry (revision)", "more"),
        ("ALTER TABLE entry ADD COLUMN more", "entry"),
        ("DROP TABLE applied", "applied"),
    ] {
        let place = Place::new();
        drop(place.open());
        place.raw().execute_batch(text).unwrap();
        let error = refused(&place);
        assert_eq!(error.kind(), ErrorKind::Malformed, "{text}");
        assert!(error.to_string().contains(name), "{error}");
        assert!(!kms_store::sqlite::check(&place.file()).unwrap().is_empty(), "{text}");
    }
}

#[test]
fn a_log_is_never_taken_for_another_files() {
    let place = Place::new();
    let store = place.open();
    put(&store, b"a", b"1");
    let log = fs::read(place.path("store.db-wal")).unwrap();
    assert!(!log.is_empty());
    drop(store);
    fs::remove_file(place.file()).unwrap();
    fs::write(place.path("store.db-wal"), log).unwrap();
    let error = refused(&place);
    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert!(error.to_string().contains("store.db-wal"), "{error}");
}

#[test]
fn what_is_deleted_is_overwritten() {
    let place = Place::new();
    let store = place.open();
    // Within a page, and on overflow pages.
    let (short, long) = ([0xA7; 40], vec![0xB9; 20_000]);
    put(&store, b"short", &short);
    put(&store, b"long", &long);
    put(&store, b"stays", b"");
    let contains = |bytes: &[u8]| fs::read(place.file()).unwrap().windows(bytes.len()).any(|window| window == bytes);
    drop(store);
    assert!(contains(&short) && contains(&long[..1000]), "this test looks in the wrong place");

    let store = place.open();
    let delete = transaction(vec![], vec![Write::Delete(b"short".to_vec()), Write::Delete(b"long".to_vec())]);
    assert!(matches!(store.commit(&delete).unwrap(), Outcome::Committed(_)));
    drop(store);
    assert!(!contains(&short[..20]) && !contains(&long[..20]), "the file still has what was deleted");
    assert_eq!(place.open().check().unwrap(), []);
}

#[test]
fn a_closed_store_tells_who_watches() {
    let place = Place::new();
    let store = place.open();
    let mut watch = store.watch(b"").unwrap();
    drop(store);
    while watch.next(Duration::from_secs(30)).is_ok_and(|event| event.is_some()) {}
    assert_eq!(watch.next(Duration::ZERO).unwrap_err().kind(), ErrorKind::Disconnected);
}

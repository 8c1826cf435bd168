//! The file: one writer, readers that never see half of a change, crashes.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use kms_core::{Backend, ErrorKind};
use kms_soft::Keyring;

use crate::{Place, call, refused, symmetric};

#[test]
fn a_keyring_is_made_once() {
    let place = Place::new();
    refused(Keyring::open(place.path()), ErrorKind::KeyUnavailable);
    refused(Keyring::open_for_writing(place.path()), ErrorKind::KeyUnavailable);
    let (at, _) = symmetric(&place.create());
    refused(Keyring::create(place.path(), &place.root, &call()), ErrorKind::InvalidInput);
    place.read().open(&at, &call()).unwrap();
    refused(Keyring::create(place.at("no/such"), &place.root, &call()), ErrorKind::Io);
    refused(Keyring::create("/", &place.root, &call()), ErrorKind::InvalidInput);
}

#[test]
fn one_writer_at_a_time() {
    let place = Place::new();
    let first = place.create();
    let busy = Keyring::open_for_writing(place.path()).unwrap_err();
    assert!(busy.is_transient());
    refused(Err::<(), _>(busy), ErrorKind::Busy);
    std::thread::scope(|scope| {
        scope.spawn(|| refused(Keyring::open_for_writing(place.path()), ErrorKind::Busy));
    });
    // Readers are not in the way.
    assert!(!place.read().is_writable());
    drop(first);
    let second = place.write();
    assert!(second.is_writable());
    symmetric(&second);
}

/// Runs the test `name` in another process, whose `variable` tells it that it is the other, and where the keyring is.
fn again(name: &str, variable: &str, place: &Place) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(variable, place.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_writer_keeps_other_processes_out() {
    const CHILD: &str = "KMS_TEST_CHILD_HOLDS";
    if let Some(path) = std::env::var_os(CHILD) {
        let _held = Keyring::open_for_writing(path).unwrap();
        println!("\nheld");
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        return;
    }
    let place = Place::new();
    drop(place.create());
    let mut child = again("keyring::file::a_writer_keeps_other_processes_out", CHILD, &place);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "held"), "the child did not get the lock");
    refused(Keyring::open_for_writing(place.path()), ErrorKind::Busy);
    refused(Keyring::create(place.path(), &place.root, &call()), ErrorKind::InvalidInput);
    place.read();
    // A process that dies lets go.
    child.kill().unwrap();
    child.wait().unwrap();
    symmetric(&place.write());
}

#[test]
fn a_writer_begins_with_what_the_last_one_left() {
    let place = Place::new();
    let (at, _) = symmetric(&place.create());
    let (next, _) = symmetric(&place.write());
    let keyring = place.write();
    assert_eq!(keyring.revision(), 2);
    keyring.open(&at, &call()).unwrap();
    keyring.open(&next, &call()).unwrap();
}

#[test]
fn a_reader_sees_changes_when_it_looks() {
    let place = Place::new();
    let writer = place.create();
    let reader = place.read();
    let (at, _) = symmetric(&writer);
    refused(reader.open(&at, &call()), ErrorKind::KeyUnavailable);
    reader.reload(&call()).unwrap();
    reader.open(&at, &call()).unwrap();
    writer.destroy(&at, &call()).unwrap();
    reader.open(&at, &call()).unwrap();
    reader.reload(&call()).unwrap();
    refused(reader.open(&at, &call()), ErrorKind::KeyUnavailable);
}

#[test]
fn a_reader_changes_nothing() {
    let place = Place::new();
    let (at, _) = symmetric(&place.create());
    let before = std::fs::read(place.path()).unwrap();
    let reader = place.read();
    let id = at.id().key;
    refused(reader.destroy(&at, &call()), ErrorKind::Refused);
    refused(reader.add_alias("alias/a", id, &call()), ErrorKind::Refused);
    refused(reader.remove_alias("alias/a", &call()), ErrorKind::Refused);
    refused(reader.set_description(id, "x", &call()), ErrorKind::Refused);
    refused(reader.change_root(&place.root, &call()), ErrorKind::Refused);
    assert_eq!(std::fs::read(place.path()).unwrap(), before);
}

#[test]
fn a_crash_before_the_new_file_has_its_name_leaves_the_old_one() {
    let place = Place::new();
    let (at, _) = symmetric(&place.create());
    let half = &std::fs::read(place.path()).unwrap()[..100];
    std::fs::write(place.at("keyring.tmp"), half).unwrap();
    place.read().open(&at, &call()).unwrap();
    let (next, _) = symmetric(&place.write());
    assert!(!place.at("keyring.tmp").exists());
    let keyring = place.read();
    keyring.open(&at, &call()).unwrap();
    keyring.open(&next, &call()).unwrap();
}

#[test]
fn a_writer_killed_at_any_moment_loses_no_key_it_made() {
    const CHILD: &str = "KMS_TEST_CHILD_WRITES";
    if let Some(path) = std::env::var_os(CHILD) {
        let root = kms_soft::RootKey::open_key_file(std::path::Path::new(&path).with_file_name("root.key")).unwrap();
        let keyring = Keyring::open_for_writing(path).unwrap().unlock(&root, &call()).unwrap();
        loop {
            let (at, _) = symmetric(&keyring);
            println!("\nmade {}", at.id().key);
        }
    }
    let place = Place::new();
    drop(place.create());
    let mut made: Vec<kms_core::KeyId> = Vec::new();
    for round in 1..=10 {
        let mut child = again("keyring::file::a_writer_killed_at_any_moment_loses_no_key_it_made", CHILD, &place);
        std::thread::sleep(core::time::Duration::from_millis(11 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        made.extend(
            lines.filter_map(|line| line.strip_prefix("made ").and_then(|id| id.parse::<kms_core::KeyId>().ok())),
        );
        let keyring = place.write();
        for &id in &made {
            keyring.open(&Keyring::locator(id.into()), &call()).unwrap();
        }
        // The last one may have been made and not told.
        assert!(keyring.records().len() >= made.len());
    }
    assert!(!made.is_empty());
}

#[test]
fn a_change_that_cannot_be_written_did_not_happen() {
    let place = Place::new();
    let keyring = place.create();
    let (at, _) = symmetric(&keyring);
    let (revision, before) = (keyring.revision(), std::fs::read(place.path()).unwrap());
    // What is in the temporary file's place cannot be removed.
    std::fs::create_dir_all(place.at("keyring.tmp/x")).unwrap();
    let error = keyring.destroy(&at, &call()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(!error.may_have_run());
    assert_eq!((keyring.revision(), std::fs::read(place.path()).unwrap()), (revision, before));
    keyring.open(&at, &call()).unwrap();
    std::fs::remove_dir_all(place.at("keyring.tmp")).unwrap();
    keyring.destroy(&at, &call()).unwrap();
    refused(keyring.open(&at, &call()), ErrorKind::KeyUnavailable);
    keyring.health(&call()).unwrap();
    std::fs::remove_file(place.path()).unwrap();
    refused(keyring.health(&call()), ErrorKind::KeyUnavailable);
}

#[test]
fn readers_beside_a_writer_never_see_half_a_file() {
    let place = Place::new();
    let writer = place.create();
    std::thread::scope(|scope| {
        let readers = scope.spawn(|| {
            let mut last = 0;
            while last < 20 {
                let now = place.read().revision();
                assert!(now >= last);
                last = now;
            }
        });
        (0..20).for_each(|_| drop(symmetric(&writer)));
        readers.join().unwrap();
    });
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    symmetric(&place.create());
    for name in ["keyring", "keyring.lock", "root.key"] {
        assert_eq!(std::fs::metadata(place.at(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_keyring_behind_a_link_stays_behind_it() {
    let place = Place::new();
    let target = place.at("target");
    let first = Keyring::create(&target, &place.root, &call()).unwrap();
    std::os::unix::fs::symlink(&target, place.path()).unwrap();
    // Both names have one lock.
    refused(Keyring::open_for_writing(place.path()), ErrorKind::Busy);
    drop(first);
    let keyring = place.write();
    let (at, _) = symmetric(&keyring);
    assert!(place.path().is_symlink());
    assert_eq!(std::fs::canonicalize(&target).unwrap(), keyring.path());
    Keyring::open(&target).unwrap().unlock(&place.root, &call()).unwrap().open(&at, &call()).unwrap();

    // Nothing is made through a link, not even one to nowhere.
    std::os::unix::fs::symlink(place.at("nowhere"), place.at("link")).unwrap();
    refused(Keyring::create(place.at("link"), &place.root, &call()), ErrorKind::InvalidInput);
    refused(kms_soft::RootKey::create_key_file(place.at("link")), ErrorKind::InvalidInput);
    assert!(!place.at("nowhere").exists());
}

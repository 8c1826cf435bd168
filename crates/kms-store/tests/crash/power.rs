//! Power cuts.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use kms_service::Store;
use kms_store::{Sqlite, sqlite};
use power_cut::{Cut, Recorder, Recording};
use rusqlite::{Connection, params};

use super::workload;

/// Where the program says what it has acknowledged: beside the directory of the store.
fn acknowledge(file: &Path) -> impl Fn(&str) + Sync {
    let path = file.parent().unwrap().parent().unwrap().join(".acknowledged");
    let acknowledged = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
    move |line| (&acknowledged).write_all(line.as_bytes()).unwrap()
}

#[test]
#[ignore = "the program that loses its power"]
fn powered() {
    let file = workload::file();
    let acknowledge = acknowledge(&file);
    let store = Sqlite::open(&file).unwrap();
    acknowledge("opened\n");
    // Enough that the log is copied to the database several times.
    workload::write(&store, 120, &acknowledge);
    store.backup(&file.with_file_name("backup.db")).unwrap();
    acknowledge("backup\n");
    workload::write(&store, 20, &acknowledge);
}

/// The same table, with the setting that never is to be used.
#[test]
#[ignore = "the program that loses its power"]
fn powered_with_synchronous_normal() {
    let file = workload::file();
    let acknowledge = acknowledge(&file);
    drop(Sqlite::open(&file).unwrap());
    let connection = Connection::open(&file).unwrap();
    connection.pragma_update(None, "synchronous", "NORMAL").unwrap();
    for number in 0..400_u32 {
        connection
            .execute(
                "INSERT INTO entry (k, v, revision) VALUES (?1, zeroblob(1500), 1)",
                params![format!("n/{number}").into_bytes()],
            )
            .unwrap();
        acknowledge(&format!("ack 0 {number}\n"));
    }
}

fn record(home: &Path, role: &str) -> Recording {
    let recorder = Recorder::new(home);
    let file = recorder.directory().join("keys").join("store.db");
    let output = recorder.attach(&mut workload::program(role, &file)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    recorder.recording()
}

/// Cuts at instants all over the recording.
fn cuts(recording: &Recording, many: usize) -> impl Iterator<Item = Cut> {
    let records = recording.len();
    let seed = u64::from(std::process::id());
    (0..many).map(move |n| {
        // Golden steps: any number of cuts is spread evenly.
        let after = (n * 61_803 + 1 + usize::try_from(seed % 1000).unwrap()) % 100_000 * records / 100_000 + 1;
        Cut { after, kept: [0, 30, 50, 90].into_iter().nth(n % 4).unwrap(), seed: seed + u64::try_from(n).unwrap() }
    })
}

fn disk() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Directories have the rights that the program gave them; those are not recorded.
fn make_private(directory: &Path) {
    if directory.exists() {
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700)).unwrap();
    } else {
        std::fs::DirBuilder::new().mode(0o700).create(directory).unwrap();
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_fails() {
    let home = disk();
    let recording = record(home.path(), "crash::power::powered");
    let mut with_data = 0;
    for cut in cuts(&recording, crate::rounds("KMS_STORE_CUTS", 60)) {
        let disk = disk();
        recording.rebuild(cut, disk.path());
        let acknowledged = recording.acknowledged(cut.after);
        let keys = disk.path().join("keys");
        let file = keys.join("store.db");
        // A store that was opened once is there. Opening makes a new one otherwise.
        assert!(file.exists() || acknowledged.is_empty(), "{cut:?}: the store is gone");
        make_private(&keys);
        let store = Sqlite::open(&file).unwrap_or_else(|error| panic!("{cut:?}: {error:?}"));
        let counts = workload::counts(acknowledged.iter().copied());
        assert_eq!(workload::lost(&store, &counts), [""; 0], "{cut:?}");
        with_data += usize::from(!counts.is_empty());
        // It goes on.
        workload::write(&store, 2, |_| {});

        let backup = keys.join("backup.db");
        assert!(backup.exists() || !acknowledged.contains(&"backup"), "{cut:?}: the backup is gone");
        if backup.exists() {
            assert_eq!(sqlite::check(&backup).unwrap(), [], "{cut:?}: the backup");
            let restored = disk.path().join("restored").join("store.db");
            sqlite::restore(&backup, &restored).unwrap();
            let before: Vec<_> = acknowledged.iter().copied().take_while(|line| *line != "backup").collect();
            let restored = Sqlite::open(&restored).unwrap();
            assert_eq!(workload::lost(&restored, &workload::counts(before)), [""; 0], "{cut:?}: the backup");
        }
    }
    assert!(with_data > 20, "hardly any cut came after something was acknowledged");
}

/// The harness finds what is known to be wrong.
#[test]
fn a_log_that_is_not_synced_loses_acknowledged_commits() {
    let home = disk();
    let recording = record(home.path(), "crash::power::powered_with_synchronous_normal");
    let mut losses = 0;
    for cut in cuts(&recording, 20) {
        let disk = disk();
        recording.rebuild(cut, disk.path());
        make_private(&disk.path().join("keys"));
        let store = Sqlite::open(disk.path().join("keys").join("store.db")).unwrap();
        let acknowledged = workload::counts(recording.acknowledged(cut.after)).get(&0).copied().unwrap_or_default();
        let there = |number: &u32| store.get(&[format!("n/{number}").as_bytes()]).unwrap() != [None];
        losses += usize::from(!(0..acknowledged).all(|number| there(&number)));
    }
    assert!(losses >= 10, "only {losses} of 20 cuts lost something");
}

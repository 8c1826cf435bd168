//! Power cuts.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;

use power_cut::{Cut, Recorder};

use super::house::{House, directory, make_private, program};
use super::model::Said;
use super::verdict::assert_kept;
use super::work::work;

#[test]
#[ignore = "the program that loses its power"]
fn powered() {
    let directory = directory();
    let said = OpenOptions::new().append(true).create(true).open(directory.join(".acknowledged")).unwrap();
    let house = House::open(&directory);
    // Enough that segments of the log follow each other, and the store's log is copied to the database.
    work(&house, 60, |line| (&said).write_all(line.as_bytes()).unwrap());
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_fails() {
    let home = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(home.path());
    let output = recorder.attach(&mut program("crash::power::powered", recorder.directory())).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let recording = recorder.recording();
    let (mut with_data, seed) = (0, u64::from(std::process::id()));
    let many = crate::rounds("KMS_SERVICE_CUTS", 24);
    for n in 0..many {
        // Golden steps: any number of cuts is spread evenly.
        let after = (n * 61_803 + usize::try_from(seed % 1000).unwrap()) % 100_000 * recording.len() / 100_000 + 1;
        let cut = Cut { after, kept: [0, 30, 50, 90][n % 4], seed: seed + u64::try_from(n).unwrap() };
        let disk = tempfile::tempdir().unwrap();
        recording.rebuild(cut, disk.path());
        make_private(disk.path());
        let calls = Said::read(recording.acknowledged(after));
        let acknowledged = calls.iter().filter(|call| call.is_acknowledged()).count();
        println!("{cut:?}: {acknowledged} calls");
        assert_kept(disk.path(), &calls, &BTreeSet::new());
        with_data += usize::from(acknowledged > 0);
        // It goes on.
        let house = House::open(disk.path());
        work(&house, 2, |_| {});
    }
    assert!(with_data > many / 2, "hardly any cut came after something was acknowledged");
}

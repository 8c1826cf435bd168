//! A full disk, and syncs that fail.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kms_service::{Exception, KmsError};
use power_cut::Recorder;

use super::house::{House, directory, program};
use super::model::Said;
use super::verdict::assert_kept;
use super::work::{ask, work};

/// Files beside the recorded directory, which the program and the test leave for each other.
fn signals(directory: &Path) -> PathBuf {
    directory.parent().unwrap().join("signals")
}

fn signal(directory: &Path, name: &str) {
    std::fs::write(signals(directory).join(name), "").unwrap();
}

fn await_signal(directory: &Path, name: &str) {
    let start = Instant::now();
    while !signals(directory).join(name).exists() {
        assert!(start.elapsed() < Duration::from_secs(120), "no {name}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What a program reports, in a file that the fault does not reach.
fn reporter(directory: &Path) -> impl Fn(&str) + Sync + use<> {
    let said = OpenOptions::new().append(true).create(true).open(signals(directory).join("said")).unwrap();
    move |line| (&said).write_all(line.as_bytes()).unwrap()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// The service says that it could not, and its operator learns why.
fn assert_refused<T: core::fmt::Debug>(outcome: Result<T, KmsError>, causes: &[&str]) {
    let error = outcome.unwrap_err();
    assert!(matches!(error.exception(), Exception::KMSInternal | Exception::DependencyTimeout), "{error}");
    let cause = error.cause().unwrap_or_else(|| panic!("{error}, and nobody knows why")).to_string();
    assert!(causes.iter().any(|known| cause.contains(known)), "{cause}");
}

/// A key of the program's own, and a ciphertext of it.
fn prepare(house: &House) -> String {
    let key = ask(house, "prepared", &words("create symmetric")).unwrap();
    ask(house, "prepared", &words(&format!("encrypt {key} before"))).unwrap();
    key
}

/// Starts a program, lets the fault come and go, and answers the calls that it reported.
fn run(role: &str, fault: impl Fn(&Recorder, bool)) -> (tempfile::TempDir, PathBuf, Vec<Said>) {
    let home = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(home.path());
    let directory = recorder.directory().to_path_buf();
    std::fs::create_dir(signals(&directory)).unwrap();
    let mut program = recorder.attach(&mut program(role, &directory)).spawn().unwrap();
    await_signal(&directory, "written");
    fault(&recorder, true);
    signal(&directory, "failing");
    await_signal(&directory, "failed");
    fault(&recorder, false);
    signal(&directory, "healed");
    assert!(program.wait().unwrap().success());
    let said = std::fs::read_to_string(signals(&directory).join("said")).unwrap();
    (home, directory, Said::read(said.lines()))
}

#[test]
#[ignore = "the program whose disk is full"]
fn full() {
    let directory = directory();
    let house = House::open(&directory);
    let key = prepare(&house);
    work(&house, 10, reporter(&directory));
    signal(&directory, "written");
    await_signal(&directory, "failing");
    for round in 0..3 {
        let id = format!("refused{round}");
        assert_refused(ask(&house, &id, &words(&format!("tag {key} refused yes"))), &["no room", "full"]);
        assert_refused(ask(&house, &id, &words(&format!("disable {key}"))), &["no room", "full"]);
        assert_refused(ask(&house, &id, &words("create symmetric")), &["no room", "full"]);
        // What cannot be recorded is not answered, although it needs no store.
        assert_refused(ask(&house, &id, &words(&format!("encrypt {key} withheld"))), &["no room"]);
    }
    signal(&directory, "failed");
    await_signal(&directory, "healed");
    // Nothing that was refused has happened.
    ask(&house, "again", &words(&format!("encrypt {key} after"))).unwrap();
    work(&house, 10, |_| {});
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let (_home, directory, calls) = run("crash::faults::full", Recorder::fill_disk);
    let house = House::open(&directory);
    let mut others = super::verdict::all_keys(&house);
    drop(house);
    for call in calls.iter().filter(|call| call.words[0] == "create") {
        others.remove(call.answer.as_ref().unwrap());
    }
    assert_kept(&directory, &calls, &others);
}

#[test]
#[ignore = "the program whose disk fails"]
fn unsynced() {
    let directory = directory();
    let house = House::open(&directory);
    let key = prepare(&house);
    work(&house, 10, reporter(&directory));
    signal(&directory, "written");
    await_signal(&directory, "failing");
    let reasons = ["stopped", "does not say whether"];
    assert_refused(ask(&house, "doubtful", &words(&format!("tag {key} doubtful yes"))), &reasons);
    signal(&directory, "failed");
    await_signal(&directory, "healed");
    // A sync that succeeds after one that failed says nothing about what the failed one was for.
    for _ in 0..3 {
        assert_refused(ask(&house, "stopped", &words(&format!("tag {key} refused yes"))), &reasons);
        assert_refused(ask(&house, "stopped", &words(&format!("encrypt {key} withheld"))), &reasons);
    }
    drop(house);

    let house = House::open(&directory);
    ask(&house, "again", &words(&format!("encrypt {key} after"))).unwrap();
    work(&house, 10, |_| {});
}

#[test]
fn a_failing_sync_stops_the_service_until_it_is_opened_anew() {
    let (_home, directory, calls) = run("crash::faults::unsynced", Recorder::fail_syncs);
    let house = House::open(&directory);
    let mut others = super::verdict::all_keys(&house);
    drop(house);
    for call in calls.iter().filter(|call| call.words[0] == "create") {
        others.remove(call.answer.as_ref().unwrap());
    }
    assert_kept(&directory, &calls, &others);
}

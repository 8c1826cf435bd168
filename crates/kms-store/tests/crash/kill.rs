//! SIGKILL.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use kms_core::{RandomSource, SystemRandom};
use kms_service::Store;
use kms_store::Sqlite;

use super::workload;

#[test]
#[ignore = "the program that another test kills"]
fn killed() {
    let store = Sqlite::open(workload::file()).unwrap();
    workload::write(&store, u32::MAX, |line| {
        // One call, so that no line is cut.
        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    });
}

/// Kills the program at random moments; it goes on with what the last one left.
#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("keys").join("store.db");
    let mut acknowledged = BTreeMap::new();
    for round in 0..crate::rounds("KMS_STORE_KILLS", 50) {
        let mut program = workload::program("crash::kill::killed", &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap());
        // Every fifth may be killed while it opens the store.
        let mut heard = String::new();
        while round % 5 != 0 && !heard.contains("ack ") {
            heard.clear();
            assert_ne!(lines.read_line(&mut heard).unwrap(), 0, "the program ended by itself");
        }
        let mut random = [0; 2];
        SystemRandom.fill(&mut random).unwrap();
        std::thread::sleep(Duration::from_micros(u64::from(u16::from_be_bytes(random))));
        program.kill().unwrap();
        // The whole of what it said: the pipe keeps what a dead process wrote.
        let rest: Vec<String> = lines.lines().map(Result::unwrap).collect();
        program.wait().unwrap();
        acknowledged.extend(workload::counts(rest.iter().map(String::as_str).chain([heard.trim_end()])));

        if path.exists() {
            let store = Sqlite::open(&path).unwrap();
            assert_eq!(workload::lost(&store, &acknowledged), [""; 0], "round {round}");
            // What was not acknowledged and is there all the same is a fact from now on.
            acknowledged = (0..workload::THREADS).map(|thread| (thread, workload::next(&store, thread))).collect();
        }
    }
    let store = Sqlite::open(&path).unwrap();
    assert!(store.barrier().unwrap().0 > 50, "the program did next to nothing");
}

//! Processes that are killed.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use super::house::{House, directory, program};
use super::model::Said;
use super::verdict::assert_kept;
use super::work::{below, work};

#[test]
#[ignore = "the program that another test kills"]
fn killed() {
    let house = House::open(&directory());
    work(&house, usize::MAX, |line| {
        // One call, so that no line is cut.
        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    });
}

/// Kills the program at random moments; the next one goes on with what it left.
#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let home = tempfile::tempdir().unwrap();
    let (mut keys, mut acknowledged) = (BTreeSet::new(), 0);
    for round in 0..crate::rounds("KMS_SERVICE_KILLS", 20) {
        let mut program =
            program("crash::kill::killed", home.path()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap());
        // Every fifth may be killed while it opens store and log.
        let (mut heard, mut line) = (Vec::new(), String::new());
        while round % 5 != 4 && !line.contains("said ") {
            line.clear();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "the program ended by itself");
            heard.push(line.trim_end().to_owned());
        }
        std::thread::sleep(Duration::from_micros(u64::try_from(below(300_000)).unwrap()));
        program.kill().unwrap();
        // The whole of what it said: the pipe keeps what a dead process wrote.
        heard.extend(lines.lines().map(Result::unwrap));
        program.wait().unwrap();
        let calls = Said::read(heard.iter().map(String::as_str));
        acknowledged += calls.iter().filter(|call| call.is_acknowledged()).count();
        if home.path().join("keys").join("store.db").exists() {
            keys = assert_kept(home.path(), &calls, &keys);
        }
    }
    assert!(acknowledged > 100, "the program did next to nothing: {acknowledged} calls");
    println!("{acknowledged} calls acknowledged, {} keys", keys.len());
}

//! Several processes on one store and one log.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;

use super::house::{House, directory, program};
use super::model::Said;
use super::verdict::assert_kept;
use super::work::work;

#[test]
#[ignore = "one of several programs"]
fn one_of_several() {
    let house = House::open(&directory());
    work(&house, 40, |line| std::io::stdout().lock().write_all(line.as_bytes()).unwrap());
}

#[test]
fn several_processes_share_a_store_and_a_log() {
    let home = tempfile::tempdir().unwrap();
    let start = || program("crash::processes::one_of_several", home.path()).stdout(Stdio::piped()).spawn().unwrap();
    let programs: Vec<_> = (0..3).map(|_| start()).collect();
    let mut calls = Vec::new();
    for program in programs {
        let output = program.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        calls.extend(Said::read(text.lines()));
    }
    assert_eq!(calls.iter().filter(|call| call.is_acknowledged()).count(), 3 * 4 * 40);
    assert_kept(home.path(), &calls, &BTreeSet::new());
}

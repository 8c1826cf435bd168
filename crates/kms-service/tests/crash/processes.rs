//! Several processes on one store and one log.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use kms_service::Exception;

use super::house::{House, directory, program};
use super::model::Said;
use super::verdict::assert_kept;
use super::work::{ask, work};

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

/// Two services that have the file open on their own, as two processes have, with the bound that makes changes bind at once.
#[test]
fn what_one_has_answered_binds_the_other() {
    let home = tempfile::tempdir().unwrap();
    let open = || House::with(home.path(), |builder| builder.freshness(Some(Duration::ZERO)));
    let (here, there) = (open(), open());
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let key = ask(&here, "1", &words("create symmetric")).unwrap();
    for _ in 0..20 {
        ask(&there, "2", &words(&format!("encrypt {key} x"))).unwrap();
        ask(&here, "3", &words(&format!("disable {key}"))).unwrap();
        let refused = ask(&there, "4", &words(&format!("encrypt {key} x"))).unwrap_err();
        assert_eq!(refused.exception(), Exception::Disabled);
        ask(&there, "5", &words(&format!("enable {key}"))).unwrap();
        ask(&here, "6", &words(&format!("encrypt {key} x"))).unwrap();
    }
}

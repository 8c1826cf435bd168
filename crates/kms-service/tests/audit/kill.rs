//! Processes that are killed while they append.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, thread};

use kms_core::{RandomSource, SystemRandom};
use kms_service::audit::Log;

use crate::common::{assert_holds, options, segments, signer};

/// Where the child appends.
const DIRECTORY: &str = "KMS_AUDIT_TEST_DIRECTORY";

fn record(text: &str) -> Vec<u8> {
    format!(r#"{{"eventName":"Encrypt","record":"{text}","filling":"{:>300}"}}"#, "").into_bytes()
}

/// Not a test: what [`every_acknowledged_record_survives_kills`] starts and kills.
#[test]
#[ignore = "runs for ever; started by another test"]
fn child_that_appends() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let (key, _) = signer();
    let often = options().with_checkpoints(Duration::from_millis(3), 50).with_segment_len(100_000);
    let log = Log::open(directory.as_ref(), often.with_signer(key)).unwrap();
    let log = &log;
    thread::scope(|scope| {
        for caller in 0..8 {
            scope.spawn(move || {
                for number in 0.. {
                    let text = format!("{}-{caller}-{number}", std::process::id());
                    let sequence = log.append(record(&text)).unwrap().sequence;
                    // One write to a pipe is whole or not there.
                    let line = format!("acknowledged {sequence} {text}\n");
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
}

#[test]
fn every_acknowledged_record_survives_kills() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for _ in 0..50 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["kill::child_that_appends", "--exact", "--ignored", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        // The next acknowledgement; `None` when the child is dead. The test harness writes to the pipe as well.
        let mut next = || loop {
            let mut line = String::new();
            let _ = lines.read_line(&mut line).unwrap();
            if line.is_empty() {
                return None;
            }
            let words = line.trim_end().split_once("acknowledged ").filter(|_| line.ends_with('\n'));
            if let Some((sequence, text)) = words.and_then(|(_, words)| words.split_once(' ')) {
                return Some((sequence.parse::<u64>().unwrap(), record(text)));
            }
        };
        // It is killed some time after it began to append.
        acknowledged.push(next().expect("the child began to append"));
        let mut pause = [0];
        SystemRandom.fill(&mut pause).unwrap();
        thread::sleep(Duration::from_micros(80 * u64::from(pause[0])));
        child.kill().unwrap();
        acknowledged.extend(std::iter::from_fn(next));
        child.wait().unwrap();
    }
    acknowledged.sort();
    assert!(acknowledged.len() > 500, "{} records", acknowledged.len());
    assert!(acknowledged.is_sorted_by(|(one, _), (next, _)| one < next), "no number is given out twice");

    // Keys differ from child to child: the signatures are looked at elsewhere.
    assert_holds(directory.path(), &[], &acknowledged);
    drop(Log::open(directory.path(), options()).unwrap());
    let verified = assert_holds(directory.path(), &[], &acknowledged);
    assert_eq!(verified.unfinished, 0);
    assert!(verified.checkpoints > 20);
    assert!(segments(directory.path()).len() > 3);
}

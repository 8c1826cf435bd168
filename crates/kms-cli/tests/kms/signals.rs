//! Interruption.

use core::time::Duration;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Home;

/// Interrupts an encryption in the middle; returns what it says if somebody `listens`.
fn interrupted(signal: &str, listens: bool) -> String {
    let home = Home::with_key();
    let mut command = home.command(&["encrypt", "-", "-o", "out.kms"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().filter(|_| listens);
    let mut input = child.stdin.take().unwrap();
    input.write_all(&vec![b'x'; 1 << 20]).unwrap();
    // It is in the middle of it when its temporary file is there.
    let patience = Instant::now() + Duration::from_secs(60);
    while !home.names().iter().any(|name| name.ends_with(".part")) {
        assert!(Instant::now() < patience, "no temporary file");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130), "{signal}");
    assert!(home.names().is_empty(), "{signal}: {:?}", home.names());
    let mut said = String::new();
    if let Some(stderr) = &mut stderr {
        stderr.read_to_string(&mut said).unwrap();
    }
    said
}

#[test]
fn an_interrupted_command_leaves_nothing() {
    for signal in ["INT", "TERM", "HUP"] {
        let said = interrupted(signal, true);
        assert!(said.contains("interrupted"), "{said}");
    }
}

#[test]
fn a_signal_ends_it_even_if_nobody_reads_what_it_says() {
    for signal in ["INT", "TERM", "HUP"] {
        interrupted(signal, false);
    }
}

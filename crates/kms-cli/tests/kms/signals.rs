//! Interruption.

use core::time::Duration;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::Home;

#[test]
fn a_signal_ends_it_even_if_nobody_reads_what_it_says() {
    let home = Home::with_key();
    for signal in ["INT", "TERM", "HUP"] {
        let mut child = home
            .command(&["encrypt", "-", "-o", "out.kms"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stderr.take());
        let mut input = child.stdin.take().unwrap();
        input.write_all(&vec![b'x'; 1 << 20]).unwrap();
        wait_for_output(&home);
        kill(signal, &child);
        assert_eq!(child.wait().unwrap().code(), Some(130), "{signal}");
        assert!(home.names().is_empty(), "{signal}: {:?}", home.names());
    }
}

/// It is in the middle of it when its temporary file is there.
fn wait_for_output(home: &Home) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !home.names().iter().any(|name| name.ends_with(".part")) {
        assert!(Instant::now() < patience, "no temporary file");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn kill(signal: &str, child: &Child) {
    assert!(Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn an_interrupted_command_leaves_nothing() {
    let home = Home::with_key();
    for signal in ["INT", "TERM", "HUP"] {
        let mut child = home
            .command(&["encrypt", "-", "-o", "out.kms"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(&vec![b'x'; 1 << 20]).unwrap();
        wait_for_output(&home);
        kill(signal, &child);
        assert_eq!(child.wait().unwrap().code(), Some(130), "{signal}");
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.contains("interrupted"), "{said}");
        assert!(home.names().is_empty(), "{signal}: {:?}", home.names());
        drop(input);
    }
}

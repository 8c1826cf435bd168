//! Pipes, large inputs, signed messages on standard output.

use std::io::{Read, Write};
use std::process::Stdio;

use crate::Home;

#[test]
fn pipes_both_ways() {
    let home = Home::with_key();
    let plaintext = vec![b'x'; 300_000];
    let sealed = home.pipe(&["encrypt", "-"], &plaintext);
    assert_eq!(sealed.status, 0, "{}", sealed.stderr);
    let opened = home.pipe(&["decrypt", "-"], &sealed.stdout);
    assert_eq!(opened.status, 0, "{}", opened.stderr);
    assert!(opened.stdout == plaintext);
    // A stream ends in an error when the message does not end.
    let cut = home.pipe(&["decrypt", "-"], &sealed.stdout[..sealed.stdout.len() - 10]);
    assert_eq!(cut.status, 3);
    assert!(cut.stderr.contains("cut off"), "{}", cut.stderr);
}

#[test]
fn a_signed_message_reaches_standard_output_only_verified() {
    let home = Home::with_key();
    let plaintext = vec![b'x'; 300_000];
    let sealed = home.pipe(&["encrypt", "-", "--sign"], &plaintext).stdout;
    home.write("file.kms", &sealed);
    assert!(home.ok(&["decrypt", "file.kms", "-o", "-"]).stdout == plaintext);
    assert!(home.pipe(&["decrypt", "-"], &sealed).stdout == plaintext);

    let mut forged = sealed;
    *forged.last_mut().unwrap() ^= 1;
    home.write("forged.kms", &forged);
    let run = home.run(&["decrypt", "forged.kms", "-o", "-"]);
    assert_eq!((run.status, run.stdout.len()), (3, 0), "{}", run.stderr);

    // And through a pipe that cannot be read twice.
    let mut child = home
        .command(&["decrypt", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&forged).unwrap();
    let mut out = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
    assert_eq!((child.wait().unwrap().code(), out.len()), (Some(3), 0));
}

/// A pipe with a name, a device, a link to either: what has been written there cannot be taken back.
#[test]
fn a_forged_message_reaches_no_pipe_either() {
    let home = Home::with_key();
    let mut forged = home.pipe(&["encrypt", "-", "--sign"], &vec![b'x'; 300_000]).stdout;
    home.write("good.kms", &forged);
    *forged.last_mut().unwrap() ^= 1;
    home.write("forged.kms", &forged);
    assert!(std::process::Command::new("mkfifo").arg(home.path("fifo")).status().unwrap().success());
    for (name, status, len) in [("good.kms", 0, 300_000), ("forged.kms", 3, 0)] {
        for to in ["fifo", "/dev/stdout"] {
            let mut child = home
                .command(&["decrypt", name, "-o", to])
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut out = Vec::new();
            if to == "fifo" {
                std::fs::File::open(home.path("fifo")).unwrap().read_to_end(&mut out).unwrap();
            } else {
                child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
            }
            assert_eq!((child.wait().unwrap().code(), out.len()), (Some(status), len), "{name} to {to}");
        }
    }
}

#[test]
fn a_pipe_with_a_name_is_read_whole() {
    let home = Home::with_key();
    assert!(std::process::Command::new("mkfifo").arg(home.path("fifo")).status().unwrap().success());
    let mut child = home.command(&["encrypt", "fifo", "-o", "out.kms"]).stderr(Stdio::null()).spawn().unwrap();
    let plaintext = vec![b'x'; 200_000];
    std::fs::File::options().write(true).open(home.path("fifo")).unwrap().write_all(&plaintext).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(home.ok(&["decrypt", "out.kms", "-o", "-"]).stdout == plaintext);
}

#[test]
fn data_keys_come_back_from_their_blob() {
    use base64ct::{Base64, Encoding};
    let home = Home::with_key();
    let answer = home.json(&["generate-data-key", "-c", "tenant=42"]);
    let field = |name: &str| Base64::decode_vec(answer[name].as_str().unwrap()).unwrap();
    let (plaintext, blob) = (field("Plaintext"), field("CiphertextBlob"));
    assert_eq!(plaintext.len(), 32);
    assert!(home.pipe(&["decrypt", "-", "-c", "tenant=42"], &blob).stdout == plaintext);
    let refused = home.pipe(&["decrypt", "-"], &blob);
    assert_eq!((refused.status, refused.stdout.len()), (3, 0));
    home.write("blob", &blob);
    assert_eq!(home.json(&["inspect", "blob"])["Kind"], "CiphertextBlob");
    assert!(home.json(&["generate-data-key", "--without-plaintext"]).get("Plaintext").is_none());
}

/// Peak memory of a process that encrypts and one that decrypts 512 MiB, by the system's own account.
#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_input() {
    let home = Home::with_key();
    let file = std::fs::File::create(home.path("big")).unwrap();
    file.set_len(512 << 20).unwrap();
    for arguments in [&["encrypt", "big", "-o", "big.kms"][..], &["decrypt", "big.kms", "-o", "-"]] {
        let mut child = home.command(arguments).stdout(Stdio::null()).spawn().unwrap();
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0;
        while child.try_wait().unwrap().is_none() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
            peak = peak.max(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default());
            std::thread::sleep(core::time::Duration::from_millis(5));
        }
        assert!(child.wait().unwrap().success());
        assert!((1..32 * 1024).contains(&peak), "{arguments:?}: {peak} KiB");
    }
}

#[test]
fn nobody_reading_is_no_panic() {
    let home = Home::with_key();
    home.write("note", vec![b'x'; 1 << 20]);
    let mut child =
        home.command(&["encrypt", "note", "-o", "-"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    // Nor is nobody reading what goes wrong.
    let mut child = home.command(&["decrypt", "missing.kms"]).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

//! What happens to files.

use crate::{Home, mode, set_mode};

#[test]
fn nothing_is_overwritten_unasked() {
    let home = Home::with_key();
    home.write("note", "new");
    home.write("note.kms", "precious");
    let run = home.run(&["encrypt", "note"]);
    assert_eq!(run.status, 5);
    assert!(run.stderr.contains("--force"), "{}", run.stderr);
    assert_eq!(home.read("note.kms"), b"precious");
    home.ok(&["encrypt", "note", "--force"]);
    home.write("note", "changed since");
    assert_eq!(home.run(&["decrypt", "note.kms"]).status, 5);
    assert_eq!(home.read("note"), b"changed since");
    home.ok(&["decrypt", "note.kms", "-f"]);
    assert_eq!(home.read("note"), b"new");
}

#[test]
fn a_damaged_message_leaves_no_output() {
    let home = Home::with_key();
    home.write("note", [b'x'; 1000]);
    for sign in [&[][..], &["--sign"]] {
        home.ok(&[&["encrypt", "note", "--force", "--frame-length", "100"], sign].concat());
        let message = home.read("note.kms");
        let len = message.len();
        for (name, bad) in [
            ("first byte", [&[0], &message[1..]].concat()),
            ("frame", [&message[..len - 500], &[message[len - 500] ^ 1], &message[len - 499..]].concat()),
            ("cut", message[..len - 1].to_vec()),
            ("cut at a frame", message[..len - 136].to_vec()),
            ("addition", [&message[..], &[0]].concat()),
            ("empty", Vec::new()),
        ] {
            home.write("bad.kms", bad);
            let run = home.run(&["decrypt", "bad.kms"]);
            assert_eq!(run.status, 3, "{name}: {}", run.stderr);
            assert_eq!(home.names(), ["bad.kms", "note", "note.kms"], "{name}");
        }
    }
}

#[test]
fn a_link_leads_to_what_is_replaced() {
    let home = Home::with_key();
    home.write("note", "a note");
    home.write("target", "old");
    std::os::unix::fs::symlink("target", home.path("link")).unwrap();
    home.ok(&["encrypt", "note", "-o", "link", "--force"]);
    assert!(home.path("link").is_symlink());
    assert_eq!(home.ok(&["decrypt", "target", "-o", "-"]).stdout, b"a note");
}

#[test]
fn a_full_device_is_what_failed() {
    let home = Home::with_key();
    home.write("note", "a note");
    let run = home.run(&["encrypt", "note", "-o", "/dev/full"]);
    assert_eq!(run.status, 1);
    assert!(run.stderr.contains("/dev/full: No space left"), "{}", run.stderr);
}

#[test]
fn permissions_do_not_widen() {
    let home = Home::with_key();
    let path = home.write("note", "a note");
    set_mode(&path, 0o640);
    home.ok(&["encrypt", "note"]);
    assert_eq!(mode(&home.path("note.kms")) & !0o640, 0);
    home.ok(&["decrypt", "note.kms", "-o", "again"]);
    assert_eq!(mode(&home.path("again")), 0o600);
}

#[test]
fn several_files_and_one_that_fails() {
    let home = Home::with_key();
    home.write("a", "1");
    home.write("c", "3");
    let run = home.run(&["encrypt", "a", "missing", "c"]);
    assert_eq!(run.status, 1);
    assert!(run.stderr.contains("missing"), "{}", run.stderr);
    assert_eq!(home.names(), ["a", "a.kms", "c", "c.kms"]);
    assert_eq!(home.run(&["encrypt", "a", "c", "-o", "both"]).status, 2);

    // For machines, a line of JSON for each.
    let run = home.run(&["encrypt", "a", "missing", "c", "--json", "--force"]);
    let lines: Vec<serde_json::Value> = run.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!((&lines[0]["Input"], &lines[2]["Output"]), (&"a".into(), &"c.kms".into()));
    assert_eq!((&lines[1]["Input"], &lines[1]["Error"]["Status"]), (&"missing".into(), &1.into()));
}

#[test]
fn the_context_is_bound() {
    let home = Home::with_key();
    home.write("note", "a note");
    home.ok(&["encrypt", "note", "-c", "tenant=42", "--context", "purpose=test"]);
    home.ok(&["decrypt", "note.kms", "-o", "1", "-c", "tenant=42"]);
    let run = home.run(&["decrypt", "note.kms", "-o", "2", "-c", "tenant=43"]);
    assert_eq!(run.status, 3);
    assert!(run.stderr.contains("another value for \"tenant\""), "{}", run.stderr);
    let run = home.run(&["decrypt", "note.kms", "-o", "2", "-c", "user=root"]);
    assert_eq!(run.status, 3);
    assert!(run.stderr.contains("--context"), "{}", run.stderr);
    assert!(!home.path("2").exists());
    assert_eq!(home.json(&["inspect", "note.kms"])["EncryptionContext"]["tenant"], "42");
}

#[test]
fn inspect_tells_without_a_key() {
    let home = Home::with_key();
    home.write("note", [b'x'; 250]);
    home.ok(&["encrypt", "note", "--sign", "--frame-length", "100", "-c", "evil=\u{1b}[31m"]);
    std::fs::remove_dir_all(home.path("store")).unwrap();
    let facts = home.json(&["inspect", "note.kms"]);
    assert_eq!((&facts["Frames"], &facts["PlaintextBytes"]), (&3.into(), &250.into()));
    assert_eq!((&facts["AlgorithmSuite"]["Id"], &facts["Whole"]), (&"0578".into(), &true.into()));
    let message = home.read("note.kms");
    let total = facts["HeaderBytes"].as_u64().unwrap() + facts["BodyBytes"].as_u64().unwrap();
    assert_eq!(total, message.len() as u64);
    let run = home.ok(&["inspect", "note.kms"]);
    assert!(!run.text().contains('\u{1b}'), "a stranger's text steers the terminal");

    home.write("cut.kms", &message[..message.len() - 1]);
    let run = home.run(&["inspect", "cut.kms"]);
    assert_eq!(run.status, 3);
    assert!(run.text().contains("NOT WHOLE"), "{}", run.text());
}

#[test]
fn older_suites_are_written_on_request_and_can_be_refused() {
    let home = Home::with_key();
    home.write("note", "a note");
    home.ok(&["encrypt", "note", "--suite", "0178"]);
    assert_eq!(home.json(&["inspect", "note.kms"])["Version"], 1);
    let run = home.run(&["decrypt", "note.kms", "-o", "-", "--require-commitment"]);
    assert_eq!((run.status, run.stdout.len()), (3, 0));
    assert_eq!(home.ok(&["decrypt", "note.kms", "-o", "-"]).stdout, b"a note");
}

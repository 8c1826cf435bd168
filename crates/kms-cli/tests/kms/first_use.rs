//! From nothing to an encrypted file.

use crate::{Home, mode, set_mode};

#[test]
fn one_command_makes_all_that_is_needed_and_says_so() {
    let home = Home::new();
    home.write("report.pdf", "the report");
    let run = home.ok(&["encrypt", "report.pdf"]);
    for part in ["Made a keyring", "root.key", "lost", "alias/default", "report.pdf -> report.pdf.kms"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    assert!(run.stdout.is_empty());
    for (part, bits) in [("root.key", 0o600), ("store", 0o700), ("store/keys.db", 0o600), ("audit", 0o700)] {
        assert_eq!(mode(&home.path(part)), bits, "{part}");
    }
    assert_eq!(home.names(), ["report.pdf", "report.pdf.kms"]);

    std::fs::remove_file(home.path("report.pdf")).unwrap();
    home.ok(&["decrypt", "report.pdf.kms"]);
    assert_eq!(home.read("report.pdf"), b"the report");

    // The second use says nothing of keyrings.
    let run = home.ok(&["encrypt", "report.pdf", "--force"]);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

#[test]
fn a_mistyped_name_makes_nothing() {
    let home = Home::new();
    let run = home.run(&["encrypt", "no-such-file"]);
    assert_eq!(run.status, 1);
    assert!(!home.path("store").exists());
    let run = home.run(&["decrypt", "no-such-file.kms"]);
    assert_eq!(run.status, 4);
    assert!(run.stderr.contains("there is no keyring") && run.stderr.contains("kms key create"), "{}", run.stderr);
}

#[test]
fn a_passphrase_opens_the_keyring_instead() {
    let home = Home::new();
    for (name, text) in [
        ("passphrase", "correct horse battery staple\n"),
        ("wrong", "incorrect horse battery staple\n"),
        ("short", "horse\n"),
    ] {
        set_mode(&home.write(name, text), 0o600);
    }
    home.write("note", "a note");
    assert_eq!(home.run(&["encrypt", "note", "--passphrase-file", "short"]).status, 2);
    let run = home.ok(&["encrypt", "note", "--passphrase-file", "passphrase"]);
    assert!(run.stderr.contains("passphrase opens it"), "{}", run.stderr);
    assert!(!home.path("root.key").exists());

    let run = home.run(&["decrypt", "note.kms", "-o", "-", "--passphrase-file", "wrong"]);
    assert_eq!((run.status, run.stdout.len()), (4, 0), "{}", run.stderr);
    let run = home.run(&["decrypt", "note.kms", "-o", "-"]);
    assert_eq!(run.status, 4, "{}", run.stderr);
    assert!(run.stderr.contains("--passphrase-file"), "{}", run.stderr);
    let run = home.ok(&["decrypt", "note.kms", "-o", "-", "--passphrase-file", "passphrase"]);
    assert_eq!(run.stdout, b"a note");

    set_mode(&home.path("passphrase"), 0o640);
    let run = home.run(&["decrypt", "note.kms", "-o", "-", "--passphrase-file", "passphrase"]);
    assert_eq!(run.status, 4);
    assert!(run.stderr.contains("chmod 600"), "{}", run.stderr);
}

#[test]
fn without_its_root_key_a_keyring_says_what_is_missing() {
    let home = Home::with_key();
    std::fs::rename(home.path("root.key"), home.path("elsewhere")).unwrap();
    let run = home.run(&["key", "list"]);
    assert_eq!(run.status, 4);
    assert!(run.stderr.contains("root.key") && run.stderr.contains("--root-key"), "{}", run.stderr);
    home.ok(&["key", "list", "--root-key", "elsewhere"]);
}

#[test]
fn many_first_uses_at_once_make_one_keyring() {
    let home = Home::new();
    home.write("note", "a note");
    let children: Vec<_> = (0..6)
        .map(|index| home.command(&["encrypt", "note", "-o", &format!("{index}.kms")]).spawn().unwrap())
        .collect();
    for (index, mut child) in children.into_iter().enumerate() {
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert_eq!(home.ok(&["decrypt", &format!("{index}.kms"), "-o", "-"]).stdout, b"a note");
    }
    assert_eq!(home.json(&["key", "list"]).as_array().unwrap().len(), 1);
}

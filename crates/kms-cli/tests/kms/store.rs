//! Where keys are kept: backup, restore, check; several processes at once.

use crate::{Home, mode};

#[test]
fn a_backup_brings_everything_back_but_not_over_a_store() {
    let home = Home::with_key();
    home.write("note", "a note");
    home.ok(&["encrypt", "note"]);
    home.ok(&["store", "backup", "backup.db"]);
    assert_eq!(mode(&home.path("backup.db")), 0o600);
    assert_eq!(home.run(&["store", "backup", "backup.db"]).status, 5);
    let run = home.run(&["store", "restore", "backup.db"]);
    assert_eq!(run.status, 5, "{}", run.stderr);

    std::fs::remove_dir_all(home.path("store")).unwrap();
    assert_eq!(home.run(&["decrypt", "note.kms", "-o", "-"]).status, 4);
    assert_eq!(home.run(&["store", "restore", "missing"]).status, 1);
    assert_eq!(home.run(&["store", "restore", "note"]).status, 3);
    let run = home.ok(&["store", "restore", "backup.db"]);
    assert!(run.stderr.contains("root key and the audit log"), "{}", run.stderr);
    assert_eq!(home.ok(&["decrypt", "note.kms", "-o", "-"]).stdout, b"a note");
    assert_eq!(home.json(&["store", "check"])["Sound"], true);

    // On another machine, with the root key and without the log.
    home.ok(&["--keyring", "there", "store", "restore", "backup.db"]);
    assert_eq!(home.run(&["--keyring", "there", "decrypt", "note.kms", "-o", "-"]).status, 3);
    home.ok(&["--keyring", "there", "audit", "restart", "--yes"]);
    assert_eq!(home.ok(&["--keyring", "there", "decrypt", "note.kms", "-o", "-"]).stdout, b"a note");
}

#[test]
fn a_check_finds_what_does_not_belong() {
    let home = Home::with_key();
    let sound = home.json(&["store", "check"]);
    assert_eq!((&sound["Keys"], &sound["Aliases"]), (&1.into(), &1.into()));
    assert_eq!(sound["Materials"], sound["MaterialsOpened"]);
    let database = home.path("store/keys.db");
    let mut bytes = std::fs::read(&database).unwrap();
    // The place of a record is in clear: here it is of another key.
    let needle = b"k/local/";
    let mut changed = 0;
    for at in 0..bytes.len() - needle.len() {
        if &bytes[at..at + needle.len()] == needle {
            let digit = &mut bytes[at + needle.len()];
            *digit = if *digit == b'0' { b'1' } else { b'0' };
            changed += 1;
        }
    }
    assert!(changed > 0);
    std::fs::write(&database, &bytes).unwrap();
    let run = home.run(&["store", "check", "--json"]);
    assert_eq!(run.status, 3, "{}", run.stderr);
    let found: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert!(found["Sound"] == false && !found["Findings"].as_array().unwrap().is_empty(), "{found}");

    std::fs::write(&database, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(home.run(&["store", "check"]).status, 3);
    std::fs::remove_dir_all(home.path("store")).unwrap();
    assert_eq!(home.run(&["store", "check"]).status, 4);
}

#[test]
fn several_processes_use_and_change_one_store() {
    let home = Home::with_key();
    home.write("note", "a note");
    let commands: Vec<Vec<String>> = (0..4)
        .flat_map(|index| {
            let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
            [
                text(&["encrypt", "note", "-o", &format!("{index}.kms")]),
                text(&["key", "create", "--alias", &format!("new-{index}")]),
                text(&["key", "tag", "default", &format!("tag-{index}=x")]),
            ]
        })
        .collect();
    let children: Vec<_> = commands
        .iter()
        .map(|command| {
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            home.command(&words).stdout(std::process::Stdio::null()).spawn().unwrap()
        })
        .collect();
    for (mut child, command) in children.into_iter().zip(&commands) {
        assert_eq!(child.wait().unwrap().code(), Some(0), "{command:?}");
    }
    for index in 0..4 {
        assert_eq!(home.ok(&["decrypt", &format!("{index}.kms"), "-o", "-"]).stdout, b"a note");
    }
    assert_eq!(home.json(&["key", "list"]).as_array().unwrap().len(), 5);
    assert_eq!(home.json(&["key", "tag", "default"]).as_array().unwrap().len(), 4);
    assert_eq!(home.json(&["usage"])["Keys"].as_array().unwrap().len(), 5);
    assert_eq!(home.json(&["store", "check"])["Sound"], true);
    home.ok(&["audit", "verify"]);
}

/// The log cannot be opened: the key is not used, and the command says why.
#[test]
fn without_a_place_for_records_no_key_is_used() {
    let home = Home::with_key();
    std::fs::remove_dir_all(home.path("audit")).unwrap();
    home.write("audit", "no folder");
    let run = home.run(&["generate-data-key"]);
    assert_ne!(run.status, 0);
    assert!(run.stdout.is_empty() && run.stderr.contains("audit"), "{}", run.stderr);
}

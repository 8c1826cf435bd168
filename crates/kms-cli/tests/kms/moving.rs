//! A keyring file, which the first version kept keys in, is moved into the store.
//!
//! `tests/fixtures/keyring-v1` was made by that version: a keyring and its root key, and what was encrypted and signed.

use core::time::Duration;
use std::path::Path;

use base64ct::{Base64, Encoding};
use kms_core::{Backend, Call, EncryptionContext, Key, KeyId, KeySpec, KeyUsage, MaterialId, Secret, SystemRandom};
use kms_soft::keyring::{Keyring, PassphraseCost, RootKey};

use crate::{Home, set_mode};

/// A folder as the first version left it.
fn before() -> Home {
    let home = Home::new();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keyring-v1");
    for file in std::fs::read_dir(fixture).unwrap() {
        let file = file.unwrap();
        let to = home.write(file.file_name().to_str().unwrap(), std::fs::read(file.path()).unwrap());
        set_mode(&to, 0o600);
    }
    home
}

fn ids(keys: &serde_json::Value) -> Vec<String> {
    keys.as_array().unwrap().iter().map(|key| key["KeyId"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn everything_of_a_keyring_file_is_there_after_it_was_moved() {
    let home = before();
    let run = home.ok(&["key", "list", "--json"]);
    for part in ["Moved 6 keys", "keyring.moved", "It still holds the keys"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    let listed: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let expected: serde_json::Value = serde_json::from_slice(&home.read("keys.json")).unwrap();
    for (key, before) in listed.as_array().unwrap().iter().zip(expected.as_array().unwrap()) {
        for (name, value) in before.as_object().unwrap() {
            assert_eq!(&key[name], value, "{name} of {}", before["KeyId"]);
        }
        assert_eq!(key["KeyState"], "Enabled");
    }
    assert_eq!(ids(&listed), ids(&expected));
    assert!(home.path("keyring.moved").exists() && !home.path("keyring").exists());

    // Once, and it says nothing the second time.
    assert_eq!(home.ok(&["key", "list"]).stderr, "");
    for message in ["default.kms", "daily.kms", "imported.kms"] {
        assert_eq!(home.ok(&["decrypt", message, "-o", "-"]).stdout, b"a note from before", "{message}");
    }
    home.ok(&["verify", "note", "-k", "release"]);
    home.ok(&["sign", "note", "-k", "release", "-o", "new.sig"]);
    home.ok(&["verify", "note", "-k", "release", "-s", "new.sig"]);
    let data_key: serde_json::Value = serde_json::from_slice(&home.read("data-key.json")).unwrap();
    let field = |name: &str| Base64::decode_vec(data_key[name].as_str().unwrap()).unwrap();
    let opened = home.pipe(&["decrypt", "-", "-c", "tenant=42"], &field("CiphertextBlob"));
    assert_eq!(opened.stdout, field("Plaintext"));
    assert_eq!(home.json(&["store", "check"])["Sound"], true);
    home.ok(&["audit", "verify"]);
}

#[test]
fn without_its_root_key_a_keyring_file_stays_as_it_is() {
    let home = before();
    std::fs::rename(home.path("root.key"), home.path("elsewhere")).unwrap();
    let run = home.run(&["decrypt", "default.kms", "-o", "-"]);
    assert_eq!((run.status, run.stdout.len()), (4, 0), "{}", run.stderr);
    assert!(home.path("keyring").exists());
    let run = home.ok(&["decrypt", "default.kms", "-o", "-", "--root-key", "elsewhere"]);
    assert_eq!(run.stdout, b"a note from before");
}

#[test]
fn a_damaged_keyring_file_is_not_half_moved() {
    let home = before();
    let mut keyring = home.read("keyring");
    let middle = keyring.len() / 2;
    keyring[middle] ^= 1;
    home.write("keyring", &keyring);
    assert_eq!(home.run(&["key", "list"]).status, 3);
    assert_eq!(home.read("keyring"), keyring);
    assert!(!home.path("store/keys.db").exists());
}

#[test]
fn generations_are_moved_and_a_passphrase_opens_the_store_as_it_did_the_file() {
    let home = Home::new();
    set_mode(&home.write("passphrase", "correct horse battery staple\n"), 0o600);
    let cost = PassphraseCost::new(64, 1, 1).unwrap();
    let root = RootKey::from_new_passphrase(&Secret::copy_from(b"correct horse battery staple"), cost).unwrap();
    let call = Call::default();
    let keyring = Keyring::create(home.path("keyring"), &root, &call).unwrap();
    let id = KeyId::random(&SystemRandom).unwrap();
    let blobs: Vec<_> = [0, 3]
        .map(|generation| {
            let at = Keyring::locator(MaterialId { key: id, generation });
            let key = keyring.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call).unwrap();
            Key::new(key).encrypt(&[u8::try_from(generation).unwrap(); 9], &EncryptionContext::empty(), &call).unwrap()
        })
        .into_iter()
        .collect();
    keyring.add_alias("alias/old", id, &call).unwrap();
    drop(keyring);
    for (blob, generation) in blobs.iter().zip([0, 3]) {
        let run = home.pipe(&["decrypt", "-", "--passphrase-file", "passphrase"], blob.as_bytes());
        assert_eq!((run.status, run.stdout), (0, vec![generation; 9]), "{}", run.stderr);
    }
    // It encrypts under the newest.
    let blob = home.json(&["generate-data-key", "-k", "old", "--passphrase-file", "passphrase"]);
    let blob = Base64::decode_vec(blob["CiphertextBlob"].as_str().unwrap()).unwrap();
    home.write("blob", blob);
    assert_eq!(home.json(&["inspect", "blob"])["Generation"], 3);
    let run = home.run(&["key", "list"]);
    assert_eq!(run.status, 4, "{}", run.stderr);
    let rotation = home.json(&["key", "rotation", "old", "--passphrase-file", "passphrase"]);
    assert_eq!(rotation["Rotations"].as_array().unwrap().len(), 2);
}

#[test]
fn many_processes_at_once_move_a_keyring_file_once() {
    let home = before();
    let children: Vec<_> = (0..5)
        .map(|index| home.command(&["decrypt", "daily.kms", "-o", &format!("{index}")]).spawn().unwrap())
        .collect();
    for (index, mut child) in children.into_iter().enumerate() {
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert_eq!(home.read(&index.to_string()), b"a note from before");
    }
    assert!(!home.path("keyring.moved-2").exists());
    assert_eq!(home.json(&["key", "list"]).as_array().unwrap().len(), 6);
    home.ok(&["audit", "verify"]);
}

/// Whenever a move is killed, the file is still there, or everything is in the store.
#[test]
fn a_move_that_is_killed_is_done_by_the_next_command() {
    let home = Home::new();
    let call = Call::default();
    let root = RootKey::create_key_file(home.path("root.key")).unwrap();
    let keyring = Keyring::create(home.path("keyring"), &root, &call).unwrap();
    let mut expected = Vec::new();
    for number in 0..40 {
        let id = KeyId::random(&SystemRandom).unwrap();
        let at = Keyring::locator(id.into());
        keyring.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call).unwrap();
        keyring.add_alias(&format!("alias/key-{number}"), id, &call).unwrap();
        expected.push(id.to_string());
    }
    drop(keyring);
    expected.sort();
    let mut kills = 0;
    for wait in 0_u64.. {
        let mut child = home.command(&["key", "list"]).stdout(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(5 + 7 * wait));
        let killed = child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
        kills += u32::from(killed);
        assert!(home.path("keyring").exists() != home.path("keyring.moved").exists(), "after {wait}");
        if home.path("keyring.moved").exists() {
            break;
        }
    }
    assert!(kills > 0, "no move was killed");
    let listed = home.json(&["key", "list"]);
    assert_eq!(ids(&listed), expected);
    for key in listed.as_array().unwrap() {
        assert_eq!(key["Aliases"].as_array().unwrap().len(), 1, "{key}");
    }
    let checked = home.json(&["store", "check"]);
    assert_eq!((&checked["Sound"], &checked["Keys"]), (&true.into(), &40.into()), "{checked}");
    home.ok(&["audit", "verify"]);
}

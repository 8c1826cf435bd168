//! A server that is killed while it works: what it has answered is so.

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use crate::Home;
use crate::served::{Client, GENEROUS, Served};

/// How often it is killed.
const ROUNDS: usize = 3;
const CLIENTS: usize = 8;
/// Answers before it is killed, in each round.
const ANSWERS: usize = 240;

/// What was answered, and has to be so ever after.
#[derive(Default)]
struct Acknowledged {
    requests: BTreeSet<String>,
    keys: BTreeSet<String>,
    disabled: BTreeSet<String>,
    /// An alias, and its key.
    aliases: Vec<(String, String)>,
    /// A ciphertext, and what is in it.
    sealed: Vec<(String, String)>,
}

/// One round of asking: keys, aliases, ciphertexts, and a key that is disabled. `None` when the server is gone.
fn ask(client: &mut Client, all: &Mutex<Acknowledged>, name: &str) -> Option<()> {
    let mut ask = |operation: &str, body: Value| {
        let answer = client.ask(operation, &body).ok()?;
        all.lock().unwrap().requests.insert(answer.request_id.clone());
        Some(answer.ok())
    };
    let create = |made: &Value| {
        let key = made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
        all.lock().unwrap().keys.insert(key.clone());
        key
    };
    let key = create(&ask("CreateKey", json!({}))?);
    let alias = format!("alias/{name}");
    ask("CreateAlias", json!({"AliasName": alias, "TargetKeyId": key}))?;
    all.lock().unwrap().aliases.push((alias.clone(), key.clone()));
    for number in 0..3 {
        let plaintext = Base64::encode_string(format!("{name} {number}").as_bytes());
        let made = ask("Encrypt", json!({"KeyId": alias, "Plaintext": plaintext}))?;
        all.lock().unwrap().sealed.push((made["CiphertextBlob"].as_str().unwrap().to_owned(), plaintext));
        let made = ask("GenerateDataKey", json!({"KeyId": key, "KeySpec": "AES_256"}))?;
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        all.lock().unwrap().sealed.push((text("CiphertextBlob"), text("Plaintext")));
    }
    // One of its own: nothing else is asked of it.
    let key = create(&ask("CreateKey", json!({"Description": "to be disabled"}))?);
    ask("DisableKey", json!({"KeyId": key}))?;
    all.lock().unwrap().disabled.insert(key);
    Some(())
}

fn check(client: &mut Client, all: &Acknowledged) {
    for key in &all.keys {
        let found = client.ask("DescribeKey", &json!({"KeyId": key})).unwrap().ok();
        assert_eq!(found["KeyMetadata"]["KeyId"], key.as_str());
        assert!(!all.disabled.contains(key) || found["KeyMetadata"]["KeyState"] == "Disabled", "{found}");
    }
    for (alias, key) in &all.aliases {
        let found = client.ask("DescribeKey", &json!({"KeyId": alias})).unwrap().ok();
        assert_eq!(found["KeyMetadata"]["KeyId"], key.as_str(), "{alias}");
    }
    for (blob, plaintext) in &all.sealed {
        let found = client.ask("Decrypt", &json!({"CiphertextBlob": blob})).unwrap().ok();
        assert_eq!(found["Plaintext"], plaintext.as_str());
    }
}

#[test]
fn what_a_killed_server_has_answered_is_so_and_is_in_its_log() {
    let home = Home::with_key();
    let all = Mutex::new(Acknowledged::default());
    for round in 0..ROUNDS {
        let server = Served::start(&home);
        let wanted = all.lock().unwrap().requests.len() + ANSWERS;
        thread::scope(|scope| {
            for number in 0..CLIENTS {
                let (mut client, all) = (server.client(), &all);
                scope.spawn(move || {
                    for turn in 0.. {
                        if ask(&mut client, all, &format!("{round}-{number}-{turn}")).is_none() {
                            return;
                        }
                    }
                });
            }
            let begun = Instant::now();
            while all.lock().unwrap().requests.len() < wanted {
                assert!(begun.elapsed() < GENEROUS, "it answers nothing");
                thread::sleep(Duration::from_millis(1));
            }
            server.kill();
        });
        let server = Served::start(&home);
        check(&mut server.client(), &all.lock().unwrap());
        server.end();
    }
    let all = all.into_inner().unwrap();
    assert!(!all.disabled.is_empty() && all.sealed.len() > ROUNDS * CLIENTS);
    home.ok(&["audit", "verify"]);
    let lookup = home.ok(&["audit", "lookup", "--json"]);
    let events = lookup.text().lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let recorded: BTreeSet<_> = events.filter_map(|event| Some(event["requestID"].as_str()?.to_owned())).collect();
    let lost: Vec<_> = all.requests.difference(&recorded).collect();
    assert!(lost.is_empty(), "{} of {} answered requests are in no record", lost.len(), all.requests.len());
}

//! What has to be there after calls that were acknowledged, and what may not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base16ct::lower::decode_vec;
use kms_service::api::{
    CancelKeyDeletionRequest, DecryptRequest, DescribeKeyRequest, EnableKeyRequest, GenerateMacRequest,
    GetKeyPolicyRequest, KeyState, ListAliasesRequest, ListGrantsRequest, ListKeyRotationsRequest, ListKeysRequest,
    ListResourceTagsRequest,
};
use kms_service::audit::{Filter, lookup, verify};

use super::house::{House, audit_of};
use super::model::{Known, Model, Said, UNTOLD};

/// A key, as the service tells of it.
fn look(house: &House, id: &str) -> Known {
    let key_id = || id.into();
    let metadata = house.ask(&DescribeKeyRequest { key_id: key_id(), ..Default::default() }).unwrap().key_metadata;
    let symmetric = metadata.key_spec == Some(kms_service::api::KeySpec::SymmetricDefault);
    let policy = house.ask(&GetKeyPolicyRequest { key_id: key_id(), policy_name: None }).unwrap().policy;
    let policy: serde_json::Value = serde_json::from_str(&policy).unwrap();
    let aliases = house.ask(&ListAliasesRequest { key_id: Some(id.to_owned()), ..Default::default() }).unwrap();
    let grants = house.ask(&ListGrantsRequest { key_id: key_id(), limit: Some(1000), ..Default::default() }).unwrap();
    let tags = house.ask(&ListResourceTagsRequest { key_id: key_id(), ..Default::default() }).unwrap();
    let rotations = if symmetric {
        let request = ListKeyRotationsRequest { key_id: key_id(), limit: Some(1000), ..Default::default() };
        house.ask(&request).unwrap().rotations.len()
    } else {
        0
    };
    assert!(!aliases.truncated && !grants.truncated && !tags.truncated);
    Known {
        symmetric,
        state: match metadata.key_state {
            Some(KeyState::Enabled) => "Enabled",
            Some(KeyState::Disabled) => "Disabled",
            Some(KeyState::PendingDeletion) => "PendingDeletion",
            other => panic!("{other:?}"),
        },
        policy: policy["Id"].as_str().unwrap().parse().unwrap_or(0),
        rotations,
        tags: tags.tags.iter().map(|tag| (tag.tag_key.to_string(), tag.tag_value.to_string())).collect(),
        aliases: aliases.aliases.iter().map(|alias| alias.alias_name.clone()).collect(),
        grants: grants.grants.iter().map(|grant| grant.grant_id.clone()).collect(),
    }
}

/// All keys of the account.
pub(crate) fn all_keys(house: &House) -> BTreeSet<String> {
    let (mut keys, mut marker) = (BTreeSet::new(), None);
    loop {
        let page = house.ask(&ListKeysRequest { limit: Some(1000), marker, ..Default::default() }).unwrap();
        keys.extend(page.keys.iter().map(|entry| entry.key_id.clone()));
        marker = page.next_marker;
        if marker.is_none() {
            return keys;
        }
    }
}

/// The log is whole, and has a record of each call that was acknowledged.
fn assert_recorded(directory: &Path, calls: &[Said]) {
    let audit = audit_of(directory);
    verify(&audit, &[], None).unwrap_or_else(|broken| panic!("{broken}"));
    let ids = lookup(&audit, &Filter::default()).unwrap().map(|entry| {
        let event: serde_json::Value = serde_json::from_slice(&entry.unwrap().record).unwrap();
        event["requestID"].as_str().unwrap().to_owned()
    });
    let ids: BTreeSet<String> = ids.collect();
    for call in calls.iter().filter(|call| call.is_acknowledged()) {
        assert!(ids.contains(&call.id), "the log has no record of {call:?}");
    }
}

/// Nothing is damaged, half-made, or of nobody, but for material whose key or generation was never made, or which was about
/// to be destroyed.
fn assert_whole(house: &House) {
    assert_eq!(house.store.check().unwrap(), [], "the file");
    let checked = house.service.store().check().unwrap();
    let left = [
        "the material is of no key",
        "the material is of no generation of its key",
        "the key does not have this material any more",
    ];
    let flaws = checked.flaws.iter().filter(|flaw| !(flaw.harmless && left.contains(&flaw.what.as_str())));
    assert_eq!(flaws.map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
}

/// Everything that was acknowledged is there, in the store and in the log, and nothing half-made is. Each owner may have
/// made one more call, which happened or did not. `before` are the keys that were there already.
///
/// Enables all keys of these calls, to use them. Answers the ids of all keys.
pub(crate) fn assert_kept(directory: &Path, calls: &[Said], before: &BTreeSet<String>) -> BTreeSet<String> {
    if audit_of(directory).exists() && std::fs::read_dir(audit_of(directory)).unwrap().next().is_some() {
        assert_recorded(directory, calls);
    } else {
        assert!(!calls.iter().any(Said::is_acknowledged), "the log is gone");
    }
    let house = House::open(directory);
    assert_whole(&house);
    let (models, doubtful) = models(calls);

    let all = all_keys(&house);
    assert!(before.is_subset(&all), "keys are gone");
    let told: BTreeSet<&String> = models.values().flat_map(|model| model.keys.keys()).collect();
    let mut untold: BTreeSet<String> =
        all.iter().filter(|id| !before.contains(*id) && !told.contains(id)).cloned().collect();
    for (owner, model) in &models {
        let seen: BTreeMap<_, _> = model.keys.keys().map(|id| (id.clone(), look(&house, id))).collect();
        let Some(last) = doubtful.get(owner) else {
            assert_eq!(seen, model.keys, "{owner}");
            continue;
        };
        let mut happened = model.clone();
        happened.apply(&last.words, UNTOLD);
        if last.words[0] == "create" {
            // A key whose making was not answered is a whole key, or not there.
            assert_eq!(seen, model.keys, "{owner}");
            let id = untold.iter().find(|id| happened.keys[UNTOLD] == look(&house, id)).cloned();
            id.map(|id| untold.remove(&id));
        } else {
            assert!(model.is_seen_as(&seen) || happened.is_seen_as(&seen), "{last:?}\n{model:?}\n{seen:?}");
        }
    }
    assert_eq!(untold, BTreeSet::new(), "keys that nobody asked for");
    for model in models.values() {
        assert_usable(&house, model);
    }
    drop(house);
    all
}

/// What each owner has after what was acknowledged, and the call of each whose answer nobody heard.
fn models(calls: &[Said]) -> (BTreeMap<String, Model>, BTreeMap<String, &Said>) {
    let (mut models, mut doubtful) = (BTreeMap::<String, Model>::new(), BTreeMap::new());
    for call in calls {
        let model = models.entry(call.owner.clone()).or_default();
        match &call.answer {
            Some(answer) => model.apply(&call.words, answer),
            None => assert!(doubtful.insert(call.owner.clone(), call).is_none(), "two calls at once"),
        }
    }
    (models, doubtful)
}

/// Every key can be used, and every ciphertext decrypts.
fn assert_usable(house: &House, model: &Model) {
    for (id, known) in &model.keys {
        let state = look(house, id).state;
        if state == "PendingDeletion" {
            house.ask(&CancelKeyDeletionRequest { key_id: id.as_str().into() }).unwrap();
        }
        if state != "Enabled" {
            house.ask(&EnableKeyRequest { key_id: id.as_str().into() }).unwrap();
        }
        let words = ["encrypt".to_owned(), id.clone(), "after".to_owned()];
        if known.symmetric {
            super::work::ask(house, "after", &words).unwrap();
        } else {
            let request = GenerateMacRequest {
                key_id: id.as_str().into(),
                message: kms_core::Secret::copy_from(b"after").into(),
                mac_algorithm: kms_service::api::MacAlgorithmSpec::HmacSha256.into(),
                ..Default::default()
            };
            house.ask(&request).unwrap();
        }
    }
    for (id, ciphertext, text) in &model.ciphertexts {
        let blob = decode_vec(ciphertext).unwrap();
        let request = DecryptRequest { ciphertext_blob: Some(blob.into()), ..Default::default() };
        let opened = house.ask(&request).unwrap();
        assert!(opened.key_id.ends_with(id));
        assert_eq!(opened.plaintext.unwrap().expose(), text.as_bytes());
    }
}

/// What the other tests rely on: a loss is seen.
#[test]
fn a_loss_is_noticed() {
    let home = tempfile::tempdir().unwrap();
    let said = std::sync::Mutex::new(String::new());
    super::work::work(&House::open(home.path()), 20, |line| said.lock().unwrap().push_str(line));
    let calls = Said::read(said.into_inner().unwrap().lines());
    let none = BTreeSet::new();
    let lost = |lie: &dyn Fn(&mut Vec<Said>)| {
        let mut calls = calls.clone();
        lie(&mut calls);
        std::panic::catch_unwind(|| assert_kept(home.path(), &calls, &none)).is_err()
    };
    let key = calls.iter().find(|call| call.words[0] == "create").unwrap();
    let (owner, id) = (key.owner.clone(), key.answer.clone().unwrap());
    let call = |words: &str, answer: &str| {
        let words = words.split(' ').map(str::to_owned).collect();
        Said { owner: owner.clone(), id: key.id.clone(), words, answer: Some(answer.to_owned()) }
    };
    assert!(lost(&|calls| calls.push(call("create symmetric", &"0".repeat(36)))), "a key");
    for words in ["alias alias/never KEY", "policy KEY 9999", "rotate KEY", "tag KEY never never"] {
        assert!(lost(&|calls| calls.push(call(&words.replace("KEY", &id), "-"))), "{words}");
    }
    assert!(lost(&|calls| calls.push(call(&format!("grant {id}"), "never"))), "a grant");
    assert!(lost(&|calls| calls[0].id.push('x')), "a record");
    // Last, since it uses the keys, which it enables for that.
    assert!(!lost(&|_| {}), "nothing");
}

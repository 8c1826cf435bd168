//! The workload: mixed changes by several threads, each on keys of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use base16ct::lower::encode_string;
use kms_core::{RandomSource, Secret, SystemRandom};
use kms_service::KmsError;
use kms_service::api::{
    CancelKeyDeletionRequest, CreateAliasRequest, CreateGrantRequest, CreateKeyRequest, DeleteAliasRequest,
    DisableKeyRequest, EnableKeyRequest, EncryptRequest, GrantOperation, KeySpec, KeyUsageType, PutKeyPolicyRequest,
    RevokeGrantRequest, RotateKeyOnDemandRequest, ScheduleKeyDeletionRequest, Tag, TagResourceRequest,
    UpdateAliasRequest,
};

use super::house::House;
use super::model::{Known, Model, Said};

pub(crate) const THREADS: usize = 4;
/// The most keys that a thread makes.
const KEYS: usize = 6;

pub(crate) fn below(end: usize) -> usize {
    let mut bytes = [0; 8];
    SystemRandom.fill(&mut bytes).unwrap();
    usize::try_from(u64::from_be_bytes(bytes) % u64::try_from(end.max(1)).unwrap()).unwrap()
}

/// One of them.
fn any<T>(mut all: Vec<T>) -> Option<T> {
    (!all.is_empty()).then(|| all.swap_remove(below(all.len())))
}

/// What to ask next. `number` makes names that are new.
fn choose(model: &Model, owner: &str, number: usize) -> Vec<String> {
    let words = |all: &[&str]| all.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    if model.keys.len() < 2 || (model.keys.len() < KEYS && below(12) == 0) {
        return words(&["create", if below(3) == 0 { "hmac" } else { "symmetric" }]);
    }
    // Until something is found that the state of some key allows.
    loop {
        let keys = |fit: &dyn Fn(&Known) -> bool| any(model.keys.iter().filter(|(_, known)| fit(known)).collect());
        let alive = |known: &Known| known.state != "PendingDeletion";
        let found = match below(13) {
            0 => keys(&|known| alive(known) && known.aliases.len() < 5)
                .map(|(id, _)| words(&["alias", &format!("alias/{owner}/{number}"), id])),
            1 => keys(&|known| !known.aliases.is_empty()).and_then(|(_, from)| {
                let same = |known: &Known| alive(known) && known.symmetric == from.symmetric && known.aliases.len() < 9;
                let name = from.aliases.first()?;
                keys(&same).map(|(to, _)| words(&["move-alias", name, to]))
            }),
            2 => keys(&|known| !known.aliases.is_empty())
                .and_then(|(_, known)| Some(words(&["delete-alias", known.aliases.last()?]))),
            3 => keys(&|known| known.state == "Enabled").map(|(id, _)| words(&["grant", id])),
            4 => keys(&|known| !known.grants.is_empty())
                .and_then(|(id, known)| Some(words(&["revoke", id, known.grants.first()?]))),
            5 => keys(&alive).map(|(id, _)| words(&["policy", id, &number.to_string()])),
            6 => keys(&|known| known.state == "Enabled").map(|(id, _)| words(&["disable", id])),
            7 => keys(&|known| known.state == "Disabled").map(|(id, _)| words(&["enable", id])),
            8 => keys(&|known| known.symmetric && known.state == "Enabled" && known.rotations < 20)
                .map(|(id, _)| words(&["rotate", id])),
            9 => keys(&alive).map(|(id, _)| words(&["tag", id, &format!("t{}", below(9)), &number.to_string()])),
            10 if below(3) == 0 => keys(&alive).map(|(id, _)| words(&["delete", id])),
            11 => keys(&|known| known.state == "PendingDeletion").map(|(id, _)| words(&["cancel", id])),
            // Also with keys that are disabled: a refusal is recorded, too.
            _ => keys(&|known| known.symmetric).map(|(id, _)| words(&["encrypt", id, &format!("{owner}/{number}")])),
        };
        if let Some(found) = found {
            return found;
        }
    }
}

fn policy(number: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Id":"{number}","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::111122223333:root"}},"Action":"kms:*","Resource":"*"}}]}}"#
    )
}

/// Asks the service. Answers what [`Said::answer`] says.
pub(crate) fn ask(house: &House, id: &str, words: &[String]) -> Result<String, KmsError> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let nothing = || "-".to_owned();
    match words.as_slice() {
        ["create", "symmetric"] => Ok(house.ask_as(id, &CreateKeyRequest::default())?.key_metadata.key_id),
        ["create", _] => {
            let (key_spec, key_usage) = (Some(KeySpec::Hmac256.into()), Some(KeyUsageType::GenerateVerifyMac.into()));
            let request = CreateKeyRequest { key_spec, key_usage, ..Default::default() };
            Ok(house.ask_as(id, &request)?.key_metadata.key_id)
        }
        ["alias", name, key] => {
            let request = CreateAliasRequest { alias_name: (*name).into(), target_key_id: (*key).into() };
            house.ask_as(id, &request).map(|()| nothing())
        }
        ["move-alias", name, key] => {
            let request = UpdateAliasRequest { alias_name: (*name).into(), target_key_id: (*key).into() };
            house.ask_as(id, &request).map(|()| nothing())
        }
        ["delete-alias", name] => {
            house.ask_as(id, &DeleteAliasRequest { alias_name: (*name).into() }).map(|()| nothing())
        }
        ["grant", key] => {
            let guest = || Some("arn:aws:iam::111122223333:user/guest".to_owned());
            let request = CreateGrantRequest {
                key_id: (*key).into(),
                grantee_principal: guest(),
                retiring_principal: if below(2) == 0 { guest() } else { None },
                operations: vec![GrantOperation::DescribeKey.into()].into(),
                ..Default::default()
            };
            Ok(house.ask_as(id, &request)?.grant_id)
        }
        ["revoke", key, grant] => {
            let request = RevokeGrantRequest { key_id: (*key).into(), grant_id: (*grant).into(), ..Default::default() };
            house.ask_as(id, &request).map(|()| nothing())
        }
        ["policy", key, number] => {
            let request =
                PutKeyPolicyRequest { key_id: (*key).into(), policy: policy(number).into(), ..Default::default() };
            house.ask_as(id, &request).map(|()| nothing())
        }
        ["disable", key] => house.ask_as(id, &DisableKeyRequest { key_id: (*key).into() }).map(|()| nothing()),
        ["enable", key] => house.ask_as(id, &EnableKeyRequest { key_id: (*key).into() }).map(|()| nothing()),
        ["rotate", key] => house.ask_as(id, &RotateKeyOnDemandRequest { key_id: (*key).into() }).map(|_| nothing()),
        ["tag", key, name, value] => {
            let request = TagResourceRequest { key_id: (*key).into(), tags: vec![Tag::new(*name, *value)].into() };
            house.ask_as(id, &request).map(|()| nothing())
        }
        ["delete", key] => {
            let request = ScheduleKeyDeletionRequest { key_id: (*key).into(), pending_window_in_days: Some(7) };
            house.ask_as(id, &request).map(|_| nothing())
        }
        ["cancel", key] => house.ask_as(id, &CancelKeyDeletionRequest { key_id: (*key).into() }).map(|_| nothing()),
        ["encrypt", key, text] => {
            let plaintext = Secret::copy_from(text.as_bytes()).into();
            let request = EncryptRequest { key_id: (*key).into(), plaintext, ..Default::default() };
            Ok(encode_string(&house.ask_as(id, &request)?.ciphertext_blob))
        }
        other => panic!("{other:?}"),
    }
}

/// Works with all threads, each so many calls, and reports each before and after.
pub(crate) fn work(house: &House, each: usize, report: impl Fn(&str) + Sync) {
    // Each time with owners of its own.
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let report = &report;
            scope.spawn(move || {
                let owner = format!("p{}r{run}t{thread}", std::process::id());
                let mut model = Model::default();
                for number in 1..=each {
                    let words = choose(&model, &owner, number);
                    let mut said = Said { owner: owner.clone(), id: format!("{owner}n{number}"), words, answer: None };
                    report(&said.line());
                    let answer = ask(house, &said.id, &said.words).unwrap_or_else(|error| {
                        let unusable = said.words[0] == "encrypt" && error.cause().is_none();
                        assert!(unusable, "{:?}: {error}: {:?}", said.words, error.cause());
                        "error".to_owned()
                    });
                    model.apply(&said.words, &answer);
                    said.answer = Some(answer);
                    report(&said.line());
                    if number % 10 == 0 {
                        // Keeps what was counted, and how far the log goes.
                        let _done = house.service.run_due().unwrap();
                    }
                }
            });
        }
    });
}

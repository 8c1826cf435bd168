//! What stands in the store: who can open it, what is noticed when somebody changes it, and what its faults do.

use std::sync::Arc;

use kms_core::{ErrorKind, Secret};
use kms_service::api::*;
use kms_service::store::{Transaction, Write};
use kms_service::time::DAY;
use kms_service::{Exception, KmsError, SealedStore, Store};
use kms_store::faulty::{Fault, Operation, Rule};
use kms_store::{Faulty, Memory};

use crate::desk::{ACCOUNT, Desk, HERE, refused, root_key, user};

/// What is at a place.
fn read(store: &dyn Store, place: &str) -> Vec<u8> {
    store.get(&[place.as_bytes()]).unwrap().remove(0).unwrap_or_else(|| panic!("nothing at {place}")).value
}

/// Writes into the engine behind the service's back.
fn write(store: &dyn Store, writes: Vec<Write>) {
    let mut id = [0; 16];
    kms_core::RandomSource::fill(&kms_core::SystemRandom, &mut id).unwrap();
    let mut transaction = Transaction::new(id);
    transaction.writes = writes;
    store.commit(&transaction).unwrap();
}

fn put(place: &str, value: Vec<u8>) -> Write {
    Write::Put(place.as_bytes().to_vec(), value)
}

fn key_place(id: &str) -> String {
    format!("k/{HERE}/{id}")
}

fn is_noticed<T: core::fmt::Debug>(outcome: Result<T, KmsError>) {
    let error = outcome.unwrap_err();
    assert_eq!(error.exception(), Exception::KMSInternal, "{error}");
    assert_eq!(error.cause().unwrap().kind(), ErrorKind::Malformed);
}

#[test]
fn another_root_is_refused_and_both_are_named() {
    let desk = Desk::new();
    let other = root_key();
    let error = SealedStore::open(desk.store.clone(), &other).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IncorrectKey);
    let text = error.to_string();
    assert!(text.contains(&desk.root.info().id.to_string()) && text.contains(&other.info().id.to_string()), "{text}");
    assert_eq!(desk.service.store().header().root, desk.root.info().id.to_string());
}

#[test]
fn a_store_that_is_not_one_is_refused() {
    let store = Arc::new(Memory::new());
    write(&*store, vec![put("something", vec![1])]);
    assert_eq!(SealedStore::open(store, &root_key()).unwrap_err().kind(), ErrorKind::Malformed);
}

#[test]
fn a_second_service_finds_everything() {
    let desk = Desk::new();
    let key = desk.create(CreateKeyRequest { tags: vec![Tag::new("a", "b")], ..Default::default() });
    let id = key.key_id.as_str();
    desk.ask(CreateAliasRequest { alias_name: "alias/app".into(), target_key_id: id.into() }).unwrap();
    let sealed = desk.encrypt(id, b"text").unwrap().ciphertext_blob;
    desk.ask(RotateKeyOnDemandRequest { key_id: id.into() }).unwrap();
    let rsa = desk.make(KeySpec::Rsa2048, KeyUsageType::SignVerify);
    desk.ask(ScheduleKeyDeletionRequest { key_id: rsa.key_id.as_str().into(), ..Default::default() }).unwrap();

    let again = Desk::over(desk.store.clone(), desk.root.clone(), |builder| builder);
    assert_eq!(again.decrypt(&sealed).unwrap().plaintext.unwrap().expose(), b"text");
    assert!(again.encrypt("alias/app", b"x").unwrap().key_id.ends_with(id));
    let described = |desk: &Desk, id: &str| {
        desk.ask(DescribeKeyRequest { key_id: id.into(), ..Default::default() }).unwrap().key_metadata
    };
    for id in [id, &rsa.key_id] {
        assert_eq!(described(&again, id), described(&desk, id));
    }
    let tags = again.ask(ListResourceTagsRequest { key_id: id.into(), ..Default::default() }).unwrap();
    assert_eq!(tags.tags.to_vec(), [Tag::new("a", "b")]);
}

#[test]
fn records_that_changed_places_are_noticed() {
    let desk = Desk::new();
    let (first, second) = (desk.key(), desk.key());
    let store = &*desk.store;
    let (one, other) = (read(store, &key_place(&first)), read(store, &key_place(&second)));
    write(store, vec![put(&key_place(&first), other), put(&key_place(&second), one)]);
    desk.service.refresh();
    is_noticed(desk.encrypt(&first, b"text"));
    is_noticed(desk.ask(DescribeKeyRequest { key_id: second.into(), ..Default::default() }));

    // Material too.
    let desk = Desk::new();
    let (first, second) = (desk.key(), desk.key());
    let place = |id: &str| format!("m/{id}/{:010}", 0);
    let (one, other) = (read(&*desk.store, &place(&first)), read(&*desk.store, &place(&second)));
    write(&*desk.store, vec![put(&place(&first), other), put(&place(&second), one)]);
    is_noticed(desk.encrypt(&first, b"text"));
}

#[test]
fn every_bit_of_a_record_counts() {
    let desk = Desk::new();
    let key = desk.key();
    let whole = read(&*desk.store, &key_place(&key));
    for index in 0..whole.len() {
        let mut changed = whole.clone();
        changed[index] ^= 1;
        write(&*desk.store, vec![put(&key_place(&key), changed)]);
        desk.service.refresh();
        let error = desk.encrypt(&key, b"text").unwrap_err();
        assert!(matches!(error.cause().unwrap().kind(), ErrorKind::Malformed | ErrorKind::Unsupported), "byte {index}");
    }
    write(&*desk.store, vec![put(&key_place(&key), whole)]);
    desk.service.refresh();
    desk.encrypt(&key, b"text").unwrap();
}

#[test]
fn a_key_that_was_put_back_is_noticed_by_whoever_reads_and_whoever_changes_it() {
    let desk = Desk::new();
    let key = desk.key();
    let before = read(&*desk.store, &key_place(&key));
    desk.ask(DisableKeyRequest { key_id: key.as_str().into() }).unwrap();
    // Read by now: only a change looks at the store again.
    refused(desk.encrypt(&key, b"text"), Exception::Disabled, "is disabled.");
    write(&*desk.store, vec![put(&key_place(&key), before.clone())]);
    let describe = || UpdateKeyDescriptionRequest { key_id: key.as_str().into(), description: "text".into() };
    is_noticed(desk.ask(describe()));
    desk.service.refresh();
    is_noticed(desk.encrypt(&key, b"text"));

    // One that was deleted.
    let desk = Desk::new();
    let key = desk.key();
    let before = read(&*desk.store, &key_place(&key));
    desk.ask(ScheduleKeyDeletionRequest { key_id: key.as_str().into(), pending_window_in_days: Some(7) }).unwrap();
    for _ in 0..2 {
        desk.clock.advance(DAY * 7);
        desk.service.run_due().unwrap();
    }
    write(&*desk.store, vec![put(&key_place(&key), before)]);
    desk.service.refresh();
    is_noticed(desk.encrypt(&key, b"text"));
}

#[test]
fn a_grant_that_was_put_back_is_noticed() {
    let desk = Desk::new();
    let key = desk.key();
    let grantee = user(ACCOUNT, "grantee", r#"{"Effect":"Allow","Action":"none:*","Resource":"*"}"#);
    let request = CreateGrantRequest {
        key_id: key.as_str().into(),
        grantee_principal: Some(format!("arn:aws:iam::{ACCOUNT}:user/grantee")),
        operations: vec![GrantOperation::Encrypt.into()].into(),
        ..Default::default()
    };
    let grant = desk.ask(request).unwrap().grant_id;
    let encrypt = || EncryptRequest {
        key_id: key.as_str().into(),
        plaintext: Secret::copy_from(b"text").into(),
        ..Default::default()
    };
    desk.service.call(&grantee, &encrypt()).unwrap();
    let place = format!("g/{HERE}/{key}/{grant}");
    let before = read(&*desk.store, &place);
    let revoke = RevokeGrantRequest { key_id: key.as_str().into(), grant_id: grant.into(), ..Default::default() };
    desk.ask(revoke).unwrap();
    assert_eq!(desk.service.call(&grantee, &encrypt()).unwrap_err().exception(), Exception::AccessDenied);
    write(&*desk.store, vec![put(&place, before)]);
    desk.service.refresh();
    is_noticed(desk.service.call(&grantee, &encrypt()));
}

#[test]
fn an_alias_that_was_put_back_is_none() {
    let desk = Desk::new();
    let (first, second) = (desk.key(), desk.key());
    desk.ask(CreateAliasRequest { alias_name: "alias/app".into(), target_key_id: first.as_str().into() }).unwrap();
    let place = format!("a/{ACCOUNT}/{HERE}/alias/app");
    let before = read(&*desk.store, &place);
    desk.ask(UpdateAliasRequest { alias_name: "alias/app".into(), target_key_id: second.as_str().into() }).unwrap();
    let after = read(&*desk.store, &place);
    write(&*desk.store, vec![put(&place, before)]);
    desk.service.refresh();
    refused(desk.encrypt("alias/app", b"text"), Exception::NotFound, "is not found.");
    assert!(desk.ask(ListAliasesRequest::default()).unwrap().aliases.is_empty());
    write(&*desk.store, vec![put(&place, after)]);
    desk.ask(DeleteAliasRequest { alias_name: "alias/app".into() }).unwrap();
    let request = CreateAliasRequest { alias_name: "alias/app".into(), target_key_id: first.as_str().into() };
    desk.ask(request).unwrap();
}

fn faulty() -> (Arc<Faulty<Memory>>, Desk) {
    let store = Arc::new(Faulty::new(Memory::new()));
    let desk = Desk::over(store.clone(), root_key(), |builder| builder);
    (store, desk)
}

fn on_commit(fault: Fault) -> Rule {
    Rule::new(fault).on(Operation::Commit)
}

#[test]
fn what_became_of_a_change_is_asked_for_until_it_is_known() {
    for applied in [false, true] {
        for times in 1..4 {
            let (store, desk) = faulty();
            let unknown = || store.add(on_commit(Fault::Unknown { applied }).times(times));
            unknown();
            let key = desk.key();
            unknown();
            desk.ask(CreateAliasRequest { alias_name: "alias/app".into(), target_key_id: key.as_str().into() })
                .unwrap();
            unknown();
            desk.ask(RotateKeyOnDemandRequest { key_id: key.as_str().into() }).unwrap();
            unknown();
            desk.ask(DisableKeyRequest { key_id: key.as_str().into() }).unwrap();
            store.heal();
            assert_eq!(desk.ask(ListKeysRequest::default()).unwrap().keys.len(), 1);
            assert_eq!(desk.ask(ListAliasesRequest::default()).unwrap().aliases.len(), 1);
            let request = ListKeyRotationsRequest { key_id: key.as_str().into(), ..Default::default() };
            assert_eq!(desk.ask(request).unwrap().rotations.len(), 1);
            refused(desk.encrypt(&key, b"text"), Exception::Disabled, "is disabled.");
            assert_eq!(desk.service.store().records().list().unwrap().len(), 2);
        }
    }
}

#[test]
fn a_change_of_which_nobody_learns_is_seen_when_it_was_made() {
    let (store, desk) = faulty();
    let key = desk.key();
    desk.encrypt(&key, b"text").unwrap();
    store.add(on_commit(Fault::Unknown { applied: true }));
    let disable = || desk.ask(DisableKeyRequest { key_id: key.as_str().into() });
    assert_eq!(disable().unwrap_err().exception(), Exception::DependencyTimeout);
    store.heal();
    refused(desk.encrypt(&key, b"text"), Exception::Disabled, "is disabled.");

    // A key of which nobody learns may be there: its material stays.
    let materials = || desk.service.store().records().list().unwrap().len();
    let before = materials();
    store.add(on_commit(Fault::Unknown { applied: true }).after(1).times(5));
    assert_eq!(desk.ask(CreateKeyRequest::default()).unwrap_err().exception(), Exception::DependencyTimeout);
    store.heal();
    let keys = desk.ask(ListKeysRequest::default()).unwrap().keys.to_vec();
    assert_eq!((keys.len(), materials()), (2, before + 1));
    let new = keys.iter().find(|one| one.key_id != key).unwrap();
    desk.encrypt(&new.key_id, b"text").unwrap();
}

#[test]
fn a_store_that_does_not_answer_is_told_as_such_and_nothing_is_lost() {
    let (store, desk) = faulty();
    let key = desk.key();
    let sealed = desk.encrypt(&key, b"text").unwrap().ciphertext_blob;
    for kind in [ErrorKind::Disconnected, ErrorKind::TimedOut, ErrorKind::Io] {
        store.add(Rule::new(Fault::Before(kind)));
        // What is in memory goes on.
        desk.decrypt(&sealed).unwrap();
        let error = desk.ask(CreateKeyRequest::default()).unwrap_err();
        assert!(error.exception().is_retryable(), "{kind:?}: {error}");
        let error = desk.ask(DisableKeyRequest { key_id: key.as_str().into() }).unwrap_err();
        assert!(error.exception().is_retryable(), "{kind:?}: {error}");
        desk.service.run_due().unwrap_err();
        store.heal();
        desk.encrypt(&key, b"text").unwrap();
        assert_eq!(desk.ask(ListKeysRequest::default()).unwrap().keys.len(), 1);
    }
    // It fails after the material was made: that is taken back.
    store.add(on_commit(Fault::Before(ErrorKind::Disconnected)).after(1).times(1));
    desk.ask(CreateKeyRequest::default()).unwrap_err();
    assert_eq!(desk.service.store().records().list().unwrap().len(), 1);
}

#[test]
fn of_changes_at_once_none_is_lost() {
    let desk = Desk::new();
    let key = desk.key();
    let second = Desk::over(desk.store.clone(), desk.root.clone(), |builder| builder);
    std::thread::scope(|scope| {
        for (number, desk) in [&desk, &second, &desk, &second].into_iter().enumerate() {
            let key = key.as_str();
            scope.spawn(move || {
                for step in 0..10 {
                    let tag = Tag::new(format!("{number}-{step}"), "");
                    desk.ask(TagResourceRequest { key_id: key.into(), tags: vec![tag].into() }).unwrap();
                    let alias_name = format!("alias/{number}-{step}").into();
                    desk.ask(CreateAliasRequest { alias_name, target_key_id: key.into() }).unwrap();
                    desk.ask(CreateKeyRequest::default()).unwrap();
                }
            });
        }
    });
    desk.service.refresh();
    let tags = desk.ask(ListResourceTagsRequest { key_id: key.as_str().into(), ..Default::default() }).unwrap();
    assert_eq!(tags.tags.len(), 40);
    assert_eq!(desk.ask(ListAliasesRequest { key_id: Some(key), ..Default::default() }).unwrap().aliases.len(), 40);
    assert_eq!(desk.ask(ListKeysRequest::default()).unwrap().keys.len(), 41);
}

#[test]
fn servers_that_do_what_is_due_at_once_do_it_once() {
    let desk = Desk::new();
    let keys: Vec<_> = (0..6).map(|_| desk.key()).collect();
    for (number, key) in keys.iter().enumerate() {
        for name in 0..30 {
            let alias_name = format!("alias/{number}/{name}").into();
            desk.ask(CreateAliasRequest { alias_name, target_key_id: key.as_str().into() }).unwrap();
            let grant = CreateGrantRequest {
                key_id: key.as_str().into(),
                grantee_principal: Some(format!("arn:aws:iam::{ACCOUNT}:user/{name}")),
                operations: vec![GrantOperation::Encrypt.into()].into(),
                ..Default::default()
            };
            desk.ask(grant).unwrap();
        }
        let request = ScheduleKeyDeletionRequest { key_id: key.as_str().into(), pending_window_in_days: Some(7) };
        desk.ask(request).unwrap();
    }
    let rotated = desk.key();
    let enable = EnableKeyRotationRequest { key_id: rotated.as_str().into(), rotation_period_in_days: Some(90) };
    desk.ask(enable).unwrap();
    let second = Desk::over(desk.store.clone(), desk.root.clone(), |builder| builder);
    let mut done = (0, 0);
    for days in [8, 90] {
        for desk in [&desk, &second] {
            desk.clock.advance(DAY * days);
        }
        let run = |desk: &Desk| desk.service.run_due().unwrap();
        let (one, other) = std::thread::scope(|scope| {
            let other = scope.spawn(|| run(&second));
            (run(&desk), other.join().unwrap())
        });
        done = (done.0 + one.deleted + other.deleted, done.1 + one.rotated + other.rotated);
    }
    assert_eq!(done, (6, 1));
    desk.service.refresh();
    assert_eq!(desk.ask(ListKeysRequest::default()).unwrap().keys.len(), 1);
    assert!(desk.ask(ListAliasesRequest::default()).unwrap().aliases.is_empty());
    assert_eq!(desk.service.store().records().list().unwrap().len(), 2, "of the rotated key");
    for prefix in ["g/", "r/", "a/", "u/"] {
        assert!(desk.store.list(prefix.as_bytes(), None, 1).unwrap().is_empty(), "{prefix}");
    }
    let due = desk.store.list(b"d/", None, 10).unwrap();
    assert_eq!(due.len(), 1, "the next rotation");
}

//! Two services on one store, and a store that does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use kms_core::ErrorKind;
use kms_service::api::{
    CreateAliasRequest, CreateGrantRequest, CreateKeyRequest, DescribeKeyRequest, DisableKeyRequest, EnableKeyRequest,
    EncryptRequest, GrantOperation, KeyState, RevokeGrantRequest, UpdateAliasRequest,
};
use kms_service::{Exception, ServiceBuilder};
use kms_store::{Faulty, Memory, faulty};

use crate::desk::{ACCOUNT, Desk, HERE, refused, region, root_key};
use crate::hooks::over_hooked_store;

const BOUND: Duration = Duration::from_millis(4000);

/// Two services on one store, each with a clock of its own, which stand still.
fn two(settings: impl Fn(ServiceBuilder) -> ServiceBuilder) -> (Desk, Desk, Arc<Faulty<Memory>>) {
    let (store, root) = (Arc::new(Faulty::new(Memory::new())), root_key());
    let desk = |settings: &dyn Fn(ServiceBuilder) -> ServiceBuilder| Desk::over(store.clone(), root.clone(), settings);
    (desk(&settings), desk(&settings), store)
}

fn disable(desk: &Desk, key: &str) {
    desk.ask(DisableKeyRequest { key_id: key.into() }).unwrap();
}

fn enable(desk: &Desk, key: &str) {
    desk.ask(EnableKeyRequest { key_id: key.into() }).unwrap();
}

#[test]
fn with_a_bound_of_nothing_each_change_binds_all_at_once() {
    let (here, there, _) = two(|builder| builder.freshness(Some(Duration::ZERO)));
    let key = here.key();
    for _ in 0..10 {
        there.encrypt(&key, b"x").unwrap();
        disable(&here, &key);
        refused(there.encrypt(&key, b"x"), Exception::Disabled, "is disabled.");
        enable(&there, &key);
        here.encrypt(&key, b"x").unwrap();
    }
}

#[test]
fn another_service_sees_a_change_within_the_bound() {
    let (here, there, _) = two(|builder| builder.freshness(Some(BOUND)));
    let key = here.key();
    for round in 0..10 {
        there.encrypt(&key, b"x").unwrap();
        disable(&here, &key);
        refused(here.encrypt(&key, b"x"), Exception::Disabled, "is disabled.");
        // Less than a quarter after the store was asked: in memory it is enabled still.
        if round == 0 {
            there.encrypt(&key, b"x").unwrap();
        }
        there.clock.advance(if round % 2 == 0 { BOUND } else { BOUND / 4 });
        refused(there.encrypt(&key, b"x"), Exception::Disabled, "is disabled.");
        enable(&here, &key);
        there.clock.advance(BOUND);
    }
}

#[test]
fn without_a_bound_nobody_asks() {
    let (here, there, store) = two(|builder| builder.freshness(None));
    let key = here.key();
    there.encrypt(&key, b"x").unwrap();
    store.add(faulty::Rule::new(faulty::Fault::Before(ErrorKind::Io)).on(faulty::Operation::Barrier));
    disable(&here, &key);
    there.clock.advance(BOUND * 100);
    there.encrypt(&key, b"x").unwrap();
    there.service.refresh();
    refused(there.encrypt(&key, b"x"), Exception::Disabled, "is disabled.");
}

#[test]
fn aliases_and_grants_of_others_are_seen_too() {
    let (here, there, _) = two(|builder| builder.freshness(Some(BOUND)));
    let (one, two) = (here.key(), here.key());
    let alias = "alias/moved";
    here.ask(CreateAliasRequest { alias_name: alias.into(), target_key_id: one.as_str().into() }).unwrap();
    assert!(there.encrypt(alias, b"x").unwrap().key_id.ends_with(&one));
    // The first change of another begins a watch, the second is reported by it.
    for target in [&two, &one, &two] {
        here.ask(UpdateAliasRequest { alias_name: alias.into(), target_key_id: target.as_str().into() }).unwrap();
        there.clock.advance(BOUND);
        assert!(there.encrypt(alias, b"x").unwrap().key_id.ends_with(target.as_str()));
    }

    let guest = kms_service::Caller::new(format!("arn:aws:iam::{ACCOUNT}:user/guest").parse().unwrap(), region(HERE));
    let describe = || {
        there.clock.advance(BOUND);
        there.service.call(&guest, &DescribeKeyRequest { key_id: one.as_str().into(), ..Default::default() })
    };
    refused(describe(), Exception::AccessDenied, "");
    let grant = CreateGrantRequest {
        key_id: one.as_str().into(),
        grantee_principal: Some(format!("arn:aws:iam::{ACCOUNT}:user/guest")),
        operations: vec![GrantOperation::DescribeKey.into()].into(),
        ..Default::default()
    };
    let grant = here.ask(grant).unwrap().grant_id;
    describe().unwrap();
    here.ask(RevokeGrantRequest { key_id: one.as_str().into(), grant_id: grant.into(), ..Default::default() }).unwrap();
    refused(describe(), Exception::AccessDenied, "");
}

#[test]
fn a_service_alone_keeps_what_it_read() {
    let (desk, _, _) = two(|builder| builder.freshness(Some(BOUND)));
    let keys: Vec<String> = (0..10).map(|_| desk.key()).collect();
    keys.iter().for_each(|key| drop(desk.encrypt(key, b"x").unwrap()));
    let kept = desk.service.cached_keys();
    assert!(kept >= 10);
    for _ in 0..5 {
        desk.clock.advance(BOUND);
        disable(&desk, &keys[0]);
        enable(&desk, &keys[0]);
        let _more = desk.key();
        desk.encrypt(&keys[1], b"x").unwrap();
        assert!(desk.service.cached_keys() >= kept - 1, "its own changes cost nothing but what they changed");
    }
}

#[test]
fn nothing_is_served_beyond_the_bound_when_the_store_fails() {
    for kind in [ErrorKind::Io, ErrorKind::TimedOut, ErrorKind::Disconnected] {
        let (here, there, store) = two(|builder| builder.freshness(Some(BOUND)));
        let key = here.key();
        there.encrypt(&key, b"x").unwrap();
        disable(&here, &key);
        store.add(faulty::Rule::new(faulty::Fault::Before(kind)).on(faulty::Operation::Barrier));
        // Asked for early, in vain; what is in memory is fresh still.
        there.clock.advance(BOUND - Duration::from_millis(1));
        there.encrypt(&key, b"x").unwrap();
        there.clock.advance(Duration::from_millis(1));
        for _ in 0..3 {
            let error = there.encrypt(&key, b"x").unwrap_err();
            assert_eq!(error.exception(), Exception::DependencyTimeout);
            assert_eq!(error.cause().unwrap().kind(), kind);
            there.clock.advance(BOUND);
        }
        store.heal();
        refused(there.encrypt(&key, b"x"), Exception::Disabled, "is disabled.");
    }
}

/// A barrier that hangs holds up the request that asks; the others go on until the bound is over, and are refused then.
#[test]
fn nothing_is_served_beyond_the_bound_when_the_store_hangs() {
    let (here, there, store) = two(|builder| builder.freshness(Some(BOUND)));
    let key = here.key();
    there.encrypt(&key, b"x").unwrap();
    disable(&here, &key);
    let hangs = faulty::Fault::Delay(Duration::from_secs(4));
    store.add(faulty::Rule::new(hangs).on(faulty::Operation::Barrier).times(1));
    there.clock.advance(BOUND / 2);
    thread::scope(|scope| {
        let asks = scope.spawn(|| there.encrypt(&key, b"x"));
        thread::sleep(Duration::from_secs(1));
        assert!(!asks.is_finished());
        there.encrypt(&key, b"x").unwrap();
        there.clock.advance(BOUND / 2);
        refused(there.encrypt(&key, b"x"), Exception::DependencyTimeout, "did not say in time");
        refused(asks.join().unwrap(), Exception::Disabled, "is disabled.");
    });
    refused(there.encrypt(&key, b"x"), Exception::Disabled, "is disabled.");
}

/// Many requests, while another service changes the keys: nobody is told an answer that is older than the bound.
#[test]
fn readers_beside_a_writer_are_never_further_behind_than_the_bound() {
    let (here, there, _) = two(|builder| builder.freshness(Some(Duration::ZERO)));
    let key = here.create(CreateKeyRequest::default()).key_id;
    let state = |desk: &Desk| {
        let request = DescribeKeyRequest { key_id: key.as_str().into(), ..Default::default() };
        desk.ask(request).unwrap().key_metadata.key_state.unwrap()
    };
    let written = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let plaintext = kms_core::Secret::copy_from(b"x").into();
                    let request = EncryptRequest { key_id: key.as_str().into(), plaintext, ..Default::default() };
                    while !written.load(Ordering::SeqCst) {
                        match there.service.call(&there.caller, &request) {
                            Ok(_) => {}
                            Err(error) => assert_eq!(error.exception(), Exception::Disabled),
                        }
                    }
                    // Enabled for good before it was said to be.
                    there.service.call(&there.caller, &request).unwrap();
                })
            })
            .collect();
        let writes = || {
            for _ in 0..200 {
                disable(&here, &key);
                assert_eq!(state(&there), KeyState::Disabled);
                enable(&here, &key);
                assert_eq!(state(&there), KeyState::Enabled);
            }
        };
        // The readers end however the writer does.
        let wrote = std::panic::catch_unwind(std::panic::AssertUnwindSafe(writes));
        written.store(true, Ordering::SeqCst);
        wrote.unwrap();
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

/// Of those who find a key not in memory, one reads it.
#[test]
fn a_key_is_read_once_for_all_who_wait_for_it() {
    let (store, desk) = over_hooked_store(|builder| builder.freshness(None));
    let key = desk.key();
    desk.service.refresh();
    store.reads_of(b"");
    let threads = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (begun, service, caller, id) = (threads.clone(), desk.service.clone(), desk.caller.clone(), key.clone());
    store.before_list(b"g/", move || {
        for _ in 0..8 {
            let (service, caller, key_id) = (service.clone(), caller.clone(), id.as_str().into());
            let request = DescribeKeyRequest { key_id, ..Default::default() };
            begun.lock().unwrap().push(thread::spawn(move || service.call(&caller, &request).map(drop)));
        }
        // Long enough that they would have read it, if they did.
        thread::sleep(Duration::from_millis(200));
    });
    desk.encrypt(&key, b"x").unwrap();
    let threads = core::mem::take(&mut *threads.lock().unwrap());
    assert_eq!(threads.len(), 8);
    threads.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
    assert_eq!(store.reads_of(b"g/"), 1);
}

/// What is stale before it is kept is not kept: it would serve nobody, and stay unsealed in memory.
#[test]
fn what_changes_while_it_is_read_does_not_stay_in_memory() {
    let (store, desk) = over_hooked_store(|builder| builder.freshness(None));
    let key = desk.key();
    desk.service.refresh();
    let service = desk.service.clone();
    store.before_list(b"g/", move || service.refresh());
    desk.encrypt(&key, b"x").unwrap();
    assert_eq!(desk.service.cached_keys(), 0);
    desk.encrypt(&key, b"x").unwrap();
    assert_eq!(desk.service.cached_keys(), 1);
}

/// A key with many grants counts for many.
#[test]
fn keys_are_weighed_by_their_grants() {
    let desk = Desk::with(|builder| builder.cached_keys(16));
    let keys: Vec<String> = (0..4).map(|_| desk.key()).collect();
    for key in &keys {
        for number in 0..48 {
            let grant = CreateGrantRequest {
                key_id: key.as_str().into(),
                grantee_principal: Some(format!("arn:aws:iam::{ACCOUNT}:user/{number}")),
                operations: vec![GrantOperation::Encrypt.into()].into(),
                ..Default::default()
            };
            desk.ask(grant).unwrap();
        }
    }
    keys.iter().for_each(|key| drop(desk.encrypt(key, b"x").unwrap()));
    // Each weighs seven.
    assert!((1..=2).contains(&desk.service.cached_keys()), "{}", desk.service.cached_keys());
}

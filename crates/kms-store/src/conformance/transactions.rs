//! Guards, versions, atomicity, limits, ids.

use std::thread;

use kms_core::ErrorKind;
use kms_service::store::{Guard, MAX_BYTES, MAX_KEY, MAX_STEPS, MAX_VALUE, Outcome, Revision, Transaction, Write};

use super::{Make, commit, get, outcome, put, transaction};

/// A transaction happens only if all its guards hold, and names the keys of those that do not.
pub fn guards_bind(make: Make<'_>) {
    let store = &*make();
    let absent = |key: &[u8]| Guard::Absent(key.to_vec());
    let is = |key: &[u8], version| Guard::Is(key.to_vec(), version);

    let first = commit(store, &transaction(vec![absent(b"a")], vec![put(b"a", b"1")]));
    let refused = outcome(store, &transaction(vec![absent(b"a")], vec![put(b"a", b"2")]));
    assert_eq!(refused, Outcome::Conflict(vec![b"a".to_vec()]));
    assert_eq!(get(store, b"a").unwrap().value, b"1", "a refused write was written");

    let second = commit(store, &transaction(vec![is(b"a", first)], vec![put(b"a", b"2")]));
    for (guard, why) in [
        (is(b"a", first), "an older version"),
        (is(b"a", Revision(second.0 + 1)), "a version that is not there yet"),
        (is(b"a", Revision(0)), "no version"),
        (is(b"b", second), "another key's version"),
    ] {
        let refused = outcome(store, &transaction(vec![guard.clone()], vec![put(b"c", b"3")]));
        let (Guard::Is(key, _) | Guard::Absent(key)) = guard;
        assert_eq!(refused, Outcome::Conflict(vec![key]), "{why}");
    }
    // Several guards: those that fail, in their order, and not those that hold.
    let guards = vec![is(b"a", second), absent(b"x"), is(b"y", first), absent(b"a")];
    let refused = outcome(store, &transaction(guards, vec![put(b"c", b"3")]));
    assert_eq!(refused, Outcome::Conflict(vec![b"y".to_vec(), b"a".to_vec()]));
    assert_eq!(get(store, b"c"), None);

    // Guards of keys that are not written, and a deletion that makes a key absent.
    commit(store, &transaction(vec![is(b"a", second), absent(b"b")], vec![Write::Delete(b"a".to_vec())]));
    commit(store, &transaction(vec![absent(b"a")], vec![put(b"a", b"again")]));
    // A transaction of guards alone.
    assert!(matches!(outcome(store, &transaction(vec![absent(b"a")], vec![])), Outcome::Conflict(_)));
    commit(store, &transaction(vec![absent(b"b")], vec![]));
}

/// A version is the revision of the transaction that wrote last; revisions grow; a deleted key that comes back has a
/// new version.
pub fn versions_are_revisions(make: Make<'_>) {
    let store = &*make();
    let mut last = store.barrier().unwrap();
    for round in 0..10_u8 {
        let revision = commit(store, &transaction(vec![], vec![put(b"a", &[round]), put(b"b", &[round])]));
        assert!(revision > last, "revision {revision:?} after {last:?}");
        assert_eq!(get(store, b"a").unwrap().version, revision);
        assert_eq!(get(store, b"b").unwrap().version, revision);
        last = revision;
    }
    let before = get(store, b"b").unwrap();
    let deleted = commit(store, &transaction(vec![], vec![Write::Delete(b"a".to_vec())]));
    assert!(deleted > last);
    assert_eq!(get(store, b"a"), None);
    assert_eq!(get(store, b"b").unwrap(), before, "another key's version changed");
    let back = commit(store, &transaction(vec![], vec![put(b"a", b"")]));
    assert!(back > deleted);
    assert_eq!(get(store, b"a").unwrap().version, back);
    // The same value again is a write.
    let same = commit(store, &transaction(vec![Guard::Is(b"a".to_vec(), back)], vec![put(b"a", b"")]));
    assert_eq!(get(store, b"a").unwrap().version, same);
    assert!(same > back);
}

/// All writes of a transaction happen, or none; deleting nothing is fine; keys and values are any bytes.
pub fn all_or_nothing(make: Make<'_>) {
    let store = &*make();
    let many: Vec<_> = (0..=255_u8).map(|byte| vec![byte, 0, byte]).collect();
    for keys in many.chunks(MAX_STEPS) {
        let writes = keys.iter().map(|key| put(key, key)).collect();
        commit(store, &transaction(vec![], writes));
    }
    let keys: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    let found = store.get(&keys).unwrap();
    assert!(found.iter().zip(&many).all(|(found, key)| found.as_ref().is_some_and(|found| found.value == *key)));

    let mut writes: Vec<_> = many.iter().take(MAX_STEPS - 1).map(|key| Write::Delete(key.clone())).collect();
    let refused = transaction(vec![Guard::Absent(vec![9, 0, 9])], writes.clone());
    assert!(matches!(outcome(store, &refused), Outcome::Conflict(_)));
    assert_eq!(store.get(&keys).unwrap(), found, "a refused transaction wrote something");

    writes.push(Write::Delete(b"never there".to_vec()));
    commit(store, &transaction(vec![], writes));
    let left = store.get(&keys).unwrap();
    assert!(left.iter().take(MAX_STEPS - 1).all(Option::is_none));
    assert_eq!(left.get(MAX_STEPS - 1..), found.get(MAX_STEPS - 1..));
    assert_eq!(store.get(&[]).unwrap(), []);
    // One key twice, and one that is not there, in the order of the question.
    let asked = store.get(&[b"\xff\x00\xff", b"nothing", b"\xff\x00\xff"]).unwrap();
    assert!(matches!(asked.as_slice(), [Some(first), None, Some(again)] if first == again));
}

/// Each limit holds to the byte: what is at it is stored, what is over it by one is refused and changes nothing.
pub fn limits_are_exact(make: Make<'_>) {
    let store = &*make();
    let (longest, largest) = (vec![b'k'; MAX_KEY], vec![7; MAX_VALUE]);
    commit(store, &transaction(vec![Guard::Absent(longest.clone())], vec![put(&longest, &largest)]));
    let found = store.list(&longest, None, 1).unwrap();
    assert!(matches!(found.as_slice(), [(key, stored)] if *key == longest && stored.value == largest));
    commit(store, &transaction(vec![], vec![put(b"empty", b"")]));
    assert_eq!(get(store, b"empty").unwrap().value, b"");

    let steps = |guards: usize, writes: usize| {
        let guards = (0..guards).map(|n| Guard::Absent(format!("guard {n}").into_bytes())).collect();
        let writes = (0..writes).map(|n| put(format!("write {n}").as_bytes(), b"")).collect();
        transaction(guards, writes)
    };
    commit(store, &steps(MAX_STEPS / 2, MAX_STEPS / 2));
    commit(store, &steps(0, MAX_STEPS));
    commit(store, &steps(MAX_STEPS, 0));

    // Four values and their keys, of two bytes each.
    let heavy = |over: usize| {
        let value = |n: usize| vec![7; if n == 0 { MAX_BYTES - 3 * MAX_VALUE - 8 + over } else { MAX_VALUE }];
        transaction(vec![], (0..4).map(|n| put(format!("h{n}").as_bytes(), &value(n))).collect())
    };
    commit(store, &heavy(0));

    let before = store.barrier().unwrap();
    let too_long = vec![b'k'; MAX_KEY + 1];
    let too_large = vec![7; MAX_VALUE + 1];
    let refused = [
        transaction(vec![], vec![put(&too_long, b"")]),
        transaction(vec![], vec![Write::Delete(too_long.clone())]),
        transaction(vec![Guard::Absent(too_long.clone())], vec![]),
        transaction(vec![Guard::Is(too_long.clone(), Revision(1))], vec![]),
        transaction(vec![], vec![put(b"first", b""), put(b"large", &too_large)]),
        transaction(vec![], vec![put(b"", b"an empty key")]),
        transaction(vec![], vec![put(b"twice", b"1"), put(b"twice", b"2")]),
        transaction(vec![], vec![put(b"twice", b"1"), Write::Delete(b"twice".to_vec())]),
        heavy(1),
        steps(MAX_STEPS / 2, MAX_STEPS / 2 + 1),
        steps(0, MAX_STEPS + 1),
        steps(MAX_STEPS + 1, 0),
    ];
    for transaction in &refused {
        assert_eq!(store.commit(transaction).unwrap_err().kind(), ErrorKind::InvalidInput, "{transaction:?}");
    }
    assert_eq!(store.get(&[&too_long]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(store.barrier().unwrap(), before, "a refused transaction has a revision");
    assert_eq!(store.get(&[b"first", b"twice"]).unwrap(), [None, None]);
    store.health().unwrap();
}

/// A transaction whose id was committed answers the same again and changes nothing; one that was refused may be
/// committed later under its id.
pub fn ids_apply_once(make: Make<'_>) {
    let store = &*make();
    let once = transaction(vec![Guard::Absent(b"a".to_vec())], vec![put(b"a", b"1")]);
    let revision = commit(store, &once);
    let later = commit(store, &transaction(vec![], vec![Write::Delete(b"a".to_vec())]));
    assert_eq!(commit(store, &once), revision, "asking again has another answer");
    assert_eq!(get(store, b"a"), None, "asking again wrote");
    assert_eq!(store.barrier().unwrap(), later);

    let mut refused = transaction(vec![Guard::Is(b"b".to_vec(), later)], vec![put(b"c", b"1")]);
    assert!(matches!(outcome(store, &refused), Outcome::Conflict(_)));
    refused.guards.clear();
    commit(store, &refused);
    assert_eq!(get(store, b"c").unwrap().value, b"1");

    // Ten thousand later ones do not make it forgotten.
    for _ in 0..100 {
        thread::scope(|scope| {
            for _ in 0..100 {
                scope.spawn(|| commit(store, &transaction(vec![], vec![])));
            }
        });
    }
    assert_eq!(commit(store, &once), revision, "the id was forgotten");
    assert_eq!(get(store, b"a"), None);
}

/// Many who commit one transaction at once get one revision, and it is applied once.
pub fn ids_apply_once_in_a_race(make: Make<'_>) {
    let store = &*make();
    for round in 0..20_u8 {
        let transaction: Transaction = transaction(vec![], vec![put(b"a", &[round])]);
        let before = store.barrier().unwrap();
        let revisions = racing(8, |_| commit(store, &transaction));
        assert!(revisions.windows(2).all(|pair| pair.first() == pair.last()), "{revisions:?}");
        assert_eq!(revisions.first(), Some(&store.barrier().unwrap()));
        assert!(revisions.iter().all(|revision| *revision > before));
    }
}

/// Runs `race` on as many threads, started together, and gathers what they answer.
pub(super) fn racing<T: Send>(threads: usize, race: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = std::sync::Barrier::new(threads);
    let run = |thread| {
        start.wait();
        race(thread)
    };
    let run = &run;
    thread::scope(|scope| {
        let racers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    })
}

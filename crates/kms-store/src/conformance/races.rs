//! What threads do to each other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use kms_service::store::{Guard, Outcome};

use super::transactions::racing;
use super::{Make, commit, get, outcome, put, transaction};

const THREADS: usize = 8;

/// Of eight who create one key at once, and of eight who change one version, exactly one succeeds.
pub fn one_of_many_wins(make: Make<'_>) {
    let store = &*make();
    for round in 0..25_u32 {
        let key = format!("a/{round}").into_bytes();
        for _ in 0..2 {
            let guard = match get(store, &key) {
                None => Guard::Absent(key.clone()),
                Some(found) => Guard::Is(key.clone(), found.version),
            };
            let outcomes = racing(THREADS, |thread| {
                outcome(store, &transaction(vec![guard.clone()], vec![put(&key, thread.to_string().as_bytes())]))
            });
            let won = |outcome: &Outcome| matches!(outcome, Outcome::Committed(_));
            assert_eq!(outcomes.iter().filter(|outcome| won(outcome)).count(), 1, "{outcomes:?}");
            let winner = outcomes.iter().position(won).unwrap();
            let found = get(store, &key).unwrap();
            assert_eq!(found.value, winner.to_string().as_bytes(), "a loser's value");
            assert_eq!(outcomes.get(winner), Some(&Outcome::Committed(found.version)));
        }
    }
}

/// Eight who read, add one and write under the guard of what they read: nothing is lost.
pub fn updates_are_not_lost(make: Make<'_>) {
    const EACH: u32 = 25;
    let store = &*make();
    commit(store, &transaction(vec![], vec![put(b"count", b"0")]));
    let tries: u32 = racing(THREADS, |_| {
        let (mut done, mut tries) = (0, 0);
        while done < EACH {
            let found = get(store, b"count").unwrap();
            let count: u32 = String::from_utf8(found.value).unwrap().parse().unwrap();
            let guard = Guard::Is(b"count".to_vec(), found.version);
            let add = transaction(vec![guard], vec![put(b"count", (count + 1).to_string().as_bytes())]);
            tries += 1;
            if matches!(outcome(store, &add), Outcome::Committed(_)) {
                done += 1;
            }
        }
        tries
    })
    .into_iter()
    .sum();
    let threads = u32::try_from(THREADS).unwrap();
    assert!(tries >= threads * EACH);
    assert_eq!(get(store, b"count").unwrap().value, (threads * EACH).to_string().as_bytes());
}

/// A read of several keys sees each transaction whole or not at all.
pub fn reads_are_whole(make: Make<'_>) {
    let store = &*make();
    let write = |n: u32| {
        let value = n.to_string();
        commit(store, &transaction(vec![], vec![put(b"a", value.as_bytes()), put(b"b", value.as_bytes())]))
    };
    write(0);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1..400 {
                write(n);
            }
            done.store(true, Ordering::Release);
        });
        let mut reads = 0;
        while !done.load(Ordering::Acquire) || reads < 10 {
            let found = store.get(&[b"a", b"b"]).unwrap();
            assert!(matches!(found.as_slice(), [Some(a), Some(b)] if a == b), "half a transaction");
            reads += 1;
        }
    });
}

/// Whatever was committed before a barrier is at or before its revision; barriers never go back.
pub fn barrier_sees_what_was_committed(make: Make<'_>) {
    let store = &*make();
    let before = store.barrier().unwrap();
    racing(THREADS, |thread| {
        let key = format!("k/{thread}").into_bytes();
        let mut last = before;
        for n in 0..25_u8 {
            let revision = commit(store, &transaction(vec![], vec![put(&key, &[n])]));
            let barrier = store.barrier().unwrap();
            assert!(barrier >= revision, "the barrier {barrier:?} is before {revision:?}");
            assert!(barrier >= last, "the barrier went back");
            assert_eq!(get(store, &key).unwrap().value, [n], "a read does not see what was committed before it");
            last = barrier;
        }
    });
    let at_rest = store.barrier().unwrap();
    assert_eq!(store.barrier().unwrap(), at_rest, "a barrier without a transaction");
}

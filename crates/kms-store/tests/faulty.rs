//! The store that fails on a script.
#![expect(
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test stops at the first surprise, and has std"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use kms_core::ErrorKind;
use kms_service::Store;
use kms_service::store::{Outcome, Revision, Transaction, Write};
use kms_store::faulty::{Fault, Operation, Rule};
use kms_store::{Faulty, Memory};

fn put(id: u8) -> Transaction {
    let mut transaction = Transaction::new([id; 16]);
    transaction.writes.push(Write::Put(b"a".to_vec(), vec![id]));
    transaction
}

fn there(store: &Faulty<Memory>) -> Option<Vec<u8>> {
    store.store().get(&[b"a"]).unwrap().remove(0).map(|stored| stored.value)
}

#[test]
fn without_rules_it_is_the_store_behind() {
    kms_store::conformance::all(&|| Arc::new(Faulty::new(Memory::new())));
}

#[test]
fn faults_strike_where_and_as_often_as_they_should() {
    let store = Faulty::new(Memory::new());
    store.add(Rule::new(Fault::Before(ErrorKind::Io)).on(Operation::Commit).after(1).times(2));
    assert_eq!(store.commit(&put(1)).unwrap(), Outcome::Committed(Revision(1)));
    for _ in 0..2 {
        let error = store.commit(&put(2)).unwrap_err();
        assert!(error.kind() == ErrorKind::Io && !error.may_have_run());
        assert_eq!(store.barrier().unwrap(), Revision(1), "another operation");
    }
    assert_eq!(there(&store), Some(vec![1]), "what failed before was applied");
    assert_eq!(store.commit(&put(2)).unwrap(), Outcome::Committed(Revision(2)));

    store.add(Rule::new(Fault::After(ErrorKind::Disconnected)).on(Operation::Commit).times(1));
    let error = store.commit(&put(3)).unwrap_err();
    assert!(error.kind() == ErrorKind::Disconnected && error.may_have_run());
    assert_eq!(there(&store), Some(vec![3]));
    assert_eq!(store.commit(&put(3)).unwrap(), Outcome::Committed(Revision(3)), "asked again");
}

#[test]
fn an_unknown_outcome_is_one_or_the_other() {
    let store = Faulty::new(Memory::new());
    store.add(Rule::new(Fault::Unknown { applied: false }).on(Operation::Commit).times(1));
    store.add(Rule::new(Fault::Unknown { applied: true }).on(Operation::Commit).times(1));
    assert_eq!(store.commit(&put(1)).unwrap(), Outcome::Unknown);
    assert_eq!(there(&store), None);
    assert_eq!(store.commit(&put(1)).unwrap(), Outcome::Unknown);
    assert_eq!(there(&store), Some(vec![1]));
    assert_eq!(store.commit(&put(1)).unwrap(), Outcome::Committed(Revision(1)));
}

#[test]
fn a_rule_for_everything_meets_everything_until_it_is_taken_away() {
    let store = Faulty::new(Memory::new());
    store.add(Rule::new(Fault::Before(ErrorKind::TimedOut)));
    let kinds = [
        store.get(&[b"a"]).unwrap_err().kind(),
        store.list(b"", None, 1).unwrap_err().kind(),
        store.commit(&put(1)).unwrap_err().kind(),
        store.barrier().unwrap_err().kind(),
        store.watch(b"").err().unwrap().kind(),
        store.health().unwrap_err().kind(),
    ];
    assert_eq!(kinds, [ErrorKind::TimedOut; 6]);
    store.heal();
    store.health().unwrap();
    assert_eq!(there(&store), None);
}

#[test]
fn a_delay_comes_before_the_fault_and_does_not_answer() {
    let store = Faulty::new(Memory::new());
    store.add(Rule::new(Fault::Delay(Duration::from_millis(30))).times(2));
    store.add(Rule::new(Fault::Before(ErrorKind::Busy)).times(1));
    let start = Instant::now();
    assert_eq!(store.barrier().unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(store.barrier().unwrap(), Revision(0));
    // Sleeping never takes less than it should.
    assert!(start.elapsed() >= Duration::from_millis(60));
}

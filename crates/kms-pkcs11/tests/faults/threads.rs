//! Many threads that lose the token together.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use kms_core::Call;
use kms_pkcs11::Residency;
use test_tokens::Rule;

use crate::stand::{BOTH, Keys, Operation, Stand};

const THREADS: usize = 8;

/// Every thread does every operation, beginning with another one; all begin together.
fn all_at_once(keys: &Keys, call: &Call) {
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for first in 0..THREADS {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                for operation in Operation::ALL.iter().cycle().skip(first).take(Operation::ALL.len()) {
                    match keys.perform(*operation, call) {
                        Ok(right) => assert!(right, "{operation:?}: a wrong answer"),
                        Err(error) => panic!("{operation:?}: {error}"),
                    }
                }
            });
        }
    });
}

#[test]
fn a_restart_is_made_good_once_for_all() {
    let stand = Stand::new();
    for residency in BOTH {
        let keys = Keys::make(&stand.backend(residency));
        for call in [Call::default(), Call::default().with_budget(Duration::from_secs(120))] {
            all_at_once(&keys, &call);
            stand.shim.forget();
            let rule = stand.shim.add(Rule::restart());
            all_at_once(&keys, &call);
            assert!(stand.shim.strikes(rule) > 0);
            assert_eq!(stand.calls(["C_Initialize", "C_Finalize", "C_Login"]), [1, 1, 1]);
            stand.shim.clear();
        }
        drop(keys);
        stand.assert_no_session_leaked();
    }
}

#[test]
fn a_removal_is_made_good_once_for_all() {
    let stand = Stand::new();
    for residency in BOTH {
        let keys = Keys::make(&stand.backend(residency));
        all_at_once(&keys, &Call::default());
        stand.shim.forget();
        let rule = stand.shim.add(Rule::remove_token().times(1));
        all_at_once(&keys, &Call::default());
        assert_eq!(stand.shim.strikes(rule), 1);
        assert_eq!(stand.calls(["C_Initialize", "C_Finalize", "C_Login"]), [1, 1, 1]);
        stand.shim.clear();
        drop(keys);
        stand.assert_no_session_leaked();
    }
}

/// While the token is away, operations keep coming. Each would initialise the module at once if it were alone.
#[test]
fn operations_that_come_while_the_token_is_away_join_those_that_wait() {
    let stand = Stand::new();
    let keys = Keys::make(&stand.backend(Residency::TokenObject));
    stand.shim.forget();
    let away = stand.shim.add(Rule::remove_token());
    let initialised = || stand.shim.calls("C_Initialize");
    thread::scope(|scope| {
        let works = || assert!(keys.perform(Operation::Mac, &Call::default()).unwrap());
        let first = scope.spawn(works);
        // From here on a round is longer than any of the budgets below.
        while initialised() < 7 {
            assert!(!first.is_finished());
            thread::sleep(Duration::from_millis(2));
        }
        let before = initialised();
        for _ in 0..40 {
            let short = Call::default().with_budget(Duration::from_millis(10));
            assert!(keys.perform(Operation::Mac, &short).unwrap_err().is_transient());
        }
        let by_forty = initialised() - before;
        assert!(by_forty < 20, "forty operations tried {by_forty} times");
        stand.shim.remove(away);
    });
    assert!(keys.perform(Operation::Mac, &Call::default()).unwrap());
    assert_eq!(stand.calls(["C_Login"]), [1]);
}

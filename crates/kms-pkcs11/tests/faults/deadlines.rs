//! A call into the module that hangs: whoever waits gives up in time, others go on, and nothing stays lost.

use std::thread;
use std::time::Duration;

use kms_core::{Call, ErrorKind};
use kms_pkcs11::Residency;
use test_tokens::{Rule, RuleId};

use crate::stand::{BOTH, Keys, Operation, SESSIONS, Stand};

fn patient() -> Call {
    Call::default().with_budget(Duration::from_secs(60))
}

/// Meets the rule, which hangs, and gives up.
fn gives_up(stand: &Stand, keys: &Keys, operation: Operation, rule: RuleId) {
    let error = keys.perform(operation, &Call::default().with_budget(Duration::from_millis(500))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert!(error.may_have_run());
    stand.shim.wait_until_hanging(rule, 1);
    assert_eq!(stand.shim.strikes(rule), 0, "it still hangs");
}

fn others_work(keys: &Keys, not: Operation) {
    for operation in Operation::ALL.into_iter().filter(|one| *one != not) {
        assert!(keys.perform(operation, &patient()).unwrap(), "{operation:?}");
    }
}

fn ends(stand: &Stand, keys: &Keys, rule: RuleId) {
    stand.shim.clear();
    while stand.shim.strikes(rule) == 0 {
        thread::sleep(Duration::from_millis(2));
    }
    for operation in Operation::ALL {
        assert!(keys.perform(operation, &patient()).unwrap(), "{operation:?}");
    }
}

#[test]
fn an_operation_hangs() {
    let stand = Stand::new();
    for residency in BOTH {
        let keys = Keys::make(&stand.backend(residency));
        for operation in Operation::ALL {
            let rule = stand.shim.add(Rule::hang().on(operation.function()).times(1));
            gives_up(&stand, &keys, operation, rule);
            others_work(&keys, operation);
            // The key itself is not stuck either: the session is.
            assert!(keys.perform(operation, &patient()).unwrap());
            let sessions = stand.token.sessions();
            ends(&stand, &keys, rule);
            assert_eq!(stand.token.sessions(), sessions);
        }
    }
}

#[test]
fn every_session_hangs_and_every_one_comes_back() {
    let stand = Stand::new();
    let keys = Keys::make(&stand.backend(Residency::TokenObject));
    for round in 0..3 {
        stand.shim.forget();
        let rule = stand.shim.add(Rule::hang().on("C_Sign"));
        thread::scope(|scope| {
            for _ in 0..SESSIONS {
                scope.spawn(|| {
                    let call = Call::default().with_budget(Duration::from_secs(2));
                    let error = keys.perform(Operation::Mac, &call).unwrap_err();
                    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::TimedOut, true), "{error}");
                });
            }
            stand.shim.wait_until_hanging(rule, SESSIONS);
        });
        let short = Call::default().with_budget(Duration::from_millis(50));
        assert!(keys.perform(Operation::Decrypt, &short).unwrap_err().is_transient());
        assert_eq!(stand.token.sessions(), SESSIONS);
        stand.shim.clear();
        assert!(keys.perform(Operation::Mac, &patient()).unwrap());
        assert_eq!(stand.token.sessions(), SESSIONS);
        assert!(round == 0 || stand.calls(["C_OpenSession", "C_CloseSession", "C_Initialize"]) == [0; 3]);
    }
    keys.assert_all_work();
    stand.assert_no_session_leaked();
}

#[test]
fn the_search_for_a_key_hangs() {
    let stand = Stand::new();
    let keys = Keys::make(&stand.backend(Residency::TokenObject));
    stand.shim.add(Rule::renumber());
    let rule = stand.shim.add(Rule::hang().on("C_FindObjects").times(1));
    gives_up(&stand, &keys, Operation::Mac, rule);
    others_work(&keys, Operation::Mac);
    let second = keys.perform(Operation::Mac, &Call::default().with_budget(Duration::from_millis(100))).unwrap_err();
    assert_eq!(second.kind(), ErrorKind::TimedOut);
    ends(&stand, &keys, rule);
    stand.assert_no_session_leaked();
}

#[test]
fn the_unwrapping_of_a_key_hangs() {
    let stand = Stand::new();
    let keys = Keys::make(&stand.backend(Residency::WrappedBlob));
    stand.shim.add(Rule::log_out());
    let rule = stand.shim.add(Rule::hang().on("C_UnwrapKey").times(1));
    gives_up(&stand, &keys, Operation::Mac, rule);
    let second = keys.perform(Operation::Sign, &Call::default().with_budget(Duration::from_millis(100))).unwrap_err();
    assert_eq!(second.kind(), ErrorKind::TimedOut);
    ends(&stand, &keys, rule);
    stand.assert_no_session_leaked();
}

#[test]
fn the_opening_of_a_session_hangs() {
    let stand = Stand::new();
    for residency in BOTH {
        let keys = Keys::make(&stand.backend(residency));
        stand.shim.add(Rule::drop_sessions());
        let rule = stand.shim.add(Rule::hang().on("C_OpenSession").times(1));
        gives_up(&stand, &keys, Operation::Mac, rule);
        others_work(&keys, Operation::Mac);
        ends(&stand, &keys, rule);
    }
}

#[test]
fn the_login_hangs() {
    let stand = Stand::new();
    for residency in BOTH {
        let keys = Keys::make(&stand.backend(residency));
        stand.shim.add(Rule::log_out());
        let rule = stand.shim.add(Rule::hang().on("C_Login").times(1));
        gives_up(&stand, &keys, Operation::Mac, rule);
        // Without the login nobody can work: all give up in time.
        for operation in Operation::ALL {
            let short = Call::default().with_budget(Duration::from_millis(50));
            let error = keys.perform(operation, &short).unwrap_err();
            assert!(error.is_transient(), "{error}");
        }
        ends(&stand, &keys, rule);
        stand.assert_no_session_leaked();
    }
}

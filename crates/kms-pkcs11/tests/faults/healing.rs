//! What is healed within the call that meets it.

use cryptoki_sys::{
    CKR_CRYPTOKI_NOT_INITIALIZED, CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED, CKR_FUNCTION_FAILED,
    CKR_GENERAL_ERROR, CKR_HOST_MEMORY, CKR_OPERATION_ACTIVE, CKR_SESSION_CLOSED, CKR_USER_NOT_LOGGED_IN,
};
use kms_core::{Call, ErrorKind};
use kms_pkcs11::{Residency, Token, TokenOptions, Uri};
use test_tokens::{Rule, Shim, softhsm};

use crate::stand::{BOTH, Keys, Operation, Stand};
use crate::support::{module, options};

/// Lets every operation, with keys of each residency, meet the rules, all of which have to strike.
fn heals(name: &str, rules: impl Fn(Operation) -> Vec<Rule>) {
    let stand = Stand::new();
    for residency in BOTH {
        let backend = stand.backend(residency);
        let keys = Keys::make(&backend);
        for operation in Operation::ALL {
            for (number, rule) in rules(operation).into_iter().enumerate() {
                meets(&stand, &keys, operation, vec![rule], &format!("{name} {number}, {residency:?}"));
            }
        }
        drop(keys);
        stand.assert_no_session_leaked();
    }
}

fn meets(stand: &Stand, keys: &Keys, operation: Operation, rules: Vec<Rule>, what: &str) {
    let rules: Vec<_> = rules.into_iter().map(|rule| stand.shim.add(rule)).collect();
    match keys.perform(operation, &Call::default()) {
        Ok(right) => assert!(right, "{what}, {operation:?}: a wrong answer"),
        Err(error) => panic!("{what}, {operation:?}: {error}"),
    }
    for rule in rules {
        assert!(stand.shim.strikes(rule) > 0, "{what}, {operation:?}: the fault did not happen");
    }
    stand.shim.clear();
}

#[test]
fn sessions_that_are_dropped() {
    heals("sessions dropped", |operation| vec![Rule::drop_sessions(), Rule::drop_sessions().on(operation.function())]);
}

#[test]
fn a_login_that_expires() {
    heals("logged out", |operation| vec![Rule::log_out(), Rule::log_out().on(operation.function())]);
}

#[test]
fn handles_that_change() {
    heals("renumbered", |_| vec![Rule::renumber()]);
}

#[test]
fn a_token_that_is_taken_out_and_put_back() {
    heals("removed", |operation| {
        vec![Rule::remove_token().times(1), Rule::remove_token().on(operation.function()).times(1)]
    });
}

#[test]
fn a_module_whose_other_end_restarts() {
    heals("restarted", |operation| {
        let half_a_device = Rule::restart().on(operation.function()).times(2);
        vec![Rule::restart(), Rule::restart().after(1), half_a_device]
    });
}

#[test]
fn a_passing_fault_of_one_call() {
    heals("a passing fault", |operation| {
        [CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED, CKR_SESSION_CLOSED, CKR_OPERATION_ACTIVE]
            .into_iter()
            .chain([CKR_USER_NOT_LOGGED_IN, CKR_DEVICE_REMOVED, CKR_CRYPTOKI_NOT_INITIALIZED])
            .map(|code| Rule::fail(code).on(operation.function()).times(1))
            .collect()
    });
}

#[test]
fn a_lost_answer_of_one_call() {
    heals("a lost answer", |operation| {
        [CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_HOST_MEMORY]
            .map(|code| Rule::lose(code).on(operation.function()).times(1))
            .to_vec()
    });
}

#[test]
fn too_little_memory_for_a_while() {
    heals("no memory", |operation| {
        [CKR_HOST_MEMORY, CKR_DEVICE_MEMORY].map(|code| Rule::fail(code).on(operation.function()).times(3)).to_vec()
    });
}

#[test]
fn too_many_sessions_for_a_while() {
    let stand = Stand::new();
    for residency in BOTH {
        let backend = stand.backend(residency);
        let keys = Keys::make(&backend);
        for operation in Operation::ALL {
            // Without sessions of its own, the operation has to open some.
            for limit in [Rule::limit_sessions(0).times(3), Rule::limit_sessions(1).times(2)] {
                meets(&stand, &keys, operation, vec![Rule::drop_sessions(), limit], &format!("{residency:?}"));
            }
            let memory = Rule::fail(CKR_HOST_MEMORY).on("C_OpenSession").times(3);
            meets(&stand, &keys, operation, vec![Rule::drop_sessions(), memory], &format!("{residency:?}"));
        }
    }
}

#[test]
fn every_step_of_a_reconnection_may_fail_once() {
    let stand = Stand::new();
    for residency in BOTH {
        let backend = stand.backend(residency);
        let keys = Keys::make(&backend);
        for function in ["C_GetSlotList", "C_GetTokenInfo", "C_OpenSession", "C_Login", "C_FindObjectsInit"]
            .into_iter()
            .chain(["C_FindObjects"])
            .chain((residency == Residency::WrappedBlob).then_some("C_UnwrapKey"))
        {
            for again in [Rule::fail(CKR_DEVICE_ERROR), Rule::fail(CKR_HOST_MEMORY), Rule::lose(CKR_GENERAL_ERROR)] {
                let rules = vec![Rule::log_out(), again.on(function).times(1)];
                meets(&stand, &keys, Operation::Mac, rules, &format!("{function}, {residency:?}"));
            }
        }
    }
}

#[test]
fn a_token_that_shows_itself_late() {
    let shim = Shim::over(softhsm());
    let module = module(shim.token());
    let late = shim.add(Rule::remove_token().on("C_GetSlotList").times(2));
    let token = Token::connect(module.clone(), options(shim.token())).unwrap();
    assert_eq!(shim.strikes(late), 2);

    // Looking for a token that is not there does not disturb one that is in use.
    shim.forget();
    let other: Uri = "pkcs11:token=another".parse().unwrap();
    let error = Token::connect(module, TokenOptions::new(&other)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeyUnavailable);
    assert_eq!((shim.calls("C_Initialize"), shim.calls("C_Finalize")), (0, 0));
    drop(token);
}

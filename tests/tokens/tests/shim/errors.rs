//! Answers that are not the real module's.

use std::thread;

use cryptoki::error::RvError;
use cryptoki::mechanism::Mechanism;
use cryptoki_sys::{
    CKM_SHA256_HMAC, CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_GENERAL_ERROR, CKR_OK, CKR_PIN_INCORRECT,
};
use test_tokens::Rule;

use crate::{find, generate, refusal, shim, sign, slots, state};

#[test]
fn without_rules_everything_goes_through_and_is_counted() {
    let shim = shim();
    let bare = shim.token().open();
    let key = generate(&bare.session, b"key").unwrap();
    sign(&bare.session, key).unwrap();
    for (function, calls) in [
        ("C_GetFunctionList", 1),
        ("C_Initialize", 1),
        ("C_OpenSession", 1),
        ("C_Login", 1),
        ("C_GenerateKey", 1),
        ("C_SignInit", 1),
        ("C_Sign", 2),
        ("C_FindObjectsInit", 0),
        ("C_Finalize", 0),
    ] {
        assert_eq!(shim.calls(function), calls, "{function}");
        assert_eq!(shim.answers(function, CKR_OK), calls, "{function}");
    }
    shim.forget();
    assert_eq!(shim.log(), []);
    drop(bare);
    assert_eq!(shim.calls("C_CloseSession"), 1);
}

#[test]
fn a_failed_call_does_not_reach_the_real_module() {
    let shim = shim();
    let bare = shim.token().open();
    let rule = shim.add(Rule::fail(CKR_DEVICE_MEMORY).on("C_GenerateKey"));
    assert_eq!(refusal(generate(&bare.session, b"key")), RvError::DeviceMemory);
    assert_eq!(find(&bare.session, b"key").unwrap(), []);
    assert_eq!((shim.strikes(rule), shim.answers("C_GenerateKey", CKR_DEVICE_MEMORY)), (1, 1));
}

#[test]
fn a_lost_answer_is_that_of_a_call_that_was_carried_out() {
    let shim = shim();
    let bare = shim.token().open();
    let rule = shim.add(Rule::lose(CKR_DEVICE_ERROR).on("C_GenerateKey"));
    assert_eq!(refusal(generate(&bare.session, b"key")), RvError::DeviceError);
    assert_eq!(find(&bare.session, b"key").unwrap().len(), 1);
    assert_eq!(shim.strikes(rule), 1);
}

#[test]
fn a_rule_strikes_after_and_as_often_as_it_says() {
    let shim = shim();
    let bare = shim.token().open();
    shim.add(Rule::fail(CKR_GENERAL_ERROR).on("C_GetSessionInfo").after(2).times(3));
    let outcomes: Vec<bool> = (0..8).map(|_| state(&bare.session).is_ok()).collect();
    assert_eq!(outcomes, [true, true, false, false, false, true, true, true]);
}

#[test]
fn what_a_rule_has_counted_stays_when_others_come_and_go() {
    let shim = shim();
    let bare = shim.token().open();
    let once = shim.add(Rule::fail(CKR_GENERAL_ERROR).on("C_GetSessionInfo").times(1));
    assert_eq!(refusal(state(&bare.session)), RvError::GeneralError);
    let other = shim.add(Rule::fail(CKR_DEVICE_ERROR).on("C_SignInit"));
    state(&bare.session).unwrap();
    shim.remove(other);
    state(&bare.session).unwrap();
    assert_eq!(shim.strikes(once), 1);
}

#[test]
fn the_first_rule_that_answers_wins() {
    let shim = shim();
    let bare = shim.token().open();
    shim.add(Rule::fail(CKR_GENERAL_ERROR).on("C_GetSessionInfo").times(1));
    shim.add(Rule::fail(CKR_DEVICE_ERROR));
    assert_eq!(refusal(state(&bare.session)), RvError::GeneralError);
    assert_eq!(refusal(state(&bare.session)), RvError::DeviceError);
}

#[test]
fn a_rule_for_one_mechanism_lets_the_others_pass() {
    let shim = shim();
    let bare = shim.token().open();
    let key = generate(&bare.session, b"key").unwrap();
    shim.add(Rule::fail(CKR_GENERAL_ERROR).with_mechanism(CKM_SHA256_HMAC));
    assert_eq!(refusal(sign(&bare.session, key)), RvError::GeneralError);
    bare.session.sign(&Mechanism::Sha1Hmac, key, b"message").unwrap();
    state(&bare.session).unwrap();
}

#[test]
fn a_wrong_pin_is_one_login() {
    let shim = shim();
    let rule = shim.add(Rule::fail(CKR_PIN_INCORRECT).on("C_Login").times(1));
    let token = shim.token();
    let refused = std::panic::catch_unwind(|| token.open());
    assert!(refused.is_err());
    drop(token.open());
    assert_eq!((shim.strikes(rule), shim.calls("C_Login")), (1, 2));
}

#[test]
fn after_a_restart_only_a_new_initialisation_heals() {
    let shim = shim();
    let bare = shim.token().open();
    let rule = shim.add(Rule::restart().after(1));
    state(&bare.session).unwrap();
    assert_eq!(refusal(state(&bare.session)), RvError::DeviceError);
    assert_eq!(refusal(slots(&bare)), RvError::DeviceError);
    assert_eq!(refusal(bare.pkcs11.open_ro_session(bare.slot)), RvError::DeviceError);

    bare.pkcs11.clone().finalize().unwrap();
    let again = shim.token().open();
    assert_eq!(shim.strikes(rule), 3);
    state(&again.session).unwrap();
    generate(&again.session, b"key").unwrap();
}

#[test]
fn a_restart_that_has_not_struck_outlives_an_initialisation() {
    let shim = shim();
    let rule = shim.add(Rule::restart().on("C_SignInit"));
    let bare = shim.token().open();
    let key = generate(&bare.session, b"key").unwrap();
    assert_eq!(refusal(sign(&bare.session, key)), RvError::DeviceError);
    assert_eq!(shim.strikes(rule), 1);
}

#[test]
fn threads_share_the_counts() {
    let shim = shim();
    let bare = shim.token().open();
    let rule = shim.add(Rule::fail(CKR_DEVICE_ERROR).on("C_SignInit").after(50).times(70));
    let key = generate(&bare.session, b"key").unwrap();
    let failures: usize = thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let session = bare.pkcs11.open_ro_session(bare.slot).unwrap();
                scope.spawn(move || (0..50).filter(|_| sign(&session, key).is_err()).count())
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!((failures, shim.strikes(rule)), (70, 70));
    assert_eq!(shim.calls("C_SignInit"), 200);
    assert_eq!(shim.answers("C_SignInit", CKR_DEVICE_ERROR), 70);
}

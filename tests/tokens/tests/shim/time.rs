//! Calls that take their time.

use core::time::Duration;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use test_tokens::Rule;

use crate::{generate, shim, sign, state};

#[test]
fn a_delayed_call_takes_as_long_and_then_succeeds() {
    let shim = shim();
    let bare = shim.token().open();
    let rule = shim.add(Rule::delay(Duration::from_millis(60)).on("C_GetSessionInfo").times(2));
    let begin = Instant::now();
    state(&bare.session).unwrap();
    state(&bare.session).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(120), "{:?}", begin.elapsed());
    assert_eq!(shim.strikes(rule), 2);
}

#[test]
fn a_hanging_call_waits_for_its_rule_to_go_and_holds_nobody_else_up() {
    let shim = shim();
    let bare = shim.token().open();
    let key = generate(&bare.session, b"key").unwrap();
    let other = bare.pkcs11.open_ro_session(bare.slot).unwrap();
    let rule = shim.add(Rule::hang().on("C_SignInit").times(1));
    let (done, outcome) = mpsc::channel();
    thread::scope(|scope| {
        let session = other;
        scope.spawn(move || done.send(sign(&session, key)));
        shim.wait_until_hanging(rule, 1);
        assert_eq!(shim.calls("C_SignInit"), 0);

        sign(&bare.session, key).unwrap();
        shim.add(Rule::delay(Duration::ZERO));
        outcome.recv_timeout(Duration::from_millis(50)).unwrap_err();

        shim.remove(rule);
        outcome.recv_timeout(Duration::from_secs(10)).unwrap().unwrap();
    });
    assert_eq!(shim.strikes(rule), 1);
}

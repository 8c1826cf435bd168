//! Sessions and logins that go away.

use cryptoki::error::RvError;
use cryptoki::session::SessionState;
use cryptoki_sys::CKR_SESSION_COUNT;
use test_tokens::Rule;

use crate::{find, generate, refusal, shim, sign, state};

#[test]
fn dropped_sessions_are_gone_and_the_login_with_them() {
    let shim = shim();
    let bare = shim.token().open();
    let key = generate(&bare.session, b"key").unwrap();
    let other = bare.pkcs11.open_ro_session(bare.slot).unwrap();
    shim.add(Rule::drop_sessions());
    assert_eq!(refusal(sign(&bare.session, key)), RvError::SessionHandleInvalid);
    assert_eq!(refusal(state(&other)), RvError::SessionHandleInvalid);

    let new = bare.pkcs11.open_rw_session(bare.slot).unwrap();
    assert_eq!(state(&new).unwrap(), SessionState::RwPublic);
    assert_eq!(find(&new, b"key").unwrap(), []);
    assert_eq!(shim.calls("C_CloseAllSessions"), 0, "the program did not close them");
    let again = shim.token().open();
    assert_eq!(find(&again.session, b"key").unwrap().len(), 1);
}

#[test]
fn sessions_can_be_dropped_in_the_middle_of_an_operation() {
    let shim = shim();
    let bare = shim.token().open();
    let key = generate(&bare.session, b"key").unwrap();
    let rule = shim.add(Rule::drop_sessions().on("C_Sign").after(1));
    assert_eq!(refusal(sign(&bare.session, key)), RvError::SessionHandleInvalid);
    assert_eq!((shim.calls("C_Sign"), shim.strikes(rule)), (2, 1));
}

#[test]
fn a_login_that_expired_leaves_the_sessions_open() {
    let shim = shim();
    let bare = shim.token().open();
    let key = generate(&bare.session, b"key").unwrap();
    assert_eq!(state(&bare.session).unwrap(), SessionState::RwUser);
    shim.add(Rule::log_out());
    assert_eq!(state(&bare.session).unwrap(), SessionState::RwPublic);
    // SoftHSM does not say that nobody is logged in: a private object's handle ends with the login.
    assert_eq!(refusal(sign(&bare.session, key)), RvError::ObjectHandleInvalid);

    let again = shim.token().open();
    assert_eq!(state(&bare.session).unwrap(), SessionState::RwUser);
    let key = find(&again.session, b"key").unwrap();
    sign(&again.session, *key.first().unwrap()).unwrap();
}

#[test]
fn no_more_sessions_are_opened_than_the_limit() {
    let shim = shim();
    let bare = shim.token().open();
    let rule = shim.add(Rule::limit_sessions(3));
    let open = || bare.pkcs11.open_ro_session(bare.slot);
    let second = open().unwrap();
    let _third = open().unwrap();
    assert_eq!(refusal(open()), RvError::SessionCount);
    assert_eq!((shim.strikes(rule), shim.answers("C_OpenSession", CKR_SESSION_COUNT)), (1, 1));

    second.close().unwrap();
    let _second = open().unwrap();
    assert_eq!(refusal(open()), RvError::SessionCount);
    shim.add(Rule::drop_sessions());
    assert_eq!(refusal(state(&bare.session)), RvError::SessionHandleInvalid);
    let three = [open(), open(), open()].map(Result::unwrap);
    assert_eq!(refusal(open()), RvError::SessionCount);

    bare.pkcs11.clone().finalize().unwrap();
    let _first = shim.token().open();
    let two = [open(), open()].map(Result::unwrap);
    assert_eq!(refusal(open()), RvError::SessionCount);
    shim.remove(rule);
    open().unwrap();
    drop((two, three));
}

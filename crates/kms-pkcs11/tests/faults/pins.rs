//! A PIN that is wrong is tried once: tokens lock themselves after a few.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use cryptoki_sys::{CKR_PIN_INCORRECT, CKR_USER_PIN_NOT_INITIALIZED};
use kms_core::{Backend, Call, Error, ErrorKind, Secret};
use kms_pkcs11::{PinSource, Pkcs11Backend, Residency, Token};
use test_tokens::{Rule, Shim, softhsm};

use crate::stand::{Keys, Operation, place};
use crate::support::{module, options};

const WRONG: &str = "pin-that-is-wrong-3b7d";

fn assert_unauthorized(error: &Error, right: &str) {
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
    assert!(!error.is_transient());
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains(WRONG) && !text.contains(right), "{text}");
    }
}

#[test]
fn a_wrong_pin_at_the_beginning() {
    let shim = Shim::over(softhsm());
    let module = module(shim.token());
    let source = PinSource::Ask(Arc::new(|_| Ok(Secret::copy_from(WRONG.as_bytes()))));
    let error = Token::connect(module, options(shim.token()).with_pin(source)).unwrap_err();
    assert_unauthorized(&error, shim.token().pin());
    assert_eq!((shim.calls("C_Login"), shim.answers("C_Login", CKR_PIN_INCORRECT)), (1, 1));
}

#[test]
fn a_pin_that_becomes_wrong_before_a_reconnection() {
    let shim = Shim::over(softhsm());
    let changed = Arc::new(AtomicBool::new(false));
    let (pin, wrong) = (shim.token().pin().to_owned(), changed.clone());
    let source = PinSource::Ask(Arc::new(move |_| {
        Ok(Secret::copy_from(if wrong.load(Ordering::SeqCst) { WRONG } else { &pin }.as_bytes()))
    }));
    let patience = Duration::from_secs(60);
    let options = options(shim.token()).with_pin(source).with_patience(patience);
    let token = Token::connect(module(shim.token()), options).unwrap();
    let backend = Pkcs11Backend::new(token).with_residency(Residency::TokenObject);
    let keys = Keys::make(&backend);
    changed.store(true, Ordering::SeqCst);
    shim.forget();
    let rule = shim.add(Rule::restart());
    thread::scope(|scope| {
        for budget in [None, Some(patience)].into_iter().cycle().take(8) {
            let (keys, shim) = (&keys, &shim);
            scope.spawn(move || {
                let mut call = Call::default();
                call.budget = budget;
                for operation in Operation::ALL {
                    assert_unauthorized(&keys.perform(operation, &call).unwrap_err(), shim.token().pin());
                }
            });
        }
    });
    assert!(shim.strikes(rule) > 0);
    let call = Call::default();
    assert_unauthorized(&backend.health(&call).unwrap_err(), shim.token().pin());
    assert_unauthorized(&backend.open(&place(&backend), &call).unwrap_err(), shim.token().pin());
    assert_eq!((shim.calls("C_Login"), shim.answers("C_Login", CKR_PIN_INCORRECT)), (1, 1));
    assert_eq!(shim.calls("C_Initialize"), 1);
}

/// The token refused and its answer was lost: that it was the PIN is known only from the next answer, and then it ends.
#[test]
fn a_refusal_whose_answer_is_lost_is_asked_for_once_more() {
    let shim = Shim::over(softhsm());
    let module = module(shim.token());
    let source = PinSource::Ask(Arc::new(|_| Ok(Secret::copy_from(WRONG.as_bytes()))));
    let lost = shim.add(Rule::lose(cryptoki_sys::CKR_DEVICE_ERROR).on("C_Login").times(1));
    let error = Token::connect(module, options(shim.token()).with_pin(source)).unwrap_err();
    assert_unauthorized(&error, shim.token().pin());
    assert_eq!((shim.strikes(lost), shim.calls("C_Login")), (1, 2));
}

/// SoftHSM answers so while another process writes to the token; a token without a user PIN answers so for good.
#[test]
fn a_token_that_has_no_pin_yet_is_asked_again() {
    let shim = Shim::over(softhsm());
    let module = module(shim.token());
    let unready = shim.add(Rule::fail(CKR_USER_PIN_NOT_INITIALIZED).on("C_Login"));
    let error = Token::connect(module.clone(), options(shim.token())).unwrap_err();
    assert_unauthorized(&error, shim.token().pin());
    assert!(error.to_string().contains("was never given a user PIN"), "{error}");
    assert!((2..10).contains(&shim.strikes(unready)));
    shim.clear();
    shim.add(Rule::fail(CKR_USER_PIN_NOT_INITIALIZED).on("C_Login").times(2));
    Token::connect(module, options(shim.token())).unwrap();
}

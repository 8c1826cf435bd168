//! A token that is taken out and put back.

use cryptoki::error::RvError;
use test_tokens::Rule;

use crate::{find, generate, refusal, shim, slots, state};

#[test]
fn a_token_that_is_out_is_back_only_after_a_new_initialisation() {
    let shim = shim();
    let bare = shim.token().open();
    generate(&bare.session, b"key").unwrap();
    let before = slots(&bare).unwrap().len();
    assert!(before > 0);

    let out = shim.add(Rule::remove_token());
    let is_out = || {
        assert_eq!(slots(&bare).unwrap(), []);
        assert_eq!(bare.pkcs11.get_all_slots().unwrap().len(), before);
        assert!(!bare.pkcs11.get_slot_info(bare.slot).unwrap().token_present());
        assert_eq!(refusal(bare.pkcs11.get_token_info(bare.slot)), RvError::TokenNotPresent);
        assert_eq!(refusal(bare.pkcs11.open_ro_session(bare.slot)), RvError::TokenNotPresent);
        assert_eq!(refusal(state(&bare.session)), RvError::DeviceRemoved);
        assert_eq!(refusal(find(&bare.session, b"key")), RvError::DeviceRemoved);
    };
    is_out();
    shim.remove(out);
    is_out();

    bare.pkcs11.clone().finalize().unwrap();
    let again = shim.token().open();
    assert!(again.pkcs11.get_slot_info(again.slot).unwrap().token_present());
    assert_eq!(find(&again.session, b"key").unwrap().len(), 1);
}

#[test]
fn a_module_that_is_initialised_without_the_token_does_not_see_it_come_back() {
    let shim = shim();
    let bare = shim.token().open();
    let out = shim.add(Rule::remove_token());
    assert_eq!(refusal(state(&bare.session)), RvError::DeviceRemoved);
    let initialise = || {
        bare.pkcs11.clone().finalize().unwrap();
        let flags = cryptoki::context::CInitializeFlags::OS_LOCKING_OK;
        bare.pkcs11.initialize(cryptoki::context::CInitializeArgs::new(flags)).unwrap();
    };
    initialise();
    shim.remove(out);
    assert_eq!(slots(&bare).unwrap(), []);
    initialise();
    assert!(!slots(&bare).unwrap().is_empty());
}

#[test]
fn a_token_can_go_at_one_call() {
    let shim = shim();
    let bare = shim.token().open();
    shim.add(Rule::remove_token().on("C_GetSessionInfo").after(1).times(1));
    state(&bare.session).unwrap();
    generate(&bare.session, b"key").unwrap();
    assert_eq!(refusal(state(&bare.session)), RvError::DeviceRemoved);
    assert_eq!(refusal(generate(&bare.session, b"other")), RvError::DeviceRemoved);
    bare.pkcs11.clone().finalize().unwrap();
    generate(&shim.token().open().session, b"other").unwrap();
}

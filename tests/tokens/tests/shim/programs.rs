//! Programs that load the shim by themselves.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

use cryptoki_sys::CKR_OK;
use test_tokens::{Rule, Shim};

use crate::shim;

fn list_slots(shim: &Shim) -> Output {
    let token = shim.token();
    let mut command = Command::new("pkcs11-tool");
    command.arg("--list-slots").arg("--module").arg(token.module()).envs(token.environment()).output().unwrap()
}

#[test]
fn another_program_goes_through_the_shim_too() {
    let shim = shim();
    let output = list_slots(&shim);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains(shim.token().label()));
    assert_eq!(shim.answers("C_Initialize", CKR_OK), 1);
    assert_eq!(shim.answers("C_Finalize", CKR_OK), 1);

    let out = shim.add(Rule::remove_token());
    let output = list_slots(&shim);
    assert!(!String::from_utf8(output.stdout).unwrap().contains(shim.token().label()));
    assert!(shim.strikes(out) > 0);
}

#[test]
fn a_script_that_is_not_understood_ends_the_process() {
    const SIGABRT: i32 = 6;
    let shim = shim();
    std::fs::write(shim.token().directory().join("script"), "1 hang on=C_Sing\n").unwrap();
    let output = list_slots(&shim);
    assert_eq!(output.status.signal(), Some(SIGABRT), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("not a rule: 1 hang on=C_Sing"));
}

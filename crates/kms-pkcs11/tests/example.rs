//! The example runs.

use std::process::Command;

#[test]
fn softhsm_in_tests() {
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples/softhsm_in_tests");
    assert!(program.is_file(), "{} is not there: build the examples too", program.display());

    let output = Command::new(&program).output().unwrap();
    let (printed, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{complaint}");
    assert_eq!(printed, "with keys in memory: passed\nwith keys in SoftHSM: passed\n");

    // Where SoftHSM is not installed.
    let output = Command::new(&program).env("PATH", "/nowhere").output().unwrap();
    assert!(!output.status.success());
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.contains("Install SoftHSM"), "{complaint}");
}

//! The example runs.

use std::path::Path;
use std::process::Command;

#[test]
fn softhsm_in_tests() {
    // Cargo builds examples beside the tests.
    let test = std::env::current_exe().unwrap();
    let example = test.parent().and_then(Path::parent).unwrap().join("examples/softhsm_in_tests");
    let output = Command::new(&example).output().unwrap_or_else(|error| panic!("{}: {error}", example.display()));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(printed, "with keys in memory: passed\nwith keys in SoftHSM: passed\n");
}

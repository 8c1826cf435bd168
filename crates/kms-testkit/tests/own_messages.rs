//! What `esdk-write` writes for others, we read ourselves.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::process::Command;

use kms_testkit::manifest::Manifest;
use kms_testkit::runner::check;
use kms_testkit::write::{test_keys, write_corpus};

#[test]
fn our_corpus_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let written = write_corpus(dir.path(), &test_keys().unwrap()).unwrap();
    let report = check(&dir.path().join("manifest.json")).unwrap();
    println!("{report}");
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert_eq!((report.counts(), written), ((1146, 0, 0), 1146));
}

/// Exit status and last line.
fn esdk_vectors(manifest: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_esdk-vectors")).arg(manifest).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), printed.lines().last().unwrap_or_default().to_owned())
}

#[test]
fn the_program_tells_good_from_bad() {
    let dir = tempfile::tempdir().unwrap();
    let wrote = Command::new(env!("CARGO_BIN_EXE_esdk-write")).arg(dir.path()).status().unwrap();
    assert!(wrote.success());
    let path = dir.path().join("manifest.json");
    let mut manifest = Manifest::parse(&std::fs::read(&path).unwrap()).unwrap();
    manifest.messages.truncate(3);
    manifest.messages[2].decrypt_with.as_mut().unwrap().wrapping = "RSA_PKCS1".into();
    manifest.messages[2].decrypt_with.as_mut().unwrap().key = "rsa2048".into();
    std::fs::write(&path, manifest.to_json().unwrap()).unwrap();
    assert_eq!(esdk_vectors(&path), (Some(0), "2 passed, 0 failed, 1 declined".into()));

    let message = dir.path().join(&manifest.messages[1].file);
    let mut bytes = std::fs::read(&message).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&message, bytes).unwrap();
    assert_eq!(esdk_vectors(&path), (Some(1), "1 passed, 1 failed, 1 declined".into()));

    assert_eq!(esdk_vectors(&dir.path().join("nowhere.json")), (Some(2), String::new()));
}

//! The conformance suite on the backends of the workspace.

#![expect(clippy::std_instead_of_alloc, reason = "a test has std")]

use std::sync::Arc;

use kms_core::{Backend, Call, EncryptionAlgorithm, InMemory, Key, KeyId, KeySpec, KeyUsage, Records, SystemRandom};
use kms_soft::{SealedBackend, SoftBackend};
use kms_testkit::conformance::{self, Subject};

fn soft(backend: &SoftBackend) -> Subject<'_> {
    Subject::new("soft", backend, SoftBackend::locator)
        .with_slow([KeySpec::Rsa3072, KeySpec::Rsa4096])
        .with_destroyed_keys_usable("a handle shares the key with the backend, which forgets its own share")
        .with_texts(move || vec![format!("{backend:?}")])
}

#[test]
fn keys_in_memory_conform() {
    let backend = SoftBackend::new(SystemRandom);
    let report = conformance::run(&soft(&backend));
    println!("{report}");
    report.assert_passed();
    // Nothing that AWS KMS has is missing, and every kind of key was tried.
    let tried = |check: &str| report.passed.iter().filter(|passed| passed.check == check).count();
    assert_eq!(tried("algorithms: every one that is advertised works"), backend.supported().len());
    assert_eq!(format!("{backend:?}"), "SoftBackend(0 keys)", "the suite cleans up");
}

#[test]
fn keys_in_records_conform() {
    let memory = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
    let root = memory.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &Call::default()).unwrap();
    let records = Arc::new(InMemory::default());
    let backend = SealedBackend::new(Key::new(root), records.clone(), SystemRandom).unwrap();
    let subject = Subject::new("sealed", &backend, SealedBackend::locator)
        .with_slow([KeySpec::Rsa3072, KeySpec::Rsa4096])
        .with_destroyed_keys_usable("a handle holds the unsealed key; its record is gone")
        .with_texts(|| vec![format!("{backend:?}"), format!("{records:?}")]);
    let report = conformance::run(&subject);
    println!("{report}");
    report.assert_passed();
    assert!(records.list().unwrap().is_empty(), "the suite cleans up");
}

#[test]
fn two_backends_in_memory_are_at_parity() {
    let (ours, theirs) = (SoftBackend::new(SystemRandom), SoftBackend::new(SystemRandom));
    let (usage, reason) = (KeyUsage::EncryptDecrypt, "declared for the sake of the report");
    let theirs = soft(&theirs).without_imports_of(KeySpec::Rsa4096, reason).without_algorithm(
        KeySpec::Rsa2048,
        usage,
        EncryptionAlgorithm::RsaesOaepSha1,
        reason,
    );
    let report = conformance::parity(&soft(&ours), &theirs);
    println!("{report}");
    report.assert_passed();
    let absent: Vec<_> = report.absent.iter().map(|absent| absent.what.as_str()).collect();
    assert_eq!(absent, ["RSA_4096 keys for ENCRYPT_DECRYPT", "RSA_4096 keys for SIGN_VERIFY"]);
    assert!(report.passed.iter().any(|passed| passed.on == "RSA_3072 ENCRYPT_DECRYPT RSAES_OAEP_SHA_256"));
}

//! A log that was written by version 1 of the format, and that every later release reads.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs};

use kms_core::{Backend, Call, Key, KeyId, KeyMaterial, KeySpec, KeyUsage, PublicKey, Secret, SystemRandom};
use kms_service::audit::{Event, EventResource, Filter, Head, Log, UserIdentity, lookup, verify};
use kms_service::{Clock, Timestamp};
use kms_soft::SoftBackend;

use crate::common::{filter, options, segments};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/audit-v1")
}

struct Fixed;

impl Clock for Fixed {
    fn running(&self) -> core::time::Duration {
        core::time::Duration::ZERO
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_763_977_420_123)
    }
}

/// Writes the fixture, and the files beside it. It was run once.
#[test]
#[ignore = "the fixture stays as it is"]
fn make_the_fixture() {
    let Some(target) = env::var_os("KMS_AUDIT_FIXTURE").map(PathBuf::from) else { return };
    let private = fs::read(env::var_os("KMS_AUDIT_FIXTURE_KEY").expect("the PKCS#8 of a P-256 key")).unwrap();
    let backend = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::from_bytes([0x17; 16]).into());
    let material = KeyMaterial::Pkcs8(Secret::copy_from(&private));
    let key = backend.import(&at, KeySpec::EccNistP256, KeyUsage::SignVerify, material, &Call::default()).unwrap();
    let key = Key::new(key);
    fs::create_dir_all(&target).unwrap();
    fs::write(target.join("signer.pem"), key.public_key().unwrap().to_pem().unwrap()).unwrap();
    let options = options().with_clock(Arc::new(Fixed)).with_segment_len(1500);
    let options = options.with_checkpoints(core::time::Duration::from_secs(3600), 2).with_signer(key);
    let log = Log::open(&target.join("log"), options).unwrap();
    let account = "111122223333".parse().unwrap();
    let arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    for (number, operation) in
        ["CreateKey", "Encrypt", "Decrypt", "Decrypt", "DisableKey", "Decrypt"].iter().enumerate()
    {
        let mut event = Event::new(operation, UserIdentity::new("IAMUser"), Fixed.now());
        let resources = [EventResource::key(account, arn)];
        (event.resources, event.region, event.recipient_account_id) = (&resources, "eu-central-1", account);
        event.error_code = (number == 5).then_some("DisabledException");
        let context = serde_json::json!({"encryptionContext": {"number": number.to_string()}});
        let _ = log.append(event.with_details(context, (), None::<()>).to_json().unwrap()).unwrap();
    }
    drop(log);
    let head = verify(&target.join("log"), &[], None).unwrap().head;
    fs::write(target.join("head"), format!("{head}\n")).unwrap();
}

#[test]
fn the_fixture_reads_and_verifies() {
    let log = fixture().join("log");
    let key = PublicKey::from_pem(&fs::read_to_string(fixture().join("signer.pem")).unwrap()).unwrap();
    let head: Head = fs::read_to_string(fixture().join("head")).unwrap().trim_end().parse().unwrap();
    let verified = verify(&log, &[key], Some(&head)).unwrap();
    assert_eq!((verified.events, verified.unfinished), (6, 0));
    assert_eq!((verified.head, verified.signed + 1), (head, head.sequence));
    assert_eq!(verified.signed_at, Some(Fixed.now()));
    assert!(verified.checkpoints > 2 && segments(&log).len() > 1);

    let found = |filter: &Filter| lookup(&log, filter).unwrap().map(|entry| entry.unwrap()).collect::<Vec<_>>();
    let decrypts = found(&filter(|filter| filter.operation = Some("Decrypt".into())));
    assert_eq!(decrypts.len(), 3);
    let last: serde_json::Value = serde_json::from_slice(&decrypts[2].record).unwrap();
    assert_eq!(last["errorCode"], "DisabledException");
    assert_eq!(last["requestParameters"]["encryptionContext"]["number"], "5");
    assert_eq!(found(&Filter::default()).len(), 6);
}

#[test]
fn the_fixture_is_gone_on_with() {
    let directory = tempfile::tempdir().unwrap();
    for segment in segments(&fixture().join("log")) {
        let _ = fs::copy(&segment, directory.path().join(segment.file_name().unwrap())).unwrap();
    }
    let head: Head = fs::read_to_string(fixture().join("head")).unwrap().trim_end().parse().unwrap();
    let log = Log::open(directory.path(), options()).unwrap();
    assert_eq!(log.head(), head);
    assert_eq!(log.append(b"{}".to_vec()).unwrap().sequence, head.sequence + 1);
    let _ = verify(directory.path(), &[], Some(&head)).unwrap();
}

//! What is recorded of calls, and that nothing is answered before it is.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64ct::{Base64, Encoding};
use kms_core::{EncryptionContext, Secret};
use kms_service::api::{
    CreateGrantRequest, CreateKeyRequest, DecryptRequest, EncryptRequest, GenerateDataKeyRequest,
    GenerateRandomRequest, GrantOperation, ListKeysRequest, Named, Operation, ReEncryptRequest,
    ScheduleKeyDeletionRequest,
};
use kms_service::audit::{CallResult, Disk, Filter, Log, Options, SystemDisk, lookup, verify};
use kms_service::quota::Throttle;
use kms_service::{Caller, Exception, Principal};
use parking_lot::{Condvar, Mutex};
use serde_json::Value;
use tempfile::TempDir;

use crate::desk::{ACCOUNT, Desk, HERE, OTHER_ACCOUNT, refused, region, user};

const ALL: &str = r#"{"Effect":"Allow","Action":"kms:*","Resource":"*"}"#;

/// A service whose calls are recorded in a directory.
fn recorded() -> (Desk, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let log = Log::open(directory.path(), Options::new("test").with_reserve(0)).unwrap();
    let desk = Desk::with(|builder| builder.audit(Arc::new(log)).deletion_grace(Duration::ZERO));
    (desk, directory)
}

fn events(directory: &Path, set: impl FnOnce(&mut Filter)) -> Vec<Value> {
    let mut filter = Filter::default();
    set(&mut filter);
    let found = lookup(directory, &filter).unwrap();
    found.map(|entry| serde_json::from_slice(&entry.unwrap().record).unwrap()).collect()
}

fn last(directory: &Path) -> Value {
    events(directory, |_| ()).pop().unwrap()
}

fn encrypt(key: &str) -> EncryptRequest {
    EncryptRequest {
        key_id: key.into(),
        plaintext: Secret::copy_from(b"attack at dawn").into(),
        encryption_context: EncryptionContext::new([("team", "red")]).unwrap(),
        ..Default::default()
    }
}

#[test]
fn there_is_one_record_for_each_call_however_it_ends() {
    let (desk, directory) = recorded();
    let count = || events(directory.path(), |_| ()).len();
    let key = desk.create(CreateKeyRequest::default()).arn;
    assert_eq!(count(), 1);
    desk.ask(encrypt(&key)).unwrap();
    assert_eq!(count(), 2);
    let allowed = last(directory.path());
    assert_eq!(allowed["eventName"], "Encrypt");
    assert_eq!(allowed["requestParameters"]["encryptionContext"]["team"], "red");
    assert_eq!(allowed["requestParameters"]["keyId"], key.as_str());
    assert!(allowed["responseElements"].is_null() && allowed.get("errorCode").is_none());
    assert_eq!(allowed["resources"][0]["ARN"], key.as_str());
    assert_eq!(allowed["resources"][0]["type"], "AWS::KMS::Key");
    assert_eq!(allowed["resources"][0]["accountId"], ACCOUNT);
    assert_eq!((&allowed["readOnly"], &allowed["eventType"]), (&true.into(), &"AwsApiCall".into()));
    assert_eq!((&allowed["awsRegion"], &allowed["eventSource"]), (&HERE.into(), &"kms.amazonaws.com".into()));
    assert_eq!(allowed["eventTime"], "2027-01-15T08:00:00Z");

    let mallory = user(ACCOUNT, "mallory", r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#);
    let denied = desk.service.call(&mallory, &encrypt(&key)).unwrap_err();
    assert_eq!(count(), 3);
    let event = last(directory.path());
    assert_eq!(event["errorCode"], "AccessDenied");
    assert_eq!(event["errorMessage"].as_str(), denied.message());
    assert_eq!(event["resources"][0]["ARN"], key.as_str());

    let mut rule = Throttle::default();
    rule.operation = Some(Operation::Encrypt);
    desk.service.throttle(vec![rule]);
    refused(desk.ask(encrypt(&key)), Exception::Throttling, "");
    desk.service.throttle(Vec::new());
    assert_eq!(count(), 4);
    assert_eq!(last(directory.path())["errorCode"], Exception::Throttling.trail_code());

    refused(desk.ask(EncryptRequest::default()), Exception::Validation, "");
    assert_eq!(count(), 5);
    let event = last(directory.path());
    assert_eq!(event["errorCode"], Exception::Validation.trail_code());
    assert_eq!(event["resources"].as_array().map(Vec::len), Some(0));

    let dry = EncryptRequest { dry_run: Some(true), ..encrypt(&key) };
    refused(desk.ask(dry), Exception::DryRunOperation, "");
    assert_eq!(count(), 6);
    let event = last(directory.path());
    assert_eq!(event["errorCode"], Exception::DryRunOperation.trail_code());
    assert_eq!(event["requestParameters"]["dryRun"], true);

    let ids: std::collections::BTreeSet<_> =
        events(directory.path(), |_| ()).iter().map(|event| event["eventID"].to_string()).collect();
    assert_eq!(ids.len(), 6, "each has an id of its own");
    // Looking and simulating is no call.
    desk.service.explain(&mallory, &encrypt(&key)).unwrap();
    assert_eq!(count(), 6);
    verify(directory.path(), &[], None).unwrap();
}

#[test]
fn principals_are_recorded_as_cloudtrail_does() {
    let (desk, directory) = recorded();
    let ask = |mut caller: Caller| {
        caller.access_key_id = Some("AKIAIOSFODNN7EXAMPLE".into());
        caller.source_ip = Some("192.0.2.7".parse().unwrap());
        caller.user_agent = Some("aws-cli/2".into());
        caller.request_id = Some("11111111-2222-4333-8444-555555555555".into());
        let _either_way = desk.service.call(&caller, &ListKeysRequest::default());
        last(directory.path())
    };
    let event = ask(desk.caller.clone());
    let root = &event["userIdentity"];
    assert_eq!((&root["type"], &root["principalId"]), (&"Root".into(), &ACCOUNT.into()));
    assert_eq!((&root["arn"], &root["accountId"]), (&format!("arn:aws:iam::{ACCOUNT}:root").into(), &ACCOUNT.into()));
    assert_eq!(root["accessKeyId"], "AKIAIOSFODNN7EXAMPLE");
    assert_eq!((&event["sourceIPAddress"], &event["userAgent"]), (&"192.0.2.7".into(), &"aws-cli/2".into()));
    assert_eq!(event["requestID"], "11111111-2222-4333-8444-555555555555");
    assert_eq!(event["recipientAccountId"], ACCOUNT);

    let event = ask(user(ACCOUNT, "alice", ALL));
    let identity = &event["userIdentity"];
    assert_eq!((&identity["type"], &identity["userName"]), (&"IAMUser".into(), &"alice".into()));
    assert_eq!(identity["arn"], format!("arn:aws:iam::{ACCOUNT}:user/alice"));

    let role = format!("arn:aws:iam::{ACCOUNT}:role/ops/app");
    let event = ask(Caller::new(Principal::role_session(&role, "one").unwrap(), region(HERE)));
    let identity = &event["userIdentity"];
    assert_eq!(identity["type"], "AssumedRole");
    assert_eq!(identity["arn"], format!("arn:aws:sts::{ACCOUNT}:assumed-role/app/one"));
    let issuer = &identity["sessionContext"]["sessionIssuer"];
    assert_eq!((&issuer["type"], &issuer["arn"]), (&"Role".into(), &role.into()));
    assert_eq!((&issuer["accountId"], &issuer["userName"]), (&ACCOUNT.into(), &"app".into()));

    let event = ask(Caller::new("s3.amazonaws.com".parse().unwrap(), region(HERE)));
    let identity = &event["userIdentity"];
    assert_eq!((&identity["type"], &identity["invokedBy"]), (&"AWSService".into(), &"s3.amazonaws.com".into()));
    let mut through = user(ACCOUNT, "alice", ALL);
    through.via_service = Some("s3.eu-central-1.amazonaws.com".into());
    assert_eq!(ask(through)["userIdentity"]["invokedBy"], "s3.eu-central-1.amazonaws.com");
}

#[test]
fn no_secret_is_in_the_log() {
    let (desk, directory) = recorded();
    let mut secrets: Vec<Vec<u8>> = vec![b"attack at dawn".to_vec()];
    let key = desk.create(CreateKeyRequest::default()).arn;
    let other = desk.create(CreateKeyRequest::default()).arn;
    let sealed = desk.ask(encrypt(&key)).unwrap().ciphertext_blob;
    secrets.push(sealed.to_vec());
    let context = EncryptionContext::new([("team", "red")]).unwrap();
    let open = DecryptRequest {
        ciphertext_blob: Some(sealed.clone()),
        encryption_context: context.clone(),
        ..Default::default()
    };
    desk.ask(open).unwrap();
    let generate =
        GenerateDataKeyRequest { key_id: key.as_str().into(), number_of_bytes: Some(32), ..Default::default() };
    let data_key = desk.ask(generate).unwrap();
    secrets.push(data_key.plaintext.unwrap().expose().to_vec());
    secrets.push(data_key.ciphertext_blob.to_vec());
    let re_encrypt = ReEncryptRequest {
        ciphertext_blob: Some(sealed),
        source_encryption_context: context,
        destination_key_id: other.as_str().into(),
        ..Default::default()
    };
    secrets.push(desk.ask(re_encrypt).unwrap().ciphertext_blob.to_vec());
    let resources = last(directory.path())["resources"].clone();
    let named: Vec<_> = resources.as_array().unwrap().iter().map(|one| one["ARN"].as_str().unwrap()).collect();
    assert_eq!(named, [key.as_str(), other.as_str()], "both keys are named");
    let random = GenerateRandomRequest { number_of_bytes: Some(32), ..Default::default() };
    secrets.push(desk.ask(random).unwrap().plaintext.unwrap().expose().to_vec());
    let grant = CreateGrantRequest {
        key_id: key.as_str().into(),
        grantee_principal: Some(format!("arn:aws:iam::{ACCOUNT}:user/bob")),
        operations: vec![Named::from(GrantOperation::Encrypt)].into(),
        ..Default::default()
    };
    let token = desk.ask(grant).unwrap().grant_token;
    desk.ask(EncryptRequest { grant_tokens: vec![token.clone()], ..encrypt(&key) }).unwrap();
    secrets.push(Base64::decode_vec(&token).unwrap());
    secrets.push(b"a wrong ciphertext, long enough".to_vec());
    let wrong = DecryptRequest { ciphertext_blob: Some(secrets[secrets.len() - 1][..].into()), ..Default::default() };
    refused(desk.ask(wrong), Exception::InvalidCiphertext, "");
    drop(desk);

    let mut log = Vec::new();
    for entry in fs::read_dir(directory.path()).unwrap() {
        log.extend(fs::read(entry.unwrap().path()).unwrap());
    }
    let is_in = |bytes: &[u8]| log.windows(bytes.len()).any(|window| window == bytes);
    assert!(is_in(key.as_bytes()), "the log is what is searched");
    for secret in secrets {
        // Some of the middle of the base64, which does not depend on where the whole begins, and hexadecimal.
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        for form in [secret.as_slice(), Base64::encode_string(&secret[..12]).as_bytes(), hex.as_bytes()] {
            assert!(!is_in(form), "{}", String::from_utf8_lossy(form));
        }
    }
}

#[test]
fn what_the_service_does_itself_is_recorded() {
    let (desk, directory) = recorded();
    let rotated = desk.create(CreateKeyRequest::default()).arn;
    let enable = kms_service::api::EnableKeyRotationRequest {
        key_id: rotated.as_str().into(),
        rotation_period_in_days: Some(90),
    };
    desk.ask(enable).unwrap();
    let deleted = desk.create(CreateKeyRequest::default()).arn;
    desk.ask(ScheduleKeyDeletionRequest { key_id: deleted.as_str().into(), pending_window_in_days: Some(7) }).unwrap();
    desk.clock.advance(Duration::from_secs(90 * 86_400));
    let done = desk.service.run_due().unwrap();
    assert_eq!((done.rotated, done.deleted), (1, 1));
    for (name, key) in [("RotateKey", &rotated), ("DeleteKey", &deleted)] {
        let found = events(directory.path(), |filter| filter.operation = Some(name.into()));
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0]["eventType"], "AwsServiceEvent");
        assert_eq!(found[0]["resources"][0]["ARN"], key.as_str());
        assert_eq!(found[0]["userIdentity"]["invokedBy"], "AWS Internal");
        assert_eq!(found[0]["userIdentity"]["accountId"], ACCOUNT);
        assert_eq!(found[0]["sourceIPAddress"], "AWS Internal");
        assert_eq!(found[0]["readOnly"], false);
    }
}

#[test]
fn calls_are_found_by_all_that_they_are() {
    let (desk, directory) = recorded();
    let (one, two) = (desk.create(CreateKeyRequest::default()), desk.create(CreateKeyRequest::default()));
    let alice = user(ACCOUNT, "alice", ALL);
    let dan = user(OTHER_ACCOUNT, "dan", ALL);
    desk.service.call(&alice, &encrypt(&one.arn)).unwrap();
    desk.ask(encrypt(&two.arn)).unwrap();
    refused(desk.service.call(&dan, &encrypt(&two.arn)), Exception::AccessDenied, "");
    let count = |set: &dyn Fn(&mut Filter)| events(directory.path(), set).len();
    assert_eq!(count(&|filter| filter.key = Some(one.arn.clone())), 2);
    assert_eq!(count(&|filter| filter.key = Some(two.key_id.clone())), 3);
    assert_eq!(count(&|filter| filter.principal = Some(format!("arn:aws:iam::{ACCOUNT}:user/alice"))), 1);
    assert_eq!(count(&|filter| filter.principal = Some("dan".into())), 1);
    assert_eq!(count(&|filter| filter.operation = Some("Encrypt".into())), 3);
    assert_eq!(count(&|filter| filter.result = Some(CallResult::Failure)), 1);
    assert_eq!(count(&|filter| filter.result = Some(CallResult::Success)), 4);
    assert_eq!(count(&|filter| filter.result = Some(CallResult::Code("AccessDenied".into()))), 1);
    let now = kms_service::Timestamp::from(std::time::SystemTime::now());
    assert_eq!(count(&|filter| filter.since = Some(now + Duration::from_secs(3600))), 0);
    assert_eq!(count(&|filter| filter.until = Some(now + Duration::from_secs(3600))), 5);
    verify(directory.path(), &[], None).unwrap();
}

/// A disk that fails when it is told to, and one whose syncs wait until they are let.
#[derive(Default)]
struct Moody {
    fails: AtomicBool,
    waits: Mutex<bool>,
    goes_on: Condvar,
}

impl Disk for Moody {
    fn sync(&self, path: &Path, file: &File) -> io::Result<()> {
        let mut waits = self.waits.lock();
        self.goes_on.wait_while(&mut waits, |waits| *waits);
        drop(waits);
        if self.fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is broken"));
        }
        SystemDisk.sync(path, file)
    }
}

fn on(disk: &Arc<Moody>) -> (Desk, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let options = Options::new("test").with_reserve(0).with_disk(disk.clone());
    let log = Log::open(directory.path(), options).unwrap();
    (Desk::with(|builder| builder.audit(Arc::new(log))), directory)
}

#[test]
fn without_a_record_there_is_no_answer() {
    let disk = Arc::new(Moody::default());
    let (desk, _directory) = on(&disk);
    let key = desk.key();
    desk.ask(encrypt(&key)).unwrap();
    disk.fails.store(true, Ordering::SeqCst);
    let generate =
        GenerateDataKeyRequest { key_id: key.as_str().into(), number_of_bytes: Some(32), ..Default::default() };
    for _ in 0..3 {
        let error = desk.ask(encrypt(&key)).unwrap_err();
        assert_eq!(error.exception(), Exception::KMSInternal);
        assert_eq!(error.message(), Some("The call could not be recorded."));
        refused(desk.service.call(&desk.caller, &generate), Exception::KMSInternal, "could not be recorded");
    }
    refused(desk.ask(EncryptRequest::default()), Exception::KMSInternal, "could not be recorded");
    disk.fails.store(false, Ordering::SeqCst);
    refused(desk.ask(encrypt(&key)), Exception::KMSInternal, "could not be recorded");
}

#[test]
fn no_answer_comes_before_its_record_is_on_the_disk() {
    let disk = Arc::new(Moody::default());
    let (desk, directory) = on(&disk);
    let key = desk.key();
    *disk.waits.lock() = true;
    let answered = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| {
            desk.ask(encrypt(&key)).unwrap();
            answered.store(true, Ordering::SeqCst);
        });
        // However long it takes until it is written, it is not answered before it is synced.
        while events(directory.path(), |filter| filter.operation = Some("Encrypt".into())).is_empty() {
            std::thread::yield_now();
        }
        for _ in 0..1000 {
            assert!(!answered.load(Ordering::SeqCst));
            std::thread::yield_now();
        }
        *disk.waits.lock() = false;
        disk.goes_on.notify_all();
        call.join().unwrap();
    });
    assert!(answered.load(Ordering::SeqCst));
}

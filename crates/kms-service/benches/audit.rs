//! What a record costs its caller and the writer, how many are on the disk in a second, and how fast a log is verified.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]
#![expect(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "never built without std")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kms_core::primitives::hash::hash;
use kms_core::{Backend, Call, HashAlgorithm, Key, KeyId, KeySpec, KeyUsage, SystemRandom};
use kms_service::audit::{Event, EventResource, Log, Options, SessionContext, SessionIssuer, UserIdentity, verify};
use kms_service::{AccountId, Timestamp};
use kms_soft::SoftBackend;
use serde::Serialize;

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// The parameters of a Decrypt, as its request has them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Decrypt<'a> {
    encryption_context: BTreeMap<&'a str, &'a str>,
    encryption_algorithm: &'a str,
    key_id: &'a str,
}

/// A Decrypt by a role, with an encryption context.
fn event(account: AccountId) -> Vec<u8> {
    let mut user = UserIdentity::new("AssumedRole");
    user.principal_id = Some("AROAIGCQGTHBRMUSBRWAW:session");
    user.arn = Some("arn:aws:sts::111122223333:assumed-role/backup/session");
    user.account_id = Some(account);
    user.access_key_id = Some("ASIAIOSFODNN7EXAMPLE");
    let session_issuer = SessionIssuer {
        kind: "Role",
        principal_id: "AROAIGCQGTHBRMUSBRWAW",
        arn: "arn:aws:iam::111122223333:role/backup",
        account_id: account,
        user_name: "backup",
    };
    user.session_context = Some(SessionContext { session_issuer });
    let resources = [EventResource::key(account, KEY)];
    let mut event = Event::new("Decrypt", user, Timestamp::from_millis(1_700_000_000_000));
    event.region = "eu-central-1";
    event.source_ip_address = "192.0.2.17";
    event.user_agent = "aws-cli/2.15.30 md/Botocore#1.34 ua/2.0 os/linux lang/python#3.11";
    event.request_id = "b8e6d0a3-4b0e-4f8a-9a53-4a1d3c1c7a11";
    event.event_id = "0e7f4e04-3b0c-4d3a-8bcd-6f1d1a2b9c55";
    event.read_only = true;
    event.resources = &resources;
    event.recipient_account_id = account;
    let request = Decrypt {
        encryption_context: [("aws:ebs:id", "vol-0123456789abcdef0"), ("tenant", "4711")].into(),
        encryption_algorithm: "SYMMETRIC_DEFAULT",
        key_id: KEY,
    };
    event.with_details(request, (), None::<()>).to_json().unwrap()
}

fn record(c: &mut Criterion) {
    let account = "111122223333".parse().unwrap();
    let record = event(account);
    println!("an event has {} bytes", record.len());
    c.bench_function("event", |b| b.iter(|| event(black_box(account))));
    c.bench_function("link", |b| b.iter(|| hash(HashAlgorithm::Sha256, black_box(&record))));
}

/// So many callers, each with one record at a time.
fn durable(c: &mut Criterion) {
    let record = event("111122223333".parse().unwrap());
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let backend = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::from_bytes([7; 16]).into());
    let key = backend.create(&at, KeySpec::EccNistP256, KeyUsage::SignVerify, &Call::default()).unwrap();
    let log = Log::open(directory.path(), Options::new("bench").with_signer(Key::new(key))).unwrap();
    let mut group = c.benchmark_group("append");
    group.throughput(Throughput::Elements(1)).sample_size(10).measurement_time(Duration::from_secs(3));
    for callers in [1, 8, 64, 512] {
        group.bench_function(BenchmarkId::from_parameter(callers), |b| {
            b.iter_custom(|records| {
                let each = records.div_ceil(callers);
                let start = Instant::now();
                thread::scope(|scope| {
                    for _ in 0..callers {
                        scope.spawn(|| (0..each).for_each(|_| assert!(log.append(record.clone()).is_ok())));
                    }
                });
                start.elapsed().mul_f64(
                    f64::from(u32::try_from(records).unwrap()) / f64::from(u32::try_from(each * callers).unwrap()),
                )
            });
        });
    }
    // As many as the queue holds at once: what the writer thread does in all, beside the disk.
    group.bench_function("submitted", |b| {
        b.iter_custom(|records| {
            let start = Instant::now();
            let pending: Vec<_> = (0..records).map(|_| log.submit(record.clone()).unwrap()).collect();
            pending.into_iter().for_each(|pending| assert!(pending.wait().is_ok()));
            start.elapsed()
        });
    });
    group.finish();
    let records = log.head().sequence;
    let mut group = c.benchmark_group("verify");
    group.throughput(Throughput::Elements(records)).sample_size(10);
    group.bench_function("chain", |b| b.iter(|| verify(directory.path(), &[], None).unwrap()));
    group.finish();
}

criterion_group!(benches, record, durable);
criterion_main!(benches);

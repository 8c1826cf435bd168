//! What the whole way of a request costs over the bare operation of the key: authorise, admit, check, count, operate; and
//! the same with an audit record built, chained and written, on a disk that does not sync.
//!
//! Both sides run in turn, so that what else runs on the machine falls on both. Prints medians, in nanoseconds a call,
//! allocations a call, and how much faster two threads are than one.
//!
//! Whoever waits for a record waits for another thread to be woken, which takes many times what the work itself takes, and
//! no processor's time. So the work with an audit record is also measured as a server does it, with calls submitted during
//! one sync of the log and waited for until the next one: in processor time of all threads, in which the records are built,
//! chained and written.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark stops at the first surprise")]
#![expect(clippy::std_instead_of_alloc, clippy::std_instead_of_core, reason = "never built without std")]

use std::fs::File;
use std::hint::black_box;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kms_core::{Backend, Call, EncryptionContext, Key, KeyId, KeySpec, KeyUsage, Secret, SystemRandom};
use kms_service::api::{CreateKeyRequest, DecryptRequest, EncryptRequest, GenerateDataKeyRequest};
use kms_service::audit::{Disk, Log, Options};
use kms_service::{Caller, Policy, PolicyKind, Quotas, Region, SealedStore, Service, ServiceBuilder};
use kms_soft::{SealedBackend, SoftBackend};
use kms_store::Memory;
use parking_lot::{Condvar, Mutex};

/// The disk of the machine, but for waiting until it has what it was given: a sync takes no time, or as long as it is held
/// up.
#[derive(Default)]
struct NoSync {
    held: Mutex<bool>,
    released: Condvar,
}

impl NoSync {
    fn hold(&self, held: bool) {
        *self.held.lock() = held;
        self.released.notify_all();
    }
}

impl Disk for NoSync {
    fn sync(&self, _: &Path, _: &File) -> io::Result<()> {
        let mut held = self.held.lock();
        self.released.wait_while(&mut held, |held| *held);
        Ok(())
    }
}

fn root_key() -> Key {
    let backend = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
    Key::new(backend.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &Call::default()).unwrap())
}

fn service(audit: Option<Arc<Log>>) -> Service {
    let (store, root) = (Arc::new(Memory::new()), root_key());
    let sealed = SealedStore::open(store, &root).unwrap();
    let backend = SealedBackend::new(root, sealed.records(), SystemRandom).unwrap();
    let mut builder =
        ServiceBuilder::new(sealed, Arc::new(backend)).regions([region()]).quotas(Quotas::unlimited().with(
            kms_service::quota::Class::Symmetric,
            // Counted, and never used up.
            1e9,
        ));
    if let Some(log) = audit {
        builder = builder.audit(log);
    }
    builder.build().unwrap()
}

fn region() -> Region {
    "eu-central-1".parse().unwrap()
}

/// A user who may use keys by an identity policy, as the default key policy lets them.
fn caller() -> Caller {
    caller_of("app")
}

/// Threads that measure callers with a key each, so far.
static SECONDS: AtomicU64 = AtomicU64::new(0);

fn caller_of(user: &str) -> Caller {
    const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey*","kms:CreateKey"],"Resource":"*"}]}"#;
    let policy = Policy::parse(PolicyKind::Identity, POLICY).unwrap();
    let principal = format!("arn:aws:iam::111122223333:user/{user}").parse().unwrap();
    let mut caller = Caller::new(principal, region()).with_policies([Arc::new(policy)]);
    caller.source_ip = Some("10.1.2.3".parse().unwrap());
    caller.user_agent = Some("aws-sdk-rust/1.0".into());
    caller.access_key_id = Some("AKIAIOSFODNN7EXAMPLE".into());
    caller.request_id = Some("2b5d8f4e-7f30-4d2b-8a32-0f5a6f7f9a11".into());
    caller
}

/// Nanoseconds that a call takes, of so many.
fn time(calls: u32, work: &mut dyn FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        work();
    }
    start.elapsed().as_nanos() as f64 / f64::from(calls)
}

/// Nanoseconds of processor time that something takes, of all threads of this process.
fn processor_time(work: &mut dyn FnMut()) -> f64 {
    let used = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
    };
    let start = used();
    work();
    used() - start
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Something to measure.
type Work<'a> = &'a (dyn Fn() + Sync);

/// Calls a second that so many threads do together.
fn rate(threads: usize, time: Duration, work: Work<'_>) -> f64 {
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    for _ in 0..64 {
                        work();
                    }
                    count += 64;
                }
                done.fetch_add(count, Ordering::Relaxed);
            });
        }
        std::thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
    });
    done.into_inner() as f64 / start.elapsed().as_secs_f64()
}

fn main() {
    // `cargo bench` says so; without, this only has to run.
    let measures = std::env::args().any(|argument| argument == "--bench");
    /// Calls that share a sync.
    const FEW: u32 = 100;
    const MORE: u32 = 500;
    let (rounds, calls) = if measures { (41, 2000) } else { (1, 250) };

    let (directory, disk) = (tempfile::tempdir().unwrap(), Arc::new(NoSync::default()));
    let log = Log::open(directory.path(), Options::new("bench").with_disk(disk.clone())).unwrap();
    let log = Arc::new(log);
    // What it takes to hand a record to the log's thread and to wait for it, which is none of the way's own.
    let record = vec![b'x'; 1024];
    let mut hand = || {
        let _position = black_box(log.append(record.clone()).unwrap());
    };
    let handed = (0..rounds).map(|_| time(calls, &mut hand));
    println!("a record of 1 KiB handed to the log and written, no sync: {:.0} ns", median(handed.collect()));
    let (plain, audited) = (service(None), service(Some(log)));
    let (bare, caller) = (root_key(), caller());
    let context = EncryptionContext::new([("tenant", "42"), ("purpose", "bench")]).unwrap();
    let payload = [7; 32];

    for (what, service) in [("without audit", &plain), ("with audit, no sync", &audited)] {
        let key = service.call(&caller, &CreateKeyRequest::default()).unwrap().key_metadata.key_id;
        let encrypt = EncryptRequest {
            key_id: key.as_str().into(),
            plaintext: Secret::copy_from(&payload).into(),
            encryption_context: context.clone(),
            ..Default::default()
        };
        let sealed = service.call(&caller, &encrypt).unwrap().ciphertext_blob;
        let decrypt =
            DecryptRequest { ciphertext_blob: Some(sealed), encryption_context: context.clone(), ..Default::default() };
        let generate = GenerateDataKeyRequest {
            key_id: key.as_str().into(),
            number_of_bytes: Some(32),
            encryption_context: context.clone(),
            ..Default::default()
        };
        let call = Call::default();
        let bare_sealed = bare.encrypt(&payload, &context, &call).unwrap().into_bytes();

        let bare_encrypt = || drop(black_box(bare.encrypt(&payload, &context, &call).unwrap()));
        let bare_decrypt = || drop(black_box(bare.decrypt(&bare_sealed, &context, &call).unwrap()));
        let bare_generate = || drop(black_box(bare.generate_data_key(32, &context, &call).unwrap()));
        let whole_encrypt = || drop(black_box(service.call(&caller, &encrypt).unwrap()));
        let whole_decrypt = || drop(black_box(service.call(&caller, &decrypt).unwrap()));
        let whole_generate = || drop(black_box(service.call(&caller, &generate).unwrap()));
        let operations: [(&str, Work<'_>, Work<'_>); 3] = [
            ("Encrypt", &bare_encrypt, &whole_encrypt),
            ("Decrypt", &bare_decrypt, &whole_decrypt),
            ("GenerateDataKey", &bare_generate, &whole_generate),
        ];
        for (name, bare, whole) in operations {
            let (mut of_bare, mut of_whole) = (Vec::new(), Vec::new());
            for _ in 0..rounds {
                of_bare.push(time(calls, &mut || bare()));
                of_whole.push(time(calls, &mut || whole()));
            }
            let (of_bare, of_whole) = (median(of_bare), median(of_whole));
            let bare_allocations = allocation_counter::measure(bare).count_total;
            let allocations = allocation_counter::measure(whole).count_total;
            println!(
                "{name} {what}: {of_whole:.0} ns, bare {of_bare:.0} ns, over {:.0} ns; {allocations} allocations, bare \
                 {bare_allocations}",
                of_whole - of_bare
            );
        }
        // A sync and its two wake-ups cost the same for any number of calls: the difference is what the calls cost.
        let times = (0..rounds * 4).map(|_| {
            let batch = |calls: u32| {
                processor_time(&mut || {
                    disk.hold(true);
                    let submitted: Vec<_> = (0..calls).map(|_| service.submit(&caller, &encrypt)).collect();
                    disk.hold(false);
                    submitted.into_iter().for_each(|call| drop(black_box(call.wait().unwrap())));
                })
            };
            let bare = processor_time(&mut || (0..MORE - FEW).for_each(|_| bare_encrypt()));
            (batch(MORE) - batch(FEW), bare)
        });
        let times: Vec<_> = times.collect();
        let of_one = |times: Vec<f64>| median(times) / f64::from(MORE - FEW);
        let whole = of_one(times.iter().map(|(whole, _)| *whole).collect());
        let bare = of_one(times.iter().map(|(_, bare)| *bare).collect());
        println!(
            "Encrypt {what}, one more in a batch: {whole:.0} ns of processor time, bare {bare:.0} ns, over {:.0} ns",
            whole - bare
        );
        let slice = if measures { Duration::from_millis(200) } else { Duration::from_millis(1) };
        // Two callers with a key each: what the threads still share is the service itself, and the account's quota.
        let other_caller = caller_of("other");
        let other_key = service.call(&caller, &CreateKeyRequest::default()).unwrap().key_metadata.key_id;
        let other = EncryptRequest {
            key_id: other_key.into(),
            plaintext: Secret::copy_from(&payload).into(),
            encryption_context: context.clone(),
            ..Default::default()
        };
        let apart = || {
            thread_local!(static SECOND: bool = SECONDS.fetch_add(1, Ordering::Relaxed) % 2 == 1);
            if SECOND.with(|second| *second) {
                drop(black_box(service.call(&other_caller, &other).unwrap()));
            } else {
                whole_encrypt();
            }
        };
        let ratios = (0..if measures { 9 } else { 1 }).map(|_| {
            let (one, two) = (rate(1, slice, &whole_encrypt), rate(2, slice, &whole_encrypt));
            let (bare_one, bare_two) = (rate(1, slice, &bare_encrypt), rate(2, slice, &bare_encrypt));
            (two / one, rate(2, slice, &apart) / one, bare_two / bare_one)
        });
        let ratios: Vec<_> = ratios.collect();
        let whole = ratios.iter().map(|(whole, ..)| *whole).collect();
        let apart = ratios.iter().map(|(_, apart, _)| *apart).collect();
        let bare = ratios.iter().map(|(.., bare)| *bare).collect();
        println!(
            "Encrypt {what}: two threads {:.2} times one, with a key and a caller each {:.2}, bare {:.2}",
            median(whole),
            median(apart),
            median(bare)
        );
    }
}

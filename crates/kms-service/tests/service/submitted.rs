//! Calls whose record is waited for by a task, and those that need nothing but what is at hand.

use std::fs::File;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use kms_core::Secret;
use kms_service::api::{
    CreateAliasRequest, CreateKeyRequest, DecryptRequest, DescribeKeyRequest, DisableKeyRequest, EncryptRequest,
    KeySpec, KeyUsageType, ReEncryptRequest, RotateKeyOnDemandRequest, SignRequest,
};
use kms_service::audit::{Disk, Filter, Log, Options, SystemDisk, lookup};
use kms_service::{Exception, Service};
use parking_lot::{Condvar, Mutex};

use crate::desk::{Desk, refused};

/// Unparks the thread that polls, and counts how often.
struct Unpark(Thread, AtomicUsize);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.unpark();
    }
}

/// What a future comes to, and how often it was polled.
fn finish<T>(future: impl Future<Output = T>) -> (T, usize) {
    let waker = Waker::from(Arc::new(Unpark(thread::current(), AtomicUsize::new(0))));
    let (mut future, mut polls) = (pin!(future), 0);
    loop {
        polls += 1;
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return (output, polls),
            Poll::Pending => thread::park(),
        }
    }
}

/// The machine's disk, whose syncs wait while it is held, and fail once it is broken.
#[derive(Default)]
struct Held {
    held: Mutex<bool>,
    released: Condvar,
    broken: AtomicBool,
}

impl Held {
    fn hold(&self, held: bool) {
        *self.held.lock() = held;
        self.released.notify_all();
    }
}

impl Disk for Held {
    fn sync(&self, path: &Path, file: &File) -> io::Result<()> {
        let mut held = self.held.lock();
        while *held {
            self.released.wait(&mut held);
        }
        if self.broken.load(Ordering::SeqCst) {
            return Err(io::Error::other("broken"));
        }
        SystemDisk.sync(path, file)
    }
}

fn encrypt(key: &str) -> EncryptRequest {
    let plaintext = Secret::copy_from(b"attack at dawn").into();
    EncryptRequest { key_id: key.into(), plaintext, ..Default::default() }
}

fn is_at_hand(desk: &Desk, key: &str) -> bool {
    let submitted = desk.service.submit_at_hand(&desk.caller, &encrypt(key));
    submitted.map(|submitted| submitted.wait().unwrap()).is_some()
}

#[test]
fn a_task_is_answered_when_the_record_is_on_the_disk() {
    let (directory, disk) = (tempfile::tempdir().unwrap(), Arc::new(Held::default()));
    let log = Log::open(directory.path(), Options::new("test").with_reserve(0).with_disk(disk.clone())).unwrap();
    let desk = Desk::with(|builder| builder.audit(Arc::new(log)));
    let key = desk.key();
    disk.hold(true);
    let (one, two) = (encrypt(&key), encrypt(&key));
    let mut first = pin!(desk.service.submit(&desk.caller, &one));
    let mut second = pin!(desk.service.submit(&desk.caller, &two));
    let unpark = Arc::new(Unpark(thread::current(), AtomicUsize::new(0)));
    let waker = Waker::from(unpark.clone());
    let mut context = Context::from_waker(&waker);
    // Asked again, and with another waker, each leaves one.
    for _ in 0..3 {
        assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(second.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(unpark.1.load(Ordering::SeqCst), 0);
    disk.hold(false);
    let first = finish(first).0.unwrap();
    let second = finish(second).0.unwrap();
    assert_ne!(first.ciphertext_blob, second.ciphertext_blob);
    assert!(unpark.1.load(Ordering::SeqCst) <= 2);
    let recorded = lookup(directory.path(), &Filter::default()).unwrap().count();
    assert_eq!(recorded, 3);
}

#[test]
fn a_task_is_told_that_the_record_was_not_written() {
    let (directory, disk) = (tempfile::tempdir().unwrap(), Arc::new(Held::default()));
    let log = Log::open(directory.path(), Options::new("test").with_reserve(0).with_disk(disk.clone())).unwrap();
    let desk = Desk::with(|builder| builder.audit(Arc::new(log)));
    let key = desk.key();
    disk.broken.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        let submitted = desk.service.submit(&desk.caller, &encrypt(&key));
        refused(finish(submitted).0, Exception::KMSInternal, "could not be recorded");
    }
}

#[test]
fn what_was_used_before_is_at_hand() {
    let desk = Desk::new();
    let key = desk.key();
    assert!(!is_at_hand(&desk, &key));
    let sealed = desk.encrypt(&key, b"x").unwrap().ciphertext_blob;
    assert!(is_at_hand(&desk, &key));
    let alias = "alias/at-hand";
    desk.ask(CreateAliasRequest { alias_name: alias.into(), target_key_id: key.as_str().into() }).unwrap();
    // The alias has changed the key.
    assert!(!is_at_hand(&desk, alias));
    desk.encrypt(alias, b"x").unwrap();
    assert!(is_at_hand(&desk, alias));
    let at_hand = |service: &Service| {
        let decrypt = DecryptRequest { ciphertext_blob: Some(sealed.clone()), ..Default::default() };
        let submitted = service.submit_at_hand(&desk.caller, &decrypt)?;
        let (answer, polls) = finish(submitted);
        assert_eq!((answer.unwrap().plaintext.unwrap().expose(), polls), (&b"x"[..], 1));
        Some(())
    };
    at_hand(&desk.service).unwrap();
    // A generation that was not used since is not; and does not become it by being asked for.
    desk.ask(RotateKeyOnDemandRequest { key_id: key.as_str().into() }).unwrap();
    desk.service.run_due().unwrap();
    desk.encrypt(&key, b"x").unwrap();
    assert!(is_at_hand(&desk, &key));
    assert!(at_hand(&desk.service).is_none());
    assert!(at_hand(&desk.service).is_none());
    desk.decrypt(&sealed).unwrap();
    at_hand(&desk.service).unwrap();
}

#[test]
fn what_is_not_at_hand_does_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let log = Log::open(directory.path(), Options::new("test").with_reserve(0)).unwrap();
    let desk = Desk::with(|builder| builder.audit(Arc::new(log)));
    let (one, two) = (desk.key(), desk.key());
    let recorded = || lookup(directory.path(), &Filter::default()).unwrap().count();
    let sealed = desk.encrypt(&one, b"x").unwrap().ciphertext_blob;
    let before = recorded();
    let re_encrypt = ReEncryptRequest {
        ciphertext_blob: Some(sealed),
        destination_key_id: two.as_str().into(),
        ..Default::default()
    };
    assert!(desk.service.submit_at_hand(&desk.caller, &re_encrypt).is_none());
    assert!(desk.service.submit_at_hand(&desk.caller, &encrypt(&two)).is_none());
    let absent = "alias/absent";
    assert!(desk.service.submit_at_hand(&desk.caller, &encrypt(absent)).is_none());
    let slow = DisableKeyRequest { key_id: one.as_str().into() };
    assert!(desk.service.submit_at_hand(&desk.caller, &slow).is_none());
    assert_eq!(recorded(), before);
    let describe = DescribeKeyRequest { key_id: one.as_str().into(), ..Default::default() };
    desk.service.submit_at_hand(&desk.caller, &describe).unwrap().wait().unwrap();
    assert_eq!(recorded(), before + 1);
}

#[test]
fn long_arithmetic_is_not_at_hand() {
    let desk = Desk::new();
    let request = CreateKeyRequest {
        key_spec: Some(KeySpec::EccNistP256.into()),
        key_usage: Some(KeyUsageType::SignVerify.into()),
        ..Default::default()
    };
    let key = desk.create(request).key_id;
    let sign = SignRequest {
        key_id: key.as_str().into(),
        message: Secret::copy_from(b"x").into(),
        signing_algorithm: kms_service::api::SigningAlgorithmSpec::EcdsaSha256.into(),
        ..Default::default()
    };
    desk.service.call(&desk.caller, &sign).unwrap();
    assert!(desk.service.submit_at_hand(&desk.caller, &sign).is_none());
}

/// With an answer of the store that is too old, somebody has to ask: not those who may not wait.
#[test]
fn nobody_who_may_not_wait_asks_the_store() {
    let bound = core::time::Duration::from_secs(4);
    let desk = Desk::with(|builder| builder.freshness(Some(bound)));
    let key = desk.key();
    desk.encrypt(&key, b"x").unwrap();
    assert!(is_at_hand(&desk, &key));
    for wait in [bound / 4, bound] {
        desk.clock.advance(wait);
        assert!(!is_at_hand(&desk, &key));
        desk.encrypt(&key, b"x").unwrap();
        assert!(is_at_hand(&desk, &key));
    }
}

//! What is written is found again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use kms_core::ErrorKind;
use kms_service::audit::{CallResult, Event, EventResource, Filter, Log, UserIdentity, lookup, verify};
use kms_service::{Clock, Timestamp};

use crate::common::{assert_holds, event, events, filter, options, segments, signer};

#[test]
fn callers_at_the_same_time_get_different_numbers_and_share_syncs() {
    let directory = tempfile::tempdir().unwrap();
    let (key, keys) = signer();
    let log = Log::open(directory.path(), options().with_signer(key)).unwrap();
    let barrier = Barrier::new(16);
    let mut acknowledged: Vec<_> = thread::scope(|scope| {
        let caller = |thread: usize| {
            barrier.wait();
            let append = |number| {
                let record = event(thread * 1000 + number);
                (log.append(record.clone()).unwrap().sequence, record)
            };
            (0..50).map(append).collect::<Vec<_>>()
        };
        let callers: Vec<_> = (0..16).map(|thread| scope.spawn(move || caller(thread))).collect();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    acknowledged.sort();
    assert!(acknowledged.iter().map(|(sequence, _)| *sequence).eq(1..=800));
    assert_eq!(log.head().sequence, 800);
    log.health().unwrap();
    let anchor = log.head();
    drop(log);

    assert_eq!(events(directory.path()), acknowledged);
    let verified = verify(directory.path(), &keys, Some(&anchor)).unwrap();
    assert_eq!((verified.events, verified.checkpoints, verified.signed), (800, 1, 800));
    assert_eq!((verified.head.sequence, verified.unfinished), (801, 0));
    // The first record of a batch has the place 0.
    let segment = fs::read(&segments(directory.path())[0]).unwrap();
    let first_of_batch = |record: &&[u8]| record[4..6] == [0, 0];
    assert!(crate::common::records(&segment).iter().filter(|record| first_of_batch(record)).count() < 400);
}

#[test]
fn a_log_goes_on_where_it_was_left_in_as_many_segments_as_it_takes() {
    let directory = tempfile::tempdir().unwrap();
    let (key, keys) = signer();
    let path = directory.path().join("a/b");
    let options = || options().with_signer(key.clone()).with_segment_len(700);
    let mut acknowledged = Vec::new();
    for opening in 0..5 {
        let log = Log::open(&path, options()).unwrap();
        assert_eq!(log.cut(), None);
        for number in 0..9 {
            let record = event(opening * 100 + number);
            acknowledged.push((log.append(record.clone()).unwrap().sequence, record));
        }
    }
    let verified = assert_holds(&path, &keys, &acknowledged);
    assert_eq!(verified.events, 45);
    assert_eq!(verified.signed + 1, verified.head.sequence);
    let segments = segments(&path);
    assert!(segments.len() > 5);
    for segment in &segments[..segments.len() - 1] {
        // The end of a segment is signed.
        assert_eq!(crate::common::records(&fs::read(segment).unwrap()).last().unwrap()[3], 2);
    }
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert!(fs::read_dir(&path).unwrap().all(|file| mode(&file.unwrap().path()) == 0o600));
}

#[test]
fn checkpoints_come_when_they_are_due() {
    let directory = tempfile::tempdir().unwrap();
    let (key, keys) = signer();
    let soon = options().with_checkpoints(Duration::from_millis(5), u64::MAX).with_signer(key);
    let log = Log::open(directory.path(), soon).unwrap();
    let _ = log.append(event(0)).unwrap();
    // Nobody appends any more.
    while log.head().sequence < 2 {
        thread::sleep(Duration::from_millis(1));
    }
    // Nothing new is there to be signed.
    thread::sleep(Duration::from_millis(20));
    assert_eq!(log.head().sequence, 2);
    assert_eq!(verify(directory.path(), &keys, Some(&log.head())).unwrap().signed, 1);
}

#[test]
fn what_cannot_be_a_record_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let log = Log::open(directory.path(), options()).unwrap();
    let most = 256 * 1024;
    assert_eq!(log.append(vec![b'x'; most + 1]).unwrap_err().kind(), ErrorKind::InvalidInput);
    let likeness_of_a_head = [b"\xffKA\x01\0\0\0\0\0\0\0\0\0\x99", &[0; 12][..]].concat();
    assert_eq!(log.append(likeness_of_a_head).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(log.append(vec![b'x'; most]).unwrap().sequence, 1);
    assert_eq!(log.append(Vec::new()).unwrap().sequence, 2);
    assert_eq!(verify(directory.path(), &[], Some(&log.head())).unwrap().events, 2);
}

#[test]
fn more_than_the_queue_holds_can_be_submitted() {
    let directory = tempfile::tempdir().unwrap();
    let log = Log::open(directory.path(), options()).unwrap();
    let pending: Vec<_> = (0..10_000).map(|number| log.submit(event(number)).unwrap()).collect();
    for (number, pending) in pending.into_iter().enumerate() {
        assert_eq!(pending.wait().unwrap().sequence, number as u64 + 1);
    }
    assert_holds(directory.path(), &[], &[(10_000, event(9_999))]);
}

/// A clock that tells a later second each time.
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn running(&self) -> Duration {
        Duration::ZERO
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + 1000 * self.0.fetch_add(1, Ordering::Relaxed))
    }
}

#[test]
fn events_are_found_by_what_they_are_about() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(Ticking(AtomicU64::new(0)));
    let log = Log::open(directory.path(), options().with_clock(clock).with_segment_len(1500)).unwrap();
    let account = "111122223333".parse().unwrap();
    let ids = ["1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890ab"];
    let arns = ids.map(|id| format!("arn:aws:kms:eu-central-1:111122223333:key/{id}"));
    for (number, operation) in ["Encrypt", "Decrypt", "Encrypt", "Decrypt", "CreateKey", "Decrypt"].iter().enumerate() {
        let mut user = UserIdentity::new("IAMUser");
        let arn = format!("arn:aws:iam::111122223333:user/\"{}\"", number % 3);
        user.arn = Some(&arn);
        user.access_key_id = Some("AKIAIOSFODNN7EXAMPLE");
        let mut event = Event::new(operation, user, Timestamp::from_millis(0));
        let resources = [EventResource::key(account, &arns[number % 2])];
        event.resources = if number == 4 { &[] } else { &resources };
        event.error_code = (number == 3).then_some("AccessDenied");
        let _ = log.append(event.to_json().unwrap()).unwrap();
    }
    let _ = log.append(b"not JSON".to_vec()).unwrap();

    let found = |filter: &Filter| -> Vec<u64> {
        lookup(directory.path(), filter).unwrap().map(|entry| entry.unwrap().sequence).collect()
    };
    let name = |text: &str| Some(text.to_owned());
    assert_eq!(found(&Filter::default()), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(found(&filter(|filter| filter.operation = name("Decrypt"))), [2, 4, 6]);
    assert_eq!(found(&filter(|filter| filter.key = name(ids[0]))), [1, 3]);
    assert_eq!(found(&filter(|filter| filter.key = name(&arns[1]))), [2, 4, 6]);
    assert_eq!(found(&filter(|filter| filter.key = name("90ab"))), [0; 0]);
    assert_eq!(found(&filter(|filter| filter.principal = name("arn:aws:iam::111122223333:user/\"1\""))), [2, 5]);
    assert_eq!(found(&filter(|filter| filter.principal = name("AKIAIOSFODNN7EXAMPLE"))), [1, 2, 3, 4, 5, 6]);
    assert_eq!(found(&filter(|filter| filter.result = Some(CallResult::Failure))), [4]);
    let code = CallResult::Code("AccessDenied".into());
    assert_eq!(found(&filter(|filter| filter.result = Some(code))), [4]);
    assert_eq!(found(&filter(|filter| filter.result = Some(CallResult::Success))), [1, 2, 3, 5, 6]);
    let at = |second: u64| Some(Timestamp::from_millis(1_700_000_000_000 + 1000 * second));
    assert_eq!(found(&filter(|filter| (filter.since, filter.until) = (at(2), at(4)))), [3, 4]);
    assert_eq!(found(&filter(|filter| (filter.since, filter.operation) = (at(2), name("Decrypt")))), [4, 6]);
}

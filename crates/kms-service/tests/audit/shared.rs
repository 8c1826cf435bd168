//! Several writers, and readers beside them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use kms_service::audit::{Filter, Log, lookup, verify};

use crate::common::{assert_holds, event, options, segments, signer};

#[test]
fn several_logs_write_to_one_directory_while_others_read() {
    let directory = tempfile::tempdir().unwrap();
    let (key, keys) = signer();
    let open = || {
        let options = options().with_checkpoints(core::time::Duration::from_millis(1), 10);
        Log::open(directory.path(), options.with_segment_len(20_000).with_signer(key.clone())).unwrap()
    };
    let logs: Vec<_> = (0..3).map(|_| open()).collect();
    let done = AtomicBool::new(false);
    let caller = |thread: usize| {
        let append = |number| {
            let record = event(thread * 1000 + number);
            (logs[thread % 3].append(record.clone()).unwrap().sequence, record)
        };
        (0..150).map(append).collect::<Vec<_>>()
    };
    let mut acknowledged: Vec<_> = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut rounds, mut seen) = (0, 0);
            while !done.load(Ordering::SeqCst) {
                let anchor = logs[rounds % 3].head();
                let verified =
                    verify(directory.path(), &keys, Some(&anchor)).unwrap_or_else(|broken| panic!("{broken}"));
                assert!(verified.head.sequence >= anchor.sequence.max(seen));
                seen = verified.head.sequence;
                let found = lookup(directory.path(), &Filter::default()).unwrap().filter(Result::is_ok).count();
                assert!(found as u64 >= verified.events);
                rounds += 1;
            }
            rounds
        });
        let caller = &caller;
        let callers: Vec<_> = (0..6).map(|thread| scope.spawn(move || caller(thread))).collect();
        let acknowledged = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
        done.store(true, Ordering::SeqCst);
        assert!(reader.join().unwrap() > 2);
        acknowledged
    });
    acknowledged.sort();
    acknowledged.dedup_by_key(|(sequence, _)| *sequence);
    assert_eq!(acknowledged.len(), 900, "each record has a number of its own");
    for log in &logs {
        log.health().unwrap();
    }
    drop(logs);
    let verified = assert_holds(directory.path(), &keys, &acknowledged);
    assert_eq!(verified.events, 900);
    assert_eq!(verified.signed + 1, verified.head.sequence);
    assert!(segments(directory.path()).len() > 4);
}

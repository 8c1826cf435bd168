//! What a watch reports.

use std::time::Duration;

use kms_service::store::{Event, MAX_STEPS, Revision, Watch, Write};

use super::transactions::racing;
use super::{Make, commit, put, transaction};

/// How long an engine may take to report something. Only a failure waits as long.
const PATIENCE: Duration = Duration::from_secs(30);

/// The events up to a revision.
fn until(watch: &mut dyn Watch, revision: Revision) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let event = watch.next(PATIENCE).unwrap();
        let event = event.unwrap_or_else(|| panic!("no progress up to {revision:?} after {events:?}"));
        events.push(event.clone());
        if matches!(event, Event::Progress(reported) if reported >= revision) {
            return events;
        }
    }
}

/// A watch reports each change of its prefix, in the order of revisions, and then that it has; nothing of other keys,
/// and nothing of what was before it.
pub fn watch_reports_in_order(make: Make<'_>) {
    let store = &*make();
    commit(store, &transaction(vec![], vec![put(b"k/0", b"before")]));
    let mut watch = store.watch(b"k/").unwrap();
    let mut all = store.watch(b"").unwrap();

    let first = commit(store, &transaction(vec![], vec![put(b"k/1", b""), put(b"l/1", b""), put(b"k/2", b"")]));
    let other = commit(store, &transaction(vec![], vec![put(b"l/2", b"")]));
    let last = commit(store, &transaction(vec![], vec![Write::Delete(b"k/1".to_vec())]));
    let changes = |events: Vec<Event>| -> Vec<(Vec<u8>, Revision)> {
        let changed = events.into_iter().filter_map(|event| match event {
            Event::Changed(key, revision) => Some((key, revision)),
            Event::Progress(_) => None,
            Event::Reset => panic!("nothing was lost"),
        });
        let mut changed: Vec<_> = changed.collect();
        // The order inside one transaction is free.
        assert!(changed.is_sorted_by_key(|(_, revision)| *revision), "{changed:?}");
        changed.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        changed
    };
    let wanted = [(b"k/1".to_vec(), first), (b"k/2".to_vec(), first), (b"k/1".to_vec(), last)];
    assert_eq!(changes(until(&mut *watch, last)), wanted);
    let wanted = [
        (b"k/1".to_vec(), first),
        (b"k/2".to_vec(), first),
        (b"l/1".to_vec(), first),
        (b"l/2".to_vec(), other),
        (b"k/1".to_vec(), last),
    ];
    assert_eq!(changes(until(&mut *all, last)), wanted);

    // Many at once: each change is there, and progress is never ahead of a change.
    let written: Vec<Vec<Revision>> = racing(8, |thread| {
        let key = format!("k/{thread}").into_bytes();
        (0..20).map(|_| commit(store, &transaction(vec![], vec![put(&key, b"")]))).collect()
    });
    let mut written: Vec<_> = written.into_iter().flatten().collect();
    written.sort();
    let events = until(&mut *watch, *written.last().unwrap());
    let mut progress = last;
    for event in &events {
        match event {
            Event::Changed(_, revision) => assert!(*revision > progress, "a change after its progress"),
            Event::Progress(revision) => progress = *revision,
            Event::Reset => panic!("nothing was lost"),
        }
    }
    assert_eq!(changes(events).into_iter().map(|(_, revision)| revision).collect::<Vec<_>>(), written);
}

/// A watcher that does not keep up is told so, and then goes on; what it is not told is never more than that.
pub fn watch_says_when_it_lost_something(make: Make<'_>) {
    let store = &*make();
    let mut watch = store.watch(b"k/").unwrap();
    let mut last = Revision::default();
    let mut written = Vec::new();
    for round in 0..300_u32 {
        let keys: Vec<_> = (0..MAX_STEPS).map(|n| format!("k/{round}/{n}").into_bytes()).collect();
        last = commit(store, &transaction(vec![], keys.iter().map(|key| put(key, b"")).collect()));
        written.extend(keys.into_iter().map(|key| (key, last)));
    }
    let events = until(&mut *watch, last);
    match events.iter().rposition(|event| *event == Event::Reset) {
        // An engine may keep everything. Then there is everything.
        None => {
            let changes = events.iter().filter(|event| matches!(event, Event::Changed(..))).count();
            assert_eq!(changes, written.len(), "changes were lost without a word");
        }
        Some(reset) => {
            let after = events.get(reset..).unwrap_or_default();
            let reported = |key: &Vec<u8>, revision| after.contains(&Event::Changed(key.clone(), revision));
            let first = after.iter().find_map(|event| match event {
                Event::Changed(_, revision) => Some(*revision),
                _ => None,
            });
            // From the first change after it on, everything of later transactions is there.
            let later = written.iter().filter(|(_, revision)| first.is_some_and(|first| *revision > first));
            for (key, revision) in later {
                assert!(reported(key, *revision), "{} is missing after a reset", key.escape_ascii());
            }
        }
    }
    let next = commit(store, &transaction(vec![], vec![put(b"k/next", b"")]));
    assert!(until(&mut *watch, next).contains(&Event::Changed(b"k/next".to_vec(), next)));
}

/// A watch with nothing to report says so and lives on; one that is dropped disturbs nobody.
pub fn watch_ends_nowhere(make: Make<'_>) {
    let store = &*make();
    let (mut watch, dropped) = (store.watch(b"k/").unwrap(), store.watch(b"k/").unwrap());
    let start = store.barrier().unwrap();
    assert_eq!(until(&mut *watch, start), [Event::Progress(start)], "a watch first says from where it watches");
    assert_eq!(watch.next(Duration::from_millis(20)).unwrap(), None);
    drop(dropped);
    let revision = commit(store, &transaction(vec![], vec![put(b"k/1", b"")]));
    assert_eq!(until(&mut *watch, revision), [Event::Changed(b"k/1".to_vec(), revision), Event::Progress(revision)]);
}

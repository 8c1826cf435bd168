//! Who watches, and what each has not yet been told.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use kms_core::{Error, ErrorKind};
use kms_service::store::{Event, Revision, Watch};
use parking_lot::{Condvar, Mutex};

/// The most events that wait for one watcher. A watcher that falls back further is told [`Event::Reset`] instead.
const WAITING: usize = 4096;

/// The watchers of one store.
#[derive(Default)]
pub(crate) struct Feed {
    watchers: Mutex<Watchers>,
}

#[derive(Default)]
struct Watchers {
    list: Vec<Weak<Watcher>>,
    published: Revision,
    closed: bool,
}

struct Watcher {
    prefix: Vec<u8>,
    /// What was committed when the watch began, and is not reported.
    since: Revision,
    waiting: Mutex<Waiting>,
    woken: Condvar,
}

struct Waiting {
    events: VecDeque<Event>,
    lost: bool,
    closed: bool,
}

impl Feed {
    /// A watch of what happens from here on. `now` is the revision of the newest transaction, or of one shortly before:
    /// what others were told of meanwhile is not reported again.
    pub(crate) fn watch(&self, prefix: &[u8], now: Revision) -> Subscription {
        let mut watchers = self.watchers.lock();
        watchers.list.retain(|watcher| watcher.strong_count() > 0);
        let now = now.max(watchers.published);
        if watchers.list.is_empty() {
            watchers.published = now;
        }
        let waiting = Waiting { events: VecDeque::from([Event::Progress(now)]), lost: false, closed: watchers.closed };
        let watcher =
            Watcher { prefix: prefix.to_vec(), since: now, waiting: Mutex::new(waiting), woken: Condvar::new() };
        let watcher = Arc::new(watcher);
        watchers.list.push(Arc::downgrade(&watcher));
        Subscription { watcher }
    }

    /// Whether anyone watches.
    pub(crate) fn is_watched(&self) -> bool {
        self.watchers.lock().list.iter().any(|watcher| watcher.strong_count() > 0)
    }

    /// The newest revision that was published.
    pub(crate) fn published(&self) -> Revision {
        self.watchers.lock().published
    }

    /// Tells everyone what a transaction wrote. Transactions are published in the order of their revisions.
    pub(crate) fn publish<'a>(&self, revision: Revision, keys: impl Iterator<Item = &'a [u8]> + Clone) {
        let mut watchers = self.watchers.lock();
        watchers.published = revision;
        for watcher in watchers.list.iter().filter_map(Weak::upgrade).filter(|watcher| watcher.since < revision) {
            let mut waiting = watcher.waiting.lock();
            for key in keys.clone().filter(|key| key.starts_with(&watcher.prefix)) {
                waiting.push(Event::Changed(key.to_vec(), revision));
            }
            waiting.push(Event::Progress(revision));
            drop(waiting);
            watcher.woken.notify_all();
        }
    }

    /// Tells everyone that transactions up to `revision` cannot be told apart any more.
    pub(crate) fn reset(&self, revision: Revision) {
        let mut watchers = self.watchers.lock();
        watchers.published = revision;
        for watcher in watchers.list.iter().filter_map(Weak::upgrade) {
            let mut waiting = watcher.waiting.lock();
            waiting.lose();
            waiting.push(Event::Progress(revision));
            drop(waiting);
            watcher.woken.notify_all();
        }
    }

    /// There will be no more events.
    pub(crate) fn close(&self) {
        let mut watchers = self.watchers.lock();
        watchers.closed = true;
        for watcher in watchers.list.iter().filter_map(Weak::upgrade) {
            watcher.waiting.lock().closed = true;
            watcher.woken.notify_all();
        }
    }
}

impl Waiting {
    fn push(&mut self, event: Event) {
        if let (Some(last @ Event::Progress(_)), Event::Progress(_)) = (self.events.back_mut(), &event) {
            *last = event;
            return;
        }
        if self.events.len() >= WAITING {
            self.lose();
        }
        self.events.push_back(event);
    }

    fn lose(&mut self) {
        self.events.clear();
        self.lost = true;
    }

    fn pop(&mut self) -> Option<Event> {
        if core::mem::take(&mut self.lost) {
            return Some(Event::Reset);
        }
        self.events.pop_front()
    }
}

/// One watch.
pub(crate) struct Subscription {
    watcher: Arc<Watcher>,
}

impl Watch for Subscription {
    fn next(&mut self, patience: Duration) -> Result<Option<Event>, Error> {
        let deadline = Instant::now().checked_add(patience);
        let mut waiting = self.watcher.waiting.lock();
        loop {
            if let Some(event) = waiting.pop() {
                return Ok(Some(event));
            }
            if waiting.closed {
                return Err(Error::with_detail(ErrorKind::Disconnected, "the store was closed"));
            }
            let timed_out = match deadline {
                Some(deadline) => self.watcher.woken.wait_until(&mut waiting, deadline).timed_out(),
                None => {
                    self.watcher.woken.wait(&mut waiting);
                    false
                }
            };
            if timed_out && waiting.events.is_empty() && !waiting.lost && !waiting.closed {
                return Ok(None);
            }
        }
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").finish_non_exhaustive()
    }
}

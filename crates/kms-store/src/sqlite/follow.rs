//! Telling those who watch what was written, by this process or another.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kms_core::Error;
use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use crate::feed::Feed;
use crate::sqlite::{Shared, fault, file, group, read};

/// How often the file is looked at for what other processes wrote.
const EVERY: Duration = Duration::from_millis(50);
/// How often after it could not be read.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// The most transactions that are read at once.
const PAGE: u64 = 1000;

/// Wakes the thread that follows.
#[derive(Default)]
pub(super) struct Follower {
    woken: Mutex<bool>,
    wake: Condvar,
}

impl Follower {
    /// Something was written, or somebody began to watch, or the store is closing.
    pub(super) fn wake(&self) {
        *self.woken.lock() = true;
        self.wake.notify_one();
    }

    /// What the thread is to do.
    pub(super) fn start(this: &Arc<Self>, shared: &Arc<Shared>) -> Result<impl FnOnce() + Send + 'static, Error> {
        let connection = file::open_reader(&shared.path)?;
        let (this, shared) = (Arc::clone(this), Arc::clone(shared));
        Ok(move || {
            let mut seen = None;
            while !shared.closing.load(Ordering::Acquire) {
                if shared.feed.is_watched() {
                    let pause = match follow(&connection, &shared, &mut seen) {
                        Ok(()) => EVERY,
                        Err(_) => {
                            // What cannot be read may have changed.
                            shared.feed.reset(shared.feed.published());
                            AFTER_FAILURE
                        }
                    };
                    this.wait(Some(pause));
                } else {
                    // The first one to watch starts from then.
                    seen = None;
                    this.wait(None);
                }
            }
        })
    }

    fn wait(&self, pause: Option<Duration>) {
        let mut woken = self.woken.lock();
        if !*woken {
            match pause {
                Some(pause) => {
                    let _timed_out = self.wake.wait_for(&mut woken, pause);
                }
                None => self.wake.wait(&mut woken),
            }
        }
        *woken = false;
    }
}

/// Publishes what is new. `seen` is SQLite's number of the last change that this connection saw.
fn follow(connection: &Connection, shared: &Shared, seen: &mut Option<i64>) -> Result<(), Error> {
    let reading = |error| fault::of("following the store", error);
    let now = connection.pragma_query_value(None, "data_version", |row| row.get(0)).map_err(reading)?;
    if *seen == Some(now) {
        return Ok(());
    }
    while publish(connection, &shared.feed).map_err(reading)? {}
    *seen = Some(now);
    Ok(())
}

/// Publishes one page. Whether there may be another.
fn publish(connection: &Connection, feed: &Feed) -> rusqlite::Result<bool> {
    let published = feed.published();
    let mut statement =
        connection.prepare_cached("SELECT revision, k FROM applied WHERE revision > ?1 ORDER BY revision LIMIT ?2")?;
    let mut rows = statement.query((published.0, PAGE))?;
    let (mut last, mut count) = (published, 0);
    while let Some(row) = rows.next()? {
        let revision = read::from_sql(row, 0)?;
        let packed = row.get_ref(1)?.as_blob()?;
        match group::unpack(packed) {
            Some(keys) if revision.0 == last.0.saturating_add(1) => feed.publish(revision, keys.iter().copied()),
            // Older ones are no longer kept, or make no sense.
            _ => feed.reset(revision),
        }
        last = revision;
        count += 1;
    }
    Ok(count == PAGE)
}

#[cfg(test)]
mod tests {
    use kms_service::store::{Event, Revision, Transaction, Watch, Write};

    use super::*;

    #[test]
    fn what_is_no_longer_kept_is_a_reset() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("store.db");
        file::create(&path).unwrap();
        let connection = file::open(&path).unwrap();
        let feed = Feed::default();
        let mut watch = feed.watch(b"k", Revision(0));
        let transactions: Vec<_> = (1..=5_u8)
            .map(|n| {
                let mut transaction = Transaction::new([n; 16]);
                transaction.writes.push(Write::Put(vec![b'k', n], Vec::new()));
                transaction
            })
            .collect();
        group::commit(&connection, &transactions.iter().collect::<Vec<_>>());
        connection.execute("DELETE FROM applied WHERE revision <= 3", ()).unwrap();
        assert!(!publish(&connection, &feed).unwrap());
        let mut events = Vec::new();
        while let Some(event) = watch.next(Duration::ZERO).unwrap() {
            events.push(event);
        }
        let changed = Event::Changed(vec![b'k', 5], Revision(5));
        assert_eq!(events, [Event::Reset, Event::Progress(Revision(4)), changed, Event::Progress(Revision(5))]);
    }
}

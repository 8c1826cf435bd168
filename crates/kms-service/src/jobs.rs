//! What the service does of its own accord, when it is due: deletion, rotation, expiry; and keeping what was counted.

use core::time::Duration;

use kms_core::KeyId;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::ops::import::destruction;
use crate::ops::{deletion, import, rotation};
use crate::record::{FirstSeen, Import, KeyRecord};
use crate::service::{Inner, Service};
use crate::store::{MAX_PAGE, Revision};
use crate::{Exception, KmsError, Region, Timestamp, place, text, trail};

/// How far the clock may be behind the latest time that the service has seen, without having been set back.
const BACKWARDS: Duration = Duration::from_secs(300);

/// What [`Service::run_due`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Done {
    /// Keys that were deleted, with their material.
    pub deleted: usize,
    /// Keys that were rotated.
    pub rotated: usize,
    /// Keys of which imported material was deleted since it had expired.
    pub expired: usize,
    /// The clock is more than five minutes behind what the service has seen: it was set back, or was ahead before.
    pub clock_was_set_back: bool,
}

/// What the service knows of time: what its clock showed, and how long it has run itself.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Seen {
    /// The latest time that the clock has shown.
    #[serde(with = "text::millis")]
    latest: Timestamp,
    /// For how many milliseconds the service was there to see time pass.
    #[serde(default)]
    ran: u64,
    /// How often the clock was set back.
    #[serde(default)]
    set_back: u64,
}

/// What a process adds to what the service has run.
#[derive(Debug)]
pub(crate) struct Running(Mutex<Counted>);

#[derive(Debug)]
struct Counted {
    /// How long the process had run when it last added.
    until: Duration,
    /// How much of the time before it, in which nothing ran, it may add.
    before: Duration,
}

impl Running {
    /// Counts from `running` on, which is what the clock says, and at most `before` of the time in which nothing ran.
    pub(crate) const fn since(running: Duration, before: Duration) -> Self {
        Self(Mutex::new(Counted { until: running, before }))
    }
}

/// A time, and how much the service has seen of the time before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: Timestamp,
    seen: FirstSeen,
    pub(crate) clock_was_set_back: bool,
}

impl Moment {
    /// What is noted of something that is first seen now.
    pub(crate) const fn first_seen(self) -> FirstSeen {
        self.seen
    }

    /// Whether the clock was not set back since.
    pub(crate) const fn goes_on_from(self, first: FirstSeen) -> bool {
        self.seen.set_back == first.set_back
    }

    /// Whether the service has run for as long as `grace` since, and its clock was right all the while, as far as it can
    /// tell. A clock that jumps ahead makes no time pass.
    pub(crate) const fn is_past(self, first: FirstSeen, grace: Duration) -> bool {
        let ran = Duration::from_millis(self.seen.ran.saturating_sub(first.ran));
        self.goes_on_from(first) && ran.as_millis() >= grace.as_millis()
    }
}

impl Service {
    /// Does what is due: deletes keys whose time is over, rotates, deletes imported material that has expired, and keeps
    /// what was counted and how far the audit log goes. To be called every few minutes. Doing it twice, or on several
    /// servers at once, does no harm.
    ///
    /// Nothing is deleted that was not seen to be due before, a [grace](crate::ServiceBuilder::deletion_grace) ago. That
    /// time is counted while a service runs, over restarts; a clock that jumps ahead does not add to it, and one that is
    /// set back starts it anew.
    ///
    /// # Errors
    /// The store's and the backend's faults: what they do not concern is done, and what is left the next time.
    pub fn run_due(&self) -> Result<Done, KmsError> {
        let service = &*self.inner;
        let moment = see(service)?;
        service.keep_usage()?;
        service.keep_anchor()?;
        let mut done = Done { clock_was_set_back: moment.clock_was_set_back, ..Done::default() };
        let mut failed = None;
        let mut after = None::<Vec<u8>>;
        loop {
            let page = service.store.engine().list(place::DUE, after.as_deref(), MAX_PAGE)?;
            let later = page.iter().any(|(note, _)| Due::read(note).is_some_and(|due| due.at > moment.now));
            for (note, stored) in &page {
                let Some(due) = Due::read(note).filter(|due| due.at <= moment.now) else { continue };
                // What fails for one key is no reason to leave the others.
                if let Err(error) = due.settle(service, moment, note, stored.version, &mut done) {
                    failed.get_or_insert(error);
                }
            }
            match page.last() {
                Some((last, _)) if !later => after = Some(last.clone()),
                _ => return failed.map_or(Ok(done), Err),
            }
        }
    }

    /// Whether [`run_due`](Self::run_due) has something to do. One read.
    ///
    /// # Errors
    /// The store's faults.
    pub fn is_due(&self) -> Result<bool, KmsError> {
        let first = self.inner.store.engine().list(place::DUE, None, 1)?;
        let now = self.inner.clock.now();
        Ok(first.first().and_then(|(note, _)| Due::read(note)).is_some_and(|due| due.at <= now))
    }

    /// Keeps what was counted, so that it outlives the process. [`run_due`](Self::run_due) does so too.
    ///
    /// # Errors
    /// The store's faults; what was not kept stays counted.
    pub fn keep_usage(&self) -> Result<(), KmsError> {
        self.inner.keep_usage()
    }
}

/// Notes the time.
pub(crate) fn see(service: &Inner) -> Result<Moment, KmsError> {
    let mut last = service.running.0.lock();
    let (now, running) = (service.clock.now(), service.clock.running());
    let elapsed = running.saturating_sub(last.until).saturating_add(last.before);
    let moment = service.edit(|edit| {
        let found = service.store.get::<Seen>(place::CLOCK)?;
        let read = found.as_ref().map(|found| found.version);
        let before = found.map_or(Seen { latest: now, ran: 0, set_back: 0 }, |found| found.record);
        let set_back = now + BACKWARDS < before.latest;
        // What several servers see of the same time counts once, hence by the clock; and what the clock makes up does
        // not count, hence by what has passed.
        let passed = elapsed.min(now.since(before.latest));
        let seen = Seen {
            latest: if set_back { now } else { now.max(before.latest) },
            ran: before.ran.saturating_add(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)),
            set_back: before.set_back.saturating_add(u64::from(set_back)),
        };
        edit.put(place::CLOCK.to_vec(), &seen, read)?;
        let seen = FirstSeen { ran: seen.ran, set_back: seen.set_back };
        Ok(Moment { now, seen, clock_was_set_back: set_back })
    })?;
    *last = Counted { until: running, before: Duration::ZERO };
    drop(last);
    Ok(moment)
}

/// That `now` is a time to count from: not before the latest that the service has seen, nor before `made`, but for
/// what clocks differ.
///
/// # Errors
/// `KMSInternalException` if the clock is more than five minutes behind; the store's faults.
pub(crate) fn is_not_behind(service: &Inner, now: Timestamp, made: Timestamp) -> Result<(), KmsError> {
    let seen = service.store.get::<Seen>(place::CLOCK)?.map(|found| found.record.latest);
    let latest = seen.map_or(made, |seen| seen.max(made));
    if now + BACKWARDS >= latest {
        return Ok(());
    }
    let text = format!("The clock of the service is wrong: it shows {now}, and has shown {latest} before.");
    Err(KmsError::with(Exception::KMSInternal, text))
}

/// A note that something is due.
struct Due {
    at: Timestamp,
    kind: String,
    region: Region,
    key: KeyId,
}

impl Due {
    fn read(place: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(place.strip_prefix(place::DUE)?).ok()?;
        let mut parts = text.split('/');
        let at = u64::from_str_radix(parts.next()?, 16).ok()?;
        let (kind, region, key) = (parts.next()?.to_owned(), parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { at: Timestamp::from_millis(at), kind, region, key })
    }

    /// Does it, and takes the note away when it has served.
    fn settle(
        &self,
        service: &Inner,
        moment: Moment,
        note: &[u8],
        version: Revision,
        done: &mut Done,
    ) -> Result<(), KmsError> {
        if self.run(service, moment, note, done)? {
            service.edit(|edit| {
                let found = service.store.engine().get(&[note])?.into_iter().next().flatten();
                // Another server may have taken it away, or have put a new one there.
                if found.is_some_and(|found| found.version == version) {
                    edit.delete_unchanged(note.to_vec(), version);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Does it. `true`: the note has served.
    fn run(&self, service: &Inner, moment: Moment, note: &[u8], done: &mut Done) -> Result<bool, KmsError> {
        let (region, key, grace, now) = (&self.region, self.key, service.deletion_grace, moment.now);
        match self.kind.as_str() {
            deletion::DUE => {
                if let Some((key, note)) = deletion::delete_key(service, region, key, moment, grace)? {
                    done.deleted += 1;
                    trail::record_own(service, "DeleteKey", &key, now)?;
                    deletion::clear_remains(service, &note)?;
                }
                let still = service.store.get::<KeyRecord>(&place::key(region, key))?;
                let waits =
                    still.and_then(|still| still.record.deletion).is_some_and(|wait| wait.date == Some(self.at));
                Ok(!waits)
            }
            deletion::DESTROY => {
                deletion::destroy_remains(service, note)?;
                Ok(true)
            }
            rotation::DUE => {
                if let Some(key) = rotation::rotate(service, region, key, now)? {
                    done.rotated += 1;
                    trail::record_own(service, "RotateKey", &key, now)?;
                }
                Ok(true)
            }
            destruction::RESUME => {
                destruction::resume(service, region, key, now)?;
                Ok(true)
            }
            import::DUE => {
                if let Some((key, lost)) = destruction::expire(service, region, key, moment, grace)? {
                    done.expired += 1;
                    trail::record_own(service, "DeleteExpiredKeyMaterial", &key, now)?;
                    destruction::destroy_lost(service, &key, &lost, now)?;
                }
                let still = service.store.get::<KeyRecord>(&place::key(region, key))?;
                let waits = |import: &Import| import.present && import.valid_to == Some(self.at);
                Ok(!still.is_some_and(|still| {
                    still.record.generations.iter().filter_map(|one| one.import.as_ref()).any(waits)
                }))
            }
            _ => Ok(false),
        }
    }
}

//! What the service does of its own accord, when it is due: deletion, rotation, expiry; and keeping what was counted.

use core::time::Duration;

use kms_core::KeyId;
use serde::{Deserialize, Serialize};

use crate::ops::{deletion, import, rotation};
use crate::service::{Inner, Service};
use crate::store::MAX_PAGE;
use crate::{Exception, KmsError, Region, Timestamp, place, text, trail};

/// How far the clock may be behind the latest time that the service has seen.
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
}

/// The latest time that the service has seen.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Seen {
    #[serde(with = "text::millis")]
    latest: Timestamp,
}

impl Service {
    /// Does what is due: deletes keys whose time is over, rotates, deletes imported material that has expired, and keeps
    /// what was counted and how far the audit log goes. To be called every few minutes. Doing it twice, or on several servers at once, does no harm.
    ///
    /// Nothing is deleted that was not seen to be due before, a [grace](crate::ServiceBuilder::deletion_grace) ago.
    ///
    /// # Errors
    /// `KMSInternalException` if the clock is more than five minutes behind what the service has seen: nothing is done
    /// before it is right again. The store's and the backend's faults: what is left is done the next time.
    pub fn run_due(&self) -> Result<Done, KmsError> {
        let service = &*self.inner;
        let now = service.clock.now();
        see(service, now)?;
        service.keep_usage()?;
        service.keep_anchor()?;
        let mut done = Done::default();
        let mut after = None::<Vec<u8>>;
        loop {
            let page = service.store.engine().list(place::DUE, after.as_deref(), MAX_PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(done) };
            after = Some(last.clone());
            for (note, stored) in &page {
                let Some(due) = Due::read(note) else { continue };
                if due.at > now {
                    return Ok(done);
                }
                if due.run(service, now, &mut done)? {
                    service.edit(|edit| {
                        edit.delete_unchanged(note.clone(), stored.version);
                        Ok(())
                    })?;
                }
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
fn see(service: &Inner, now: Timestamp) -> Result<(), KmsError> {
    service.edit(|edit| {
        let found = service.store.get::<Seen>(place::CLOCK)?;
        let read = found.as_ref().map(|found| found.version);
        match found {
            Some(found) if now + BACKWARDS < found.record.latest => Err(KmsError::with(
                Exception::KMSInternal,
                format!(
                    "The clock shows {now}, and the service has seen {}: one of the two is wrong.",
                    found.record.latest
                ),
            )),
            Some(found) if now <= found.record.latest => Ok(()),
            _ => edit.put(place::CLOCK.to_vec(), &Seen { latest: now }, read),
        }
    })
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

    /// Does it. `true`: the note has served.
    fn run(&self, service: &Inner, now: Timestamp, done: &mut Done) -> Result<bool, KmsError> {
        let (region, key, grace) = (&self.region, self.key, service.deletion_grace);
        match self.kind.as_str() {
            deletion::DUE => {
                if let Some(key) = deletion::destroy_key(service, region, key, now, grace)? {
                    done.deleted += 1;
                    trail::record_own(service, "DeleteKey", &key, now)?;
                }
                let still = service.store.get::<crate::record::KeyRecord>(&place::key(region, key))?;
                let waits =
                    still.and_then(|still| still.record.deletion).is_some_and(|wait| wait.date == Some(self.at));
                Ok(!waits)
            }
            rotation::DUE => {
                if let Some(key) = rotation::rotate(service, region, key, now)? {
                    done.rotated += 1;
                    trail::record_own(service, "RotateKey", &key, now)?;
                }
                Ok(true)
            }
            import::DUE => {
                if let Some(key) = import::expire(service, region, key, now, grace)? {
                    done.expired += 1;
                    trail::record_own(service, "DeleteExpiredKeyMaterial", &key, now)?;
                }
                let still = service.store.get::<crate::record::KeyRecord>(&place::key(region, key))?;
                let waits = |import: &crate::record::Import| import.present && import.valid_to == Some(self.at);
                Ok(!still.is_some_and(|still| {
                    still.record.generations.iter().filter_map(|one| one.import.as_ref()).any(waits)
                }))
            }
            _ => Ok(false),
        }
    }
}

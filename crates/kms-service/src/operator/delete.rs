//! The end of a key at once.

use core::time::Duration;

use kms_core::KeyId;

use crate::api::KeyState;
use crate::ops::deletion;
use crate::record::Deletion;
use crate::service::Service;
use crate::step::not_found;
use crate::{Exception, KmsError, Region, jobs, trail};

impl Service {
    /// Deletes a key that is pending deletion now, with its material, its aliases and its grants, without waiting for the
    /// end of its window. **Everything encrypted under it is lost**, but for what backups of the store still hold.
    ///
    /// That the key is pending deletion is for a `ScheduleKeyDeletion` request to bring about, which policies may deny. The
    /// deletion is recorded as `DeleteKey`, an event of the service.
    ///
    /// # Errors
    /// `NotFoundException`; `KMSInvalidStateException` if the key is not pending deletion, or waits for its replicas; the
    /// faults of store, backend and audit log.
    pub fn delete_now(&self, region: &Region, id: KeyId) -> Result<(), KmsError> {
        let service = &*self.inner;
        let moment = jobs::see(service)?;
        let now = moment.now;
        service.edit(|edit| {
            let found = edit.key(region, id)?.ok_or_else(|| not_found(format!("Key '{id}' does not exist")))?;
            let (mut key, read) = (found.record, found.version);
            if key.state != KeyState::PendingDeletion {
                let text = format!("{} is not pending deletion.", key.arn());
                return Err(KmsError::with(Exception::KMSInvalidState, text));
            }
            key.deletion = Some(Deletion { window_days: 0, date: Some(now), seen_due: None, begun: true });
            // What does not come to its end here goes on when something is due.
            edit.note_due(now, deletion::DUE, &key)?;
            edit.put_key(&mut key, read)
        })?;
        if let Some((gone, note)) = deletion::delete_key(service, region, id, moment, Duration::ZERO)? {
            trail::record_own(service, "DeleteKey", &gone, now)?;
            deletion::clear_remains(service, &note)?;
        }
        Ok(())
    }
}

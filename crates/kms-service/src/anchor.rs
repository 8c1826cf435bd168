//! The audit log's end, kept in the store: whoever cuts the log off has to change the store as well.

use kms_core::Error;

use crate::audit::{Head, Log};
use crate::sealed::SealedStore;
use crate::service::{Inner, Service};
use crate::store::MAX_PAGE;
use crate::{KmsError, place};

impl Inner {
    /// Notes how far the audit log goes.
    ///
    /// # Errors
    /// The store's faults.
    pub(crate) fn keep_anchor(&self) -> Result<(), KmsError> {
        let Some(log) = &self.audit else { return Ok(()) };
        let head = log.head();
        self.edit(|edit| {
            let place = place::audit_log(&head.log);
            let found = self.store.get::<String>(&place)?;
            let kept = found.as_ref().and_then(|found| found.record.parse::<Head>().ok());
            // Another process may have gone on since.
            if kept.is_some_and(|kept| kept.sequence >= head.sequence) {
                return Ok(());
            }
            edit.put(place, &head.to_string(), found.map(|found| found.version))
        })
    }
}

/// That an audit log goes at least as far as the store has seen.
///
/// # Errors
/// `Malformed` if not: its end was cut off, or it is an old copy.
pub(crate) fn check(store: &SealedStore, log: &Log) -> Result<(), Error> {
    let head = log.head();
    let found = store.get::<String>(&place::audit_log(&head.log))?;
    let Some(kept) = found.and_then(|found| found.record.parse::<Head>().ok()) else { return Ok(()) };
    if head.sequence >= kept.sequence {
        return Ok(());
    }
    Err(Error::malformed(format!(
        "the audit log ends at record {}, and the store has seen record {}: its end was cut off, or it is an old copy. \
         `kms audit verify` with the anchor {kept} says more",
        head.sequence, kept.sequence
    )))
}

impl Service {
    /// How far the audit logs of this store go, as far as the store has seen: anchors for
    /// [`audit::verify`](crate::audit::verify), one for each log.
    ///
    /// # Errors
    /// The store's faults.
    pub fn audit_anchors(&self) -> Result<Vec<Head>, KmsError> {
        let found = self.inner.store.list::<String>(place::AUDIT_LOGS, None, MAX_PAGE)?;
        Ok(found.into_iter().filter_map(|(_, found)| found.record.parse().ok()).collect())
    }
}

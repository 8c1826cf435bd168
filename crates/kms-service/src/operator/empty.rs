//! A service for tests, as new.

use crate::sealed::Change;
use crate::service::Service;
use crate::store::{MAX_PAGE, MAX_STEPS};
use crate::{Exception, KmsError, place};

impl Service {
    /// Deletes everything that was made since the store was: keys with their material, aliases, grants, custom key stores,
    /// counts. What the store says of itself stays. For servers that test suites share: whatever runs meanwhile sees some of
    /// it, and what is encrypted is lost.
    ///
    /// # Errors
    /// `UnsupportedOperationException` for a service with an audit log: keys that have a history do not vanish. The store's
    /// faults; some of it is deleted then.
    pub fn empty(&self) -> Result<(), KmsError> {
        let service = &*self.inner;
        if service.audit.is_some() {
            let text = "A service with an audit log is not emptied: its keys are deleted one by one.";
            return Err(KmsError::with(Exception::UnsupportedOperation, text));
        }
        let mut after = None::<Vec<u8>>;
        loop {
            let page = service.store.engine().list(b"", after.as_deref(), MAX_PAGE)?;
            let places: Vec<_> =
                page.iter().map(|(place, _)| place).filter(|at| !at.starts_with(place::OF_STORE)).collect();
            for some in places.chunks(MAX_STEPS) {
                let mut change = Change::default();
                for place in some {
                    change.delete((*place).clone());
                }
                service.store.commit(change)?;
            }
            match page.into_iter().next_back() {
                Some((last, _)) => after = Some(last),
                None => break,
            }
        }
        self.refresh();
        Ok(())
    }
}

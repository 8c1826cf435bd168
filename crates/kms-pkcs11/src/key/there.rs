//! A key that is open need not be searched for to be opened again.

use std::sync::Arc;

use cryptoki::object::ObjectHandle;
use kms_core::{Call, Error, KeySpec, KeyUsage};

use super::{Place, Shared, busy};
use crate::fault::{Fault, Remedy};
use crate::token::Attempt;

/// What the token said of a key when it was searched for.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) spec: KeySpec,
    /// All that it permits, not only what the key was opened for.
    pub(crate) usages: Vec<KeyUsage>,
}

impl Shared {
    /// Keeps what was said of the object with this handle, as long as the handle is kept.
    pub(crate) fn keep(&self, epoch: u64, handle: ObjectHandle, said: Said) {
        let mut held = self.held.write();
        if let Some(held) = held.as_mut().filter(|held| held.epoch == epoch && held.handle == handle) {
            held.said = Some(said);
        }
    }

    /// What the token said, if the object of then is there and has the name that it is looked for by. `None`: only a
    /// search can tell.
    pub(crate) fn still_there(self: &Arc<Self>, call: &Call) -> Result<Option<Said>, Error> {
        let shared = self.clone();
        self.token.run(call, move |attempt| shared.ask(&attempt))
    }

    fn ask(&self, attempt: &Attempt<'_>) -> Result<Option<Said>, Fault> {
        let Place::Object { label, id, .. } = &self.place else { return Ok(None) };
        let kept = self.held.try_read_until(attempt.deadline).ok_or_else(busy)?.as_ref().and_then(|held| {
            let said = held.said.clone().filter(|_| held.epoch == attempt.connection.epoch)?;
            Some((held.handle, said))
        });
        let Some((handle, said)) = kept else { return Ok(None) };
        match attempt.is_named(handle, label.as_deref(), id.as_deref()) {
            Ok(named) => Ok(named.then_some(said)),
            Err(Fault { remedy: Remedy::Handle | Remedy::None, .. }) => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}

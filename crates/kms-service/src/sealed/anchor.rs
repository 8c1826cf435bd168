//! The head of the audit log, kept in the store: a log whose end was cut off, or that was replaced, is noticed without an
//! anchor elsewhere, unless the store was put back with it.

use kms_core::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

use super::{Change, SealedStore};
use crate::audit::Head;
use crate::{place, text};

/// How often the head is written when others are at it as well.
const TRIES: usize = 64;

/// What is kept of a log.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Anchor {
    #[serde(with = "text")]
    head: Head,
}

impl SealedStore {
    /// The head of the audit log that was kept last.
    ///
    /// # Errors
    /// The store's.
    pub fn audit_head(&self) -> Result<Option<Head>, Error> {
        Ok(self.get::<Anchor>(place::AUDIT)?.map(|found| found.record.head))
    }

    /// Keeps the head of the audit log, unless a later one of the same log is kept already.
    ///
    /// # Errors
    /// `Refused` if the one that is kept is of another log; the store's.
    pub fn keep_audit_head(&self, head: Head) -> Result<(), Error> {
        self.put_audit_head(head, |kept| {
            if kept.log != head.log {
                return Err(Error::with_detail(ErrorKind::Refused, "the audit log is not the one that the store knows"));
            }
            Ok(kept.sequence < head.sequence)
        })
    }

    /// Takes an audit log for the right one from now on, whatever was kept: for an operator who has lost the one before.
    ///
    /// # Errors
    /// The store's.
    pub fn replace_audit_head(&self, head: Head) -> Result<(), Error> {
        self.put_audit_head(head, |_| Ok(true))
    }

    fn put_audit_head(&self, head: Head, wanted: impl Fn(&Head) -> Result<bool, Error>) -> Result<(), Error> {
        for _ in 0..TRIES {
            let found = self.get::<Anchor>(place::AUDIT)?;
            let mut change = Change::default();
            match found {
                Some(found) if !wanted(&found.record.head)? => return Ok(()),
                Some(found) => change.unchanged(place::AUDIT.to_vec(), found.version),
                None => change.absent(place::AUDIT.to_vec()),
            };
            self.put(&mut change, place::AUDIT.to_vec(), &Anchor { head })?;
            if self.commit(change)?.is_some() {
                return Ok(());
            }
        }
        Err(ErrorKind::Busy.into())
    }
}

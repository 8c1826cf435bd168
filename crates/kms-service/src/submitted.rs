//! What is answered to a call, once the call's record is on the disk.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use crate::audit::Pending;
use crate::{KmsError, KmsKeyId, trail};

/// A call that was made, and whose record is on its way to the disk.
///
/// What is answered comes out only after that: a thread [waits](Self::wait) for it, a task awaits it. Dropped before, the
/// call was made and is recorded all the same.
#[must_use = "the call's answer"]
pub struct Submitted<T> {
    pub(crate) key: Option<KmsKeyId>,
    /// Until it is given out.
    pub(crate) outcome: Option<Result<T, KmsError>>,
    /// `None` without an audit log.
    pub(crate) record: Option<Pending>,
}

impl<T> Submitted<T> {
    /// The key that the call was found to be about, the first if there are two; for logs. `None` if it is about none, or
    /// was refused before it was found.
    #[must_use]
    pub const fn key_id(&self) -> Option<KmsKeyId> {
        self.key
    }

    /// The answer, when the record is on the disk.
    ///
    /// # Errors
    /// Those of [`Service::call`](crate::Service::call).
    pub fn wait(self) -> Result<T, KmsError> {
        if let Some(record) = self.record {
            record.wait().map_err(trail::unrecorded)?;
        }
        self.outcome.unwrap_or_else(given_out)
    }
}

// Nothing in it is pinned.
impl<T> Unpin for Submitted<T> {}

impl<T> Future for Submitted<T> {
    type Output = Result<T, KmsError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(record) = &mut self.record {
            let recorded = ready!(Pin::new(record).poll(context));
            self.record = None;
            if let Err(error) = recorded {
                self.outcome = None;
                return Poll::Ready(Err(trail::unrecorded(error)));
            }
        }
        Poll::Ready(self.outcome.take().unwrap_or_else(given_out))
    }
}

/// Polled after it was ready.
fn given_out<T>() -> Result<T, KmsError> {
    Err(KmsError::new(crate::Exception::KMSInternal))
}

impl<T> fmt::Debug for Submitted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Answers hold secrets.
        f.debug_struct("Submitted").field("record", &self.record).finish_non_exhaustive()
    }
}

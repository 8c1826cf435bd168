//! The thread that does the talking. The traits of `kms-core` are synchronous, the SDK is not.

use std::fmt;
use std::future::Future;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use kms_core::{Call, Error, ErrorKind};
use tokio::runtime::{Builder, Runtime};

/// A runtime of one thread. What waits for it may be anything, a thread of somebody else's runtime too: nothing here
/// enters a runtime that the caller is in, so nothing panics, and the answer does not depend on the caller's runtime
/// making progress.
pub(crate) struct Io(Option<Runtime>);

impl Io {
    pub(crate) fn start() -> Result<Self, Error> {
        let failed = |error| Error::with_detail(ErrorKind::Internal, "no thread to talk to AWS KMS").with_source(error);
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("kms-aws").enable_all().build();
        runtime.map(|runtime| Self(Some(runtime))).map_err(failed)
    }

    /// Waits until `work` is done, or no time is left.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        deadline: Deadline,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let gone = || Error::with_detail(ErrorKind::Internal, "the thread that talks to AWS KMS has ended");
        let left = deadline.left()?;
        let runtime = self.0.as_ref().ok_or_else(gone)?;
        let (answer, answered) = mpsc::sync_channel(1);
        runtime.spawn(async move {
            let done = match left {
                None => work.await,
                Some(left) => match tokio::time::timeout(left, work).await {
                    Ok(done) => done,
                    // The request may be on its way.
                    Err(_elapsed) => Err(Error::new(ErrorKind::TimedOut).that_may_have_run()),
                },
            };
            // The caller waits; if not, its thread was ended.
            let _nobody_waits = answer.send(done);
        });
        answered.recv().map_err(|_| gone())?
    }
}

impl Drop for Io {
    /// A runtime that is dropped within another panics unless nobody waits for its end.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Io")
    }
}

/// When a call must be over, however many requests it takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) fn of(call: &Call) -> Self {
        // A budget beyond what the clock can count is none.
        Self(call.budget.and_then(|budget| Instant::now().checked_add(budget)))
    }

    /// The time that is left; `None`: as long as it needs.
    pub(crate) fn left(self) -> Result<Option<Duration>, Error> {
        let Some(end) = self.0 else { return Ok(None) };
        match end.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(ErrorKind::TimedOut.into()),
        }
    }
}

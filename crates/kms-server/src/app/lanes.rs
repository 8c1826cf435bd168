//! Where requests wait for what blocks: the store, an HSM, the audit log.

use std::sync::Arc;

use kms_service::api::Operation;
use kms_service::{Exception, KmsError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task;

/// What is told when there is no room. AWS KMS answers the same to whoever asks for more than a custom key store can do,
/// and the clients' libraries slow down on it, which they do not on a 503.
const BUSY: &str = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.";

/// How many requests are worked on at once, and how many wait meanwhile.
///
/// No thread of the runtime ever waits for the store. What does not fit is refused at once with `ThrottlingException`, and
/// nothing of it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaneLimits {
    /// Cryptographic operations that run at once, each on a thread of its own. Default: 64. Those with symmetric
    /// keys in memory need none.
    pub cryptographic: usize,
    /// All other operations that run at once. Default: 16.
    pub administrative: usize,
    /// Requests that wait for a thread or for the audit log, in each lane. Default: 1,024.
    pub waiting: usize,
}

impl Default for LaneLimits {
    fn default() -> Self {
        Self { cryptographic: 64, administrative: 16, waiting: 1024 }
    }
}

/// Two lanes, so that those who manage keys do not wait behind those who use them, nor the reverse.
#[derive(Debug)]
pub(super) struct Lanes {
    pub(super) cryptographic: Lane,
    administrative: Lane,
}

impl Lanes {
    pub(super) fn new(limits: LaneLimits) -> Self {
        Self {
            cryptographic: Lane::new(limits.cryptographic, limits.waiting),
            administrative: Lane::new(limits.administrative, limits.waiting),
        }
    }

    pub(super) const fn of(&self, operation: Operation) -> &Lane {
        use Operation as O;
        match operation {
            O::Decapsulate
            | O::Decrypt
            | O::DeriveSharedSecret
            | O::Encapsulate
            | O::Encrypt
            | O::GenerateDataKey
            | O::GenerateDataKeyPair
            | O::GenerateDataKeyPairWithoutPlaintext
            | O::GenerateDataKeyWithoutPlaintext
            | O::GenerateMac
            | O::GenerateRandom
            | O::ReEncrypt
            | O::Sign
            | O::Verify
            | O::VerifyMac => &self.cryptographic,
            _ => &self.administrative,
        }
    }
}

/// A bounded number of threads, and a bounded queue before them.
#[derive(Debug)]
pub(super) struct Lane {
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Lane {
    pub(super) fn new(running: usize, waiting: usize) -> Self {
        let most = Semaphore::MAX_PERMITS;
        let running = running.clamp(1, most);
        Self {
            admitted: Arc::new(Semaphore::new(running.saturating_add(waiting).min(most))),
            running: Arc::new(Semaphore::new(running)),
        }
    }

    /// A place in the lane, until it is dropped.
    ///
    /// # Errors
    /// `ThrottlingException` if there is none.
    pub(super) fn enter(&self) -> Result<Place<'_>, KmsError> {
        let busy = |_| KmsError::with(Exception::Throttling, BUSY);
        let admitted = Arc::new(Arc::clone(&self.admitted).try_acquire_owned().map_err(busy)?);
        Ok(Place { lane: self, admitted })
    }

    /// Does `work` where it may block, in a place of its own.
    ///
    /// # Errors
    /// Those of [`enter`](Self::enter) and [`Place::run`].
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, KmsError> {
        self.enter()?.run(work).await
    }
}

/// A place in a lane: of a request that works, or waits for a thread or for the audit log.
pub(super) struct Place<'a> {
    lane: &'a Lane,
    admitted: Arc<OwnedSemaphorePermit>,
}

impl Place<'_> {
    /// Does `work` where it may block. If the caller goes away while it waits, it is not done; once begun, it is finished.
    ///
    /// # Errors
    /// `KMSInternalException` if the work ended without a result.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, KmsError> {
        let admitted = Arc::clone(&self.admitted);
        let running = Arc::clone(&self.lane.running).acquire_owned().await;
        let running = running.map_err(|_| KmsError::new(Exception::KMSInternal))?;
        let done = task::spawn_blocking(move || {
            let _until_it_is_done = (admitted, running);
            work()
        });
        done.await.map_err(|_| KmsError::new(Exception::KMSInternal))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_full_lane_refuses_at_once_and_the_other_goes_on() {
        let limits = LaneLimits { cryptographic: 1, administrative: 1, waiting: 1 };
        let lanes = Arc::new(Lanes::new(limits));
        let (release, released) = mpsc::channel::<()>();
        let (begun, has_begun) = mpsc::channel();
        let first = tokio::spawn({
            let lanes = Arc::clone(&lanes);
            async move {
                let work = move || {
                    begun.send(()).unwrap();
                    released.recv().unwrap();
                };
                lanes.of(Operation::Decrypt).run(work).await
            }
        });
        task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
        let second = tokio::spawn({
            let lanes = Arc::clone(&lanes);
            async move { lanes.of(Operation::Sign).run(|| 2).await }
        });
        while lanes.cryptographic.admitted.available_permits() > 0 {
            task::yield_now().await;
        }
        let refused = lanes.of(Operation::Encrypt).run(|| ()).await.unwrap_err();
        assert_eq!(refused.exception(), Exception::Throttling);
        assert_eq!(lanes.of(Operation::CreateKey).run(|| 3).await, Ok(3));
        release.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(()));
        assert_eq!(second.await.unwrap(), Ok(2));
        assert_eq!(lanes.of(Operation::Encrypt).run(|| 4).await, Ok(4));
    }

    #[tokio::test]
    async fn work_that_panics_is_a_fault_and_gives_its_place_back() {
        let lane = Lane::new(1, 0);
        let failed = lane.run(|| panic!("on purpose")).await;
        assert_eq!(failed.map_err(|error| error.exception()), Err::<(), _>(Exception::KMSInternal));
        assert_eq!(lane.run(|| 1).await, Ok(1));
    }
}

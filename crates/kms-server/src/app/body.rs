//! The body of a request: bounded in length and time, and wiped.

use core::ops::Deref;
use core::time::Duration;
use std::sync::Arc;

use axum::body::Body;
use http::header::EXPECT;
use http::request::Parts;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use kms_service::{Exception, KmsError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time;
use zeroize::Zeroizing;

use crate::wire::WipedBuffer;

/// How long a body may be, and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyLimits {
    /// Bytes. Default: 1,048,576; the longest request of the API has about half of that.
    pub bytes: usize,
    /// From the end of the head to the end of the body. Default: 20 seconds.
    pub time: Duration,
    /// Bodies of more than 65,536 bytes that are in memory at once; others wait, within their time. Default: 64. Without a
    /// bound, whoever opens many HTTP/2 streams fills the memory before anybody has looked at a signature.
    pub large: usize,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { bytes: 1024 * 1024, time: Duration::from_secs(20), large: 64 }
    }
}

/// How much of a body that is too long is read and thrown away, as a multiple of the limit: a client that is still sending
/// reads no answer, and gets a reset instead.
const PATIENCE: usize = 8;

/// What is reserved before anything has arrived, at most: a length is easily claimed.
const AT_FIRST: usize = 4096;

/// What is large: more than any request has that only uses keys.
const LARGE: usize = 64 * 1024;

/// Reads bodies.
#[derive(Debug)]
pub(super) struct Bodies {
    limits: BodyLimits,
    large: Arc<Semaphore>,
}

/// A body, and its place among the large ones if it is one.
pub(super) struct Read {
    bytes: Zeroizing<Vec<u8>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Deref for Read {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Bodies {
    pub(super) fn new(limits: BodyLimits) -> Self {
        Self { limits, large: Arc::new(Semaphore::new(limits.large.clamp(1, Semaphore::MAX_PERMITS))) }
    }

    /// Reads a body. What HTTP keeps of it in its own buffers is not wiped here.
    ///
    /// # Errors
    /// `RequestEntityTooLargeException`, `RequestTimeoutException`; `SerializationException` if the connection broke or
    /// what arrived is no HTTP body.
    pub(super) async fn read(&self, head: &Parts, body: Body) -> Result<Read, KmsError> {
        let late = |_| Err(KmsError::with(Exception::RequestTimeout, "The request did not arrive in time."));
        time::timeout(self.limits.time, self.collect(head, body)).await.unwrap_or_else(late)
    }

    async fn collect(&self, head: &Parts, mut body: Body) -> Result<Read, KmsError> {
        let most = self.limits.bytes;
        let too_long =
            || KmsError::with(Exception::RequestEntityTooLarge, format!("The request is longer than {most} bytes."));
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        // Who waits for leave to send has not sent anything yet.
        if announced > most.saturating_mul(PATIENCE) || (announced > most && head.headers.contains_key(EXPECT)) {
            return Err(too_long());
        }
        let mut read = WipedBuffer::with_capacity(announced.min(AT_FIRST));
        let mut thrown_away = 0_usize;
        let mut place = None;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| KmsError::with(Exception::Serialization, "The request is not complete."))?;
            let Some(data) = frame.data_ref() else { continue };
            if thrown_away > 0 || data.len() > most.saturating_sub(read.len()) {
                thrown_away = thrown_away.saturating_add(data.len().max(1));
            } else {
                if place.is_none() && read.len().saturating_add(data.len()) > LARGE {
                    place = Arc::clone(&self.large).acquire_owned().await.ok();
                }
                read.extend(data);
            }
            if thrown_away > most.saturating_mul(PATIENCE) {
                break;
            }
        }
        if thrown_away > 0 { Err(too_long()) } else { Ok(Read { bytes: read.into_inner(), _place: place }) }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head() -> Parts {
        Request::new(()).into_parts().0
    }

    #[tokio::test]
    async fn large_bodies_have_places_and_others_need_none() {
        let limits = BodyLimits { large: 1, time: Duration::from_millis(50), ..BodyLimits::default() };
        let bodies = Bodies::new(limits);
        let large = || Body::from(vec![b' '; LARGE + 1]);
        let first = bodies.read(&head(), large()).await.unwrap();
        assert_eq!(first.len(), LARGE + 1);
        let late = bodies.read(&head(), large()).await.err().unwrap();
        assert_eq!(late.exception(), Exception::RequestTimeout);
        assert_eq!(bodies.read(&head(), Body::from(vec![b' '; LARGE])).await.unwrap().len(), LARGE);
        drop(first);
        bodies.read(&head(), large()).await.unwrap();
    }
}

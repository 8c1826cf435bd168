//! The body of a request: bounded in length and time, and wiped.

use core::time::Duration;

use axum::body::Body;
use http::header::EXPECT;
use http::request::Parts;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use kms_service::{Exception, KmsError};
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
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { bytes: 1024 * 1024, time: Duration::from_secs(20) }
    }
}

/// How much of a body that is too long is read and thrown away, as a multiple of the limit: a client that is still sending
/// reads no answer, and gets a reset instead.
const PATIENCE: usize = 8;

/// What is reserved before anything has arrived, at most: a length is easily claimed.
const AT_FIRST: usize = 4096;

/// Reads a body. What HTTP keeps of it in its own buffers is not wiped here.
///
/// # Errors
/// `RequestEntityTooLargeException`, `RequestTimeoutException`; `SerializationException` if the connection broke or what
/// arrived is no HTTP body.
pub(super) async fn read(head: &Parts, body: Body, limits: BodyLimits) -> Result<Zeroizing<Vec<u8>>, KmsError> {
    let read = time::timeout(limits.time, collect(head, body, limits.bytes)).await;
    read.unwrap_or_else(|_| Err(KmsError::with(Exception::RequestTimeout, "The request did not arrive in time.")))
}

async fn collect(head: &Parts, mut body: Body, most: usize) -> Result<Zeroizing<Vec<u8>>, KmsError> {
    let too_long =
        || KmsError::with(Exception::RequestEntityTooLarge, format!("The request is longer than {most} bytes."));
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    // Who waits for leave to send has not sent anything yet.
    if announced > most.saturating_mul(PATIENCE) || (announced > most && head.headers.contains_key(EXPECT)) {
        return Err(too_long());
    }
    let mut read = WipedBuffer::with_capacity(announced.min(AT_FIRST));
    let mut thrown_away = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| KmsError::with(Exception::Serialization, "The request is not complete."))?;
        let Some(data) = frame.data_ref() else { continue };
        if thrown_away > 0 || data.len() > most.saturating_sub(read.len()) {
            thrown_away = thrown_away.saturating_add(data.len().max(1));
        } else {
            read.extend(data);
        }
        if thrown_away > most.saturating_mul(PATIENCE) {
            break;
        }
    }
    if thrown_away > 0 { Err(too_long()) } else { Ok(read.into_inner()) }
}

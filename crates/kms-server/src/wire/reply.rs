//! What is answered.

use core::fmt;

use kms_service::{Exception, KmsError, KmsKeyId};
use serde::Serialize;
use zeroize::Zeroizing;

use super::WipedBuffer;

/// An answer: a status, and a body that is wiped when it is dropped. `Debug` shows how long it is.
pub struct Reply {
    status: u16,
    exception: Option<Exception>,
    key: Option<KmsKeyId>,
    body: Zeroizing<Vec<u8>>,
}

/// `{"__type":"NotFoundException","message":"…"}`
#[derive(Serialize)]
struct ErrorBody<'a> {
    #[serde(rename = "__type")]
    exception: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

/// What most answers fit.
const USUAL: usize = 1024;

impl Reply {
    /// The answer of an operation that has no output: 200, and no body.
    #[must_use]
    pub fn empty() -> Self {
        Self { status: 200, exception: None, key: None, body: Zeroizing::default() }
    }

    /// The answer of an operation that has one.
    ///
    /// # Errors
    /// `KMSInternalException` if it cannot be written, which is a mistake in its type.
    pub fn of<T: Serialize>(response: &T) -> Result<Self, KmsError> {
        let mut body = WipedBuffer::with_capacity(USUAL);
        serde_json::to_writer(&mut body, response).map_err(|_| KmsError::new(Exception::KMSInternal))?;
        Ok(Self { status: 200, exception: None, key: None, body: body.into_inner() })
    }

    /// An exception. What lies behind a fault of the service is not told; the log has it.
    #[must_use]
    pub fn refusal(error: &KmsError) -> Self {
        let exception = error.exception();
        if let Some(cause) = error.cause().filter(|_| exception.status() >= 500) {
            tracing::error!(%exception, %cause, "a fault");
        }
        let body = ErrorBody { exception: exception.as_str(), message: error.message() };
        // Two texts: nothing that could not be written.
        let body = serde_json::to_vec(&body).unwrap_or_default();
        Self { status: exception.status(), exception: Some(exception), key: None, body: Zeroizing::new(body) }
    }

    /// The same, about a key.
    pub(super) const fn about(mut self, key: Option<KmsKeyId>) -> Self {
        self.key = key;
        self
    }

    /// The key that was asked for, if one was found: for logs, it is not sent.
    #[must_use]
    pub const fn key_id(&self) -> Option<KmsKeyId> {
        self.key
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// What went wrong, if anything.
    #[must_use]
    pub const fn exception(&self) -> Option<Exception> {
        self.exception
    }

    /// JSON, or nothing.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, taken out.
    #[must_use]
    pub fn into_body(self) -> Zeroizing<Vec<u8>> {
        self.body
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("exception", &self.exception)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

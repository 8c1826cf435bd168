//! Why a request is refused before the service sees it, in AWS's words.

use core::fmt;
use std::borrow::Cow;

use kms_service::{Exception, KmsError};

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    exception: Exception,
    message: Cow<'static, str>,
}

impl Refusal {
    const fn new(exception: Exception, message: Cow<'static, str>) -> Self {
        Self { exception, message }
    }

    pub(super) const fn missing() -> Self {
        Self::new(Exception::MissingAuthenticationToken, Cow::Borrowed("Missing Authentication Token"))
    }

    pub(super) fn incomplete(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Exception::IncompleteSignature, message.into())
    }

    pub(super) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Exception::InvalidSignature, message.into())
    }

    pub(crate) const fn unrecognized() -> Self {
        const TEXT: &str = "The security token included in the request is invalid.";
        Self::new(Exception::UnrecognizedClient, Cow::Borrowed(TEXT))
    }

    pub(super) const fn mismatch() -> Self {
        const TEXT: &str = "The request signature we calculated does not match the signature you provided. \
            Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
        Self::new(Exception::InvalidSignature, Cow::Borrowed(TEXT))
    }

    /// The request is signed for a region that is not served here.
    #[must_use]
    pub const fn other_region() -> Self {
        const TEXT: &str = "Credential should be scoped to a valid region.";
        Self::new(Exception::InvalidSignature, Cow::Borrowed(TEXT))
    }

    /// The exception: `MissingAuthenticationTokenException`, `IncompleteSignatureException`, `UnrecognizedClientException` or
    /// `InvalidSignatureException`.
    #[must_use]
    pub const fn exception(&self) -> Exception {
        self.exception
    }

    /// AWS's text. What it quotes of the request is printable ASCII, and short.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.exception, self.message)
    }
}

impl core::error::Error for Refusal {}

impl From<Refusal> for KmsError {
    fn from(refusal: Refusal) -> Self {
        Self::with(refusal.exception, refusal.message)
    }
}

/// Something of the request, fit to be shown.
pub(super) fn quoted(text: &[u8]) -> String {
    const MOST: usize = 128;
    let printable = |&byte: &u8| if (0x20..0x7f).contains(&byte) { char::from(byte) } else { '?' };
    let mut shown: String = text.iter().take(MOST).map(printable).collect();
    if text.len() > MOST {
        shown.push_str("...");
    }
    shown
}

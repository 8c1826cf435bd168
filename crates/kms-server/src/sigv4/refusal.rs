//! Why a request is refused before the service sees it, in AWS's words.

use core::fmt;
use std::borrow::Cow;

/// The exceptions of AWS's front end, which are in no service's model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthException {
    /// There is no signature.
    MissingAuthenticationToken,
    /// The signature cannot be read, or lacks something.
    IncompleteSignature,
    /// The access key is not known, or the session token is not its.
    UnrecognizedClient,
    /// The signature is not the request's, or is too old, or of something else.
    InvalidSignature,
}

impl AuthException {
    /// The name on the wire (`__type`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::IncompleteSignature => "IncompleteSignatureException",
            Self::UnrecognizedClient => "UnrecognizedClientException",
            Self::InvalidSignature => "InvalidSignatureException",
        }
    }

    /// The HTTP status: 400, as services of AWS answer that speak AWS JSON.
    #[must_use]
    pub const fn status(self) -> u16 {
        400
    }
}

impl fmt::Display for AuthException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    exception: AuthException,
    message: Cow<'static, str>,
}

impl Refusal {
    const fn new(exception: AuthException, message: Cow<'static, str>) -> Self {
        Self { exception, message }
    }

    pub(super) const fn missing() -> Self {
        Self::new(AuthException::MissingAuthenticationToken, Cow::Borrowed("Missing Authentication Token"))
    }

    pub(super) fn incomplete(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(AuthException::IncompleteSignature, message.into())
    }

    pub(super) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(AuthException::InvalidSignature, message.into())
    }

    pub(crate) const fn unrecognized() -> Self {
        const TEXT: &str = "The security token included in the request is invalid.";
        Self::new(AuthException::UnrecognizedClient, Cow::Borrowed(TEXT))
    }

    pub(super) const fn mismatch() -> Self {
        const TEXT: &str = "The request signature we calculated does not match the signature you provided. \
            Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
        Self::new(AuthException::InvalidSignature, Cow::Borrowed(TEXT))
    }

    /// The request is signed for a region that is not served here.
    #[must_use]
    pub const fn other_region() -> Self {
        const TEXT: &str = "Credential should be scoped to a valid region.";
        Self::new(AuthException::InvalidSignature, Cow::Borrowed(TEXT))
    }

    /// The exception.
    #[must_use]
    pub const fn exception(&self) -> AuthException {
        self.exception
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.exception.status()
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

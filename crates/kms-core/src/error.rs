//! One error type for every crate of the workspace.
//!
//! An [`Error`] answers two questions a caller has to act on: [will the same call pass
//! later](Error::is_transient), and [may it have had its effect already](Error::may_have_run). Everything
//! else is in its [`kind`](Error::kind). Texts are for people; no code matches on them.
//!
//! Every cryptographic refusal (wrong tag, wrong padding, wrong context, wrong commitment, wrong signature)
//! is the one kind [`ErrorKind::Rejected`], with the one text "rejected" and without a source: which check
//! refused is what an attacker wants to know.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use core::error::Error as StdError;
use core::fmt;

/// What went wrong, as far as a caller can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Too many requests, sessions or queued calls: the same call may pass after a pause.
    Busy,
    /// The connection to the backend is gone: the same call may pass after reconnecting.
    Disconnected,
    /// The ciphertext names another key, or another generation of this one.
    IncorrectKey,
    /// A fault inside this process or its backend. Not caused by the input.
    Internal,
    /// The caller's input is wrong: a length, a combination of arguments. Decided before any secret is touched.
    InvalidInput,
    /// Reading or writing failed outside the cryptography (files, pipes).
    Io,
    /// The master key does not exist, or exists and cannot be used now.
    KeyUnavailable,
    /// The bytes do not have the form of what they should be.
    Malformed,
    /// A message has no encrypted data key that the keys on hand recognise.
    NoMatchingKey,
    /// The bytes are well-formed, but the caller's own limits or policy exclude them.
    Refused,
    /// The cryptographic check failed. Nothing more is said.
    Rejected,
    /// The call's time ran out.
    TimedOut,
    /// The backend did not accept our credentials. Never retried.
    Unauthorized,
    /// The key, the backend or this version cannot do that.
    Unsupported,
}

impl ErrorKind {
    const fn text(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Disconnected => "disconnected from the key's backend",
            Self::IncorrectKey => "encrypted under another key",
            Self::Internal => "internal error",
            Self::InvalidInput => "invalid input",
            Self::Io => "input/output error",
            Self::KeyUnavailable => "key unavailable",
            Self::Malformed => "malformed",
            Self::NoMatchingKey => "no key on hand can decrypt this",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::TimedOut => "timed out",
            Self::Unauthorized => "the backend refused our credentials",
            Self::Unsupported => "unsupported",
        }
    }
}

/// The error of every fallible operation. See the [module](self).
pub struct Error {
    kind: ErrorKind,
    detail: Option<Cow<'static, str>>,
    may_have_run: bool,
    source: Option<Box<dyn StdError + Send + Sync + 'static>>,
}

impl Error {
    /// An error of `kind` that says nothing beyond it.
    #[must_use]
    pub const fn new(kind: ErrorKind) -> Self {
        Self { kind, detail: None, may_have_run: false, source: None }
    }

    /// The one cryptographic refusal.
    #[must_use]
    pub const fn rejected() -> Self {
        Self::new(ErrorKind::Rejected)
    }

    /// An error of `kind` with a text for people. A [`ErrorKind::Rejected`] keeps no text.
    ///
    /// `detail` must not quote a secret.
    #[must_use]
    pub fn with_detail(kind: ErrorKind, detail: impl Into<Cow<'static, str>>) -> Self {
        let mut error = Self::new(kind);
        if kind != ErrorKind::Rejected {
            error.detail = Some(detail.into());
        }
        error
    }

    /// [`ErrorKind::InvalidInput`] with a text that says what to do.
    #[must_use]
    pub fn invalid_input(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::with_detail(ErrorKind::InvalidInput, detail)
    }

    /// [`ErrorKind::Malformed`] with a text that says where.
    #[must_use]
    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::with_detail(ErrorKind::Malformed, detail)
    }

    /// [`ErrorKind::Unsupported`] with a text that says what.
    #[must_use]
    pub fn unsupported(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::with_detail(ErrorKind::Unsupported, detail)
    }

    /// Attaches the transport's own error. A [`ErrorKind::Rejected`] keeps none.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync + 'static>>) -> Self {
        if self.kind != ErrorKind::Rejected {
            self.source = Some(source.into());
        }
        self
    }

    /// Marks that the operation may have had its effect although no answer came.
    #[must_use]
    pub const fn that_may_have_run(mut self) -> Self {
        self.may_have_run = true;
        self
    }

    /// What went wrong.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The text for people, if there is more to say than the kind.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Whether the same call may pass later, unchanged.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind, ErrorKind::Busy | ErrorKind::Disconnected | ErrorKind::TimedOut)
    }

    /// Whether the operation may have had its effect although it failed here.
    #[must_use]
    pub const fn may_have_run(&self) -> bool {
        self.may_have_run
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.text())?;
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind)
            .field("detail", &self.detail)
            .field("may_have_run", &self.may_have_run)
            .field("source", &self.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_rejection_says_nothing_else() {
        let error = Error::with_detail(ErrorKind::Rejected, "tag").with_source("padding");
        assert_eq!(error.to_string(), "rejected");
        assert!(error.detail().is_none());
        assert!(error.source().is_none());
    }

    #[test]
    fn transience_is_a_property_of_the_kind() {
        assert!(Error::new(ErrorKind::Busy).is_transient());
        assert!(!Error::new(ErrorKind::Unauthorized).is_transient());
        assert!(Error::new(ErrorKind::TimedOut).that_may_have_run().may_have_run());
    }
}

//! The errors of the proxy API: one table from name to HTTP status.

use core::fmt;
use std::borrow::Cow;

use kms_service::{Exception, KmsError};

use super::Answer;
use super::message;

macro_rules! exceptions {
    ($($(#[$meta:meta])* $name:ident $status:literal,)+) => {
        /// The errors of the proxy API (specification, "Error codes").
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum XksException { $($(#[$meta])* $name,)+ }

        impl XksException {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The `errorName`: the variant's, with `Exception` at the end.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => concat!(stringify!($name), "Exception"),)+ }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }
        }
    };
}

exceptions! {
    /// A member of the request is not right.
    Validation 400,
    /// The key is disabled.
    InvalidState 400,
    /// Ciphertext, vector, tag, metadata or additional data are not right. Nothing more is said.
    InvalidCiphertext 400,
    /// The key is not an external key.
    InvalidKeyUsage 400,
    /// The signature is not right.
    AuthenticationFailed 401,
    /// Policies do not allow it.
    AccessDenied 403,
    /// There is no such key.
    KeyNotFound 404,
    /// There is nothing at the path.
    InvalidUriPath 404,
    /// Too many requests.
    Throttling 429,
    /// A fault.
    Internal 500,
    /// A member is longer than what is supported.
    UnsupportedOperation 501,
    /// What the proxy depends on did not answer in time.
    DependencyTimeout 503,
}

/// Why the proxy refuses a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XksRefusal {
    exception: XksException,
    message: Cow<'static, str>,
}

impl XksRefusal {
    pub(super) fn new(exception: XksException, message: impl Into<Cow<'static, str>>) -> Self {
        Self { exception, message: message.into() }
    }

    pub(super) fn validation(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(XksException::Validation, message)
    }

    pub(super) fn invalid_ciphertext() -> Self {
        Self::new(
            XksException::InvalidCiphertext,
            "The ciphertext, its metadata, initialization vector, authentication tag or additional authenticated data is \
            not right.",
        )
    }

    pub(super) fn internal(what: impl fmt::Display) -> Self {
        Self::new(XksException::Internal, what.to_string())
    }

    /// What it is answered as.
    pub(super) fn answer(&self) -> Answer {
        // Specification, "Error codes": less than 512 printable ASCII characters.
        let printable = |c: char| if matches!(c, ' '..='~') { c } else { '?' };
        let text: String = self.message.chars().take(511).map(printable).collect();
        let mut answer =
            message::write(&message::ErrorAnswer { error_name: self.exception.as_str(), error_message: &text });
        answer.status = self.exception.status();
        answer
    }
}

impl From<KmsError> for XksRefusal {
    fn from(error: KmsError) -> Self {
        if let Some(cause) = error.cause() {
            tracing::error!(%cause, exception = %error.exception(), "a call of AWS KMS failed");
        }
        let exception = match error.exception() {
            Exception::AccessDenied => XksException::AccessDenied,
            Exception::NotFound | Exception::InvalidArn => XksException::KeyNotFound,
            Exception::Disabled | Exception::KMSInvalidState => XksException::InvalidState,
            Exception::InvalidKeyUsage => XksException::InvalidKeyUsage,
            Exception::Throttling | Exception::LimitExceeded => XksException::Throttling,
            Exception::DependencyTimeout => XksException::DependencyTimeout,
            Exception::Validation | Exception::Serialization | Exception::RequestTimeout => XksException::Validation,
            Exception::UnsupportedOperation | Exception::RequestEntityTooLarge => XksException::UnsupportedOperation,
            _ => XksException::Internal,
        };
        Self::new(exception, error.message().unwrap_or_else(|| error.exception().as_str()).to_owned())
    }
}

//! The errors of the AWS KMS API: one table from exception to HTTP status and retryability.

use core::fmt;
use std::borrow::Cow;
use std::sync::Arc;

use kms_core::ErrorKind;

/// Whose fault an exception is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the API knows two")]
pub enum Fault {
    /// The request's: HTTP 400, seldom 408, 412 or 413.
    Sender,
    /// The service's: HTTP 500 or 503.
    Receiver,
}

macro_rules! exceptions {
    ($($(#[$meta:meta])* $name:ident $status:literal $retry:literal,)+) => {
        /// The exceptions of the AWS KMS API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Exception { $($(#[$meta])* $name,)+ }

        impl Exception {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name on the wire (`__type`): the variant's, with `Exception` at the end.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => concat!(stringify!($name), "Exception"),)+ }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// Whether the same request may pass later, unchanged.
            #[must_use]
            pub const fn is_retryable(self) -> bool {
                match self { $(Self::$name => $retry,)+ }
            }
        }
    };
}

exceptions! {
    /// The caller may not do this.
    AccessDenied 400 false,
    /// There is one with that name.
    AlreadyExists 400 false,
    /// A rotation is too close to the one before.
    Conflict 400 false,
    /// Keys are in the custom key store.
    CustomKeyStoreHasCMKs 400 false,
    /// The custom key store is not connected, or not disconnected.
    CustomKeyStoreInvalidState 400 false,
    /// A custom key store has the name.
    CustomKeyStoreNameInUse 400 false,
    /// There is no such custom key store.
    CustomKeyStoreNotFound 400 false,
    /// Something the service depends on did not answer in time.
    DependencyTimeout 503 true,
    /// The key is disabled.
    Disabled 400 false,
    /// `DryRun` was set, and all checks passed.
    DryRunOperation 412 false,
    /// The import token is too old.
    ExpiredImportToken 400 false,
    /// The ciphertext is of another key than the one named.
    IncorrectKey 400 false,
    /// The imported material is not what was imported before.
    IncorrectKeyMaterial 400 false,
    /// Not a name that an alias can have.
    InvalidAliasName 400 false,
    /// Not an ARN, or one of something else.
    InvalidArn 400 false,
    /// The operator has configured no such HSM.
    CloudHsmClusterNotFound 400 false,
    /// Another custom key store is in front of the HSM.
    CloudHsmClusterInUse 400 false,
    /// The HSM is not the one that the keys are in.
    CloudHsmClusterNotRelated 400 false,
    /// The HSM does not answer.
    CloudHsmClusterNotActive 400 false,
    /// The ciphertext or its context is not right. Nothing more is said.
    InvalidCiphertext 400 false,
    /// Not a grant id.
    InvalidGrantId 400 false,
    /// Not a grant token, or one of a grant that is gone.
    InvalidGrantToken 400 false,
    /// The import token is not one, or of another key.
    InvalidImportToken 400 false,
    /// The key is for other operations.
    InvalidKeyUsage 400 false,
    /// The marker is not one that was handed out.
    InvalidMarker 400 false,
    /// The alias is reserved for the service's own keys.
    NotAuthorized 400 false,
    /// The key's state does not allow this.
    KMSInvalidState 400 false,
    /// The MAC is not the message's.
    KMSInvalidMac 400 false,
    /// The signature is not the message's.
    KMSInvalidSignature 400 false,
    /// A fault of the service.
    KMSInternal 500 true,
    /// The key's backend does not answer.
    KeyUnavailable 500 true,
    /// A resource quota is used up.
    LimitExceeded 400 false,
    /// The policy is not one, or locks its author out.
    MalformedPolicyDocument 400 false,
    /// There is no such key, alias or grant.
    NotFound 400 false,
    /// A tag is not one.
    Tag 400 false,
    /// Too many requests.
    Throttling 400 true,
    /// The service does not do that with this key.
    UnsupportedOperation 400 false,
    /// A member of the request has a wrong value.
    Validation 400 false,

    // What is refused before there is a request: nothing of it is in the API's model, and all services of AWS answer it.
    /// The session is over that the security token is of.
    ExpiredToken 400 false,
    /// A part of the signature is missing, or is not one.
    IncompleteSignature 400 false,
    /// The signature is not the request's, or too old, or for another region or service.
    InvalidSignature 400 false,
    /// Nobody signed the request.
    MissingAuthenticationToken 400 false,
    /// The body is too long.
    RequestEntityTooLarge 413 false,
    /// The body did not arrive in time.
    RequestTimeout 408 true,
    /// The body is not JSON, or not that of the operation's request.
    Serialization 400 false,
    /// There is no operation of that name.
    UnknownOperation 400 false,
    /// There is no such access key, or its security token is another.
    UnrecognizedClient 400 false,
}

impl Exception {
    /// Whose fault it is.
    #[must_use]
    pub const fn fault(self) -> Fault {
        if self.status() >= 500 { Fault::Receiver } else { Fault::Sender }
    }

    /// The code that botocore and the audit trail know it by: [`as_str`](Self::as_str), but `AccessDenied` in the trail.
    #[must_use]
    pub const fn trail_code(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDenied",
            other => other.as_str(),
        }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a request failed: an exception, and a text where AWS has one.
#[derive(Debug, Clone)]
pub struct KmsError {
    exception: Exception,
    message: Option<Cow<'static, str>>,
    cause: Option<Arc<kms_core::Error>>,
}

impl KmsError {
    /// An exception without a text.
    #[must_use]
    pub const fn new(exception: Exception) -> Self {
        Self { exception, message: None, cause: None }
    }

    /// An exception with a text.
    #[must_use]
    pub fn with(exception: Exception, message: impl Into<Cow<'static, str>>) -> Self {
        Self { exception, message: Some(message.into()), cause: None }
    }

    /// [`Exception::Validation`] with a text.
    #[must_use]
    pub fn validation(message: impl Into<Cow<'static, str>>) -> Self {
        Self::with(Exception::Validation, message)
    }

    /// The same, and what lies behind it.
    #[must_use]
    pub(crate) fn because(mut self, cause: kms_core::Error) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }

    /// The exception.
    #[must_use]
    pub const fn exception(&self) -> Exception {
        self.exception
    }

    /// The text.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Whether nothing was done: the store may not know what became of a change.
    #[must_use]
    pub(crate) fn is_certain(&self) -> bool {
        self.cause.as_ref().is_none_or(|cause| !cause.may_have_run())
    }

    /// What lies behind a fault of the service: for its operator's log, never for the caller.
    #[must_use]
    pub fn cause(&self) -> Option<&kms_core::Error> {
        self.cause.as_deref()
    }
}

/// What callers see of it; the cause is not part of that.
impl PartialEq for KmsError {
    fn eq(&self, other: &Self) -> bool {
        (self.exception, &self.message) == (other.exception, &other.message)
    }
}

impl Eq for KmsError {}

/// A fault of the store or of a backend. What a caller's input is to blame for is told apart before.
impl From<kms_core::Error> for KmsError {
    fn from(cause: kms_core::Error) -> Self {
        let exception = match cause.kind() {
            ErrorKind::Busy | ErrorKind::TimedOut => Exception::DependencyTimeout,
            ErrorKind::Disconnected | ErrorKind::KeyUnavailable | ErrorKind::Unauthorized => Exception::KeyUnavailable,
            // A backend that lacks an algorithm; the store says this of nothing that it holds.
            ErrorKind::Unsupported => Exception::UnsupportedOperation,
            _ => Exception::KMSInternal,
        };
        Self::new(exception).because(cause)
    }
}

impl fmt::Display for KmsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.exception)?;
        match &self.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for KmsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_consistent() {
        for &exception in Exception::ALL {
            assert!(exception.as_str().ends_with("Exception"));
            assert!(matches!(exception.status(), 400 | 408 | 412 | 413 | 500 | 503), "{exception}");
            if exception.fault() == Fault::Receiver {
                assert!(exception.is_retryable(), "{exception}");
            }
        }
        assert_eq!(Exception::KMSInvalidMac.as_str(), "KMSInvalidMacException");
        assert!(Exception::Throttling.is_retryable());
    }
}

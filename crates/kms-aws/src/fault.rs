//! What a failed request means: the one table.

use std::error::Error as StdError;
use std::io;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kms::config::http::HttpResponse;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_types::error::display::DisplayErrorContext;
use kms_core::{Error, ErrorKind};

/// How much of a text is kept that the other side chose.
const TEXT: usize = 400;

/// The kind of an exception, and whether the request may have had its effect.
///
/// Retryable exceptions (HTTP 500 and 503, `ThrottlingException`) are transient kinds; those that are about the
/// ciphertext, its context or a signature are `Rejected`.
fn kind_of(exception: &str) -> Option<(ErrorKind, bool)> {
    Some(match exception {
        "InvalidCiphertextException" | "KMSInvalidSignatureException" | "KMSInvalidMacException" => {
            (ErrorKind::Rejected, false)
        }
        "IncorrectKeyException" => (ErrorKind::IncorrectKey, false),
        "NotFoundException" | "DisabledException" | "KMSInvalidStateException" => (ErrorKind::KeyUnavailable, false),
        "InvalidKeyUsageException" | "UnsupportedOperationException" | "UnknownOperationException" => {
            (ErrorKind::Unsupported, false)
        }
        "AccessDeniedException"
        | "NotAuthorizedException"
        | "ExpiredTokenException"
        | "IncompleteSignatureException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "OptInRequired"
        | "RequestExpired"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => (ErrorKind::Unauthorized, false),
        // Refused before anything was done.
        "ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded" | "SlowDown" => {
            (ErrorKind::Busy, false)
        }
        "DependencyTimeoutException"
        | "InternalFailure"
        | "KMSInternalException"
        | "KeyUnavailableException"
        | "ServiceUnavailable" => (ErrorKind::Busy, true),
        "AlreadyExistsException"
        | "ExpiredImportTokenException"
        | "IncorrectKeyMaterialException"
        | "InvalidAliasNameException"
        | "InvalidArnException"
        | "InvalidGrantTokenException"
        | "InvalidImportTokenException"
        | "MalformedPolicyDocumentException"
        | "SerializationException"
        | "TagException"
        | "ValidationException" => (ErrorKind::InvalidInput, false),
        "LimitExceededException" => (ErrorKind::Refused, false),
        _ => return None,
    })
}

/// The error of a failed request. `subject` is the key it was about, or the endpoint.
pub(crate) fn error_of<E>(failed: SdkError<E, HttpResponse>, subject: &str) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match &failed {
        SdkError::ServiceError(answer) => {
            let (code, status) = (answer.err().code().unwrap_or("no exception"), answer.raw().status().as_u16());
            let message = answer.err().message().unwrap_or_default();
            let unknown = if status >= 500 { (ErrorKind::Busy, true) } else { (ErrorKind::Internal, false) };
            let (kind, may_have_run) = kind_of(code).unwrap_or(unknown);
            let text = if message.is_empty() { "" } else { ": " };
            let said: String = format!("{code}{text}{message}").chars().take(TEXT).collect();
            let error = Error::with_detail(kind, format!("{subject}: {said}"));
            if may_have_run { error.that_may_have_run() } else { error }
        }
        SdkError::TimeoutError(_) => {
            Error::with_detail(ErrorKind::TimedOut, format!("{subject}: no answer")).that_may_have_run()
        }
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_)
            if cause::<CredentialsError>(&failed).is_some() =>
        {
            let why = cause::<CredentialsError>(&failed).map(|error| DisplayErrorContext(error).to_string());
            // Says which provider failed, and never a credential.
            let why: String = why.unwrap_or_default().chars().take(TEXT).collect();
            Error::with_detail(ErrorKind::Unauthorized, format!("no AWS credentials ({why})"))
        }
        SdkError::DispatchFailure(failure) => {
            let timed_out = failure.is_timeout();
            // Whoever was not reached did nothing.
            let refused =
                cause::<io::Error>(&failed).is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
            let kind = if timed_out { ErrorKind::TimedOut } else { ErrorKind::Disconnected };
            let detail = format!("{subject}: {}", root(&failed));
            let error = Error::with_detail(kind, detail).with_source(failed);
            if refused { error } else { error.that_may_have_run() }
        }
        SdkError::ConstructionFailure(_) => {
            Error::invalid_input(format!("{subject}: {}", root(&failed))).with_source(failed)
        }
        // Without its source, which shows the answer's body: it may hold a key.
        _ => Error::with_detail(ErrorKind::Disconnected, format!("{subject}: the answer is not one of AWS KMS"))
            .that_may_have_run(),
    }
}

/// Whether the request failed with this exception.
pub(crate) fn is<E: ProvideErrorMetadata>(failed: &SdkError<E, HttpResponse>, exception: &str) -> bool {
    matches!(failed, SdkError::ServiceError(answer) if answer.err().code() == Some(exception))
}

fn cause<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The end of the chain says most: "Connection refused", "failed to lookup address information".
fn root(error: &(dyn StdError + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string().chars().take(TEXT).collect()
}

//! AWS JSON 1.1: from a body to a typed request, and from its answer to a body.
//!
//! Nothing here knows HTTP beyond a status. What a client may send is refused in AWS's words: a body that is not JSON, not
//! UTF-8, has a member twice, one of a wrong type, or something after its end is a `SerializationException`; a wrong value
//! of the right type is the service's `ValidationException`.

mod buffer;
mod read;
mod reply;

use kms_service::api::{Operation, RequestVisitor, Response};
use kms_service::{Caller, Exception, KmsError, Perform, Service};

pub(crate) use buffer::WipedBuffer;
pub use reply::Reply;

/// What stands before the name of an operation in `X-Amz-Target`.
const TARGET: &str = "TrentService.";

/// The operation that `X-Amz-Target` names.
///
/// # Errors
/// `UnknownOperationException` if it is not one of the API's.
pub fn operation(target: &str) -> Result<Operation, KmsError> {
    let name = target.strip_prefix(TARGET);
    name.and_then(|name| name.parse().ok()).ok_or_else(|| KmsError::new(Exception::UnknownOperation))
}

/// Answers a request: `target` is `X-Amz-Target`, `body` what was sent.
///
/// May wait for the store, an HSM and the audit log.
#[must_use]
pub fn answer(service: &Service, caller: &Caller, target: &str, body: &[u8]) -> Reply {
    match operation(target) {
        Ok(operation) => perform(service, caller, operation, body),
        Err(error) => Reply::refusal(&error),
    }
}

/// As [`answer`], where the operation is known.
#[must_use]
pub fn perform(service: &Service, caller: &Caller, operation: Operation, body: &[u8]) -> Reply {
    struct Ask<'a> {
        service: &'a Service,
        caller: &'a Caller,
        body: &'a [u8],
    }

    impl RequestVisitor for Ask<'_> {
        type Output = Result<Reply, KmsError>;

        fn visit<R: Perform>(self) -> Self::Output {
            let request: R = read::request(self.body)?;
            let response = self.service.call(self.caller, &request)?;
            if R::Response::HAS_OUTPUT { Reply::of(&response) } else { Ok(Reply::empty()) }
        }
    }

    operation.visit(Ask { service, caller, body }).unwrap_or_else(|error| Reply::refusal(&error))
}

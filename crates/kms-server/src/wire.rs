//! AWS JSON 1.1: from a body to a typed request, and from its answer to a body.
//!
//! Nothing here knows HTTP beyond a status. What a client may send is refused in AWS's words: a body that is not JSON, not
//! UTF-8, has a member twice, one of a wrong type, or something after its end is a `SerializationException`; a wrong value
//! of the right type is the service's `ValidationException`.

mod buffer;
mod read;
mod reply;

use core::fmt;
use core::pin::Pin;

use kms_service::api::{Operation, RequestVisitor, Response};
use kms_service::{Caller, Exception, KmsError, Perform, Service, Submitted};

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

/// A request that was read, and made if nothing had to be waited for.
#[must_use = "its answer"]
#[expect(clippy::exhaustive_enums, reason = "whoever serves it does one or the other")]
pub enum Submission {
    /// It was made: what is answered when its record is on the disk.
    Made(Answer),
    /// It has to be made on a thread that may wait for the store or an HSM.
    MayWait(Box<dyn FnOnce() -> Answer + Send>),
}

/// What is answered, once that is known and recorded.
pub type Answer = Pin<Box<dyn Future<Output = Reply> + Send>>;

impl Submission {
    /// The answer, made on this thread, which may wait.
    pub async fn here(self) -> Reply {
        match self {
            Self::Made(answer) => answer.await,
            Self::MayWait(make) => make().await,
        }
    }
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Made(_) => "Made",
            Self::MayWait(_) => "MayWait",
        })
    }
}

/// Reads a request, and makes it if what it needs is at hand: see [`Service::submit_at_hand`].
///
/// # Errors
/// `SerializationException`.
pub fn submit(service: &Service, caller: Caller, operation: Operation, body: &[u8]) -> Result<Submission, KmsError> {
    struct Submit<'a> {
        service: &'a Service,
        caller: Caller,
        body: &'a [u8],
    }

    impl RequestVisitor for Submit<'_> {
        type Output = Result<Submission, KmsError>;

        fn visit<R: Perform>(self) -> Self::Output {
            let request: R = read::request(self.body)?;
            if let Some(made) = self.service.submit_at_hand(&self.caller, &request) {
                return Ok(Submission::Made(answer(made)));
            }
            let (service, caller) = (self.service.clone(), self.caller);
            Ok(Submission::MayWait(Box::new(move || answer(service.submit(&caller, &request)))))
        }
    }

    operation.visit(Submit { service, caller, body })
}

fn answer<T: Response>(submitted: Submitted<T>) -> Answer {
    Box::pin(async move {
        let key = submitted.key_id();
        let reply =
            submitted.await.and_then(|response| if T::HAS_OUTPUT { Reply::of(&response) } else { Ok(Reply::empty()) });
        reply.unwrap_or_else(|error| Reply::refusal(&error)).about(key)
    })
}

//! What each operation does, once a request has come that far.

#![expect(private_interfaces, reason = "a request is performed by nobody but the service")]

mod agreement;
mod aliases;
mod custom_key_stores;
mod data_keys;
pub(crate) mod deletion;
mod encryption;
mod grants;
pub(crate) mod import;
mod keys;
mod last_usage;
mod pages;
mod policies;
mod random;
mod regions;
pub(crate) mod room;
pub(crate) mod rotation;
mod signatures;
mod tags;

use crate::KmsError;
use crate::api::Request;

pub(crate) use custom_key_stores::CustomKeyStoreRecord;
pub(crate) use keys::{first_generation, metadata};
pub(crate) use policies::{aws_managed_policy, default_policy, read_key_policy};

/// A request that the service can answer: all of [`api`](crate::api).
pub trait Perform: Request + Sealed {}

impl<R: Request + Sealed> Perform for R {}

pub(crate) mod sealed {
    use crate::KmsError;
    use crate::api::Request;
    use crate::step::Step;

    /// Kept in this crate: a request that did not go through the steps could not be told from one that did.
    #[expect(unnameable_types, reason = "that nobody can name it is its purpose")]
    pub trait Sealed: Request {
        #[doc(hidden)]
        fn perform(&self, step: &Step<'_>) -> Result<Self::Response, KmsError>;
    }
}

pub(crate) use sealed::Sealed;

/// Operations that this service does not have.
macro_rules! unsupported {
    ($($request:ident),+) => {$(
        impl Sealed for crate::api::$request {
            fn perform(&self, _: &crate::step::Step<'_>) -> Result<Self::Response, KmsError> {
                Err(not_here())
            }
        }
    )+};
}

unsupported! { EncapsulateRequest, DecapsulateRequest }

/// What is answered to what AWS has and this service has not.
pub(crate) const fn not_here() -> KmsError {
    KmsError::new(crate::Exception::UnsupportedOperation)
}

/// That a request does not ask for an answer to an attested recipient, which this service cannot give.
pub(crate) fn no_recipient(recipient: Option<&crate::api::RecipientInfo>) -> Result<(), KmsError> {
    match recipient {
        None => Ok(()),
        Some(_) => {
            Err(KmsError::with(crate::Exception::UnsupportedOperation, "Recipient is not supported by this service."))
        }
    }
}

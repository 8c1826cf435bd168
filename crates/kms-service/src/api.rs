//! The operations of the AWS KMS API, 2014-11-01, as typed requests and responses.
//!
//! Members have AWS's names in Rust's case. A caller in Rust writes those it needs and
//! `..Default::default()`, and so is not broken by the members that AWS adds over the years:
//!
//! ```
//! use kms_core::Secret;
//! use kms_service::api::{EncryptRequest, Request};
//!
//! let request = EncryptRequest {
//!     key_id: "alias/backup".into(),
//!     plaintext: Secret::copy_from(b"attack at dawn").into(),
//!     ..Default::default()
//! };
//! request.validate()?;
//! # Ok::<(), kms_service::KmsError>(())
//! ```
//!
//! All types read and write the JSON of the API (AWS JSON 1.1): names in `PascalCase`, bytes in base64, times in seconds
//! since 1970. What is absent is left out; `null` reads as absent; unknown members are ignored, as AWS does. A value of a
//! wrong type is an error of `serde`; a wrong value of the right type is kept, and reported by
//! [`validate`](Request::validate) in AWS's words. A required member is a [`Required`], a name of an enumeration a
//! [`Named`], for that reason.
//!
//! Secrets are [`Secret`](kms_core::Secret) or [`SecretText`], which no `Debug`, no error and no audit record shows.

use core::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::KmsError;

pub mod agreement;
pub mod aliases;
mod blob;
pub mod cryptography;
pub mod custom_key_stores;
pub mod enums;
pub mod grants;
pub mod import;
pub mod keys;
mod member;
mod name;
mod named;
mod operation;
pub mod policies;
pub mod regions;
mod required;
pub mod rotation;
mod rules;
mod secret_text;
pub mod signatures;
mod structure;
mod supported;
pub mod tags;
pub(crate) mod trail;
mod validation;
mod visit;

pub use blob::Blob;
pub use named::{Enumeration, Named};
pub use operation::Operation;
pub use required::Required;
pub use secret_text::SecretText;
pub use visit::RequestVisitor;
#[doc(no_inline)]
pub use {
    agreement::*, aliases::*, cryptography::*, custom_key_stores::*, enums::algorithms::*, enums::keys::*,
    enums::material::*, enums::services::*, grants::*, import::*, keys::*, policies::*, regions::*, rotation::*,
    signatures::*, tags::*,
};

/// The request of an operation.
pub trait Request: fmt::Debug + Default + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What is answered; `()` where AWS answers with an empty body.
    type Response: Response;

    /// The operation.
    const OPERATION: Operation;

    /// Checks every member against the limits of the API's model, then what members must be together, as far as no key
    /// is needed for it.
    ///
    /// # Errors
    /// `ValidationException` with AWS's words for everything that is wrong with single members ("2 validation errors
    /// detected: …"); else the first of `ValidationException`, `TagException` and `InvalidAliasNameException` that
    /// applies.
    fn validate(&self) -> Result<(), KmsError>;

    /// Appends `requestParameters` of the audit record: JSON, with members in `camelCase` and times in RFC 3339; no
    /// plaintext, ciphertext, secret or grant token; `null` if nothing is left.
    fn trail(&self, out: &mut Vec<u8>);
}

/// The response of an operation.
pub trait Response: fmt::Debug + Default + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Whether the answer has a body. If not, AWS answers with an empty one.
    const HAS_OUTPUT: bool;

    /// Appends `responseElements` of the audit record, as [`Request::trail`] does; `null` for an operation that
    /// [only reads](Operation::is_read_only).
    fn trail(&self, out: &mut Vec<u8>);
}

impl Response for () {
    const HAS_OUTPUT: bool = false;

    fn trail(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"null");
    }
}

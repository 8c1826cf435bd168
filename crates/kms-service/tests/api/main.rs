//! The requests and responses against the service model of AWS KMS.
#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]
#![expect(clippy::std_instead_of_alloc, reason = "never built without std")]

mod calls;
mod json;
mod limits;
mod messages;
mod model;
mod samples;
mod secrets;
mod trail;

//! Signatures of AWS's own test suite and of the AWS SDK for Python are accepted; everything else is refused.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

#[path = "sigv4/negative.rs"]
mod negative;
#[path = "sigv4/request.rs"]
mod request;
#[path = "sigv4/vectors.rs"]
mod vectors;

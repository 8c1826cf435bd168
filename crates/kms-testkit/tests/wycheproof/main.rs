//! The Wycheproof vectors (C2SP) over `kms_core::primitives` and `PublicKey`.
//!
//! Every set of a kind is loaded; what this project does not do is declined by name and counted, and both counts
//! are asserted, so that a new release of the vectors, or a case that silently stops running, is seen.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "never built without std")]

mod aead;
mod ecdh;
mod ecdsa;
mod hkdf;
mod hmac;
mod rsa_oaep;
mod rsa_signature;
mod tally;

//! Whole servers, from a configuration to their sockets, and clients that sign as AWS does.

#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::indexing_slicing,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test stops at the first surprise, and never runs without std"
)]

mod house;
mod sign;
mod xks;

//! The audit log: what is in it, what is found in it, and what is left of it.
#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]
#![expect(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "never built without std")]

mod common;
mod event;
mod faults;
mod fixture;
mod full;
mod kill;
mod power;
mod shared;
mod tamper;
mod written;

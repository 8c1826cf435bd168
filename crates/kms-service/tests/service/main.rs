//! The service through its one way in, over the engine in memory.

#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::indexing_slicing,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test stops at the first surprise, and has std"
)]

mod anchor;
mod check;
mod desk;
mod fixture;
mod freshness;
mod lifecycle;

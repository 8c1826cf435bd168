//! The service through its one way in, over the engine in memory.

#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]
#![expect(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "never built without std")]

mod anchor;
mod check;
mod desk;
mod lifecycle;

mod aliases;
mod cryptography;
mod custom_key_stores;
mod import;
mod keys;
mod kinds;
mod limits;
mod regions;
mod rotation;
mod states;
mod store;
mod tags;

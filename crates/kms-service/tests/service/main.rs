//! The service through its one way in, over the engine in memory.

#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test stops at the first surprise, and has std"
)]

mod access;
mod aliases;
mod anchor;
mod check;
mod conditions;
mod cryptography;
mod custom_key_stores;
mod desk;
mod fixture;
mod freshness;
mod grants;
mod hooks;
mod import;
mod keys;
mod kinds;
mod lifecycle;
mod limits;
mod operator;
mod quotas;
mod regions;
mod rotation;
mod simulate;
mod snapshots;
mod states;
mod store;
mod submitted;
mod tags;
mod trail;
mod usage;

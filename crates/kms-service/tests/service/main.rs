//! The service through its one way in, over the engine in memory.

#![expect(clippy::unwrap_used, clippy::unwrap_in_result, reason = "a test stops at the first surprise")]
#![expect(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "never built without std")]
#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::indexing_slicing,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test stops at the first surprise, and has std"

mod anchor;
mod check;
mod desk;
mod fixture;
mod freshness;
mod lifecycle;
mod operator;

// Who may do what, how often, and what is recorded.
mod access;
mod conditions;
mod grants;
mod quotas;
mod simulate;
mod snapshots;
mod trail;
mod usage;

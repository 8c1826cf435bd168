//! The service through its one way in, over the engine in memory.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod desk;
mod lifecycle;

// Who may do what, how often, and what is recorded.
mod access;
mod conditions;
mod grants;
mod quotas;
mod simulate;
mod snapshots;
mod trail;
mod usage;

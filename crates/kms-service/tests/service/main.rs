//! The service through its one way in, over the engine in memory.

#![expect(clippy::unwrap_used, clippy::unwrap_in_result, reason = "a test stops at the first surprise")]
#![expect(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "never built without std")]

mod anchor;
mod check;
mod desk;
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

//! The service through its one way in, over the engine in memory.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod anchor;
mod check;
mod desk;
mod lifecycle;
mod operator;

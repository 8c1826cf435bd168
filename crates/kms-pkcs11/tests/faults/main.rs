//! A token behind a module that misbehaves on a script: what is healed unseen, what is told, and what is never done.
//!
//! A module is configured once in a process: `cargo nextest run`, which gives each test its own.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::indexing_slicing, reason = "a test stops at the first surprise")]
#![expect(clippy::panic, reason = "a test stops at the first surprise")]

mod asking;
mod ciphertexts;
mod deadlines;
mod destroyed;
mod healing;
mod lost;
mod pins;
mod soak;
mod stand;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "../support/mod.rs"]
mod support;
mod threads;

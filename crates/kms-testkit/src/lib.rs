//! What the tests of the workspace share.
//!
//! - [`manifest`], [`keys`], [`files`], [`runner`]: corpora of messages in the format of the AWS Encryption SDK, made
//!   by other implementations, and the check that ours reads what it should and refuses the rest;
//! - [`static_key`]: a wrapping key that is the data key itself, for known-answer tests;
//! - [`write`](mod@write): messages of our own in the same shape, for other implementations to read;
//! - [`conformance`]: what every backend must do, as one function that any of them passes;
//! - [`counting`]: a master key that counts what is asked of it;
//! - [`faults`]: a master key that fails by a script.
//!
//! Two programs stand beside it: `esdk-vectors MANIFEST.json` checks a corpus wherever it lies, `esdk-write DIR`
//! writes one.

#![expect(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "never built without std")]

pub mod conformance;
pub mod counting;
pub mod faults;
pub mod files;
pub mod keys;
pub mod manifest;
mod operation;
pub mod runner;
pub mod static_key;
pub mod write;

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

//! What the tests of the workspace share.
//!
//! - [`manifest`], [`files`], [`runner`]: corpora of messages in the format of the AWS Encryption SDK, made by other
//!   implementations, and the check that ours reads what it should and refuses the rest;
//! - [`static_key`]: a wrapping key that is the data key itself, for known-answer tests;
//!
//! Two programs stand beside it: `esdk-vectors MANIFEST.json` checks a corpus wherever it lies, `esdk-write DIR`
//! writes one.

#![expect(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "never built without std")]

pub mod files;
pub mod manifest;
pub mod runner;
pub mod static_key;

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

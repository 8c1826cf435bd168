//! Real PKCS#11 tokens in throw-away directories, for tests and benchmarks.
//!
//! - [`softhsm()`], [`nss()`], [`kryoptic()`]: a fresh [`Token`] with a PIN and a label of its own. [`softhsm_beside`] puts a second
//!   token under the same module.
//! - [`Token::open`]: the token through bare `cryptoki`, for tests to look behind the program's back and for
//!   benchmarks to compare with.
//! - [`Shim`]: a module that stands before a token and misbehaves as a test tells it, and that counts the calls.
//!
//! A module reads its configuration from the environment and keeps it for the life of the process: a process stays
//! with the first token of each kind that it enters. `cargo nextest run` gives every test a process of its own. Under
//! `cargo test`, where they share one, the second [`Token::enter`] panics.
//!
//! Whatever is missing is a panic that says what to install: a test that cannot run fails.

mod bare;
mod kryoptic;
mod nss;
mod process;
mod programs;
mod shim;
mod softhsm;
mod token;

pub use bare::Bare;
pub use kryoptic::kryoptic;
pub use nss::nss;
pub use pkcs11_shim::Rule;
pub use shim::{Logged, RuleId, Shim};
pub use softhsm::{softhsm, softhsm_beside};
pub use token::Token;

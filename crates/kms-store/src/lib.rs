#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]
#![expect(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "never built without std")]

#[cfg(feature = "conformance")]
#[cfg_attr(docsrs, doc(cfg(feature = "conformance")))]
pub mod conformance;
pub mod faulty;
mod feed;
mod limits;
mod memory;
pub mod sqlite;

pub use crate::faulty::Faulty;
pub use crate::memory::Memory;
pub use crate::sqlite::Sqlite;

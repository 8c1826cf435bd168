#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod backend;
mod key;

pub use crate::backend::SoftBackend;
pub use crate::key::SoftKey;

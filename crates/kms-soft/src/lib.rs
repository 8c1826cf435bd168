#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(feature = "std", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "std"), doc = "Master keys in process memory, for `kms-core`.")]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod backend;
mod key;
#[cfg(feature = "std")]
pub mod keyring;
mod sealed;
mod stored;
mod wire;

pub use crate::backend::SoftBackend;
pub use crate::key::SoftKey;
#[cfg(feature = "std")]
pub use crate::keyring::{Keyring, RootKey};
pub use crate::sealed::SealedKey;
pub use crate::stored::SealedBackend;

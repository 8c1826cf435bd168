#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod algorithm;
pub mod backend;
pub mod blob;
pub mod call;
pub mod context;
pub mod error;
pub mod key;
pub mod master_key;
pub mod message;
pub mod parse;
pub mod primitives;
pub mod public_key;
pub mod random;
pub mod records;
pub mod secret;
pub mod spec;
mod stack;
mod sync;

pub use crate::algorithm::{
    Algorithm, AlgorithmSet, EncryptionAlgorithm, HashAlgorithm, KeyAgreementAlgorithm, MacAlgorithm, MessageType,
    SignatureScheme, SigningAlgorithm,
};
pub use crate::backend::{Backend, KeyMaterial, Locator, Supported};
pub use crate::blob::CiphertextBlob;
pub use crate::call::Call;
pub use crate::context::EncryptionContext;
pub use crate::error::{Error, ErrorKind};
pub use crate::key::Key;
pub use crate::master_key::{KeyId, KeyInfo, MasterKey, MaterialId};
pub use crate::public_key::PublicKey;
#[cfg(feature = "getrandom")]
pub use crate::random::SystemRandom;
pub use crate::random::{Locked, RandomSource};
pub use crate::records::{InMemory, Records};
pub use crate::secret::Secret;
pub use crate::spec::{KeySpec, KeyUsage};

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]
#![expect(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "never built without std")]

pub mod api;
pub mod audit;
pub mod error;
pub mod name;
mod place;
mod record;
pub mod sealed;
pub mod policy;
pub mod store;
mod text;
pub mod time;

pub use crate::error::{Exception, Fault, KmsError};
pub use crate::name::{AccountId, AliasName, Arn, KmsKeyId, Region};
pub use crate::sealed::SealedStore;
pub use crate::policy::{Decision, Policy, PolicyKind, Principal, decide};
pub use crate::store::Store;
pub use crate::time::{Clock, ManualClock, SystemClock, Timestamp};

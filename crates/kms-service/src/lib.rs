#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]
#![expect(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "never built without std")]

pub mod audit;
pub mod error;
pub mod name;
pub mod store;
pub mod time;

pub use crate::error::{Exception, Fault, KmsError};
pub use crate::name::{AccountId, AliasName, Arn, KmsKeyId, Region};
pub use crate::store::Store;
pub use crate::time::{Clock, SystemClock, Timestamp};

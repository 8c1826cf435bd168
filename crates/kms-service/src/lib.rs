#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]
#![expect(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "never built without std")]

mod anchor;
pub mod api;
pub mod audit;
mod authorise;
mod backends;
mod cache;
mod caller;
pub mod check;
mod edit;
pub mod error;
mod explain;
mod facts;
mod grants;
mod import;
mod jobs;
mod lease;
pub mod name;
pub mod operator;
mod ops;
mod place;
pub mod policy;
pub mod quota;
mod record;
pub mod sealed;
mod service;
mod service_key;
mod simulate;
mod snapshot;
mod state;
mod step;
pub mod store;
mod submitted;
mod text;
pub mod time;
mod trail;
pub mod usage;

pub use crate::caller::Caller;
pub use crate::error::{Exception, Fault, KmsError};
pub use crate::explain::{DecidedBy, DecidingStatement, Explanation, Reason};
pub use crate::jobs::Done;
pub use crate::name::{AccountId, AliasName, Arn, KmsKeyId, Region};
pub use crate::ops::Perform;
pub use crate::policy::{Decision, Policy, PolicyKind, Principal, decide};
pub use crate::quota::Quotas;
pub use crate::sealed::SealedStore;
pub use crate::service::{Limits, Service, ServiceBuilder};
pub use crate::service_key::ServiceKey;
pub use crate::simulate::Simulation;
pub use crate::store::Store;
pub use crate::submitted::Submitted;
pub use crate::time::{Clock, ManualClock, SystemClock, Timestamp};
pub use crate::trail::event_id;

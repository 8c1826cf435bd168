#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![expect(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "never built without std")]

mod arn;
mod backend;
mod client;
mod discovery;
mod fault;
mod http;
mod import;
mod io;
mod key;
mod metadata;

pub use crate::arn::{Arn, Resource};
pub use crate::backend::AwsBackend;
pub use crate::client::{AwsClient, AwsOptions};
pub use crate::discovery::{Discovery, DiscoveryFilter};
pub use crate::key::AwsKey;

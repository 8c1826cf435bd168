//! What the operator of a service does with it, beside requests: whoever holds the root key and the store.
//!
//! None of this is an operation of the AWS KMS API, and no caller of a server reaches it. It is narrow on purpose: it
//! brings in keys that were made elsewhere with their ids ([`adopt`](Service::adopt)), makes keys with ids that the
//! operator chooses ([`create_key_as`](Service::create_key_as)), ends the wait of a key that is to be deleted
//! ([`delete_now`](Service::delete_now)), looks at descriptions without asking a policy or leaving a record
//! ([`known`](Service::known)), and empties a service for tests ([`empty`](Service::empty)). No secret comes out of it,
//! and no key is used.

mod adopt;
mod create;
mod delete;
mod empty;
mod known;

pub use adopt::{Adopted, AdoptedGeneration};
pub use known::Known;

#[cfg(doc)]
use crate::Service;

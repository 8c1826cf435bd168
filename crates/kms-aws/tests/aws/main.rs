//! Keys behind an endpoint: the server of this project, in this process.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "never built without std")]

mod backend;
mod conformance;
mod endpoint;
mod faults;
mod messages;
mod runtimes;

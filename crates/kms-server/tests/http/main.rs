//! The server over real sockets: what AWS clients see, what slow and hostile ones get, TLS, and shutdown.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test stops at the first surprise, and never runs without std"
)]

mod house;
mod http2;
mod limits;
mod operations;
mod protocol;
mod shutdown;
mod tls;

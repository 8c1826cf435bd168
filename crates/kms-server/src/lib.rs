//! The server: what AWS clients talk to. It authenticates and translates; everything else is
//! [`kms_service`]'s.
//!
//! The house, in the way of a request: `listen` accepts connections, `app` routes, `sigv4` authenticates against
//! `credentials`, `wire` translates from and to AWS JSON 1.1, `xks` is the proxy API of external key stores; `metrics` and
//! `health` tell how it goes, `config` says what there is, `dev` is what test suites need.

#![expect(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a server has an operating system under it"
)]
pub mod app;
pub mod config;
pub mod credentials;
pub mod dev;
pub mod health;
pub mod listen;
pub mod logs;
pub mod metrics;
pub mod server;
pub mod sigv4;
pub mod wire;
pub mod xks;

#![doc = include_str!("../README.md")]
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

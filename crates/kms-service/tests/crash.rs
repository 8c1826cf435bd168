//! The whole service, over a store in a file and an audit log beside it, when its process is killed, its power fails, its
//! disk is full or broken, and when several processes share both.
//!
//! `KMS_SERVICE_KILLS` and `KMS_SERVICE_CUTS` say how often the first two happen.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test stops at the first surprise, and has std"
)]

mod crash {
    mod faults;
    pub(super) mod house;
    mod kill;
    pub(super) mod model;
    mod power;
    mod processes;
    pub(super) mod verdict;
    pub(super) mod work;
}

/// How often a test does something: as the variable says, else as often as here.
fn rounds(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |value| value.parse().unwrap())
}

//! What is left of a store when its process is killed, the power fails, the disk is full, a sync fails.
//!
//! `KMS_STORE_KILLS` and `KMS_STORE_CUTS` say how often the first two happen.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test stops at the first surprise, and has std"
)]

mod crash {
    mod faults;
    mod kill;
    mod power;
    pub(super) mod workload;
}

/// How often a test does something: as the variable says, else as often as here.
fn rounds(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |value| value.parse().unwrap())
}

//! The operations of a master key, and how often each was called.

use std::sync::atomic::{AtomicU64, Ordering};

/// An operation of [`MasterKey`](kms_core::MasterKey) that reaches the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// [`MasterKey::agree`](kms_core::MasterKey::agree)
    Agree,
    /// [`MasterKey::decrypt`](kms_core::MasterKey::decrypt)
    Decrypt,
    /// [`MasterKey::fill_random`](kms_core::MasterKey::fill_random)
    FillRandom,
    /// [`MasterKey::generate_data_key`](kms_core::MasterKey::generate_data_key)
    GenerateDataKey,
    /// [`MasterKey::mac`](kms_core::MasterKey::mac)
    Mac,
    /// [`MasterKey::open`](kms_core::MasterKey::open)
    Open,
    /// [`MasterKey::seal`](kms_core::MasterKey::seal)
    Seal,
    /// [`MasterKey::sign_digest`](kms_core::MasterKey::sign_digest)
    SignDigest,
}

/// One counter for each operation.
#[derive(Debug, Default)]
pub(crate) struct Counts([AtomicU64; 8]);

impl Counts {
    /// Counts a call, and answers which it is of its operation: the first is 1.
    pub(crate) fn next(&self, operation: Operation) -> u64 {
        self.0.get(operation as usize).map_or(0, |count| count.fetch_add(1, Ordering::Relaxed) + 1)
    }

    pub(crate) fn of(&self, operation: Operation) -> u64 {
        self.0.get(operation as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

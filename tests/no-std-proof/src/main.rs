//! kms without std: a program with its own entry point, allocator and panic handler that makes keys, encrypts,
//! decrypts, signs and verifies, checks known answers and leaves through a raw system call.
//!
//! The exit code is 0, or the number of the [`Step`] that failed, or 255 after a panic.

#![no_std]
#![no_main]

extern crate alloc;

mod keys;
mod known_answers;
mod messages;
mod random;
mod runtime;

/// What is checked, by exit code.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// AES-256-GCM against the vector of McGrew and Viega.
    AesGcm = 1,
    /// HKDF-SHA-256 against RFC 5869.
    Hkdf = 2,
    /// HMAC-SHA-256 against RFC 4231.
    Hmac = 3,
    /// SHA-256 against FIPS 180-4.
    Hash = 4,
    /// Verifying the P-256 signature of RFC 6979.
    Ecdsa = 5,
    /// A ciphertext blob that another implementation of the format made.
    Blob = 6,
    /// A symmetric key: encrypt, decrypt, refuse.
    Symmetric = 7,
    /// An elliptic curve key: sign, verify, refuse.
    Signing = 8,
    /// Two elliptic curve keys: agree on a secret.
    Agreement = 9,
    /// Messages: read another implementation's, write, read, refuse.
    Message = 10,
}

/// Fails as `step` unless `right`.
pub(crate) fn check(right: bool, step: Step) -> Result<(), Step> {
    if right { Ok(()) } else { Err(step) }
}

/// Turns any error into the failure of `step`.
pub(crate) fn during<E>(step: Step) -> impl Fn(E) -> Step {
    move |_| step
}

/// All steps, in order. Called by the entry point.
pub(crate) fn run() -> u8 {
    match known_answers::run().and_then(|()| messages::read()).and_then(|()| keys::run()) {
        Ok(()) => 0,
        Err(step) => step as u8,
    }
}

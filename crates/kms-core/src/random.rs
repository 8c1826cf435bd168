//! Where random bytes come from.

use core::fmt;

use rand_core::{TryCryptoRng, TryRng};

use crate::Error;
use crate::sync::Mutex;

/// A shared source of cryptographic randomness.
///
/// [`SystemRandom`] serves where there is an operating system; [`Locked`] makes one of any `rand_core` generator.
pub trait RandomSource: Send + Sync {
    /// Fills `out` with unpredictable bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if the generator fails; `out` is then not to be used.
    fn fill(&self, out: &mut [u8]) -> Result<(), Error>;
}

/// The operating system's generator.
#[cfg(feature = "getrandom")]
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

#[cfg(feature = "getrandom")]
impl RandomSource for SystemRandom {
    fn fill(&self, out: &mut [u8]) -> Result<(), Error> {
        getrandom::fill(out)
            .map_err(|_| Error::with_detail(crate::ErrorKind::Internal, "the system's random generator failed"))
    }
}

/// Any `rand_core` generator, behind a lock.
///
/// Without the `std` feature the lock is a spin lock: do not use it from an interrupt handler.
pub struct Locked<R>(Mutex<R>);

impl<R: TryCryptoRng + Send> Locked<R> {
    /// Takes over `rng`. It must be seeded with entropy of its own: two copies of one state give equal keys.
    pub const fn new(rng: R) -> Self {
        Self(Mutex::new(rng))
    }
}

impl<R: TryCryptoRng + Send> RandomSource for Locked<R> {
    fn fill(&self, out: &mut [u8]) -> Result<(), Error> {
        self.0
            .with(|rng| rng.try_fill_bytes(out))
            .map_err(|_| Error::with_detail(crate::ErrorKind::Internal, "the random generator failed"))
    }
}

impl<R> fmt::Debug for Locked<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Locked(..)")
    }
}

impl<T: RandomSource + ?Sized> RandomSource for &T {
    fn fill(&self, out: &mut [u8]) -> Result<(), Error> {
        (**self).fill(out)
    }
}

impl<T: RandomSource + ?Sized> RandomSource for alloc::sync::Arc<T> {
    fn fill(&self, out: &mut [u8]) -> Result<(), Error> {
        (**self).fill(out)
    }
}

/// A [`RandomSource`] in the form the cryptographic crates take.
pub(crate) struct AsRng<'a>(pub(crate) &'a dyn RandomSource);

/// `rand_core` wants an error type of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RandomFailed;

impl fmt::Display for RandomFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the random generator failed")
    }
}

impl core::error::Error for RandomFailed {}

impl TryRng for AsRng<'_> {
    type Error = RandomFailed;

    fn try_next_u32(&mut self) -> Result<u32, RandomFailed> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, RandomFailed> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), RandomFailed> {
        self.0.fill(out).map_err(|_| RandomFailed)
    }
}

impl TryCryptoRng for AsRng<'_> {}

//! A lock that exists with and without an operating system.

/// A mutual exclusion lock: `std`'s where there is `std`, a spin lock elsewhere.
///
/// Both need an atomic compare-and-swap of pointer size, as `alloc::sync::Arc` does, and none of 64 bits.
///
/// A panic while it is held does not poison it: what it guards here is always valid between two statements.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(Inner<T>);

#[cfg(feature = "std")]
type Inner<T> = std::sync::Mutex<T>;
#[cfg(not(feature = "std"))]
type Inner<T> = spin::Mutex<T>;

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Inner::new(value))
    }

    /// Runs `work` alone.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        #[cfg(feature = "std")]
        let mut guard = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        #[cfg(not(feature = "std"))]
        let mut guard = self.0.lock();
        work(&mut guard)
    }
}

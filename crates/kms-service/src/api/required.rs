//! Members that a request must have.

use core::fmt;
use core::ops::Deref;

/// A member that a request must have: the value, or nothing yet, which [`validate`](crate::api::Request::validate)
/// reports as AWS KMS does ("Member must not be null").
///
/// Reads as its value; the one that was never given reads as the default of its type.
///
/// ```
/// use kms_service::api::Required;
/// let key_id: Required<String> = "alias/backup".into();
/// assert_eq!(key_id.as_str(), "alias/backup");
/// assert!(!Required::<String>::default().is_given());
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Required<T> {
    value: T,
    given: bool,
}

impl<T> Required<T> {
    /// A member with that value.
    pub const fn new(value: T) -> Self {
        Self { value, given: true }
    }

    /// Whether there is a value.
    #[must_use]
    pub const fn is_given(&self) -> bool {
        self.given
    }

    /// The value, or the default of its type.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for Required<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> From<T> for Required<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl From<&str> for Required<String> {
    fn from(value: &str) -> Self {
        Self::new(value.to_owned())
    }
}

/// As its value, or `None`.
impl<T: fmt::Debug> fmt::Debug for Required<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.given { self.value.fmt(f) } else { f.write_str("None") }
    }
}

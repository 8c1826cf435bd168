//! Enumerations whose values come from a caller, who may have sent anything.

use core::fmt;

use crate::KmsError;
use crate::api::Required;

/// An enumeration of the AWS KMS API.
pub trait Enumeration: Copy + Eq + fmt::Debug + Send + Sync + 'static {
    /// All values, in the order of the API's model.
    const VALUES: &'static [Self];

    /// The name on the wire.
    fn name(self) -> &'static str;

    /// The value of that name.
    #[must_use]
    fn from_name(name: &str) -> Option<Self> {
        Self::VALUES.iter().copied().find(|value| value.name() == name)
    }
}

/// "Member must satisfy enum value set: [...]".
pub(crate) fn value_set<E: Enumeration>() -> String {
    let names: Vec<&str> = E::VALUES.iter().map(|value| value.name()).collect();
    format!("Member must satisfy enum value set: [{}]", names.join(", "))
}

/// A value of an enumeration, or the text that a caller sent instead, which
/// [`validate`](crate::api::Request::validate) refuses with a text that shows it.
///
/// ```
/// use kms_service::api::{KeySpec, Named};
/// assert_eq!(Named::from(KeySpec::Hmac256).known(), Some(KeySpec::Hmac256));
/// assert_eq!(Named::<KeySpec>::from("HMAC_random").known(), None);
/// ```
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a name is known or it is not")]
pub enum Named<E> {
    /// One that the API has.
    Known(E),
    /// Another.
    Unknown(String),
}

impl<E: Enumeration> Named<E> {
    /// The value, if the API has it.
    #[must_use]
    pub const fn known(&self) -> Option<E> {
        match self {
            Self::Known(value) => Some(*value),
            Self::Unknown(_) => None,
        }
    }

    /// The value. Never fails for a member of a request that was validated, if it is there.
    ///
    /// # Errors
    /// `ValidationException` if the API does not have it.
    pub fn get(&self) -> Result<E, KmsError> {
        self.known().ok_or_else(|| {
            KmsError::validation(format!("Value '{self}' failed to satisfy constraint: {}", value_set::<E>()))
        })
    }

    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(value) => value.name(),
            Self::Unknown(text) => text,
        }
    }
}

impl<E: Enumeration> Default for Named<E> {
    fn default() -> Self {
        Self::Unknown(String::new())
    }
}

impl<E> From<E> for Named<E> {
    fn from(value: E) -> Self {
        Self::Known(value)
    }
}

impl<E: Enumeration> From<&str> for Named<E> {
    fn from(name: &str) -> Self {
        E::from_name(name).map_or_else(|| Self::Unknown(name.to_owned()), Self::Known)
    }
}

impl<E> From<E> for Required<Named<E>> {
    fn from(value: E) -> Self {
        Self::new(Named::Known(value))
    }
}

impl<E: Enumeration> PartialEq<E> for Named<E> {
    fn eq(&self, other: &E) -> bool {
        self.known() == Some(*other)
    }
}

impl<E: Enumeration> fmt::Display for Named<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<E: Enumeration> fmt::Debug for Named<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(value) => value.fmt(f),
            Self::Unknown(text) => text.fmt(f),
        }
    }
}

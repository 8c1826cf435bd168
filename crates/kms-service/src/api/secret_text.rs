//! Texts that are secret.

use core::fmt;

use kms_core::Secret;
use serde::de::Visitor;
use serde::{Deserializer, Serializer};

use crate::api::member::Member;
use crate::api::validation::{At, Rule, Violations};

/// A password, or another secret that is a text on the wire. Wiped when dropped; `Debug` shows its length in bytes.
#[derive(Default)]
pub struct SecretText(Secret);

impl SecretText {
    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        // Made of texts only, so this is always one.
        core::str::from_utf8(self.0.expose()).unwrap_or_default()
    }
}

impl From<&str> for SecretText {
    /// A copy; the caller wipes the original.
    fn from(text: &str) -> Self {
        Self(Secret::copy_from(text.as_bytes()))
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Secret::from(text.into_bytes()))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretText({} bytes)", self.0.len())
    }
}

impl Member for SecretText {
    const SHOWN: bool = false;

    fn put<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }

    fn take<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl Visitor<'_> for TextVisitor {
            type Value = SecretText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<SecretText, E> {
                Ok(text.into())
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }

    fn check(&self, rule: &Rule, at: &At<'_>, found: &mut Violations) {
        found.length(self.expose().chars().count(), None, rule, at);
        if let Some(pattern) = rule.pattern.filter(|pattern| !(pattern.matches)(self.expose())) {
            found.value(None, at, pattern.constraint());
        }
    }

    fn show(&self, _out: &mut Vec<u8>) {}
}

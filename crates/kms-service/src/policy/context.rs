//! What is known about a request: condition keys and their values.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// The value or values of a condition key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the language knows two kinds of keys")]
pub enum Values<'a> {
    /// Of a single-valued key, such as `kms:ViaService`.
    One(Cow<'a, str>),
    /// Of a multi-valued key, such as `kms:EncryptionContextKeys`, however many there are. None is as if the key were not
    /// there.
    Many(Vec<Cow<'a, str>>),
}

impl<'a> From<&'a str> for Values<'a> {
    fn from(value: &'a str) -> Self {
        Self::One(Cow::Borrowed(value))
    }
}

impl From<String> for Values<'_> {
    fn from(value: String) -> Self {
        Self::One(Cow::Owned(value))
    }
}

impl From<bool> for Values<'_> {
    fn from(value: bool) -> Self {
        if value { "true".into() } else { "false".into() }
    }
}

/// What the service knows about a request. Asked only for the keys that a policy mentions, when it comes to them, so an
/// answer may be made on demand.
///
/// The keys that are about the principal are answered by [`Principal`](super::Principal) and never asked for here.
pub trait Context {
    /// The value of a condition key; `None` where the request has none. `key` has its ASCII letters in lower case, as in
    /// `aws:sourceip` or `kms:encryptioncontext:project`: names of condition keys know no case. Numbers are decimal, times
    /// as RFC 3339 or in seconds since 1970, booleans `true` or `false`, bytes in base64.
    fn values(&self, key: &str) -> Option<Values<'_>>;
}

/// Knows nothing.
impl Context for () {
    fn values(&self, _: &str) -> Option<Values<'_>> {
        None
    }
}

/// Condition keys and their values, written down: for simulations and tests.
#[derive(Debug, Clone, Default)]
pub struct ContextMap(BTreeMap<String, Given>);

#[derive(Debug, Clone)]
enum Given {
    One(String),
    Many(Vec<String>),
}

impl ContextMap {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// The same with a value for a single-valued key, in whatever case.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.insert(key.to_ascii_lowercase(), Given::One(value.into()));
        self
    }

    /// The same with the values of a multi-valued key, in whatever case.
    #[must_use]
    pub fn with_many<V: Into<String>>(mut self, key: &str, values: impl IntoIterator<Item = V>) -> Self {
        self.0.insert(key.to_ascii_lowercase(), Given::Many(values.into_iter().map(Into::into).collect()));
        self
    }
}

impl Context for ContextMap {
    fn values(&self, key: &str) -> Option<Values<'_>> {
        Some(match self.0.get(key)? {
            Given::One(value) => value.as_str().into(),
            Given::Many(values) => Values::Many(values.iter().map(|value| value.as_str().into()).collect()),
        })
    }
}

// Object safety is part of the contract.
const _: fn(&dyn Context) = |_| {};

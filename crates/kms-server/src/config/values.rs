//! The kinds of values that members have.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;
use core::str::FromStr;
use core::time::Duration;

use jiff::SignedDuration;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A length of time: `"30s"`, `"500ms"`, `"1h 30m"`, or a number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

impl Span {
    /// So many seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The same as the standard library has it.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found: Result<SignedDuration, _> = text.parse();
        let found = found.ok().and_then(|found| Duration::try_from(found).ok());
        found.map(Self).ok_or_else(|| format!("a length of time looks like \"30s\" or \"1h 30m\", unlike {text:?}"))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time, such as \"30s\", or a number of seconds")
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<Span, E> {
                u64::try_from(seconds).map(Span::seconds).map_err(|_| E::custom("a length of time is not negative"))
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<Span, E> {
                Ok(Span::seconds(seconds))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// Several values: an array of strings, or one string with commas between them, which an environment variable can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts<T>(PhantomData<T>);
        impl<'de, T: FromStr<Err: fmt::Display>> Visitor<'de> for Texts<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of strings")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<List<T>, E> {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                parts.map(|part| parse(part).map_err(E::custom)).collect()
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(text) = values.next_element::<String>()? {
                    list.push(parse(&text).map_err(A::Error::custom)?);
                }
                Ok(List(list))
            }
        }
        deserializer.deserialize_any(Texts(PhantomData))
    }
}

fn parse<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| match error.to_string() {
        // Not every error says what it is about.
        error if error.contains(text) => error,
        error => format!("{text:?}: {error}"),
    })
}

/// One value that is written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<T>(pub T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, String> {
        let value = toml::de::ValueDeserializer::parse(text).map_err(|error| error.to_string())?;
        T::deserialize(value).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn lengths_of_time() {
        assert_eq!(read::<Span>("\"1h 30m\"").unwrap(), Span::seconds(5400));
        assert_eq!(read::<Span>("\"250ms\"").unwrap().get(), Duration::from_millis(250));
        assert_eq!(read::<Span>("7").unwrap(), Span::seconds(7));
        assert!(read::<Span>("-7").is_err() && read::<Span>("\"-7s\"").is_err());
        assert!(read::<Span>("\"soon\"").unwrap_err().contains("\"30s\""));
    }

    #[test]
    fn lists_are_arrays_or_have_commas() {
        let two: List<u16> = [1, 2].into_iter().collect();
        assert_eq!(read::<List<u16>>("[\"1\", \"2\"]").unwrap(), two);
        assert_eq!(read::<List<u16>>("\"1, 2,\"").unwrap(), two);
        assert!(read::<List<u16>>("\"1,x\"").unwrap_err().contains("\"x\""));
    }
}

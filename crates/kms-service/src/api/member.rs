//! What a type of member can do: cross the wire, be checked, be shown in the audit trail.

use core::fmt;

use base64ct::{Base64, Encoding};
use kms_core::{EncryptionContext, Secret};
use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::Timestamp;
use crate::api::named::{Enumeration, value_set};
use crate::api::trail::{self, Separator};
use crate::api::validation::{At, Rule, Violations};
use crate::api::{Blob, Named, Required};

/// A type that members of requests, responses and structures have.
pub(crate) trait Member: Sized {
    /// Whether the trail shows values of this type.
    const SHOWN: bool = true;
    /// How AWS reports elements of this type in a list.
    const ELEMENT: Element<Self> = Element::ByItself;

    /// Whether it is left out of JSON.
    fn is_absent(&self) -> bool {
        false
    }

    /// Writes the JSON value.
    fn put<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// Reads the JSON value.
    fn take<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;

    /// Reports how it breaks `rule`.
    fn check(&self, _rule: &Rule, _at: &At<'_>, _found: &mut Violations) {}

    /// Writes its value for the trail. Not called where [`SHOWN`](Self::SHOWN) is false.
    fn show(&self, out: &mut Vec<u8>);
}

/// How a wrong element of a list is reported.
pub(crate) enum Element<T> {
    /// At its own place, as structures are.
    ByItself,
    /// With the whole list and all constraints of an element, as texts and names are.
    WithList {
        /// The element in the list.
        text: fn(&T) -> &str,
        /// The constraints of every element.
        constraints: fn(&Rule) -> Vec<String>,
    },
}

/// `serialize_with` of every member.
pub(crate) fn put<T: Member, S: Serializer>(member: &T, serializer: S) -> Result<S::Ok, S::Error> {
    member.put(serializer)
}

/// The value of the member whose name was read last.
pub(crate) fn value<'de, T: Member, A: MapAccess<'de>>(map: &mut A) -> Result<T, A::Error> {
    Ok(map.next_value::<In<T>>()?.0)
}

/// Reads a name on the wire, and tells which of these fields it is of. Each has its name on the wire before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldOf(pub(crate) &'static [(&'static str, &'static str)]);

impl<'de> DeserializeSeed<'de> for FieldOf {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for FieldOf {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|(on_wire, _)| *on_wire == name).map(|(_, field)| *field))
    }
}

/// Writes a member of an object for the trail, if it is there and may be shown. `name` is quoted, with its colon.
pub(crate) fn show<T: Member>(member: &T, name: &str, rule: &Rule, separator: &mut Separator, out: &mut Vec<u8>) {
    if !T::SHOWN || rule.is_hidden || member.is_absent() {
        return;
    }
    separator.put(out);
    out.extend_from_slice(name.as_bytes());
    member.show(out);
}

struct Out<'a, T>(&'a T);

impl<T: Member> Serialize for Out<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.put(serializer)
    }
}

struct In<T>(T);

impl<'de, T: Member> Deserialize<'de> for In<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::take(deserializer).map(Self)
    }
}

fn take_option<'de, T: Member, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<In<T>>::deserialize(deserializer)?.map(|value| value.0))
}

impl Member for String {
    const ELEMENT: Element<Self> = Element::WithList { text: Self::as_str, constraints: Rule::constraints };

    fn put<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }

    fn take<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }

    fn check(&self, rule: &Rule, at: &At<'_>, found: &mut Violations) {
        let value: Option<&dyn fmt::Display> = if rule.is_sensitive { None } else { Some(self) };
        found.length(self.chars().count(), value, rule, at);
        if let Some(pattern) = rule.pattern.filter(|pattern| !(pattern.matches)(self)) {
            found.value(value, at, pattern.constraint());
        }
    }

    fn show(&self, out: &mut Vec<u8>) {
        trail::text(out, self);
    }
}

impl Member for bool {
    fn put<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*self)
    }

    fn take<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }

    fn show(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl Member for i32 {
    fn put<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i32(*self)
    }

    fn take<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }

    fn check(&self, rule: &Rule, at: &At<'_>, found: &mut Violations) {
        if i64::from(*self) < i64::from(rule.min) {
            found.value(Some(self), at, format_args!("Member must have value greater than or equal to {}", rule.min));
        }
        if i64::from(*self) > i64::from(rule.max) {
            found.value(Some(self), at, format_args!("Member must have value less than or equal to {}", rule.max));
        }
    }

    fn show(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.to_string().as_bytes());
    }
}

/// Seconds since 1970, with a fraction where there is one. What is before 1970 reads as 1970.
impl Member for Timestamp {
    fn put<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.as_millis() / 1000, self.as_millis() % 1000) {
            (seconds, 0) => serializer.serialize_u64(seconds),
            _ => serializer.serialize_f64(self.since(Self::default()).as_secs_f64()),
        }
    }

    fn take<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?.max(0.0);
        let since = core::time::Duration::try_from_secs_f64(seconds).map_err(D::Error::custom)?;
        // Milliseconds are what a double keeps of today's dates; the nearest one is meant.
        let millis = since.saturating_add(core::time::Duration::from_micros(500)).as_millis();
        u64::try_from(millis).map(Self::from_millis).map_err(D::Error::custom)
    }

    fn show(&self, out: &mut Vec<u8>) {
        trail::text(out, &self.to_string());
    }
}

struct Base64Visitor;

impl Visitor<'_> for Base64Visitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("base64")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<u8>, E> {
        // The text may be a secret's: an error must not show it.
        Base64::decode_vec(text).map_err(|_| E::custom("not base64"))
    }
}

/// Lengths of bytes are checked; the bytes are never shown.
impl Member for Blob {
    const SHOWN: bool = false;

    fn put<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Base64::encode_string(self))
    }

    fn take<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Base64Visitor).map(Self::from)
    }

    fn check(&self, rule: &Rule, at: &At<'_>, found: &mut Violations) {
        found.length(self.len(), None, rule, at);
    }

    fn show(&self, _out: &mut Vec<u8>) {}
}

impl Member for Secret {
    const SHOWN: bool = false;

    fn put<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(Base64::encode_string(self.expose())))
    }

    fn take<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Base64Visitor).map(Self::from)
    }

    fn check(&self, rule: &Rule, at: &At<'_>, found: &mut Violations) {
        found.length(self.len(), None, rule, at);
    }

    fn show(&self, _out: &mut Vec<u8>) {}
}

impl<E: Enumeration> Member for E {
    fn put<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }

    fn take<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Named::<E>::take(deserializer)?.get().map_err(D::Error::custom)
    }

    fn show(&self, out: &mut Vec<u8>) {
        trail::text(out, self.name());
    }
}

impl<E: Enumeration> Member for Named<E> {
    const ELEMENT: Element<Self> = Element::WithList { text: Self::as_str, constraints: |_| vec![value_set::<E>()] };

    fn put<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }

    fn take<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor<E>(core::marker::PhantomData<E>);
        impl<E: Enumeration> Visitor<'_> for NameVisitor<E> {
            type Value = Named<E>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<R>(self, text: &str) -> Result<Named<E>, R> {
                Ok(Named::from(text))
            }
        }
        deserializer.deserialize_str(NameVisitor(core::marker::PhantomData))
    }

    fn check(&self, _rule: &Rule, at: &At<'_>, found: &mut Violations) {
        if self.known().is_none() {
            found.value(Some(self), at, value_set::<E>());
        }
    }

    fn show(&self, out: &mut Vec<u8>) {
        trail::text(out, self.as_str());
    }
}

/// `null` reads as nothing.
impl<T: Member> Member for Option<T> {
    const SHOWN: bool = T::SHOWN;

    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn put<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_ref().map(Out).serialize(serializer)
    }

    fn take<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        take_option(deserializer)
    }

    fn check(&self, rule: &Rule, at: &At<'_>, found: &mut Violations) {
        if let Some(value) = self {
            value.check(rule, at, found);
        }
    }

    fn show(&self, out: &mut Vec<u8>) {
        if let Some(value) = self {
            value.show(out);
        }
    }
}

/// `null` reads as nothing.
impl<T: Member + Default> Member for Required<T> {
    const SHOWN: bool = T::SHOWN;

    fn is_absent(&self) -> bool {
        !self.is_given()
    }

    fn put<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        T::put(self, serializer)
    }

    fn take<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(take_option(deserializer)?.map(Self::new).unwrap_or_default())
    }

    fn check(&self, rule: &Rule, at: &At<'_>, found: &mut Violations) {
        if self.is_given() { T::check(self, rule, at, found) } else { found.null(at) }
    }

    fn show(&self, out: &mut Vec<u8>) {
        T::show(self, out);
    }
}

/// `null` reads as an empty list, and an empty one is left out: `Required` tells them apart.
impl<T: Member> Member for Vec<T> {
    const SHOWN: bool = T::SHOWN;

    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn put<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Out))
    }

    fn take<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Option::<Vec<In<T>>>::deserialize(deserializer)?.unwrap_or_default();
        Ok(list.into_iter().map(|element| element.0).collect())
    }

    fn check(&self, rule: &Rule, at: &At<'_>, found: &mut Violations) {
        let each = rule.each.unwrap_or(&Rule::ANY);
        let whole = match T::ELEMENT {
            Element::ByItself => None,
            Element::WithList { text, .. } if !rule.is_sensitive => {
                Some(move || format!("[{}]", self.iter().map(text).collect::<Vec<_>>().join(", ")))
            }
            Element::WithList { .. } => None,
        };
        if !rule.holds(self.len()) {
            let list = whole.as_ref().map(|whole| whole());
            found.length(self.len(), list.as_ref().map(|list| list as _), rule, at);
        }
        match T::ELEMENT {
            Element::ByItself => {
                for (index, element) in self.iter().enumerate() {
                    element.check(each, &At::Element(at, index.saturating_add(1)), found);
                }
            }
            Element::WithList { constraints, .. } => {
                let mut broken = Violations::default();
                self.iter().for_each(|element| element.check(each, at, &mut broken));
                if !broken.is_empty() {
                    let list = whole.as_ref().map(|whole| whole());
                    let all = constraints(each).join(", ");
                    let constraint = format_args!("Member must satisfy constraint: [{all}]");
                    found.value(list.as_ref().map(|list| list as _), at, constraint);
                }
            }
        }
    }

    fn show(&self, out: &mut Vec<u8>) {
        let mut separator = Separator::ARRAY;
        for element in self {
            separator.put(out);
            element.show(out);
        }
        out.extend_from_slice(if separator.is_first() { b"[]" } else { b"]" });
    }
}

/// A JSON object of texts; an empty context is left out.
impl Member for EncryptionContext {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn put<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.pairs())
    }

    fn take<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = EncryptionContext;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_unit<E>(self) -> Result<EncryptionContext, E> {
                Ok(EncryptionContext::empty())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<EncryptionContext, A::Error> {
                let mut pairs = std::collections::BTreeMap::<String, String>::new();
                while let Some((key, value)) = map.next_entry()? {
                    pairs.insert(key, value);
                }
                EncryptionContext::with_reserved(pairs).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(PairsVisitor)
    }

    fn show(&self, out: &mut Vec<u8>) {
        let mut separator = Separator::OBJECT;
        for (key, value) in self.pairs() {
            separator.put(out);
            trail::text(out, key);
            out.push(b':');
            trail::text(out, value);
        }
        out.extend_from_slice(if separator.is_first() { b"{}" } else { b"}" });
    }
}

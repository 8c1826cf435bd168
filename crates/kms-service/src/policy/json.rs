//! JSON as it was written: members in their order, and twice where they are there twice.

use core::fmt;
use std::collections::BTreeSet;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::error::{Path, PolicyError};

/// A JSON value.
pub(super) enum Json {
    Null,
    Bool(bool),
    /// As text: the language compares decimals.
    Number(String),
    String(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a document. Nesting is bounded by `serde_json`, at 128.
    pub(super) fn parse(text: &str) -> Result<Self, PolicyError> {
        serde_json::from_str(text).map_err(|error| Path::DOCUMENT.error(format!("not JSON: {error}")))
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    fn unlike(&self, wanted: &str, path: &Path<'_>) -> PolicyError {
        path.error(format!("{wanted} is wanted here, not {}", self.kind()))
    }

    /// The string.
    pub(super) fn string(&self, path: &Path<'_>) -> Result<&str, PolicyError> {
        match self {
            Self::String(text) => Ok(text),
            other => Err(other.unlike("a string", path)),
        }
    }

    /// The members of an object, none of them twice.
    pub(super) fn members(&self, path: &Path<'_>) -> Result<&[(String, Self)], PolicyError> {
        let Self::Object(members) = self else { return Err(self.unlike("an object", path)) };
        let mut seen = BTreeSet::new();
        match members.iter().find(|(name, _)| !seen.insert(name)) {
            Some((name, _)) => Err(path.member(name).error("is there twice")),
            None => Ok(members),
        }
    }

    /// Calls `each` for the values of a list, or for the one value that stands where a list may stand.
    pub(super) fn each<'a>(
        &'a self,
        path: &Path<'_>,
        mut each: impl FnMut(&'a Self, &Path<'_>) -> Result<(), PolicyError>,
    ) -> Result<(), PolicyError> {
        match self {
            Self::List(values) => values.iter().enumerate().try_for_each(|(i, value)| each(value, &path.place(i))),
            one => each(one, path),
        }
    }

    /// A scalar as text: quotation marks around numbers and booleans are optional in the language.
    pub(super) fn scalar(&self, path: &Path<'_>) -> Result<&str, PolicyError> {
        match self {
            Self::String(text) | Self::Number(text) => Ok(text),
            Self::Bool(true) => Ok("true"),
            Self::Bool(false) => Ok("false"),
            other => Err(other.unlike("a string, a number or a boolean", path)),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

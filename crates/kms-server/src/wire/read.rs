//! The body of a request, and why it is none.

use core::fmt;
use std::borrow::Cow;
use std::collections::HashSet;

use kms_service::{Exception, KmsError};
use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;

/// Reads a request. No body is an object without members.
///
/// # Errors
/// `SerializationException`. It shows nothing of the body, which may hold a secret.
pub(super) fn request<R: DeserializeOwned>(body: &[u8]) -> Result<R, KmsError> {
    if body.is_empty() {
        return from_json("{}");
    }
    // All of it: what is ignored must be text as well.
    let body = core::str::from_utf8(body).map_err(|_| refused("The request is not valid UTF-8."))?;
    from_json::<Distinct>(body)?;
    from_json(body)
}

fn from_json<T: DeserializeOwned>(body: &str) -> Result<T, KmsError> {
    serde_json::from_str(body).map_err(|error| refused(text(&error)))
}

fn refused(text: &'static str) -> KmsError {
    KmsError::with(Exception::Serialization, text)
}

const TWICE: &str = "A member of the request is there twice.";
const NOT_A_STRUCTURE: &str = "The request has something else where a structure or map is expected.";

/// What is told of an error. Its own text would show the value.
fn text(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        Category::Eof => return "The request ends too early.",
        Category::Syntax | Category::Io => return "The request is not valid JSON.",
        Category::Data => {}
    }
    let all = error.to_string();
    if all.starts_with(TWICE) {
        return TWICE;
    }
    if all.starts_with("not base64") {
        return "The request has a blob that is not valid Base64.";
    }
    let found = all.strip_prefix("invalid type: ").or_else(|| all.strip_prefix("invalid value: "));
    let expected = all.rsplit_once(", expected ").map(|(_, expected)| expected);
    let (Some(found), Some(expected)) = (found, expected) else {
        return "The request has a member of a wrong type.";
    };
    let is = |kind: &str| found.starts_with(kind);
    let wants = |kind: &str| expected.starts_with(kind);
    if is("map") {
        return "Start of structure or map found where not expected.";
    }
    if is("sequence") {
        return "Start of list found where not expected.";
    }
    if wants("an object") {
        return NOT_A_STRUCTURE;
    }
    let is_number = is("integer") || is("floating point") || is("number");
    match (is_number, is("string"), is("boolean")) {
        (true, ..) if wants("a string") => "NUMBER_VALUE can not be converted to a String",
        (true, ..) if wants("base64") => "NUMBER_VALUE can not be converted to a Blob",
        (true, ..) if wants("a boolean") => "NUMBER_VALUE can not be converted to a Boolean",
        (true, ..) if wants("i32") => "NUMBER_VALUE can not be converted to an Integer",
        (true, ..) => "NUMBER_VALUE found where not expected.",
        (_, true, _) if wants("i32") => "STRING_VALUE can not be converted to an Integer",
        (_, true, _) if wants("f64") => "STRING_VALUE can not be converted to a Date",
        (_, true, _) if wants("a boolean") => "STRING_VALUE can not be converted to a Boolean",
        (_, true, _) => "STRING_VALUE found where not expected.",
        (.., true) if wants("a string") => "BOOLEAN_VALUE can not be converted to a String",
        (.., true) if wants("base64") => "BOOLEAN_VALUE can not be converted to a Blob",
        (.., true) if wants("i32") => "BOOLEAN_VALUE can not be converted to an Integer",
        (.., true) => "BOOLEAN_VALUE found where not expected.",
        _ => "The request has a member of a wrong type.",
    }
}

/// JSON in which no object has a name twice: two readers could take two values out of it, and one of them decides who may
/// do what.
struct Distinct;

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DistinctVisitor)
    }
}

struct DistinctVisitor;

impl<'de> Visitor<'de> for DistinctVisitor {
    type Value = Distinct;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_str<E>(self, _: &str) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_unit<E>(self) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Distinct, A::Error> {
        while list.next_element::<Distinct>()?.is_some() {}
        Ok(Distinct)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Distinct, A::Error> {
        let mut names = HashSet::new();
        while let Some(Name(name)) = object.next_key()? {
            if !names.insert(name) {
                return Err(A::Error::custom(TWICE));
            }
            object.next_value::<Distinct>()?;
        }
        Ok(Distinct)
    }
}

/// The name of a member, borrowed where it has no escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use kms_service::api::{CreateKeyRequest, EncryptRequest};

    use super::*;

    fn refusal<R: DeserializeOwned>(body: impl AsRef<[u8]>) -> String {
        let Err(error) = request::<R>(body.as_ref()) else { panic!("read as a request") };
        assert_eq!(error.exception(), Exception::Serialization);
        error.message().unwrap_or_default().to_owned()
    }

    #[test]
    fn no_body_is_an_empty_object() {
        assert!(!request::<EncryptRequest>(b"").unwrap().key_id.is_given());
        assert_eq!(refusal::<EncryptRequest>(" "), "The request ends too early.");
    }

    #[test]
    fn what_is_no_json() {
        assert_eq!(refusal::<EncryptRequest>("{"), "The request ends too early.");
        assert_eq!(refusal::<EncryptRequest>("{} {}"), "The request is not valid JSON.");
        assert_eq!(refusal::<EncryptRequest>("<Encrypt/>"), "The request is not valid JSON.");
        assert_eq!(refusal::<EncryptRequest>("[".repeat(100_000)), "The request is not valid JSON.");
        // Also in members that nobody reads.
        assert_eq!(refusal::<EncryptRequest>(b"{\"Other\":\"\xff\"}"), "The request is not valid UTF-8.");
    }

    #[test]
    fn members_that_are_there_twice() {
        for body in [
            r#"{"KeyId":"a","KeyId":"a"}"#,
            r#"{"KeyId":"a","Key\u0049d":"b"}"#,
            r#"{"EncryptionContext":{"a":"1","a":"2"}}"#,
            r#"{"Other":[{"a":1,"a":1}]}"#,
        ] {
            assert_eq!(refusal::<EncryptRequest>(body), TWICE, "{body}");
        }
        request::<EncryptRequest>(br#"{"KeyId":"a","EncryptionContext":{"KeyId":"a"}}"#).unwrap();
    }

    #[test]
    fn wrong_types() {
        for (body, text) in [
            (r#"{"KeyId":5}"#, "NUMBER_VALUE can not be converted to a String"),
            (r#"{"KeyId":true}"#, "BOOLEAN_VALUE can not be converted to a String"),
            (r#"{"KeyId":{}}"#, "Start of structure or map found where not expected."),
            (r#"{"KeyId":[]}"#, "Start of list found where not expected."),
            (r#"{"Plaintext":5}"#, "NUMBER_VALUE can not be converted to a Blob"),
            (r#"{"Plaintext":"*"}"#, "The request has a blob that is not valid Base64."),
            (r#"{"DryRun":"true"}"#, "STRING_VALUE can not be converted to a Boolean"),
            (r#"{"EncryptionContext":"a"}"#, NOT_A_STRUCTURE),
            (r#"{"EncryptionContext":{"a":1}}"#, "NUMBER_VALUE can not be converted to a String"),
            ("[]", "Start of list found where not expected."),
            ("null", NOT_A_STRUCTURE),
            (r#""text""#, NOT_A_STRUCTURE),
        ] {
            assert_eq!(refusal::<EncryptRequest>(body), text, "{body}");
        }
        assert_eq!(refusal::<CreateKeyRequest>(r#"{"Tags":5}"#), "NUMBER_VALUE found where not expected.");
    }

    #[test]
    fn an_error_shows_no_value() {
        let secret = "5017260412";
        for body in [format!(r#"{{"Plaintext":{secret}}}"#), format!(r#"{{"Plaintext":"{secret}*"}}"#)] {
            assert!(!refusal::<EncryptRequest>(body).contains(secret));
        }
    }
}

//! The canonical request: the form of a request that is hashed and signed.

use std::borrow::Cow;

use http::header::{HOST, HeaderName};
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use super::Refusal;
use super::claim::{Claim, Place};

/// What is encoded in queries: all but the unreserved characters of RFC 3986.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same, but for the slashes of paths.
const IN_PATH: &AsciiSet = &IN_QUERY.remove(b'/');

/// Not all AWS SDKs sign it; nothing depends on it.
const UNSIGNED: &str = "x-amz-user-agent";
const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// The parameters of a query as they stand, names and values.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// A name or value of a query, without its percent-encoding. Plus signs stand for themselves.
pub(super) fn decode(part: &str) -> Cow<'_, [u8]> {
    percent_decode_str(part).into()
}

pub(super) fn repeated(name: &str) -> Refusal {
    Refusal::invalid(format!("'{name}' is in the HTTP request more than once, and cannot be a 'SignedHeader' so."))
}

/// A request whose headers are signed as they have to be.
pub(super) struct Canonical<'a> {
    head: &'a Parts,
    claim: &'a Claim<'a>,
}

impl<'a> Canonical<'a> {
    /// Checks that everything is signed that has to be.
    pub(super) fn new(head: &'a Parts, claim: &'a Claim<'a>) -> Result<Self, Refusal> {
        let is_signed = |name: &str| claim.signed_headers.iter().any(|signed| signed == name);
        if !is_signed(HOST.as_str()) {
            return Err(Refusal::invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."));
        }
        let amz = head.headers.keys().map(HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
        for name in amz.filter(|&name| name != UNSIGNED).chain(claim.date_header) {
            if !is_signed(name) {
                return Err(Refusal::invalid(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")));
            }
        }
        Ok(Self { head, claim })
    }

    /// The canonical request.
    pub(super) fn request(&self, body_hash: &str) -> Result<Vec<u8>, Refusal> {
        let said = self.head.headers.get(CONTENT_SHA256).map(http::HeaderValue::as_bytes);
        if said.is_some_and(|said| said != body_hash.as_bytes()) {
            return Err(Refusal::invalid("The value of 'x-amz-content-sha256' is not the SHA-256 hash of the body."));
        }
        let mut out = Vec::with_capacity(1024);
        out.extend_from_slice(self.head.method.as_str().as_bytes());
        out.push(b'\n');
        put_path(self.head.uri.path(), &mut out);
        out.push(b'\n');
        self.put_query(&mut out);
        out.push(b'\n');
        for name in &self.claim.signed_headers {
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            put_value(self.value(name)?, &mut out);
            out.push(b'\n');
        }
        out.push(b'\n');
        for (index, name) in self.claim.signed_headers.iter().enumerate() {
            if index > 0 {
                out.push(b';');
            }
            out.extend_from_slice(name.as_bytes());
        }
        out.push(b'\n');
        out.extend_from_slice(body_hash.as_bytes());
        Ok(out)
    }

    fn value(&self, name: &str) -> Result<&'a [u8], Refusal> {
        let mut all = self.head.headers.get_all(name).iter();
        match (all.next(), all.next()) {
            (Some(value), None) => Ok(value.as_bytes()),
            (Some(_), Some(_)) => Err(repeated(name)),
            // HTTP/2 has the host beside the headers.
            (None, _) => match self.head.uri.authority() {
                Some(authority) if name == HOST.as_str() => Ok(authority.as_str().as_bytes()),
                _ => Err(Refusal::invalid(format!(
                    "'{name}' is named as a SignedHeader, but it does not exist in the HTTP request."
                ))),
            },
        }
    }

    /// The query, decoded, encoded in the one way, and sorted; without the signature if that is in it.
    fn put_query(&self, out: &mut Vec<u8>) {
        let encode = |part: &str| percent_encode(&decode(part), IN_QUERY).to_string();
        let all = pairs(self.head.uri.query().unwrap_or_default());
        let mut all: Vec<_> = all.map(|(name, value)| (encode(name), encode(value))).collect();
        if self.claim.place == Place::Query {
            all.retain(|(name, _)| name != "X-Amz-Signature");
        }
        all.sort_unstable();
        for (index, (name, value)) in all.iter().enumerate() {
            if index > 0 {
                out.push(b'&');
            }
            out.extend_from_slice(name.as_bytes());
            out.push(b'=');
            out.extend_from_slice(value.as_bytes());
        }
    }
}

/// A path without empty, `.` and `..` segments, encoded once more than it came.
fn put_path(path: &str, out: &mut Vec<u8>) {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    if segments.is_empty() {
        out.push(b'/');
        return;
    }
    for segment in segments {
        out.push(b'/');
        percent_encode(segment.as_bytes(), IN_PATH).for_each(|part| out.extend_from_slice(part.as_bytes()));
    }
    if path.ends_with('/') {
        out.push(b'/');
    }
}

/// A header's value without spaces around it, and with one where there were several.
fn put_value(value: &[u8], out: &mut Vec<u8>) {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

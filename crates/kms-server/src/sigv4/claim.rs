//! What a request says of its signature: in the `Authorization` header, or in the query.

use core::time::Duration;
use std::borrow::Cow;

use http::header::{AUTHORIZATION, DATE};
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use kms_service::{Region, Timestamp};

use super::canonical::{self, decode};
use super::date::{parse_basic, parse_header};
use super::refusal::quoted;
use super::{ALGORITHM, Refusal, TERMINATOR};

const AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const AMZ_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
/// How long a presigned request may be good, in seconds: a week.
const MAX_EXPIRES: u64 = 604_800;

/// Where the signature is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Header,
    Query,
}

/// What a request says of its signature.
pub(super) struct Claim<'a> {
    pub(super) place: Place,
    pub(super) scope: Scope,
    /// In lower case, in order, each once.
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: [u8; 32],
    /// When it was signed.
    pub(super) at: Timestamp,
    /// The header that said so, which has to be signed.
    pub(super) date_header: Option<&'static str>,
    /// How long a presigned request is good.
    pub(super) expires: Option<Duration>,
    pub(super) token: Option<Cow<'a, [u8]>>,
}

/// `access key id/date/region/service/aws4_request`.
pub(super) struct Scope {
    pub(super) access_key_id: String,
    pub(super) date: String,
    pub(super) region: String,
    service: String,
    terminator: String,
}

impl Scope {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let mut parts = text.split('/');
        let mut next = || parts.next().map(str::to_owned);
        match (next(), next(), next(), next(), next(), next()) {
            (Some(access_key_id), Some(date), Some(region), Some(service), Some(terminator), None) => {
                Ok(Self { access_key_id, date, region, service, terminator })
            }
            _ => Err(Refusal::incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{}'",
                quoted(text.as_bytes())
            ))),
        }
    }

    /// That it is the scope of a request to `service` at that time; answers its region.
    pub(super) fn check(&self, service: &str, at: Timestamp) -> Result<Region, Refusal> {
        if self.terminator != TERMINATOR {
            return Err(Refusal::invalid(format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{}'.",
                quoted(self.terminator.as_bytes())
            )));
        }
        if self.service != service {
            return Err(Refusal::invalid(format!("Credential should be scoped to correct service: '{service}'.")));
        }
        let time = super::basic(at);
        let day = time.get(..8).unwrap_or_default();
        if self.date != day {
            return Err(Refusal::invalid(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                '{}' != '{day}', from '{time}'.",
                quoted(self.date.as_bytes())
            )));
        }
        self.region.parse().map_err(|_| Refusal::other_region())
    }
}

/// The parts as they stand, before anything is made of them.
struct Raw<'a> {
    credential: Option<&'a str>,
    signed_headers: Option<&'a str>,
    signature: Option<&'a str>,
}

impl<'a> Claim<'a> {
    pub(super) fn read(head: &'a Parts) -> Result<Self, Refusal> {
        let query = head.uri.query().unwrap_or_default();
        let in_query = canonical::pairs(query).any(|(name, _)| &*decode(name) == b"X-Amz-Signature");
        match (head.headers.contains_key(AUTHORIZATION), in_query) {
            (false, false) => Err(Refusal::missing()),
            (true, true) => Err(Refusal::incomplete(
                "The request is signed in the Authorization header and in the query: only one of them can be.",
            )),
            (true, false) => Self::in_header(&head.headers),
            (false, true) => Self::in_query(query),
        }
    }

    fn in_header(headers: &'a HeaderMap) -> Result<Self, Refusal> {
        let header = only(headers, &AUTHORIZATION)?.unwrap_or_default();
        let text = core::str::from_utf8(header)
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '))
            .ok_or_else(|| Refusal::incomplete("Authorization header has characters other than printable ASCII."))?;
        let rest = text.strip_prefix(ALGORITHM).and_then(|rest| rest.strip_prefix(' ')).ok_or_else(|| {
            let named = text.split(' ').next().unwrap_or_default();
            Refusal::incomplete(format!("Unsupported AWS 'algorithm': '{}'.", quoted(named.as_bytes())))
        })?;
        let mut raw = Raw { credential: None, signed_headers: None, signature: None };
        for part in rest.split(',').map(str::trim) {
            let (name, value) = part.split_once('=').ok_or_else(|| {
                Refusal::incomplete(format!(
                    "'{}' not a valid key=value pair (missing equal-sign) in Authorization header.",
                    quoted(part.as_bytes())
                ))
            })?;
            let place = match name {
                "Credential" => &mut raw.credential,
                "SignedHeaders" => &mut raw.signed_headers,
                "Signature" => &mut raw.signature,
                _ => {
                    let name = quoted(name.as_bytes());
                    return Err(Refusal::incomplete(format!("Authorization header has no parameter '{name}'.")));
                }
            };
            if place.replace(value).is_some() {
                return Err(Refusal::incomplete(format!("Authorization header has '{name}' more than once.")));
            }
        }
        let (date_header, date) = match only(headers, &AMZ_DATE)? {
            Some(date) => ("x-amz-date", Some(date)),
            None => ("date", only(headers, &DATE)?),
        };
        let missing = [
            ("'Credential' parameter", raw.credential.is_none()),
            ("'Signature' parameter", raw.signature.is_none()),
            ("'SignedHeaders' parameter", raw.signed_headers.is_none()),
            ("existence of either a 'X-Amz-Date' or a 'Date' header", date.is_none()),
        ];
        let missing = missing.iter().filter(|(_, is_missing)| *is_missing);
        let missing = missing.map(|(what, _)| format!("Authorization header requires {what}.")).collect::<Vec<_>>();
        let (Some(credential), Some(signed), Some(signature), Some(date)) =
            (raw.credential, raw.signed_headers, raw.signature, date)
        else {
            return Err(Refusal::incomplete(missing.join(" ")));
        };
        let at = if date_header == "date" { parse_header(date) } else { parse_basic(date) };
        Ok(Self {
            place: Place::Header,
            scope: Scope::parse(credential)?,
            signed_headers: signed_headers(signed)?,
            signature: parse_signature(signature)?,
            at: at.ok_or_else(|| not_a_date(date))?,
            date_header: Some(date_header),
            expires: None,
            token: only(headers, &AMZ_TOKEN)?.map(Cow::Borrowed),
        })
    }

    fn in_query(query: &'a str) -> Result<Self, Refusal> {
        let take = |wanted: &str| -> Result<Option<Cow<'a, [u8]>>, Refusal> {
            let mut found = canonical::pairs(query).filter(|(name, _)| *decode(name) == *wanted.as_bytes());
            let value = found.next().map(|(_, value)| decode(value));
            if found.next().is_some() {
                return Err(Refusal::incomplete(format!(
                    "AWS query-string parameter '{wanted}' is there more than once."
                )));
            }
            Ok(value)
        };
        let need = |wanted: &str| {
            let text = format!("AWS query-string parameters must include '{wanted}'.");
            take(wanted)?.ok_or_else(|| Refusal::incomplete(text))
        };
        let algorithm = need("X-Amz-Algorithm")?;
        if *algorithm != *ALGORITHM.as_bytes() {
            return Err(Refusal::incomplete(format!("Unsupported AWS 'algorithm': '{}'.", quoted(&algorithm))));
        }
        let (credential, signed) = (need("X-Amz-Credential")?, need("X-Amz-SignedHeaders")?);
        let (date, expires, signature) = (need("X-Amz-Date")?, need("X-Amz-Expires")?, need("X-Amz-Signature")?);
        let seconds = core::str::from_utf8(&expires).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let seconds = seconds.and_then(|text| text.parse().ok()).filter(|seconds| (1..=MAX_EXPIRES).contains(seconds));
        let seconds = seconds.ok_or_else(|| {
            Refusal::incomplete(format!("X-Amz-Expires must be a number of seconds from 1 to {MAX_EXPIRES}."))
        })?;
        Ok(Self {
            place: Place::Query,
            scope: Scope::parse(text(&credential)?)?,
            signed_headers: signed_headers(text(&signed)?)?,
            signature: parse_signature(text(&signature)?)?,
            at: parse_basic(&date).ok_or_else(|| not_a_date(&date))?,
            date_header: None,
            expires: Some(Duration::from_secs(seconds)),
            token: take("X-Amz-Security-Token")?,
        })
    }
}

/// A parameter of the query, which is ASCII in every honest one.
fn text(value: &[u8]) -> Result<&str, Refusal> {
    core::str::from_utf8(value).map_err(|_| Refusal::incomplete("AWS query-string parameters must be ASCII."))
}

/// The value of a header that may be there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, Refusal> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (value, None) => Ok(value.map(http::HeaderValue::as_bytes)),
        _ => Err(canonical::repeated(name.as_str())),
    }
}

fn not_a_date(date: &[u8]) -> Refusal {
    Refusal::incomplete(format!(
        "Date must be in ISO-8601 'basic format'. Got '{}'. See http://en.wikipedia.org/wiki/ISO_8601",
        quoted(date)
    ))
}

/// The list of signed headers: in lower case, in order, each once, as every signer writes it.
fn signed_headers(list: &str) -> Result<Vec<String>, Refusal> {
    let names: Vec<String> = list.split(';').map(str::to_owned).collect();
    let is_name = |name: &String| {
        !name.is_empty() && !name.bytes().any(|byte| byte.is_ascii_uppercase()) && HeaderName::try_from(name).is_ok()
    };
    let is_in_order = names.iter().zip(names.iter().skip(1)).all(|(one, next)| one < next);
    if is_in_order && names.iter().all(is_name) {
        return Ok(names);
    }
    Err(Refusal::incomplete(format!(
        "SignedHeaders must be names of headers in lower case, in alphabetical order, each once. Got '{}'.",
        quoted(list.as_bytes())
    )))
}

/// A signature that is not one is answered as a wrong one is.
fn parse_signature(text: &str) -> Result<[u8; 32], Refusal> {
    let mut signature = [0; 32];
    match base16ct::lower::decode(text, &mut signature) {
        Ok(decoded) if decoded.len() == 32 => Ok(signature),
        _ => Err(Refusal::mismatch()),
    }
}

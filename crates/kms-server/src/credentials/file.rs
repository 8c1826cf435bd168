//! The file: how it is read, and what it may say.

use core::fmt;
use core::ops::Range;
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use base64ct::{Base64, Encoding};
use kms_core::{Key, RandomSource, Secret, SystemRandom};
use kms_service::{Policy, PolicyKind, Principal};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use toml::Spanned;
use zeroize::Zeroizing;

use super::watch::Seen;
use super::{Credential, CredentialsError, KMS, XKS_PROXY, seal};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// What anybody but the owner, and the group for reading, may do.
pub(crate) const OTHERS: u32 = 0o037;

/// The text of a file, and what it was like.
pub(super) fn read(path: &Path, readable_by_others: bool) -> Result<(Zeroizing<String>, Seen), CredentialsError> {
    let fault = |error: std::io::Error| CredentialsError::new(format!("cannot be read: {error}"));
    let mut file = File::open(path).map_err(fault)?;
    let metadata = file.metadata().map_err(fault)?;
    let mode = metadata.permissions().mode() & 0o777;
    if !readable_by_others && mode & OTHERS != 0 {
        return Err(CredentialsError::new(format!(
            "others can read or change it (mode {mode:03o}), and it holds secrets: chmod 600 {}",
            path.display()
        )));
    }
    if metadata.len() > MAX_FILE {
        return Err(CredentialsError::new("is larger than 16 MiB: that is no file of credentials"));
    }
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(metadata.len()).unwrap_or_default() + 1));
    Read::by_ref(&mut file).take(MAX_FILE).read_to_string(&mut text).map_err(fault)?;
    Ok((text, Seen::of(&metadata)))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    principal: Vec<Entry>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    access_key_id: Spanned<String>,
    secret_access_key: Option<Spanned<Hidden>>,
    secret_access_key_sealed: Option<Spanned<String>>,
    session_token: Option<Spanned<Hidden>>,
    arn: Spanned<String>,
    service: Option<Spanned<String>>,
    #[serde(default)]
    policies: Vec<Spanned<toml::Value>>,
    tags: Option<Spanned<BTreeMap<String, String>>>,
}

/// A text that no error shows, whatever is there in its place.
struct Hidden(Zeroizing<String>);

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Hidden;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Hidden, E> {
                Ok(Hidden(Zeroizing::new(text.to_owned())))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Hidden, E> {
                Ok(Hidden(Zeroizing::new(text)))
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Hidden, E> {
                Err(E::custom("a secret is a string: put it into quotes"))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Hidden, E> {
                self.visit_i64(0)
            }
        }

        deserializer.deserialize_any(Text)
    }
}

/// What opens sealed secrets.
#[derive(Clone, Copy)]
pub(super) enum Opener<'a> {
    /// Nothing: a sealed secret is an error.
    None,
    /// The root key.
    Root(&'a Key),
    /// Nothing: a sealed secret stays closed.
    Closed,
}

/// A secret that nobody knows.
pub(super) fn random_secret() -> Result<Secret, CredentialsError> {
    let mut random = Secret::zeroed(33);
    SystemRandom
        .fill(random.expose_mut())
        .map_err(|error| CredentialsError::new(format!("no random numbers: {error}")))?;
    Ok(Secret::copy_from(Zeroizing::new(Base64::encode_string(random.expose())).as_bytes()))
}

fn document(text: &str) -> Result<Document, CredentialsError> {
    // Its own message would show the line, which may hold a secret.
    toml::from_str(text).map_err(|error| {
        let problem = CredentialsError::new(error.message());
        match error.span() {
            Some(span) => problem.at(text, span.start),
            None => problem,
        }
    })
}

/// A secret that stands in a text in clear.
pub(super) struct InClear {
    pub(super) access_key_id: String,
    pub(super) secret: Secret,
    /// Where its value is, quotes included.
    pub(super) at: Range<usize>,
}

/// The secrets that stand in a text in clear, in order.
pub(super) fn in_clear(text: &str) -> Result<Vec<InClear>, CredentialsError> {
    let found = document(text)?.principal.into_iter().filter_map(|entry| {
        let (at, secret) = entry.secret_access_key.map(|secret| (secret.span(), secret.into_inner().0))?;
        let secret = Secret::copy_from(secret.as_bytes());
        Some(InClear { access_key_id: entry.access_key_id.into_inner(), secret, at })
    });
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(|one| one.at.start);
    Ok(found)
}

/// The access keys that a text names.
pub(super) fn parse(text: &str, opener: Opener<'_>) -> Result<Vec<Credential>, CredentialsError> {
    let document = document(text)?;
    let mut ids = HashSet::new();
    document
        .principal
        .into_iter()
        .map(|entry| {
            if !ids.insert(entry.access_key_id.get_ref().clone()) {
                let problem = format!(
                    "the access key {:?} is there twice: remove one, or generate another id",
                    entry.access_key_id.get_ref()
                );
                return Err(CredentialsError::new(problem).at(text, entry.access_key_id.span().start));
            }
            entry.credential(text, opener)
        })
        .collect()
}

impl Entry {
    fn credential(self, text: &str, opener: Opener<'_>) -> Result<Credential, CredentialsError> {
        let id = self.access_key_id;
        let at = |start: usize, problem: String| CredentialsError::new(problem).at(text, start);
        let word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !(1..=128).contains(&id.get_ref().len()) || !word(id.get_ref()) {
            return Err(at(id.span().start, "an access key id has 1 to 128 letters, digits and underscores".into()));
        }
        let service = match &self.service {
            None => KMS,
            Some(named) if named.get_ref() == KMS => KMS,
            Some(named) if named.get_ref() == XKS_PROXY => XKS_PROXY,
            Some(named) => {
                let problem = format!("service is {KMS:?} or {XKS_PROXY:?}, not {:?}", named.get_ref());
                return Err(at(named.span().start, problem));
            }
        };
        let (secret, start) = match (self.secret_access_key, self.secret_access_key_sealed) {
            (Some(clear), None) => {
                let start = clear.span().start;
                (Secret::copy_from(clear.into_inner().0.as_bytes()), start)
            }
            (None, Some(sealed)) => {
                let start = sealed.span().start;
                let opened = match opener {
                    Opener::Root(root) => seal::open(root, id.get_ref(), sealed.get_ref()),
                    // Random, so that nothing verifies with it.
                    Opener::Closed => random_secret(),
                    Opener::None => Err(CredentialsError::new(
                        "secret_access_key_sealed opens under the root key only, and there is none here",
                    )),
                };
                (opened.map_err(|error| error.at(text, start))?, start)
            }
            (None, None) => {
                let problem = "has neither secret_access_key nor secret_access_key_sealed: give one of them";
                return Err(at(id.span().start, format!("{} {problem}", id.get_ref())));
            }
            (Some(_), Some(_)) => {
                let problem = "has both secret_access_key and secret_access_key_sealed: remove one of them";
                return Err(at(id.span().start, format!("{} {problem}", id.get_ref())));
            }
        };
        if !(1..=1024).contains(&secret.len()) || !secret.expose().iter().all(u8::is_ascii_graphic) {
            return Err(at(start, "a secret access key has 1 to 1,024 printable characters, and no spaces".into()));
        }
        if service == XKS_PROXY {
            fits_xks(id.get_ref(), &secret).map_err(|problem| at(id.span().start, problem.into()))?;
        }
        let mut principal = principal(self.arn.get_ref()).map_err(|problem| at(self.arn.span().start, problem))?;
        if let Some(tags) = self.tags {
            if matches!(principal, Principal::Account(_)) {
                return Err(at(tags.span().start, "an account's root has no tags: only users and roles have".into()));
            }
            principal = principal.with_tags(tags.into_inner());
        }
        let policies = self.policies.into_iter().map(|policy| {
            let start = policy.span().start;
            identity_policy(policy.into_inner()).map(Arc::new).map_err(|problem| at(start, problem))
        });
        let policies = policies.collect::<Result<Vec<_>, _>>()?;
        let mut credential =
            Credential::new(id.into_inner(), secret, principal).with_policies(policies).for_service(service);
        if let Some(token) = self.session_token {
            let (start, token) = (token.span().start, token.into_inner().0);
            if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(at(start, "a session token has printable characters, and no spaces".into()));
            }
            credential = credential.with_session_token(Secret::copy_from(token.as_bytes()));
        }
        Ok(credential)
    }
}

/// What AWS KMS takes as the credentials of a proxy (API Reference, `XksProxyAuthenticationCredentialType`).
fn fits_xks(id: &str, secret: &Secret) -> Result<(), &'static str> {
    let is_id = |byte: u8| matches!(byte, b'A'..=b'Z' | b'2'..=b'7');
    if !(20..=30).contains(&id.len()) || !id.bytes().all(is_id) {
        return Err("the access key id of a proxy has 20 to 30 of A-Z and 2-7, or AWS KMS does not take it");
    }
    let is_secret = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+' | b'=');
    if !(43..=64).contains(&secret.len()) || !secret.expose().iter().all(is_secret) {
        return Err("the secret of a proxy has 43 to 64 of A-Z, a-z, 0-9, /, + and =, or AWS KMS does not take it");
    }
    Ok(())
}

/// Somebody who can have access keys.
fn principal(arn: &str) -> Result<Principal, String> {
    let problem = || {
        format!(
            "{arn:?} is not the ARN of a user, a role, a role's session or an account's root, \
            such as arn:aws:iam::111122223333:user/Alice"
        )
    };
    match arn.parse() {
        Ok(principal @ (Principal::Account(_) | Principal::User(_) | Principal::Role(_))) => Ok(principal),
        _ => Err(problem()),
    }
}

/// A policy as JSON text, or as a table with the same members.
fn identity_policy(policy: toml::Value) -> Result<Policy, String> {
    let text = match policy {
        toml::Value::String(text) => text,
        table @ toml::Value::Table(_) => {
            serde_json::to_string(&table).map_err(|error| format!("this policy cannot be written as JSON: {error}"))?
        }
        _ => return Err("a policy is a table, or a string with JSON in it".into()),
    };
    Policy::parse(PolicyKind::Identity, &text).map_err(|error| format!("this is no identity policy: {error}"))
}

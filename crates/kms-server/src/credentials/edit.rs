//! Changes of a file of credentials, which leave the rest of it as it stands.

use base64ct::{Base64, Encoding};
use kms_core::{Error, Key, RandomSource, Secret};
use zeroize::Zeroizing;

use super::file::{self, InClear};
use super::{Credentials, CredentialsError, CredentialsOptions, KMS, XKS_PROXY, seal};

/// What access key ids are made of (RFC 4648, base32).
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// What stands before each entry.
const HEADER: &str = "[[principal]]";

/// A new access key, of which nobody knows yet.
pub struct NewAccessKey {
    /// `AKIA` and 16 of `A-Z` and `2-7`: 80 random bits.
    pub access_key_id: String,
    /// 40 characters of base64, from 240 random bits; 44 of them for the proxy of external key stores, since AWS KMS takes no
    /// shorter ones.
    pub secret_access_key: Zeroizing<String>,
    /// The same, [sealed](super::seal) under a root key, if the file is to have it only so.
    pub secret_access_key_sealed: Option<String>,
}

impl core::fmt::Debug for NewAccessKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "NewAccessKey({})", self.access_key_id)
    }
}

impl NewAccessKey {
    /// One for the KMS API, or for the proxy if `service` is [`XKS_PROXY`].
    ///
    /// # Errors
    /// If there are no random numbers.
    pub fn generate(service: &str, random: &dyn RandomSource) -> Result<Self, Error> {
        let mut letters = [0; 16];
        random.fill(&mut letters)?;
        let letter =
            |byte: &u8| LETTERS.iter().cycle().nth(usize::from(*byte)).map_or('A', |&letter| char::from(letter));
        let mut secret = Secret::zeroed(if service == XKS_PROXY { 33 } else { 30 });
        random.fill(secret.expose_mut())?;
        Ok(Self {
            access_key_id: format!("AKIA{}", letters.iter().map(letter).collect::<String>()),
            secret_access_key: Zeroizing::new(Base64::encode_string(secret.expose())),
            secret_access_key_sealed: None,
        })
    }

    /// The same, with a secret that the file has only sealed: who reads the file cannot sign with it, and only a server
    /// with this root key can verify.
    ///
    /// # Errors
    /// The root key's faults.
    pub fn sealed_under(mut self, root: &Key) -> Result<Self, Error> {
        let secret = Secret::copy_from(self.secret_access_key.as_bytes());
        self.secret_access_key_sealed = Some(seal(root, &self.access_key_id, &secret)?);
        Ok(self)
    }
}

/// The text with one more access key, of a principal; `policies` are texts in JSON.
///
/// # Errors
/// If the text was wrong before, the access key is there already, or the ARN or a policy is none.
pub fn add(
    text: &str,
    key: &NewAccessKey,
    arn: &str,
    service: &str,
    policies: &[String],
) -> Result<Zeroizing<String>, CredentialsError> {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut new = Zeroizing::new(text.to_owned());
    if !new.is_empty() {
        let gap = if new.ends_with('\n') { "\n" } else { "\n\n" };
        new.push_str(gap);
    }
    new.push_str(&format!("{HEADER}\naccess_key_id = {}\n", quoted(&key.access_key_id)));
    match &key.secret_access_key_sealed {
        Some(sealed) => new.push_str(&format!("secret_access_key_sealed = {}", quoted(sealed))),
        None => {
            new.push_str("secret_access_key = ");
            new.push_str(&Zeroizing::new(quoted(&key.secret_access_key)));
        }
    }
    new.push_str(&format!("\narn = {}\n", quoted(arn)));
    if service != KMS {
        new.push_str(&format!("service = {}\n", quoted(service)));
    }
    if !policies.is_empty() {
        let policies: Vec<_> = policies.iter().map(|policy| quoted(policy)).collect();
        new.push_str(&format!("policies = [{}]\n", policies.join(", ")));
    }
    ids(&new)?;
    Ok(new)
}

/// The text without an access key, and without what stands between it and the next one.
///
/// # Errors
/// If the text was wrong before, the access key is not there, or its entry is written so that it cannot be told from the rest.
pub fn remove(text: &str, access_key_id: &str) -> Result<Zeroizing<String>, CredentialsError> {
    let before = ids(text)?;
    if !before.iter().any(|id| id == access_key_id) {
        return Err(CredentialsError::new(format!("there is no access key {access_key_id:?}")));
    }
    // Entries begin at lines that are their header, unless one is inside a text of several lines: the result is checked.
    let mut entries: Vec<Vec<&str>> = vec![Vec::new()];
    for line in text.split_inclusive('\n') {
        if line.trim() == HEADER {
            entries.push(Vec::new());
        }
        if let Some(entry) = entries.last_mut() {
            entry.push(line);
        }
    }
    let wanted = Zeroizing::new(format!("{access_key_id:?}"));
    let has = |entry: &Vec<&str>| {
        entry.iter().any(|line| match line.split_once('=') {
            Some((name, value)) => name.trim() == "access_key_id" && value.contains(wanted.as_str()),
            None => false,
        })
    };
    let kept = entries.iter().filter(|entry| !has(entry)).flatten().copied();
    let new = Zeroizing::new(kept.collect::<String>());
    let expected: Vec<_> = before.iter().filter(|id| *id != access_key_id).cloned().collect();
    match ids(&new) {
        Ok(after) if after == expected => Ok(new),
        _ => Err(CredentialsError::new(format!(
            "the entry of {access_key_id} cannot be told from the rest of the file: remove it with an editor"
        ))),
    }
}

/// The text with all secret access keys sealed under the root key, and how many were not before. Session tokens stay as they
/// are: they end by themselves.
///
/// # Errors
/// If the text was wrong before, a secret is written so that it cannot be told from the rest, or the root key fails.
pub fn seal_all(text: &str, root: &Key) -> Result<(Zeroizing<String>, usize), CredentialsError> {
    const MEMBER: &str = "secret_access_key";
    let before = ids(text)?;
    let secrets = file::in_clear(text)?;
    let (mut new, mut end) = (Zeroizing::new(String::new()), 0);
    for InClear { access_key_id, secret, at } in &secrets {
        let cannot =
            || CredentialsError::new("write it as secret_access_key = \"…\" to have it sealed").at(text, at.start);
        let head = text.get(end..at.start).ok_or_else(cannot)?;
        let name = head.trim_end().strip_suffix('=').map(str::trim_end).and_then(|head| head.strip_suffix(MEMBER));
        let sealed = seal(root, access_key_id, secret)
            .map_err(|error| CredentialsError::new(format!("cannot be sealed: {error}")).at(text, at.start))?;
        new.push_str(name.ok_or_else(cannot)?);
        new.push_str(&format!("{MEMBER}_sealed = \"{sealed}\""));
        end = at.end;
    }
    new.push_str(text.get(end..).unwrap_or_default());
    // Whatever the text is like: nothing is lost, and every secret opens.
    let options = CredentialsOptions::new().root(root.clone());
    let after = options.parse(&new)?;
    let whole = secrets
        .iter()
        .all(|one| after.get(&one.access_key_id).is_some_and(|new| new.secret().ct_eq(one.secret.expose())));
    if !whole || ids(&new)? != before || !file::in_clear(&new)?.is_empty() {
        return Err(CredentialsError::new("a secret cannot be told from the rest of the file: seal it with an editor"));
    }
    Ok((new, secrets.len()))
}

/// The access keys of a text, sealed ones too, in order.
fn ids(text: &str) -> Result<Vec<String>, CredentialsError> {
    let credentials: Credentials = CredentialsOptions::new().sealed_as_they_are().parse(text)?;
    let mut ids: Vec<_> = credentials.all().iter().map(|one| one.access_key_id().to_owned()).collect();
    ids.sort_unstable();
    Ok(ids)
}

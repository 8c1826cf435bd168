//! The names of things: accounts, regions, keys, aliases, and their ARNs.

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

use kms_core::{Error, KeyId, RandomSource};

/// An account: twelve digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(u64);

impl AccountId {
    /// The account that stands for the service itself.
    pub const LOCAL: Self = Self(0);

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl FromStr for AccountId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number
            .map(Self)
            .ok_or_else(|| Error::invalid_input(format!("an account id has twelve digits, unlike {text:?}")))
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountId({self})")
    }
}

/// A region, such as `eu-central-1`: 1 to 32 lower-case letters, digits and dashes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(Arc<str>);

impl Region {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Region {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let fits = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if fits && (1..=32).contains(&text.len()) {
            return Ok(Self(text.into()));
        }
        Err(Error::invalid_input(format!("a region looks like eu-central-1, unlike {text:?}")))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({self})")
    }
}

/// The id of a KMS key: a UUID, or `mrk-` and 32 hexadecimal digits for a multi-region key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KmsKeyId {
    id: KeyId,
    multi_region: bool,
}

impl KmsKeyId {
    /// A fresh id.
    ///
    /// # Errors
    /// If the generator fails.
    pub fn random(multi_region: bool, random: &dyn RandomSource) -> Result<Self, Error> {
        Ok(Self { id: KeyId::random(random)?, multi_region })
    }

    /// The id with these bytes.
    #[must_use]
    pub const fn new(id: KeyId, multi_region: bool) -> Self {
        Self { id, multi_region }
    }

    /// What ciphertexts of the key name.
    #[must_use]
    pub const fn id(self) -> KeyId {
        self.id
    }

    /// Whether the key may be replicated to other regions.
    #[must_use]
    pub const fn is_multi_region(self) -> bool {
        self.multi_region
    }
}

impl FromStr for KmsKeyId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::invalid_input(format!("Invalid keyId '{text}'"));
        match text.strip_prefix("mrk-") {
            None => Ok(Self { id: text.parse().map_err(|_| bad())?, multi_region: false }),
            Some(digits) => {
                let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
                if digits.len() != 32 || !digits.bytes().all(lower) {
                    return Err(bad());
                }
                let number = u128::from_str_radix(digits, 16).map_err(|_| bad())?;
                Ok(Self { id: KeyId::from_bytes(number.to_be_bytes()), multi_region: true })
            }
        }
    }
}

impl fmt::Display for KmsKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.multi_region {
            write!(f, "mrk-{:032x}", u128::from_be_bytes(*self.id.as_bytes()))
        } else {
            write!(f, "{}", self.id)
        }
    }
}

/// The name of an alias, `alias/` included: 7 to 256 of `a-zA-Z0-9:/_-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AliasName(Arc<str>);

impl AliasName {
    /// What every alias begins with.
    pub const PREFIX: &'static str = "alias/";
    /// What the aliases of the service's own keys begin with.
    pub const RESERVED: &'static str = "alias/aws/";

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is of a key of the service's own, `alias/aws/…`.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with(Self::RESERVED)
    }
}

impl FromStr for AliasName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'/' | b'_' | b'-');
        match text.strip_prefix(Self::PREFIX) {
            Some(rest) if !rest.is_empty() && text.len() <= 256 && text.bytes().all(fits) => Ok(Self(text.into())),
            _ => Err(Error::invalid_input(format!("an alias looks like alias/NAME, unlike {text:?}"))),
        }
    }
}

impl fmt::Display for AliasName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The ARN of a key or alias: `arn:aws:kms:REGION:ACCOUNT:key/ID` or `…:alias/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Arn {
    /// `aws`, or another partition.
    pub partition: Arc<str>,
    /// Where the resource lives.
    pub region: Region,
    /// Whose it is.
    pub account: AccountId,
    /// What it is.
    pub resource: Resource,
}

/// What an ARN names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the API knows two")]
pub enum Resource {
    /// A KMS key.
    Key(KmsKeyId),
    /// An alias.
    Alias(AliasName),
}

impl Arn {
    /// The ARN of a resource in the partition `aws`.
    #[must_use]
    pub fn new(region: Region, account: AccountId, resource: Resource) -> Self {
        Self { partition: "aws".into(), region, account, resource }
    }
}

impl FromStr for Arn {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::invalid_input(format!("not the ARN of a key or alias: {text:?}"));
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().ok_or_else(bad);
        let (arn, partition, service) = (next()?, next()?, next()?);
        let (region, account, resource) = (next()?, next()?, next()?);
        let known = partition == "aws" || partition.starts_with("aws-");
        if arn != "arn" || service != "kms" || !known {
            return Err(bad());
        }
        let resource = match resource.strip_prefix("key/") {
            Some(id) => Resource::Key(id.parse()?),
            None => Resource::Alias(resource.parse()?),
        };
        let (region, account) = (region.parse().map_err(|_| bad())?, account.parse().map_err(|_| bad())?);
        Ok(Self { partition: partition.into(), region, account, resource })
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:{}:kms:{}:{}:", self.partition, self.region, self.account)?;
        match &self.resource {
            Resource::Key(id) => write!(f, "key/{id}"),
            Resource::Alias(name) => write!(f, "{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for text in [
            "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms:us-east-1:000000000000:key/mrk-1234abcd12ab34cd56ef1234567890ab",
            "arn:aws-cn:kms:cn-north-1:111122223333:alias/a/b:c_d-e",
        ] {
            assert_eq!(text.parse::<Arn>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "arn:aws:s3:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms:eu-central-1:11112222333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms:eu-central-1:111122223333:key/mrk-1234ABCD12ab34cd56ef1234567890ab",
            "arn:aws:kms:eu-central-1:111122223333:alias/",
            "arn:aws:kms:eu-central-1:111122223333:alias/ä",
            "arn:aws:kms:eu-central-1:111122223333",
        ] {
            assert!(text.parse::<Arn>().is_err(), "{text}");
        }
    }
}

//! The ARNs of keys and aliases: `arn:PARTITION:kms:REGION:ACCOUNT:key/ID` and `…:alias/NAME`.

use std::fmt;
use std::str::FromStr;

use kms_core::primitives::hash::hash;
use kms_core::{Error, HashAlgorithm, KeyId, MaterialId};

/// The ARN of a key or an alias.
///
/// Read as the AWS Encryption SDK reads it (`framework/aws-kms/aws-kms-key-arn.md`): six parts, none of them empty, the
/// service `kms`, and a resource that is `key/` or `alias/` with something behind it. Partition, region and account are
/// letters, digits and hyphens, at most 63 of them: the region becomes part of the name of the host that is asked, and an
/// ARN may be a message's.
///
/// ```
/// use kms_aws::{Arn, Resource};
/// let arn: Arn = "arn:aws:kms:eu-west-1:111122223333:alias/backups".parse()?;
/// assert_eq!((arn.region(), arn.account()), ("eu-west-1", "111122223333"));
/// assert_eq!(arn.resource(), Resource::Alias("backups"));
/// # Ok::<(), kms_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Arn {
    text: String,
    partition: String,
    region: String,
    account: String,
    resource: String,
}

/// What an ARN names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "AWS KMS has no third kind of name for a key")]
pub enum Resource<'a> {
    /// A key, by its id.
    Key(&'a str),
    /// An alias, by its name without `alias/`.
    Alias(&'a str),
}

impl Arn {
    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `aws`, `aws-cn`, `aws-us-gov`, …
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// `eu-west-1`, …
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The account's twelve digits.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// What it names.
    #[must_use]
    pub fn resource(&self) -> Resource<'_> {
        match self.resource.split_once('/') {
            Some(("alias", name)) => Resource::Alias(name),
            Some((_, id)) => Resource::Key(id),
            // Not so in an ARN that was read.
            None => Resource::Key(&self.resource),
        }
    }

    /// The name of a key's first generation in this process: the 128 bits of its id, whether that has the form of a
    /// UUID or of a multi-Region key (`mrk-` and 32 hexadecimal digits). Other endpoints have ids of other forms, whose
    /// name is the beginning of the SHA-256 of the ARN.
    pub(crate) fn material_id(&self) -> MaterialId {
        let Resource::Key(id) = self.resource() else { return self.hashed() };
        if let Ok(id) = id.parse::<KeyId>() {
            return id.into();
        }
        let digits = id.strip_prefix("mrk-").filter(|digits| digits.len() == 32);
        match digits.and_then(|digits| u128::from_str_radix(digits, 16).ok()) {
            Some(number) => KeyId::from_bytes(number.to_be_bytes()).into(),
            None => self.hashed(),
        }
    }

    fn hashed(&self) -> MaterialId {
        let mut bytes = [0; 16];
        for (byte, of_hash) in bytes.iter_mut().zip(hash(HashAlgorithm::Sha256, self.text.as_bytes())) {
            *byte = of_hash;
        }
        KeyId::from_bytes(bytes).into()
    }
}

/// Whether a text can be a label of a host's name (RFC 1123, section 2.1).
fn is_label(text: &str) -> bool {
    let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    fits && text.len() <= 63 && !text.starts_with('-') && !text.ends_with('-')
}

impl FromStr for Arn {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || {
            Error::invalid_input(
                "not the ARN of a key: it looks like arn:aws:kms:eu-west-1:111122223333:key/ID, or …:alias/NAME",
            )
        };
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().filter(|part| !part.is_empty()).ok_or_else(bad);
        let (arn, partition, service) = (next()?, next()?, next()?);
        let (region, account, resource) = (next()?, next()?, next()?);
        let named =
            resource.split_once('/').is_some_and(|(kind, name)| matches!(kind, "key" | "alias") && !name.is_empty());
        let labels = [partition, region, account].into_iter().all(is_label);
        if arn != "arn" || service != "kms" || !named || !labels || text.len() > 2048 {
            return Err(bad());
        }
        Ok(Self {
            text: text.into(),
            partition: partition.into(),
            region: region.into(),
            account: account.into(),
            resource: resource.into(),
        })
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_arn_is_refused() {
        for bad in [
            "",
            "alias/backups",
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms:eu-west-1:111122223333",
            "arn:aws:kms::111122223333:key/1",
            "arn:aws:kms:eu-west-1::key/1",
            "arn::kms:eu-west-1:111122223333:key/1",
            "arn:aws:s3:eu-west-1:111122223333:key/1",
            "arn:aws:kms:eu-west-1:111122223333:key/",
            "arn:aws:kms:eu-west-1:111122223333:key",
            "arn:aws:kms:eu-west-1:111122223333:key:1",
            "arn:aws:kms:eu-west-1:111122223333:grant/1",
            "nra:aws:kms:eu-west-1:111122223333:key/1",
            // The region is part of the name of a host.
            "arn:aws:kms:evil.example/:111122223333:key/1",
            "arn:aws:kms:evil.example#:111122223333:key/1",
            "arn:aws:kms:eu-west-1.evil.example:111122223333:key/1",
            "arn:aws:kms:user@evil:111122223333:key/1",
            "arn:aws:kms:-:111122223333:key/1",
            "arn:aws:kms:eu west 1:111122223333:key/1",
            "arn:aws:kms:eu-west-1:1111\n22223333:key/1",
        ] {
            assert!(bad.parse::<Arn>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_id_of_a_key_is_its_name_here() {
        let of =
            |id: &str| format!("arn:aws:kms:eu-west-1:111122223333:key/{id}").parse::<Arn>().unwrap().material_id();
        let uuid = "1234abcd-12ab-34cd-56ef-1234567890ab";
        assert_eq!(of(uuid).key.to_string(), uuid);
        assert_eq!(of("mrk-1234abcd12ab34cd56ef1234567890ab").key.to_string(), uuid);
        assert_ne!(of("custom"), of("other"));
    }
}

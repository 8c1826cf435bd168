//! Keys at AWS KMS, or at another endpoint that speaks its API. Whoever names one by its ARN means those.

#[cfg(feature = "aws")]
mod keys;

use clap::Args;
use kms_core::Key;
use kms_core::message::WrappingKey;

use crate::failure::Failure;
use crate::keys::{ARN_PREFIX, Keys};

/// Whether a name is the ARN of a key or an alias at AWS KMS: not an alias, an id, or the ARN of a key of the keyring.
pub(crate) fn names_key(name: &str) -> bool {
    let mut parts = name.split(':');
    parts.next() == Some("arn") && parts.nth(1) == Some("kms") && !name.starts_with(ARN_PREFIX)
}

/// Where keys with an ARN are.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct AwsArguments {
    /// For keys at AWS KMS, which are named by their ARN: ask this endpoint instead [default: AWS_ENDPOINT_URL_KMS].
    /// Credentials come from where the AWS CLI has them from: AWS_ACCESS_KEY_ID and so on, AWS_PROFILE, ~/.aws
    #[arg(long, global = true, value_name = "URL")]
    endpoint_url: Option<String>,
}

impl AwsArguments {
    /// The endpoint that is named, on the command line or in the environment.
    pub(crate) fn endpoint_url(&self) -> Option<String> {
        let variable = || std::env::var("AWS_ENDPOINT_URL_KMS").ok().filter(|url| !url.is_empty());
        self.endpoint_url.clone().or_else(variable)
    }
}

#[cfg(not(feature = "aws"))]
impl AwsArguments {
    pub(crate) fn open(&self, _name: &str) -> Result<Box<dyn Keys>, Failure> {
        Err(without())
    }

    pub(crate) fn readers(&self, _keys: &[String], _accounts: &[String]) -> Result<Vec<Box<dyn WrappingKey>>, Failure> {
        Err(without())
    }

    pub(crate) fn only_key(&self, _keys: &[String]) -> Result<Key, Failure> {
        Err(without())
    }
}

#[cfg(not(feature = "aws"))]
fn without() -> Failure {
    Failure::usage("this kms was built without AWS KMS").hint("Build it with its default features.")
}

#[cfg(feature = "aws")]
impl AwsArguments {
    /// The keys among which the one with this ARN is.
    pub(crate) fn open(&self, name: &str) -> Result<Box<dyn Keys>, Failure> {
        Ok(Box::new(self.connect(name)?))
    }

    /// The keys that read messages: those that are named, or, if none is, whichever the messages name, in these
    /// accounts or in any.
    pub(crate) fn readers(&self, keys: &[String], accounts: &[String]) -> Result<Vec<Box<dyn WrappingKey>>, Failure> {
        if keys.is_empty() {
            return Ok(vec![Box::new(self.discovery(accounts)?)]);
        }
        let there = self.connect_to_any(keys)?;
        let reader = |name: &String| {
            let there: &dyn Keys = &there;
            let key = there.wrapping_key(&there.find_symmetric(name)?)?;
            Ok(Box::new(key) as Box<dyn WrappingKey>)
        };
        keys.iter().map(reader).collect()
    }

    /// The one key that is named: a blob of AWS KMS does not tell whose it is.
    pub(crate) fn only_key(&self, keys: &[String]) -> Result<Key, Failure> {
        let [name] = keys else {
            return Err(Failure::usage("not a message, and a blob of AWS KMS does not tell its key")
                .hint("Name the one key with --key ARN.")
                .of_input());
        };
        let there = self.connect_to_any(keys)?;
        there.symmetric(&there.find_symmetric(name)?)
    }

    fn connect_to_any(&self, names: &[String]) -> Result<keys::AwsKeys, Failure> {
        if let Some(name) = names.iter().find(|name| !names_key(name)) {
            return Err(Failure::usage(format!("{name} is not the ARN of a key at AWS KMS"))
                .hint("The keys of the keyring are found without being named."));
        }
        self.connect(names.first().map(String::as_str).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_of_aws_is_told_from_ours() {
        assert!(names_key("arn:aws:kms:eu-west-1:111122223333:key/1"));
        assert!(names_key("arn:aws-cn:kms:cn-north-1:111122223333:alias/a"));
        for ours in ["alias/default", "default", "1234abcd", "arn:aws:kms:local:000000000000:key/1", "arn:aws:s3:::b"] {
            assert!(!names_key(ours), "{ours}");
        }
    }
}

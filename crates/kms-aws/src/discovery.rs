//! Reading messages with whatever key they name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kms_core::message::{AWS_KMS, DecryptionRequest, EncryptedDataKey, EncryptionRequest, KmsWrappingKey, WrappingKey};
use kms_core::{Error, Key, Secret};

use crate::arn::{Arn, Resource};
use crate::client::AwsClient;

/// How many regions have a client that is kept. AWS has fewer; a message may name any.
const REGIONS: usize = 64;

/// Of which keys messages are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct DiscoveryFilter {
    partition: Option<String>,
    accounts: Vec<String>,
}

impl DiscoveryFilter {
    /// Of every key.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of keys in this account only; more than one: in any of them.
    pub fn with_account(mut self, account: impl Into<String>) -> Self {
        self.accounts.push(account.into());
        self
    }

    /// Of keys in this partition only: `aws`, `aws-cn`, …
    pub fn with_partition(mut self, partition: impl Into<String>) -> Self {
        self.partition = Some(partition.into());
        self
    }

    /// Whether a key is one of those.
    #[must_use]
    pub fn allows(&self, arn: &Arn) -> bool {
        self.partition.as_ref().is_none_or(|partition| partition == arn.partition())
            && (self.accounts.is_empty() || self.accounts.iter().any(|account| account == arn.account()))
    }
}

/// Decrypts data keys with the key that they name, wherever it is: a discovery keyring of the AWS Encryption SDK
/// (`framework/aws-kms/aws-kms-discovery-keyring.md`). It encrypts nothing.
///
/// A message chooses which key is used, and so who answers for it. Where the keys are known, name them
/// ([`KmsWrappingKey`]); elsewhere filter by account.
#[derive(Debug)]
pub struct Discovery {
    client: AwsClient,
    filter: DiscoveryFilter,
    /// One client for each region, of the first so many.
    regions: Mutex<HashMap<String, AwsClient>>,
}

impl Discovery {
    /// All keys that `client`'s credentials may use, in all regions, as far as `filter` allows them.
    #[must_use]
    pub fn new(client: AwsClient, filter: DiscoveryFilter) -> Self {
        Self { client, filter, regions: Mutex::default() }
    }

    fn in_region(&self, region: &str) -> AwsClient {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        if regions.len() >= REGIONS && !regions.contains_key(region) {
            return self.client.in_region(region);
        }
        regions.entry(region.to_owned()).or_insert_with(|| self.client.in_region(region)).clone()
    }

    fn key(&self, arn: &Arn) -> Result<KmsWrappingKey, Error> {
        let key = self.in_region(arn.region()).symmetric_key(arn)?;
        KmsWrappingKey::new(arn.as_str(), Key::new(Arc::new(key)))
    }
}

impl WrappingKey for Discovery {
    fn wrap_data_key(&self, _: &Secret, _: &EncryptionRequest<'_>) -> Result<EncryptedDataKey<'static>, Error> {
        Err(Error::unsupported("keys are discovered in messages: name one to encrypt under"))
    }

    fn unwrap_data_key(
        &self,
        wrapped: &EncryptedDataKey<'_>,
        request: &DecryptionRequest<'_>,
    ) -> Option<Result<Secret, Error>> {
        if wrapped.provider_id != AWS_KMS {
            return None;
        }
        let arn: Arn = core::str::from_utf8(&wrapped.provider_info).ok()?.parse().ok()?;
        if matches!(arn.resource(), Resource::Alias(_)) || !self.filter.allows(&arn) {
            return None;
        }
        match self.key(&arn) {
            Ok(key) => key.unwrap_data_key(wrapped, request),
            Err(error) => Some(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_excludes_what_it_does_not_name() {
        let arn: Arn = "arn:aws:kms:eu-west-1:111122223333:key/1".parse().unwrap();
        let filter = DiscoveryFilter::new;
        assert!(filter().allows(&arn));
        assert!(filter().with_account("444455556666").with_account("111122223333").allows(&arn));
        assert!(!filter().with_account("444455556666").allows(&arn));
        assert!(filter().with_partition("aws").allows(&arn));
        assert!(!filter().with_partition("aws-cn").with_account("111122223333").allows(&arn));
    }
}

//! The keys themselves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use kms_aws::{Arn, AwsClient, AwsKey, AwsOptions, Discovery, DiscoveryFilter, Resource};
use kms_core::{
    AlgorithmSet, Call, Error, ErrorKind, Key, KeyMaterial, KeyUsage, MasterKey, MaterialId, MessageType, PublicKey,
    SigningAlgorithm,
};

use super::AwsArguments;
use crate::failure::Failure;
use crate::keys::{Entry, Keys, NewKey};

/// The keys that the user's credentials may use.
pub(crate) struct AwsKeys {
    client: AwsClient,
    /// Those that were found, by ARN.
    found: Mutex<BTreeMap<String, Key>>,
}

impl AwsArguments {
    /// A connection to the region of an ARN.
    pub(super) fn connect(&self, name: &str) -> Result<AwsKeys, Failure> {
        let arn: Arn = name.parse()?;
        let client = AwsClient::new(&self.options().with_region(arn.region()))?;
        Ok(AwsKeys { client, found: Mutex::default() })
    }

    pub(super) fn discovery(&self, accounts: &[String]) -> Result<Discovery, Failure> {
        let filter = accounts.iter().fold(DiscoveryFilter::new(), DiscoveryFilter::with_account);
        // Which region shows in the message.
        let options = self.options();
        let client = AwsClient::new(&options).or_else(|error| match error.kind() {
            ErrorKind::InvalidInput => AwsClient::new(&options.with_region("us-east-1")),
            _ => Err(error),
        })?;
        Ok(Discovery::new(client, filter))
    }

    fn options(&self) -> AwsOptions {
        match &self.endpoint_url {
            Some(url) => AwsOptions::new().with_endpoint_url(url),
            None => AwsOptions::new(),
        }
    }
}

impl AwsKeys {
    fn keep(&self, key: AwsKey) -> Entry {
        let (arn, info) = (key.arn().to_string(), key.info().clone());
        self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(arn.clone(), Key::new(Arc::new(key)));
        Entry {
            id: info.id.key,
            spec: info.spec,
            usages: vec![info.usage],
            aliases: vec![arn.clone()],
            arn: Some(arn),
            origin: None,
            created: None,
            description: String::new(),
            place: Some(self.place()),
            at: Vec::new(),
            state: None,
            deletion: None,
        }
    }

    fn key(&self, entry: &Entry) -> Result<Key, Failure> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(found.get(&entry.arn()).cloned().ok_or_else(|| Error::new(ErrorKind::Internal))?)
    }
}

/// What AWS's own tools are for.
fn elsewhere(what: &str) -> Failure {
    Failure::usage(format!("{what} is not for keys at AWS KMS")).hint("The AWS CLI does that: `aws kms help`.")
}

impl Keys for AwsKeys {
    fn place(&self) -> String {
        format!("AWS KMS in {}", self.client.region())
    }

    fn list(&self) -> Result<Vec<Entry>, Failure> {
        Err(elsewhere("listing keys"))
    }

    fn find(&self, name: &str) -> Result<Entry, Failure> {
        let key = self.client.key(name, &Call::default()).map_err(explained)?;
        Ok(Entry { state: Some("Enabled"), ..self.keep(key) })
    }

    /// Whoever may use a key may not always look at it.
    fn find_symmetric(&self, name: &str) -> Result<Entry, Failure> {
        let arn: Arn = name.parse()?;
        match arn.resource() {
            Resource::Key(_) => Ok(self.keep(self.client.symmetric_key(&arn)?)),
            Resource::Alias(_) => self.find(name),
        }
    }

    fn symmetric(&self, key: &Entry) -> Result<Key, Failure> {
        self.key(key)
    }

    fn public_key(&self, key: &Entry) -> Result<PublicKey, Failure> {
        Ok(self.key(key)?.public_key()?)
    }

    fn algorithms(&self, key: &Entry, usage: KeyUsage) -> Result<AlgorithmSet, Failure> {
        let key = self.key(key)?;
        let info = key.info();
        Ok(if info.usage == usage { info.algorithms } else { AlgorithmSet::empty() })
    }

    fn sign(&self, key: &Entry, algorithm: SigningAlgorithm, digest: &[u8]) -> Result<Vec<u8>, Failure> {
        self.key(key)?.sign(algorithm, MessageType::Digest, digest, &Call::default()).map_err(explained)
    }

    fn open_material(&self, _: MaterialId) -> Option<Result<Key, Error>> {
        None
    }

    fn add(&self, _: &NewKey, _: Option<KeyMaterial>) -> Result<Entry, Failure> {
        Err(elsewhere("making keys"))
    }

    fn delete(&self, _: &Entry) -> Result<(), Failure> {
        Err(elsewhere("deleting keys"))
    }
}

/// What to try about an error of the endpoint.
fn explained(error: Error) -> Failure {
    let hint = match error.kind() {
        ErrorKind::Disconnected | ErrorKind::TimedOut => {
            "Is the endpoint up, and its URL right? --endpoint-url, AWS_ENDPOINT_URL_KMS, or the region's own."
        }
        ErrorKind::KeyUnavailable => "`aws kms describe-key --key-id ARN` says more.",
        ErrorKind::Unauthorized => "`aws sts get-caller-identity` says as whom you ask.",
        _ => return error.into(),
    };
    Failure::from(error).hint(hint)
}

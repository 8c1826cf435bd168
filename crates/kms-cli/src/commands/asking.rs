//! What commands that are one request to the service have in common.

use kms_service::Perform;
use serde::Serialize;
use serde_json::Value;

use super::Common;
use crate::failure::Failure;
use crate::keys::{ARN_PREFIX, Entry, Keys, LocalKeys};

/// A keyring, and a key in it that a command is about.
pub(super) struct About {
    pub(super) keys: LocalKeys,
    pub(super) entry: Entry,
}

impl About {
    /// The key of a name, in the keyring.
    pub(super) fn new(common: &Common, name: &str) -> Result<Self, Failure> {
        let keys = common.keyring.local(common.report)?;
        let entry = keys.find(name)?;
        Ok(Self { keys, entry })
    }

    /// The key's id, as requests have it.
    pub(super) fn id(&self) -> String {
        self.entry.id.to_string()
    }

    /// The key's ARN.
    pub(super) fn arn(&self) -> String {
        format!("{ARN_PREFIX}{}", self.entry.id)
    }

    pub(super) fn ask<R: Perform>(&self, request: &R) -> Result<R::Response, Failure> {
        self.keys.ask(request)
    }
}

/// An answer in the names of the AWS KMS API.
pub(super) fn to_json(answer: &impl Serialize) -> Value {
    serde_json::to_value(answer).unwrap_or_default()
}

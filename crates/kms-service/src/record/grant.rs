//! Grants.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::text;
use crate::{AccountId, Timestamp};

/// A grant: who may do what with a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GrantRecord {
    /// 64 hexadecimal digits.
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(with = "text::millis")]
    pub(crate) created: Timestamp,
    /// An ARN, or the name of a service.
    pub(crate) grantee: String,
    /// An ARN, or the name of a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retiring: Option<String>,
    /// The account of whoever made it.
    #[serde(with = "text")]
    pub(crate) issuing_account: AccountId,
    /// Names of the operations, as the API has them.
    pub(crate) operations: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) constraints: Vec<Constraint>,
}

/// What limits a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Constraint {
    /// The request's encryption context has these pairs, and maybe others.
    EncryptionContextSubset(BTreeMap<String, String>),
    /// The request's encryption context is this.
    EncryptionContextEquals(BTreeMap<String, String>),
    /// The request comes for this resource.
    SourceArn(String),
}

//! `kms key enable`, `disable`, `cancel-deletion`, `description`.

use clap::Args;
use kms_service::Perform;
use kms_service::api::{
    CancelKeyDeletionRequest, DisableKeyRequest, EnableKeyRequest, KeyState, UpdateKeyDescriptionRequest,
};
use serde_json::json;

use super::super::Common;
use super::super::asking::About;
use crate::failure::Failure;

/// Let a key be used again that was disabled
#[derive(Debug, Args)]
pub(crate) struct Enable {
    /// Its alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,
}

/// Have a key do nothing until it is enabled again
///
/// What is encrypted under it cannot be decrypted meanwhile; nothing is lost.
#[derive(Debug, Args)]
pub(crate) struct Disable {
    /// Its alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,
}

/// Call the deletion of a key off
///
/// It is disabled then: `kms key enable` lets it be used again.
#[derive(Debug, Args)]
pub(crate) struct CancelDeletion {
    /// Its alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,
}

/// Change the text about a key
#[derive(Debug, Args)]
pub(crate) struct Description {
    /// Its alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,

    /// The text, at most 8,192 characters
    #[arg(value_name = "TEXT")]
    text: String,
}

/// Asks for another state, and says which it is.
fn change<R: Perform>(
    common: &Common,
    key: &str,
    state: KeyState,
    request: impl FnOnce(String) -> R,
) -> Result<(), Failure> {
    let about = About::new(common, key)?;
    about.ask(&request(about.id()))?;
    common.report.done(&format!("{} is {}", about.id(), state.as_str()));
    common.report.record(|| json!({ "KeyId": about.id(), "KeyState": state.as_str() }))
}

impl Enable {
    pub(super) fn run(&self, common: &Common) -> Result<(), Failure> {
        change(common, &self.key, KeyState::Enabled, |id| EnableKeyRequest { key_id: id.into() })
    }
}

impl Disable {
    pub(super) fn run(&self, common: &Common) -> Result<(), Failure> {
        change(common, &self.key, KeyState::Disabled, |id| DisableKeyRequest { key_id: id.into() })
    }
}

impl CancelDeletion {
    pub(super) fn run(&self, common: &Common) -> Result<(), Failure> {
        change(common, &self.key, KeyState::Disabled, |id| CancelKeyDeletionRequest { key_id: id.into() })
    }
}

impl Description {
    pub(super) fn run(&self, common: &Common) -> Result<(), Failure> {
        let about = About::new(common, &self.key)?;
        let description = self.text.clone().into();
        about.ask(&UpdateKeyDescriptionRequest { key_id: about.id().into(), description })?;
        common.report.done(&format!("{} is described anew", about.id()));
        common.report.record(|| json!({ "KeyId": about.id(), "Description": self.text }))
    }
}

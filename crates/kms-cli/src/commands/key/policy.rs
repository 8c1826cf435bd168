//! `kms key policy`: who may do what with a key.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kms_service::api::{GetKeyPolicyRequest, PutKeyPolicyRequest};
use serde_json::{Value, json};

use super::super::Common;
use super::super::asking::About;
use crate::failure::Failure;
use crate::input::Input;

/// The largest key policy, in bytes, and one more to see that a file is larger.
const MAX_POLICY: u64 = 32_768 + 1;

/// Show or replace the policy of a key
///
/// On this machine you are the root of account 000000000000, arn:aws:iam::000000000000:root, and a key does what its
/// policy lets that do. `kms policy simulate` tells what a policy says before it is put.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    Get(Get),
    Put(Put),
}

/// Print the policy of a key
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Its alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,
}

/// Replace the policy of a key
#[derive(Debug, Args)]
pub(crate) struct Put {
    /// Its alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,

    /// The policy, JSON in a file; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Put it even if you could not replace it any more
    #[arg(long)]
    bypass_lockout_check: bool,
}

impl PolicyCommand {
    pub(super) fn run(self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Get(command) => command.run(common),
            Self::Put(command) => command.run(common),
        }
    }
}

impl Get {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        let about = About::new(common, &self.key)?;
        let request = GetKeyPolicyRequest { key_id: about.id().into(), ..GetKeyPolicyRequest::default() };
        let policy = about.ask(&request)?.policy;
        common.report.result(&policy, || {
            let policy: Value = serde_json::from_str(&policy).unwrap_or_default();
            json!({ "KeyId": about.id(), "Policy": policy })
        })
    }
}

impl Put {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        let name = self.file.display().to_string();
        let bytes = Input::open(&self.file)?.read_small(MAX_POLICY)?;
        let policy = core::str::from_utf8(&bytes).map_err(|_| Failure::usage("is not UTF-8").about(&name))?;
        let about = About::new(common, &self.key)?;
        let request = PutKeyPolicyRequest {
            key_id: about.id().into(),
            policy: policy.into(),
            bypass_policy_lockout_safety_check: self.bypass_lockout_check.then_some(true),
            ..PutKeyPolicyRequest::default()
        };
        about.ask(&request).map_err(|failure| failure.about(&name))?;
        common.report.done(&format!("{} has a new policy", about.id()));
        common.report.record(|| json!({ "KeyId": about.id() }))
    }
}

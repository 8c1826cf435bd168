//! `kms policy simulate`: what policies say about a request, without doing it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use kms_service::api::GetKeyPolicyRequest;
use kms_service::policy::{ContextMap, Request};
use kms_service::{AccountId, Arn, Decision, Policy, PolicyKind, Principal, decide};
use serde_json::json;

use super::Common;
use super::asking::About;
use crate::failure::{Failure, Status};
use crate::input::Input;
use crate::keys::ARN_PREFIX;
use crate::report;

/// The largest policy that is read, in bytes.
const MAX_POLICY: u64 = 256 * 1024;

/// Try policies
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    Simulate(Simulate),
}

/// Say whether policies would allow a request, and which statement decides
///
/// Nothing is asked for, and nothing recorded but that a key's policy was read. Grants are not looked at. Exit status 0 if it
/// would be allowed, 4 if not.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// What for, for example kms:Decrypt; the kms: may be left out
    #[arg(short, long, value_name = "NAME")]
    action: String,

    /// Who asks: the ARN of a user, a role's session or an account's root, or the name of a service
    #[arg(short, long, value_name = "ARN", default_value = "arn:aws:iam::000000000000:root")]
    principal: Principal,

    /// On which key: its alias, id or ARN. Its policy is the one that counts, unless --key-policy says otherwise
    #[arg(short, long, value_name = "KEY")]
    key: Option<String>,

    /// The key policy, in a file
    #[arg(long, value_name = "FILE")]
    key_policy: Option<PathBuf>,

    /// A policy of the principal, in a file; may be given more than once
    #[arg(long, value_name = "FILE")]
    identity_policy: Vec<PathBuf>,

    /// A condition key and its value, for example kms:EncryptionContext:tenant=42; may be given more than once
    #[arg(short, long = "condition", value_name = "KEY=VALUE", value_parser = super::context_pair)]
    conditions: Vec<(String, String)>,
}

impl PolicyCommand {
    pub(crate) fn run(self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Simulate(command) => command.run(common),
        }
    }
}

fn read(kind: PolicyKind, path: &Path) -> Result<Policy, Failure> {
    let about = |failure: Failure| failure.about(path.display());
    let bytes = Input::open(path)?.read_small(MAX_POLICY)?;
    let text = core::str::from_utf8(&bytes).map_err(|_| about(Failure::usage("is not UTF-8")))?;
    Policy::parse(kind, text).map_err(|error| about(Failure::usage(error.to_string())))
}

impl Simulate {
    /// The ARN of the key that it is about, and its policy.
    fn resource(&self, common: &Common) -> Result<(String, Option<Policy>), Failure> {
        let given = self.key_policy.as_deref().map(|path| read(PolicyKind::Key, path)).transpose()?;
        let Some(name) = &self.key else {
            // An ARN that a policy in a file can be asked about.
            let arn = format!("{ARN_PREFIX}00000000-0000-0000-0000-000000000000");
            return Ok(if given.is_some() { (arn, given) } else { ("*".into(), None) });
        };
        if given.is_some() && name.parse::<Arn>().is_ok() {
            return Ok((name.clone(), given));
        }
        let about = About::new(common, name)?;
        let arn = format!("{ARN_PREFIX}{}", about.id());
        if given.is_some() {
            return Ok((arn, given));
        }
        let request = GetKeyPolicyRequest { key_id: about.id().into(), ..GetKeyPolicyRequest::default() };
        let policy = about.ask(&request)?.policy;
        let parsed = Policy::parse(PolicyKind::Key, &policy).map_err(|error| Failure::usage(error.to_string()))?;
        Ok((arn, Some(parsed)))
    }

    fn run(&self, common: &Common) -> Result<(), Failure> {
        let action = if self.action.contains(':') { self.action.clone() } else { format!("kms:{}", self.action) };
        let (resource, key_policy) = self.resource(common)?;
        let identity = self.identity_policy.iter().map(|path| read(PolicyKind::Identity, path).map(Arc::new));
        let identity = identity.collect::<Result<Vec<_>, _>>()?;
        let context = self.conditions.iter().fold(ContextMap::new(), |map, (key, value)| map.with(key, value));
        let own = self.principal.account_id().unwrap_or(AccountId::LOCAL);
        let request = Request {
            principal: &self.principal,
            action: &action,
            resource: &resource,
            resource_account: resource.parse::<Arn>().map_or(own, |arn| arn.account),
            context: &context,
        };
        let decision = decide(&request, key_policy.as_ref(), &identity, None);
        let allowed = matches!(decision, Decision::Allowed(_));
        let why = decision.to_string();
        let rows = [
            vec!["action".into(), report::printable(&action)],
            vec!["principal".into(), report::printable(&self.principal.to_string())],
            vec!["resource".into(), report::printable(&resource)],
            vec!["decision".into(), report::printable(&why)],
        ];
        common.report.result(&report::table(&rows), || {
            json!({
                "Action": action,
                "Principal": self.principal.to_string(),
                "Resource": resource,
                "Allowed": allowed,
                "Reason": why,
            })
        })?;
        if allowed { Ok(()) } else { Err(Failure::reported(Status::Key)) }
    }
}

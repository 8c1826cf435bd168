//! `kms policy simulate`: what policies say about a request, without doing it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use kms_core::EncryptionContext;
use kms_service::policy::{ContextMap, Request};
use kms_service::{AccountId, Arn, Caller, Explanation, Policy, PolicyKind, Principal, Simulation, decide};
use serde_json::json;

use super::Common;
use super::asking::{About, to_json};
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

/// Say whether policies and grants would allow a request, and which statement decides
///
/// Nothing is asked for, and nothing recorded. A key of the keyring is looked at with its policy, its grants, its tags and
/// aliases; without a key, the policies in files alone decide. Exit status 0 if it would be allowed, 4 if not.
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
    /// What the service says about a key that it has.
    fn by_service(&self, common: &Common, name: &str) -> Result<Explanation, Failure> {
        let about = About::new(common, name)?;
        let mut caller = Caller::new(self.principal.clone(), about.keys.caller.region.clone());
        let identity = self.identity_policy.iter().map(|path| read(PolicyKind::Identity, path).map(Arc::new));
        caller = caller.with_policies(identity.collect::<Result<Vec<_>, _>>()?);
        let mut simulation = Simulation::new(caller, self.action.clone()).on(about.arn());
        if let Some(path) = &self.key_policy {
            simulation.key_policy = Some(read(PolicyKind::Key, path)?.text().to_owned());
        }
        // Grants look at the encryption context itself.
        let (context, others): (Vec<_>, Vec<_>) =
            self.conditions.iter().partition(|(key, _)| context_key(key).is_some());
        let pairs = context.iter().filter_map(|(key, value)| Some((context_key(key)?, value.as_str())));
        simulation.encryption_context = EncryptionContext::with_reserved(pairs)?;
        simulation.context = others.iter().fold(ContextMap::new(), |map, (key, value)| map.with(key, value.as_str()));
        Ok(about.keys.service.simulate(&simulation)?)
    }

    /// What policies in files say, about a key that may be nowhere.
    fn by_files(&self) -> Result<Explanation, Failure> {
        let action = if self.action.contains(':') { self.action.clone() } else { format!("kms:{}", self.action) };
        let key_policy = self.key_policy.as_deref().map(|path| read(PolicyKind::Key, path)).transpose()?;
        let resource = match (&self.key, &key_policy) {
            (Some(arn), _) => arn.clone(),
            (None, Some(_)) => format!("{ARN_PREFIX}00000000-0000-0000-0000-000000000000"),
            (None, None) => "*".into(),
        };
        let identity = self.identity_policy.iter().map(|path| read(PolicyKind::Identity, path).map(Arc::new));
        let identity = identity.collect::<Result<Vec<_>, _>>()?;
        let context = self.conditions.iter().fold(ContextMap::new(), |map, (key, value)| map.with(key, value.as_str()));
        let own = self.principal.account_id().unwrap_or(AccountId::LOCAL);
        let request = Request {
            principal: &self.principal,
            action: &action,
            resource: &resource,
            resource_account: resource.parse::<Arn>().map_or(own, |arn| arn.account),
            context: &context,
        };
        Ok(Explanation::of(&request, &decide(&request, key_policy.as_ref(), &identity, None)))
    }

    fn run(&self, common: &Common) -> Result<(), Failure> {
        let answer = match &self.key {
            // The ARN of a key elsewhere, whose policy is in a file.
            Some(name) if self.key_policy.is_some() && name.parse::<Arn>().is_ok() && !name.starts_with(ARN_PREFIX) => {
                self.by_files()?
            }
            Some(name) => self.by_service(common, name)?,
            None => self.by_files()?,
        };
        let rows = [
            vec!["action".into(), report::printable(&answer.action)],
            vec!["principal".into(), report::printable(&self.principal.to_string())],
            vec!["resource".into(), report::printable(&answer.resource)],
            vec!["decision".into(), report::printable(&answer.sentence)],
        ];
        common.report.result(&report::table(&rows), || {
            json!({
                "Action": answer.action,
                "Principal": answer.principal,
                "Resource": answer.resource,
                "Allowed": answer.allowed,
                "Reason": answer.sentence,
                "DecidedBy": to_json(&answer.decided_by),
            })
        })?;
        if answer.allowed { Ok(()) } else { Err(Failure::reported(Status::Key)) }
    }
}

/// The key of the encryption context that a condition key is about.
fn context_key(condition: &str) -> Option<&str> {
    const PREFIX: &str = "kms:EncryptionContext:";
    let (start, key) = condition.split_at_checked(PREFIX.len())?;
    start.eq_ignore_ascii_case(PREFIX).then_some(key)
}

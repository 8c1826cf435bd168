//! `kms key grant`: what a key lets others do, beside its policy.

use clap::{Args, Subcommand};
use kms_service::Perform;
use kms_service::api::{
    CreateGrantRequest, Enumeration, GrantConstraints, GrantListEntry, GrantOperation, ListGrantsRequest, Named,
    RetireGrantRequest, RevokeGrantRequest,
};
use serde_json::json;

use super::super::Common;
use super::super::asking::{About, to_json};
use crate::failure::Failure;
use crate::report;

/// Show and change the grants on a key
#[derive(Debug, Subcommand)]
pub(crate) enum GrantCommand {
    Create(Create),
    List(List),
    Revoke(Revoke),
    Retire(Retire),
}

/// Let a principal use a key
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,

    /// Whom: the ARN of a user, role or account
    #[arg(long, value_name = "ARN")]
    grantee: String,

    /// What for: Decrypt, Encrypt, GenerateDataKey, …; may be given more than once
    #[arg(short, long = "operation", value_name = "NAME", required = true, value_parser = operation)]
    operations: Vec<GrantOperation>,

    /// Who may retire the grant, beside the grantee if that is among the operations
    #[arg(long, value_name = "ARN")]
    retiring: Option<String>,

    /// A name, so that asking again for the same makes no other
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Only where the encryption context has this pair, and maybe others
    #[arg(long, value_name = "KEY=VALUE", value_parser = super::super::context_pair)]
    context_subset: Vec<(String, String)>,

    /// Only where the encryption context is these pairs
    #[arg(long, value_name = "KEY=VALUE", value_parser = super::super::context_pair, conflicts_with = "context_subset")]
    context_equals: Vec<(String, String)>,
}

/// List the grants on a key
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Its alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,
}

/// Take a grant back
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The key's alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,

    /// The grant's id
    #[arg(value_name = "GRANT")]
    grant: String,
}

/// Give a grant up that is no longer needed
#[derive(Debug, Args)]
pub(crate) struct Retire {
    /// The key's alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,

    /// The grant's id
    #[arg(value_name = "GRANT")]
    grant: String,
}

fn operation(text: &str) -> Result<GrantOperation, String> {
    GrantOperation::from_name(text).ok_or_else(|| {
        let all: Vec<_> = GrantOperation::VALUES.iter().map(|one| one.name()).collect();
        format!("expected one of {}", all.join(", "))
    })
}

impl GrantCommand {
    pub(super) fn run(self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Create(command) => command.run(common),
            Self::List(command) => command.run(common),
            Self::Revoke(command) => command.run(common),
            Self::Retire(command) => command.run(common),
        }
    }
}

impl Create {
    fn constraints(&self) -> Result<Option<GrantConstraints>, Failure> {
        let pairs = |pairs: &[(String, String)]| {
            if pairs.is_empty() { Ok(None) } else { super::super::context(pairs).map(Some) }
        };
        let (subset, equals) = (pairs(&self.context_subset)?, pairs(&self.context_equals)?);
        if subset.is_none() && equals.is_none() {
            return Ok(None);
        }
        Ok(Some(GrantConstraints {
            encryption_context_subset: subset,
            encryption_context_equals: equals,
            ..GrantConstraints::default()
        }))
    }

    fn run(&self, common: &Common) -> Result<(), Failure> {
        let about = About::new(common, &self.key)?;
        let operations: Vec<Named<GrantOperation>> = self.operations.iter().map(|&one| one.into()).collect();
        let made = about.ask(&CreateGrantRequest {
            key_id: about.id().into(),
            grantee_principal: Some(self.grantee.clone()),
            retiring_principal: self.retiring.clone(),
            operations: operations.into(),
            constraints: self.constraints()?,
            name: self.name.clone(),
            ..CreateGrantRequest::default()
        })?;
        let rows =
            [vec!["grant id".into(), made.grant_id.clone()], vec!["grant token".into(), made.grant_token.clone()]];
        common.report.result(&report::table(&rows), || to_json(&made))
    }
}

impl List {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        let about = About::new(common, &self.key)?;
        let (mut grants, mut marker) = (Vec::<GrantListEntry>::new(), None);
        loop {
            let request = ListGrantsRequest { key_id: about.id().into(), marker, ..ListGrantsRequest::default() };
            let page = about.ask(&request)?;
            grants.extend(page.grants.into_inner());
            marker = page.next_marker;
            if marker.is_none() {
                break;
            }
        }
        let mut rows = vec![["GRANT ID", "GRANTEE", "OPERATIONS"].map(String::from).to_vec()];
        rows.extend(grants.iter().map(|grant| {
            let operations: Vec<_> = grant.operations.iter().map(|one| one.name()).collect();
            let grantee = grant.grantee_principal.as_deref().or(grant.grantee_service_principal.as_deref());
            vec![grant.grant_id.clone(), report::printable(grantee.unwrap_or("-")), operations.join(" ")]
        }));
        common.report.result(&report::table(&rows), || grants.iter().map(to_json).collect())
    }
}

/// Ends a grant, and says how.
fn end<R: Perform>(
    common: &Common,
    (key, grant): (&str, &str),
    how: &str,
    request: impl FnOnce(String) -> R,
) -> Result<(), Failure> {
    let about = About::new(common, key)?;
    about.ask(&request(about.id()))?;
    common.report.done(&format!("{how} the grant {grant}"));
    common.report.record(|| json!({ "KeyId": about.id(), "GrantId": grant }))
}

impl Revoke {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        end(common, (&self.key, &self.grant), "Revoked", |id| RevokeGrantRequest {
            key_id: id.into(),
            grant_id: self.grant.clone().into(),
            ..RevokeGrantRequest::default()
        })
    }
}

impl Retire {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        end(common, (&self.key, &self.grant), "Retired", |id| RetireGrantRequest {
            key_id: Some(crate::keys::ARN_PREFIX.to_owned() + &id),
            grant_id: Some(self.grant.clone()),
            ..RetireGrantRequest::default()
        })
    }
}

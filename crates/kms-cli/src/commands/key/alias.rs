//! `kms key alias`: the names of keys.

use clap::{Args, Subcommand};
use kms_service::api::{
    AliasListEntry, CreateAliasRequest, DeleteAliasRequest, ListAliasesRequest, UpdateAliasRequest,
};
use serde_json::json;

use super::super::Common;
use super::super::asking::{About, to_json};
use crate::failure::Failure;
use crate::keys::alias;
use crate::report;

/// Show and change the names of keys
#[derive(Debug, Subcommand)]
pub(crate) enum AliasCommand {
    List(List),
    Create(Create),
    Update(Update),
    Delete(Delete),
}

/// List the names there are
#[derive(Debug, Args)]
pub(crate) struct List;

/// Give a key a name
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The name: letters, digits, /, _ and -
    #[arg(value_name = "NAME")]
    name: String,

    /// The key's alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,
}

/// Have a name mean another key
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// The name
    #[arg(value_name = "NAME")]
    name: String,

    /// The other key's alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,
}

/// Take a name away; its key stays
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// The name
    #[arg(value_name = "NAME")]
    name: String,
}

impl AliasCommand {
    pub(super) fn run(self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::List(List) => list(common),
            Self::Create(command) => {
                let about = About::new(common, &command.key)?;
                let (alias_name, target) = (alias(&command.name), about.id());
                let request =
                    CreateAliasRequest { alias_name: alias_name.clone().into(), target_key_id: target.into() };
                about.ask(&request)?;
                named(common, &alias_name, &about)
            }
            Self::Update(command) => {
                let about = About::new(common, &command.key)?;
                let (alias_name, target) = (alias(&command.name), about.id());
                let request =
                    UpdateAliasRequest { alias_name: alias_name.clone().into(), target_key_id: target.into() };
                about.ask(&request)?;
                named(common, &alias_name, &about)
            }
            Self::Delete(command) => {
                let name = alias(&command.name);
                let keys = common.keyring.local(common.report)?;
                keys.ask(&DeleteAliasRequest { alias_name: name.clone().into() })?;
                common.report.done(&format!("{name} names no key any more"));
                common.report.record(|| json!({ "AliasName": name }))
            }
        }
    }
}

fn named(common: &Common, name: &str, about: &About) -> Result<(), Failure> {
    common.report.done(&format!("{name} names {}", about.id()));
    common.report.record(|| json!({ "AliasName": name, "TargetKeyId": about.id() }))
}

fn list(common: &Common) -> Result<(), Failure> {
    let keys = common.keyring.local(common.report)?;
    let (mut aliases, mut marker) = (Vec::<AliasListEntry>::new(), None);
    loop {
        let page = keys.ask(&ListAliasesRequest { marker, ..ListAliasesRequest::default() })?;
        aliases.extend(page.aliases.into_inner());
        marker = page.next_marker;
        if marker.is_none() {
            break;
        }
    }
    let mut rows = vec![["ALIAS", "KEY ID"].map(String::from).to_vec()];
    rows.extend(
        aliases.iter().map(|one| {
            vec![report::printable(&one.alias_name), one.target_key_id.clone().unwrap_or_else(|| "-".into())]
        }),
    );
    common.report.result(&report::table(&rows), || aliases.iter().map(to_json).collect())
}

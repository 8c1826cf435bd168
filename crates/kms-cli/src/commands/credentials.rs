//! `kms credentials`: the access keys that a server knows.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kms_core::{Key, SystemRandom};
use kms_server::config::{Config, Loaded};
use kms_server::credentials::{self, CredentialsError, CredentialsOptions, KMS, NewAccessKey, XKS_PROXY};
use serde_json::json;
use zeroize::Zeroizing;

use super::Common;
use super::serve::{failure, usual_file, variables};
use crate::failure::{Failure, Status};
use crate::input::Input;
use crate::output::{Destination, write_small};
use crate::report::{self, Report};
use crate::serve;

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 16 * 1024 * 1024;
/// The largest policy that is read, in bytes.
const MAX_POLICY: u64 = 256 * 1024;

/// Make, list, seal and remove the access keys that a server knows
///
/// A running server notices changes of the file by itself.
#[derive(Debug, Subcommand)]
pub(crate) enum CredentialsCommand {
    Add(Add),
    List(List),
    Remove(Remove),
    Seal(Seal),
}

/// Make an access key for a principal
///
/// Its secret is printed once, for whoever is to use it. The file, which is made if it is not there, holds it in clear
/// unless --sealed is given; only its owner can read it. `kms credentials seal` seals it later.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The file of credentials
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Whose it is: the ARN of a user, a role, a role's session, or an account's root
    #[arg(short, long, value_name = "ARN")]
    principal: String,

    /// A policy of the principal, in a file; may be given more than once
    #[arg(long, value_name = "FILE")]
    identity_policy: Vec<PathBuf>,

    /// For AWS KMS, which calls the proxy of external key stores with it
    #[arg(long)]
    xks: bool,

    /// Have the file hold the secret sealed under the root key of the server that --config is of: whoever reads the file
    /// cannot sign with it
    #[arg(long)]
    sealed: bool,

    /// With --sealed: the configuration of the server [default: as for `kms serve`]
    #[arg(long, value_name = "FILE", env = "KMS_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
}

/// List the access keys and whose they are; no secret is shown
#[derive(Debug, Args)]
pub(crate) struct List {
    /// The file of credentials
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Remove an access key
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// The file of credentials
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The access key id
    #[arg(value_name = "ID")]
    access_key_id: String,
}

/// Seal the secrets that stand in the file in clear
///
/// They are encrypted under the root key of the store that --keyring names, beside which the server's store has to be:
/// /var/lib/kms/keyring for one in /var/lib/kms/store. Only a server with that root key can verify signatures with them then,
/// and nobody can read them out of the file.
#[derive(Debug, Args)]
pub(crate) struct Seal {
    /// The file of credentials
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl CredentialsCommand {
    pub(crate) fn run(&self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Add(command) => command.run(common),
            Self::List(command) => command.run(common),
            Self::Remove(command) => command.run(common),
            Self::Seal(command) => command.run(common),
        }
    }
}

/// A text file.
fn read(path: &std::path::Path, max: u64) -> Result<Zeroizing<String>, Failure> {
    let bytes = Input::open(path)?.read_small(max)?;
    let text = core::str::from_utf8(&bytes);
    let text = text.map_err(|_| Failure::new(Status::Refused, "is not UTF-8").about(path.display()))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Replaces the file. Nobody but its owner can read the new one.
fn write(path: &std::path::Path, text: &str) -> Result<(), Failure> {
    write_small(&Destination::File(path.to_path_buf()), true, 0o600, text.as_bytes())
}

fn refused(path: &std::path::Path, error: &CredentialsError) -> Failure {
    let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
    Failure::new(Status::Refused, format!("{line}{}", error.problem())).about(path.display())
}

impl Add {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        let before = if self.file.exists() { read(&self.file, MAX_FILE)? } else { Zeroizing::default() };
        let policies = self.identity_policy.iter().map(|path| Ok(read(path, MAX_POLICY)?.to_string()));
        let policies = policies.collect::<Result<Vec<_>, Failure>>()?;
        let service = if self.xks { XKS_PROXY } else { KMS };
        let mut key = NewAccessKey::generate(service, &SystemRandom)?;
        if self.sealed {
            key = key.sealed_under(&self.root(common.report)?)?;
        }
        let after = credentials::add(&before, &key, &self.principal, service, &policies);
        write(&self.file, &after.map_err(|error| refused(&self.file, &error))?)?;
        let (id, secret) = (&key.access_key_id, &key.secret_access_key);
        let text = Zeroizing::new(format!("AWS_ACCESS_KEY_ID={id}\nAWS_SECRET_ACCESS_KEY={}", secret.as_str()));
        common.report.result(&text, || json!({ "AccessKeyId": id, "SecretAccessKey": secret.as_str() }))
    }

    /// The root key of the server.
    fn root(&self, report: Report) -> Result<Key, Failure> {
        let Some(file) = self.config.clone().or_else(usual_file) else {
            return Err(Failure::usage("--sealed seals under the root key of a server, and there is no configuration")
                .hint("Name that of the server with --config FILE, or in KMS_CONFIG."));
        };
        let Loaded { config, complaints, .. } = Config::load(Some(&file), variables());
        if let Some(wrong) = complaints.iter().find(|one| !one.is_warning) {
            return Err(failure(wrong).hint("`kms serve --check` says all that is wrong."));
        }
        serve::root(&config, report)
    }
}

impl List {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        let text = read(&self.file, MAX_FILE)?;
        let all = CredentialsOptions::new().sealed_as_they_are().parse(&text);
        let mut all = all.map_err(|error| refused(&self.file, &error))?.all();
        all.sort_by(|one, other| one.access_key_id().cmp(other.access_key_id()));
        let rows: Vec<Vec<String>> = all
            .iter()
            .map(|one| {
                let policies = format!("{} policies", one.policies().len());
                vec![one.access_key_id().into(), one.principal().to_string(), one.service().into(), policies]
            })
            .collect();
        common.report.result(&report::table(&rows), || {
            all.iter()
                .map(|one| {
                    json!({
                        "AccessKeyId": one.access_key_id(), "Principal": one.principal().to_string(),
                        "Service": one.service(), "Policies": one.policies().len(),
                    })
                })
                .collect()
        })
    }
}

impl Remove {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        let before = read(&self.file, MAX_FILE)?;
        let after = credentials::remove(&before, &self.access_key_id);
        write(&self.file, &after.map_err(|error| refused(&self.file, &error))?)?;
        common.report.done(&format!("{}: {} is removed", self.file.display(), self.access_key_id));
        common.report.record(|| json!({ "AccessKeyId": self.access_key_id }))
    }
}

impl Seal {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        let before = read(&self.file, MAX_FILE)?;
        let root = common.keyring.root(common.report)?;
        let sealed = credentials::seal_all(&before, &root);
        let (after, sealed) = sealed.map_err(|error| refused(&self.file, &error))?;
        write(&self.file, &after)?;
        common.report.done(&format!("{}: {sealed} secrets are sealed that were not", self.file.display()));
        common.report.record(|| json!({ "Sealed": sealed }))
    }
}

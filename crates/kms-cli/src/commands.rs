//! The arguments, and where each command goes.

mod asking;
mod audit;
mod credentials;
mod data_key;
mod decrypt;
mod doctor;
mod encrypt;
mod hsm;
mod inspect;
mod key;
mod pages;
mod policy;
mod serve;
mod sign;
mod store;
mod usage;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use kms_core::EncryptionContext;

use crate::failure::{Failure, STATUSES};
use crate::keyring::KeyringArguments;
use crate::report::Report;

/// Envelope encryption of files and pipes
///
/// Each file is encrypted under a data key of its own; the data key is stored with it, encrypted under a master key
/// that never leaves the keyring, or the HSM that --backend names. The format is that of the AWS Encryption SDK.
#[derive(Debug, Parser)]
#[command(name = "kms", version, after_help = STATUSES, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,

    #[command(flatten, next_help_heading = "Global options")]
    common: Common,
}

/// What every command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) keyring: KeyringArguments,

    #[command(flatten)]
    pub(crate) report: Report,
}

#[derive(Debug, Subcommand)]
enum Command {
    Encrypt(encrypt::Encrypt),
    Decrypt(decrypt::Decrypt),
    Inspect(inspect::Inspect),
    #[command(subcommand)]
    Key(key::KeyCommand),
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    #[command(subcommand)]
    Credentials(credentials::CredentialsCommand),
    #[command(subcommand)]
    Store(store::StoreCommand),
    Usage(usage::Usage),
    #[command(subcommand)]
    Hsm(hsm::HsmCommand),
    Serve(serve::Serve),
    Dev(serve::Dev),
    Doctor(doctor::Doctor),
    GenerateDataKey(data_key::GenerateDataKey),
    Sign(sign::Sign),
    Verify(sign::Verify),
    Completions(pages::Completions),
    Man(pages::Man),
}

impl Arguments {
    /// Whether the command ends by itself when it is told to, and not at once.
    pub(crate) const fn is_server(&self) -> bool {
        matches!(self.command, Command::Serve(_) | Command::Dev(_))
    }

    pub(crate) fn run(self) -> Result<(), Failure> {
        let common = &self.common;
        match self.command {
            Command::Encrypt(command) => command.run(common),
            Command::Decrypt(command) => command.run(common),
            Command::Inspect(command) => command.run(common),
            Command::Key(command) => command.run(common),
            Command::Policy(command) => command.run(common),
            Command::Audit(command) => command.run(common),
            Command::Credentials(command) => command.run(common),
            Command::Store(command) => command.run(common),
            Command::Usage(command) => command.run(common),
            Command::Hsm(command) => command.run(common),
            Command::Serve(command) => command.run(common),
            Command::Dev(command) => command.run(),
            Command::Doctor(command) => command.run(common),
            Command::GenerateDataKey(command) => command.run(common),
            Command::Sign(command) => command.run(common),
            Command::Verify(command) => command.run(common),
            Command::Completions(command) => command.run(),
            Command::Man(command) => command.run(),
        }
    }
}

/// A `KEY=VALUE` argument.
fn context_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE, for example tenant=42".into()),
    }
}

fn context(pairs: &[(String, String)]) -> Result<EncryptionContext, Failure> {
    Ok(EncryptionContext::new(pairs.iter().cloned())?)
}

fn one_output_each(files: &[PathBuf], output: Option<&Path>) -> Result<(), Failure> {
    if output.is_some() && files.len() > 1 {
        return Err(Failure::usage("one output for several files").hint("Without -o each gets a name of its own."));
    }
    Ok(())
}

/// Works through all inputs; what one of them does wrong does not stop the others. Fails as the first that failed.
fn for_each(
    files: &[PathBuf],
    report: Report,
    mut work: impl FnMut(&Path) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut failed = None;
    for file in files {
        if let Err(failure) = work(file) {
            report.failed(Some(file), &failure);
            failed.get_or_insert(failure.status);
        }
    }
    match failed {
        Some(status) => Err(Failure::reported(status)),
        None => Ok(()),
    }
}

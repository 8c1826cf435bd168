//! `kms store`: where the keys of the keyring are kept.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kms_core::{Backend, Call};
use kms_soft::SealedBackend;
use kms_store::sqlite;
use serde_json::json;

use super::Common;
use crate::failure::{Failure, Status};
use crate::report::{self, printable};

/// Back up, restore and check the store that keys are kept in
///
/// Three things make a keyring: the store, what opens it (the root key file, the passphrase or the HSM), and the audit log.
/// Without the store or without its root key, everything encrypted under its keys is lost. Keep them in different places.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    Backup(Backup),
    Restore(Restore),
    Check(Check),
}

/// Copy the store to a file, while it is in use
///
/// The copy is checked before it gets its name. It holds all keys, sealed under the root key, which is not in it; nor is the
/// audit log, whose files can be copied as they are.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The new file; one that is there is not replaced
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Make the store anew from a backup
///
/// Only where there is none: a store that is there is never replaced. Put the root key and the audit log back as well. Keys
/// that were made or deleted after the backup are as they were then.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Read everything in the store, and say what is wrong
///
/// The engine's structure; whether every record opens under the root key at its own place; whether the records belong
/// together; whether all key material opens, and is some key's. Exit status 3 if something is lost or does not belong.
#[derive(Debug, Args)]
pub(crate) struct Check;

impl StoreCommand {
    pub(crate) fn run(self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Backup(command) => command.run(common),
            Self::Restore(command) => command.run(common),
            Self::Check(command) => command.run(common),
        }
    }
}

impl Backup {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        let keys = common.keyring.local(common.report)?;
        keys.engine.backup(&self.file).map_err(|error| exists(&self.file, error))?;
        common.report.done(&format!("{} -> {}", keys.place.store.display(), self.file.display()));
        common
            .report
            .record(|| json!({ "Store": keys.place.store.to_string_lossy(), "Backup": self.file.to_string_lossy() }))
    }
}

/// What is there already is a failure of its own.
fn exists(path: &std::path::Path, error: kms_core::Error) -> Failure {
    if path.exists() && error.kind() == kms_core::ErrorKind::InvalidInput {
        return Failure::new(Status::Exists, "exists already, and is not replaced").about(path.display());
    }
    Failure::from(error).about(path.display())
}

impl Restore {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        let place = common.keyring.place()?;
        if place.old.exists() {
            return Err(Failure::new(
                Status::Exists,
                "there is a keyring file, whose keys would be moved into the store",
            )
            .about(place.old.display())
            .hint("Move it away first, or restore to another place with --keyring PATH."));
        }
        std::fs::metadata(&self.file).map_err(|error| Failure::from(error).about(self.file.display()))?;
        let _others_wait = place.lock()?;
        sqlite::restore(&self.file, &place.database()).map_err(|error| {
            let path = place.database();
            if path.exists() {
                exists(&path, error)
            } else {
                Failure::from(error).of_input().about(self.file.display())
            }
        })?;
        common.report.done(&format!("{} -> {}", self.file.display(), place.store.display()));
        common.report.notice("The root key and the audit log are not in a backup: put them back as well.");
        common
            .report
            .record(|| json!({ "Backup": self.file.to_string_lossy(), "Store": place.store.to_string_lossy() }))
    }
}

impl Check {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        let place = common.keyring.place()?;
        // What is wrong with the engine's file may keep it from opening.
        let mut wrong: Vec<String> = Vec::new();
        if place.database().exists() {
            wrong.extend(sqlite::check(&place.database())?.iter().map(ToString::to_string));
        }
        let (mut harmless, mut checked, mut opened) = (Vec::new(), None, 0_u64);
        if wrong.is_empty() {
            let keys = common.keyring.local_unrecorded(common.report)?;
            let store = keys.service.store();
            let found = store.check()?;
            let signer = format!("m/{}/", keys.signer_id());
            for flaw in found.flaws.iter().filter(|flaw| !flaw.place.starts_with(&signer)) {
                let list = if flaw.harmless { &mut harmless } else { &mut wrong };
                list.push(flaw.to_string());
            }
            for id in store.records().list()? {
                match keys.backend.open(&SealedBackend::locator(id), &Call::default()) {
                    Ok(_) => opened += 1,
                    Err(error) => wrong.push(format!("the material {id}: {error}")),
                }
            }
            checked = Some(found);
        }
        let found = checked.unwrap_or_default();
        let verdict = if wrong.is_empty() { "sound" } else { "NOT SOUND" };
        let mut rows = vec![
            vec!["store".into(), printable(&place.store.display().to_string())],
            vec!["keys".into(), format!("{}, {} aliases, {} grants", found.keys, found.aliases, found.grants)],
            vec!["material".into(), format!("{opened} of {} open", found.materials)],
            vec!["state".into(), verdict.into()],
        ];
        rows.extend(wrong.iter().map(|one| vec!["wrong".into(), printable(one)]));
        rows.extend(harmless.iter().map(|one| vec!["note".into(), printable(one)]));
        common.report.result(&report::table(&rows), || {
            json!({
                "Store": place.store.to_string_lossy(),
                "Sound": wrong.is_empty(),
                "Keys": found.keys,
                "Aliases": found.aliases,
                "Grants": found.grants,
                "Materials": found.materials,
                "MaterialsOpened": opened,
                "Findings": wrong,
                "Harmless": harmless,
            })
        })?;
        if wrong.is_empty() { Ok(()) } else { Err(Failure::new(Status::Refused, "the store is not sound")) }
    }
}

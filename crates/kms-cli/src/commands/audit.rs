//! `kms audit`: the records of what was done with the keys.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use kms_core::PublicKey;
use kms_service::Timestamp;
use kms_service::audit::{self, Broken, CallResult, Entry, Filter, Head, Verified};
use serde_json::{Value, json};

use super::Common;
use crate::failure::{Failure, Status};
use crate::keys::LocalKeys;
use crate::report::{self, printable};

/// How many findings are shown to people; machines get all.
const SHOWN: usize = 20;

/// Check and search the records of what was done with the keys
///
/// Each use of a key in the keyring is recorded before its result is given, and each record is linked to the one before.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    Verify(Verify),
    Lookup(Lookup),
    Restart(Restart),
}

/// Check that no record was changed, dropped, moved or cut off
///
/// Prints the anchor of the newest record. Whoever keeps an anchor where the log's owner cannot reach it sees later whether
/// anything up to it was changed. Exit status 3 if something is wrong.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// That this anchor, printed before, is still of a record of the log
    #[arg(long, value_name = "ANCHOR")]
    anchor: Option<Head>,

    /// A copy of a log elsewhere, with neither keyring nor signatures [default: the log of the keyring]
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// Find records
///
/// All that is asked for has to be so. With --json each is a line of JSON, in the form that AWS CloudTrail gives it.
#[derive(Debug, Args)]
pub(crate) struct Lookup {
    /// Of this key: its alias, id or ARN
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    /// By this principal, by its ARN
    #[arg(long, value_name = "ARN")]
    principal: Option<String>,

    /// Of this operation, as in the AWS KMS API: Encrypt, Decrypt, …
    #[arg(short, long, value_name = "NAME")]
    operation: Option<String>,

    /// At this time or later, for example 2026-11-25T10:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,

    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,

    /// How it ended: success, failure, or an error such as DisabledException
    #[arg(long, value_name = "RESULT", value_parser = result)]
    result: Option<CallResult>,
}

/// Go on with the log there is, or a new one, after the log was lost
///
/// The tool refuses to use keys when its log is not the one that the store knows. Move what is left of the log away first,
/// and keep it. That there was a restart stays visible: the store still knows the log before.
#[derive(Debug, Args)]
pub(crate) struct Restart {
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

fn time(text: &str) -> Result<Timestamp, String> {
    let time =
        humantime::parse_rfc3339_weak(text).map_err(|error| format!("{error}; a time is 2026-11-25T10:00:00Z"))?;
    Ok(time.into())
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a parser")]
fn result(text: &str) -> Result<CallResult, String> {
    Ok(match text {
        "success" => CallResult::Success,
        "failure" => CallResult::Failure,
        code => CallResult::Code(code.to_owned()),
    })
}

impl AuditCommand {
    pub(crate) fn run(self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Verify(command) => command.run(common),
            Self::Lookup(command) => command.run(common),
            Self::Restart(command) => command.run(common),
        }
    }
}

impl Verify {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        if let Some(directory) = &self.directory {
            return self.show(common, directory, &[], &[]);
        }
        let keys = common.keyring.local_unrecorded(common.report)?;
        let known = keys.service.audit_anchors()?;
        self.show(common, &keys.place.audit, &[keys.signer()?], &known)
    }

    /// Verifies the log, against the anchor that was given, and what the store knows of it.
    fn show(&self, common: &Common, directory: &Path, keys: &[PublicKey], known: &[Head]) -> Result<(), Failure> {
        let mut verified = audit::verify(directory, keys, self.anchor.as_ref());
        if let Ok(found) = &verified {
            let log = found.head.log;
            match known.iter().find(|kept| kept.log == log) {
                Some(kept) if self.anchor != Some(*kept) => verified = audit::verify(directory, keys, Some(kept)),
                None if !known.is_empty() => {
                    return Err(Failure::new(Status::Refused, "the log is not one that the store knows")
                        .about(directory.display())
                        .hint("It was replaced. Put the right one back, or see `kms audit restart --help`."));
                }
                _ => {}
            }
        }
        match verified {
            Ok(found) => sound(common, &found, !keys.is_empty()),
            Err(broken) => Err(wrong(common, &broken)?),
        }
    }
}

fn sound(common: &Common, found: &Verified, has_keys: bool) -> Result<(), Failure> {
    let signed = match (found.signed_at, has_keys) {
        (Some(at), _) => format!("up to record {}, at {at}", found.signed),
        (None, true) => "nothing yet".into(),
        (None, false) => "not looked at".into(),
    };
    let rows = [
        vec!["records".into(), format!("{} events, {} checkpoints", found.events, found.checkpoints)],
        vec!["signed".into(), signed],
        vec!["anchor".into(), found.head.to_string()],
    ];
    common.report.result(&report::table(&rows), || {
        json!({
            "Sound": true,
            "Events": found.events,
            "Checkpoints": found.checkpoints,
            "Sequence": found.head.sequence,
            "Anchor": found.head.to_string(),
            "SignedSequence": found.signed,
            "SignedAt": found.signed_at.map(|at| at.to_string()),
        })
    })
}

fn wrong(common: &Common, broken: &Broken) -> Result<Failure, Failure> {
    let all: Vec<String> = broken.findings.iter().map(ToString::to_string).collect();
    let mut text: String = all.iter().take(SHOWN).map(|one| printable(one) + "\n").collect();
    if let Some(more) = all.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        text.push_str(&format!("and {more} more\n"));
    }
    common.report.result(&text, || json!({ "Sound": false, "Findings": all }))?;
    Ok(Failure::new(Status::Refused, "the audit log is not as it was written"))
}

impl Lookup {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        let place = common.keyring.place()?;
        let mut filter = Filter::default();
        // A key that is gone is found by its id all the same.
        filter.key = match &self.key {
            Some(name) => Some(self.key_id(common, name)?),
            None => None,
        };
        filter.principal.clone_from(&self.principal);
        filter.operation.clone_from(&self.operation);
        (filter.since, filter.until) = (self.since, self.until);
        filter.result.clone_from(&self.result);
        if !place.audit.exists() {
            return Err(Failure::new(Status::Key, "there is no audit log").about(place.audit.display()));
        }
        let mut rows = Vec::new();
        for entry in audit::lookup(&place.audit, &filter)? {
            let entry = entry?;
            let event: Value = serde_json::from_slice(&entry.record).unwrap_or_default();
            if common.report.json {
                common.report.record(|| event)?;
            } else {
                rows.push(row(&entry, &event));
            }
        }
        if common.report.json {
            return Ok(());
        }
        rows.insert(0, ["RECORD", "TIME", "OPERATION", "RESULT", "KEY"].map(String::from).to_vec());
        common.report.result(&report::table(&rows), Value::default)
    }

    fn key_id(&self, common: &Common, name: &str) -> Result<String, Failure> {
        use crate::keys::{ARN_PREFIX, Keys};
        let bare = name.strip_prefix(ARN_PREFIX).unwrap_or(name);
        if bare.parse::<kms_core::KeyId>().is_ok() {
            return Ok(bare.to_owned());
        }
        let keys: LocalKeys = common.keyring.local(common.report)?;
        Ok(keys.find(name)?.id.to_string())
    }
}

fn row(entry: &Entry, event: &Value) -> Vec<String> {
    let member = |path: &str| event.pointer(path).and_then(Value::as_str).map(printable);
    let result = member("/errorCode").unwrap_or_else(|| "success".into());
    let operation = member("/eventName").unwrap_or_else(|| "-".into());
    let arn = member("/resources/0/ARN").unwrap_or_else(|| "-".into());
    let key = arn.rsplit('/').next().unwrap_or_default().to_owned();
    vec![entry.sequence.to_string(), entry.time.to_string(), operation, result, key]
}

impl Restart {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        if !self.yes {
            return Err(Failure::usage("the log that the store knows will not be missed any more")
                .hint("--yes goes on with the log there is."));
        }
        let keys = common.keyring.local_with_any_log(common.report)?;
        keys.accept_log()?;
        common.report.done(&format!("Goes on with the log in {}", keys.place.audit.display()));
        common.report.record(|| json!({ "Directory": keys.place.audit.to_string_lossy() }))
    }
}

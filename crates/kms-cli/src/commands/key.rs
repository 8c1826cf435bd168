//! `kms key`: the keys of the keyring, or of an HSM.

mod alias;
mod describe;
mod grant;
mod into_key;
mod policy;
mod rotation;
mod state;
mod tags;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use kms_core::{KeyMaterial, KeySpec, KeyUsage, Secret};
use kms_service::api::{KeyState, ScheduleKeyDeletionRequest};
use serde_json::json;

use self::describe::{created, text, to_json};
use super::Common;
use crate::failure::Failure;
use crate::input::{Input, as_pem};
use crate::keys::{Entry, Keys, NewKey};
use crate::output::{Destination, refuse_terminal, write_small};
use crate::report;

/// The longest key file that is imported, in bytes.
const MAX_KEY_FILE: u64 = 64 * 1024;

/// Make, list, use and delete keys
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    Create(Create),
    List(List),
    Show(Show),
    Import(Import),
    PublicKey(PublicKeyCommand),
    Enable(state::Enable),
    Disable(state::Disable),
    #[command(visible_alias = "schedule-deletion")]
    Delete(Delete),
    CancelDeletion(state::CancelDeletion),
    Description(state::Description),
    Rotate(rotation::Rotate),
    Rotation(rotation::Rotation),
    DeleteMaterial(into_key::DeleteMaterial),
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    #[command(subcommand)]
    Grant(grant::GrantCommand),
    #[command(subcommand)]
    Alias(alias::AliasCommand),
    Tag(tags::TagKey),
    Untag(tags::UntagKey),
}

/// What a new key is called.
#[derive(Debug, Args)]
struct Naming {
    /// What the key is for: ENCRYPT_DECRYPT, SIGN_VERIFY, GENERATE_VERIFY_MAC or KEY_AGREEMENT [default: the first
    /// that the key spec allows]
    #[arg(long, value_name = "USAGE")]
    usage: Option<KeyUsage>,

    /// A name for it: letters, digits, /, _ and -
    #[arg(long, value_name = "NAME")]
    alias: Option<String>,

    /// Text about it, in a keyring
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// In an HSM: make it an object in the token, with the alias as its label; whoever has the token has the key.
    /// Otherwise it is kept outside, wrapped under a key that never leaves the token, for tokens have room for few
    #[arg(long)]
    token_object: bool,
}

/// Make a key
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Type and size: SYMMETRIC_DEFAULT, RSA_2048, RSA_3072, RSA_4096, ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_P521,
    /// ECC_SECG_P256K1, HMAC_224, HMAC_256, HMAC_384 or HMAC_512
    #[arg(long, value_name = "SPEC", default_value_t = KeySpec::SymmetricDefault)]
    spec: KeySpec,

    /// Without material: `kms key import FILE --into KEY` brings it in, and may say until when it is valid
    #[arg(long)]
    external: bool,

    #[command(flatten)]
    new: Naming,
}

/// List the keys
#[derive(Debug, Args)]
pub(crate) struct List;

/// Show one key
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Its alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,
}

/// Bring in a key that was made elsewhere
///
/// A private key as PKCS#8, in PEM or DER; a symmetric or HMAC key as its raw bytes, with --spec. The file stays:
/// destroy it when the key has been imported.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Type and size; needed for raw bytes only
    #[arg(long, value_name = "SPEC")]
    spec: Option<KeySpec>,

    #[command(flatten)]
    into: into_key::Into,

    #[command(flatten)]
    new: Naming,
}

/// Print the public half of a key
#[derive(Debug, Args)]
pub(crate) struct PublicKeyCommand {
    /// Its alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,

    /// DER instead of PEM
    #[arg(long)]
    der: bool,

    /// Write there; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace an output that exists
    #[arg(short, long)]
    force: bool,
}

/// Delete a key, after a time in which that can be called off
///
/// From now on the key does nothing; when the time is over it is destroyed, and everything encrypted under it is lost.
/// Until then `kms key cancel-deletion` calls it off. Backups of the store still hold the key. A key in an HSM is destroyed
/// at once.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Its alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,

    /// How many days it waits: 7 to 30
    #[arg(long, value_name = "COUNT", default_value_t = 30, value_parser = clap::value_parser!(i32).range(7..=30))]
    days: i32,

    /// Destroy it at once: nothing brings it back, and everything encrypted under it is lost
    #[arg(long, conflicts_with = "days")]
    now: bool,

    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl KeyCommand {
    pub(crate) fn run(self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Create(command) => command.run(common),
            Self::List(command) => command.run(common),
            Self::Show(command) => command.run(common),
            Self::Import(command) => command.run(common),
            Self::PublicKey(command) => command.run(common),
            Self::Enable(command) => command.run(common),
            Self::Disable(command) => command.run(common),
            Self::Delete(command) => command.run(common),
            Self::CancelDeletion(command) => command.run(common),
            Self::Description(command) => command.run(common),
            Self::Rotate(command) => command.run(common),
            Self::Rotation(command) => command.run(common),
            Self::DeleteMaterial(command) => command.run(common),
            Self::Policy(command) => command.run(common),
            Self::Grant(command) => command.run(common),
            Self::Alias(command) => command.run(common),
            Self::Tag(command) => command.run(common),
            Self::Untag(command) => command.run(common),
        }
    }
}

impl Naming {
    fn usage_of(&self, spec: KeySpec) -> KeyUsage {
        self.usage.or_else(|| spec.usages().first().copied()).unwrap_or(KeyUsage::EncryptDecrypt)
    }

    /// Makes a key, or brings it in, and shows it.
    fn add(
        &self,
        common: &Common,
        spec: KeySpec,
        material: Option<KeyMaterial>,
        external: bool,
    ) -> Result<(), Failure> {
        if self.token_object && common.keyring.hsm.backend()?.is_none() {
            return Err(Failure::usage("--token-object is for keys in an HSM")
                .hint("Name the HSM with --backend 'pkcs11:token=NAME?…', or in KMS_BACKEND."));
        }
        let new = NewKey {
            spec,
            usage: self.usage_of(spec),
            alias: self.alias.clone(),
            description: self.description.clone(),
            token_object: self.token_object,
            external,
        };
        let entry = common.keyring.open_or_create(common.report)?.add(&new, material)?;
        common.report.result(&text(&entry), || to_json(&entry, None))
    }
}

impl Create {
    fn run(self, common: &Common) -> Result<(), Failure> {
        if self.external && common.keyring.hsm.backend()?.is_some() {
            return Err(Failure::usage("--external is for keys in a keyring"));
        }
        self.new.add(common, self.spec, None, self.external)
    }
}

impl List {
    fn run(self, common: &Common) -> Result<(), Failure> {
        let entries = common.keyring.open(common.report)?.list()?;
        let mut rows = vec![["KEY ID", "SPEC", "USAGE", "STATE", "CREATED", "ALIASES"].map(String::from).to_vec()];
        rows.extend(entries.iter().map(|entry| {
            vec![
                entry.id.to_string(),
                entry.spec.to_string(),
                entry.usage(),
                entry.state.unwrap_or("-").into(),
                created(entry).and_then(|at| Some(at.split('T').next()?.to_owned())).unwrap_or_else(|| "-".into()),
                report::printable(&entry.aliases.join(" ")),
            ]
        }));
        common.report.result(&report::table(&rows), || entries.iter().map(|entry| to_json(entry, None)).collect())
    }
}

impl Show {
    fn run(self, common: &Common) -> Result<(), Failure> {
        let keys = common.keyring.open_for(&self.key, common.report)?;
        let entry = keys.find(&self.key)?;
        let public = match entry.spec.is_asymmetric() {
            true => Some(keys.public_key(&entry)?.to_spki_der()?),
            false => None,
        };
        common.report.result(&text(&entry), || to_json(&entry, public.as_deref()))
    }
}

impl Import {
    fn run(self, common: &Common) -> Result<(), Failure> {
        let name = self.file.display().to_string();
        let bytes = Input::open(&self.file)?.read_small(MAX_KEY_FILE)?;
        if self.into.key.is_some() {
            return self.into.run(common, &bytes).map_err(|failure| failure.about(&name));
        }
        let is_raw = self.spec.is_some_and(|spec| spec.material_len().is_some());
        let material = match as_pem(&bytes) {
            Some(pem) if !is_raw => KeyMaterial::from_pem(pem).map_err(|e| Failure::from(e).about(&name))?,
            _ if is_raw => KeyMaterial::Raw(Secret::copy_from(&bytes)),
            _ => KeyMaterial::Pkcs8(Secret::copy_from(&bytes)),
        };
        let spec = match self.spec {
            Some(spec) => spec,
            None => material.spec().map_err(|error| {
                Failure::from(error).about(&name).hint(
                    "For the raw bytes of a symmetric or HMAC key name its --spec, for example HMAC_256.\n\
                         For a private key of another form: openssl pkcs8 -topk8 -nocrypt -in FILE -out NEW",
                )
            })?,
        };
        self.new.add(common, spec, Some(material), false).map_err(|failure| failure.about(&name))
    }
}

impl PublicKeyCommand {
    fn run(self, common: &Common) -> Result<(), Failure> {
        let keys = common.keyring.open_for(&self.key, common.report)?;
        let public = keys.public_key(&keys.find(&self.key)?)?;
        let bytes = if self.der { public.to_spki_der()? } else { public.to_pem()?.into_bytes() };
        let to = self.output.as_deref().map_or(Destination::Stdout, Destination::from_argument);
        if self.der {
            refuse_terminal(&to, self.output.is_some())?;
        }
        write_small(&to, self.force, 0o644, &bytes)
    }
}

impl Delete {
    fn run(self, common: &Common) -> Result<(), Failure> {
        if self.now || common.keyring.hsm.backend()?.is_some() {
            return self.destroy(common);
        }
        let keys = common.keyring.local(common.report)?;
        let entry = keys.find(&self.key)?;
        if !self.yes {
            let date = format!("in {} days, unless `kms key cancel-deletion` calls it off", self.days);
            confirm(
                &entry,
                &format!("It does nothing from now on. Everything encrypted under it will be lost {date}."),
            )?;
        }
        let id = entry.id.to_string();
        let request = ScheduleKeyDeletionRequest { key_id: id.clone().into(), pending_window_in_days: Some(self.days) };
        let answer = keys.ask(&request)?;
        let date = answer.deletion_date.map(|date| date.to_string()).unwrap_or_default();
        common.report.done(&format!("{id} will be deleted on {date}; `kms key cancel-deletion` calls it off"));
        common.report.record(|| {
            let state = answer.key_state.map(KeyState::as_str);
            json!({ "KeyId": id, "Destroyed": false, "KeyState": state, "DeletionDate": date })
        })
    }

    fn destroy(self, common: &Common) -> Result<(), Failure> {
        let keys = common.keyring.open(common.report)?;
        let entry = keys.find(&self.key)?;
        if !self.yes {
            confirm(&entry, "Everything encrypted under this key will be lost for ever.")?;
        }
        keys.delete(&entry)?;
        common.report.done(&format!("Destroyed {}", entry.id));
        common.report.record(|| json!({ "KeyId": entry.id.to_string(), "Destroyed": true }))
    }
}

fn confirm(entry: &Entry, what: &str) -> Result<(), Failure> {
    let not_sure = || Failure::usage("nothing was deleted").hint("--yes deletes without asking.");
    if !std::io::stdin().is_terminal() {
        return Err(not_sure());
    }
    let mut terminal = std::io::stderr();
    write!(terminal, "{}\n{what}\nType the first 8 characters of its id to delete it: ", text(entry))?;
    terminal.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    let id = entry.id.to_string();
    if answer.trim().len() >= 8 && id.starts_with(answer.trim()) { Ok(()) } else { Err(not_sure()) }
}

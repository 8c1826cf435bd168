//! `kms key`: the keys of the keyring.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use base64ct::{Base64, Encoding};
use clap::{Args, Subcommand};
use kms_core::{Backend, Call, KeyId, KeyMaterial, KeySpec, KeyUsage, Secret, SystemRandom};
use kms_soft::keyring::{KeyRecord, Keyring};
use serde_json::{Value, json};

use super::Common;
use crate::failure::Failure;
use crate::input::{Input, as_pem};
use crate::keyring::{LocalKeyring, alias, arn};
use crate::output::{Destination, refuse_terminal, write_small};
use crate::report;

/// The longest key file that is imported, in bytes.
const MAX_KEY_FILE: u64 = 64 * 1024;

/// Make, list, import and delete keys
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    Create(Create),
    List(List),
    Show(Show),
    Import(Import),
    PublicKey(PublicKeyCommand),
    Delete(Delete),
}

/// What a new key is called.
#[derive(Debug, Args)]
struct NewKey {
    /// What the key is for: ENCRYPT_DECRYPT, SIGN_VERIFY, GENERATE_VERIFY_MAC or KEY_AGREEMENT [default: the first
    /// that the key spec allows]
    #[arg(long, value_name = "USAGE")]
    usage: Option<KeyUsage>,

    /// A name for it: letters, digits, /, _ and -
    #[arg(long, value_name = "NAME")]
    alias: Option<String>,

    /// Text about it
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

/// Make a key
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Type and size: SYMMETRIC_DEFAULT, RSA_2048, RSA_3072, RSA_4096, ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_P521,
    /// ECC_SECG_P256K1, HMAC_224, HMAC_256, HMAC_384 or HMAC_512
    #[arg(long, value_name = "SPEC", default_value_t = KeySpec::SymmetricDefault)]
    spec: KeySpec,

    #[command(flatten)]
    new: NewKey,
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
    new: NewKey,
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

/// Destroy a key for ever
///
/// Everything encrypted under it is lost. Copies of the keyring file still hold it.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Its alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,

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
            Self::Delete(command) => command.run(common),
        }
    }
}

impl NewKey {
    fn usage_of(&self, spec: KeySpec) -> KeyUsage {
        self.usage.or_else(|| spec.usages().first().copied()).unwrap_or(KeyUsage::EncryptDecrypt)
    }

    /// Names and describes a key that was just made, and shows it.
    fn finish(&self, common: &Common, keyring: &LocalKeyring, id: KeyId) -> Result<(), Failure> {
        let alias = self.alias.as_deref().map(alias);
        let record = keyring.named(id, alias.as_deref(), self.description.as_deref())?;
        common.report.result(&text(&record), || to_json(&record, None))
    }
}

impl Create {
    fn run(self, common: &Common) -> Result<(), Failure> {
        let keyring = common.keyring.open_or_create(common.report)?;
        let usage = self.new.usage_of(self.spec);
        let id = keyring.create(self.spec, usage)?;
        self.new.finish(common, &keyring, id)
    }
}

impl List {
    fn run(self, common: &Common) -> Result<(), Failure> {
        let keyring = common.keyring.open()?;
        let records = keyring.keyring().records();
        let mut rows = vec![["KEY ID", "SPEC", "USAGE", "CREATED", "ALIASES"].map(String::from).to_vec()];
        rows.extend(records.iter().map(|record| {
            vec![
                record.id.to_string(),
                record.spec.to_string(),
                record.usage.to_string(),
                created(record).split('T').next().unwrap_or_default().to_owned(),
                record.aliases.iter().cloned().collect::<Vec<_>>().join(" "),
            ]
        }));
        common.report.result(&report::table(&rows), || records.iter().map(|record| to_json(record, None)).collect())
    }
}

impl Show {
    fn run(self, common: &Common) -> Result<(), Failure> {
        let keyring = common.keyring.open()?;
        let record = keyring.record(&self.key)?;
        let public = match record.spec.is_asymmetric() {
            true => Some(keyring.key(&record)?.public_key()?.to_spki_der()?),
            false => None,
        };
        common.report.result(&text(&record), || to_json(&record, public.as_deref()))
    }
}

impl Import {
    fn run(self, common: &Common) -> Result<(), Failure> {
        let name = self.file.display().to_string();
        let bytes = Input::open(&self.file)?.read_small(MAX_KEY_FILE)?;
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
        let usage = self.new.usage_of(spec);
        let keyring = common.keyring.open_or_create(common.report)?;
        let id = KeyId::random(&SystemRandom)?;
        keyring
            .keyring()
            .import(&Keyring::locator(id.into()), spec, usage, material, &Call::default())
            .map_err(|error| Failure::from(error).about(&name))?;
        self.new.finish(common, &keyring, id)
    }
}

impl PublicKeyCommand {
    fn run(self, common: &Common) -> Result<(), Failure> {
        let keyring = common.keyring.open()?;
        let public = keyring.key(&keyring.record(&self.key)?)?.public_key()?;
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
        let keyring = common.keyring.open_for_writing()?;
        let record = keyring.record(&self.key)?;
        if !self.yes {
            confirm(&record)?;
        }
        for generation in record.generations.keys() {
            let at = Keyring::locator(kms_core::MaterialId { key: record.id, generation: *generation });
            keyring.keyring().destroy(&at, &Call::default())?;
        }
        common.report.done(&format!("Destroyed {}", record.id));
        common.report.record(|| json!({ "KeyId": record.id.to_string(), "Destroyed": true }))
    }
}

fn confirm(record: &KeyRecord) -> Result<(), Failure> {
    let not_sure = || Failure::usage("nothing was deleted").hint("--yes deletes without asking.");
    if !std::io::stdin().is_terminal() {
        return Err(not_sure());
    }
    let mut terminal = std::io::stderr();
    write!(
        terminal,
        "{}\nEverything encrypted under this key will be lost for ever.\nType the first 8 characters of its id to \
         delete it: ",
        text(record)
    )?;
    terminal.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    let id = record.id.to_string();
    if answer.trim().len() >= 8 && id.starts_with(answer.trim()) { Ok(()) } else { Err(not_sure()) }
}

fn created(record: &KeyRecord) -> String {
    let since = record.generations.values().next().map_or(Duration::ZERO, |generation| generation.created);
    let at = SystemTime::UNIX_EPOCH.checked_add(since);
    at.map(|at| humantime::format_rfc3339_seconds(at).to_string()).unwrap_or_default()
}

fn origin(record: &KeyRecord) -> &'static str {
    record.generations.values().next_back().map_or("", |generation| generation.origin.as_str())
}

fn text(record: &KeyRecord) -> String {
    let mut rows = vec![
        vec!["key id".into(), record.id.to_string()],
        vec!["arn".into(), arn(record.id)],
        vec!["spec".into(), record.spec.to_string()],
        vec!["usage".into(), record.usage.to_string()],
        vec!["origin".into(), origin(record).into()],
        vec!["created".into(), created(record)],
    ];
    if !record.aliases.is_empty() {
        rows.push(vec!["aliases".into(), record.aliases.iter().cloned().collect::<Vec<_>>().join(" ")]);
    }
    if !record.description.is_empty() {
        rows.push(vec!["description".into(), record.description.escape_debug().to_string()]);
    }
    report::table(&rows)
}

fn to_json(record: &KeyRecord, public_key: Option<&[u8]>) -> Value {
    json!({
        "KeyId": record.id.to_string(),
        "Arn": arn(record.id),
        "KeySpec": record.spec.as_str(),
        "KeyUsage": record.usage.as_str(),
        "Origin": origin(record),
        "CreationDate": created(record),
        "Description": record.description,
        "Aliases": record.aliases.iter().collect::<Vec<_>>(),
        "PublicKey": public_key.map(Base64::encode_string),
    })
}

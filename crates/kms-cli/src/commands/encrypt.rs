//! `kms encrypt`.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use kms_core::message::{AlgorithmSuite, CommitmentPolicy, EncryptOptions, EncryptWriter, WrappingKeys};
use kms_core::{Call, SystemRandom};
use serde_json::json;
use zeroize::Zeroizing;

use super::Common;
use crate::aws;
use crate::failure::Failure;
use crate::input::{Input, read_full};
use crate::keys::{Entry, Keys};
use crate::output::{Destination, Output, refuse_terminal};
use crate::progress::Watched;
use crate::report;

/// What is added to a file's name, behind a dot.
pub(crate) const EXTENSION: &str = "kms";
/// Bytes read and encrypted at once, in frames.
const READ: usize = 256 * 1024;

/// Encrypt files
///
/// FILE becomes FILE.kms beside it; FILE itself stays. Standard input goes to standard output. The first use makes
/// a keyring and a key in it, and says so; with --backend a key in the HSM.
#[derive(Debug, Args)]
pub(crate) struct Encrypt {
    /// The files; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Write there; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Encrypt under this key, by alias, id or ARN; more than one: any of them decrypts [default: alias/default]
    #[arg(short, long = "key", value_name = "KEY")]
    keys: Vec<String>,

    /// Bind this pair to the message: not secret, stored with it, and authentic when it is decrypted
    #[arg(short, long = "context", value_name = "KEY=VALUE", value_parser = super::context_pair)]
    context: Vec<(String, String)>,

    /// Sign the message (ECDSA P-384), so that who can decrypt it cannot forge others
    #[arg(long)]
    sign: bool,

    /// Bytes of plaintext in a frame
    #[arg(long, value_name = "BYTES", default_value_t = 65_536, value_parser = clap::value_parser!(u32).range(1..))]
    frame_length: u32,

    /// The algorithm suite by its number, for readers that know nothing newer: 0178 and others of version 1 have no
    /// key commitment [default: 0478, signed 0578]
    #[arg(long, value_name = "NUMBER", value_parser = suite, conflicts_with = "sign")]
    suite: Option<AlgorithmSuite>,

    /// Replace an output that exists
    #[arg(short, long)]
    force: bool,
}

fn suite(text: &str) -> Result<AlgorithmSuite, String> {
    let id = u16::from_str_radix(text, 16).ok().and_then(AlgorithmSuite::from_id);
    id.or_else(|| text.parse().ok()).ok_or_else(|| {
        let ids: Vec<_> = AlgorithmSuite::ALL.iter().map(|suite| format!("{:04x}", suite.id())).collect();
        format!("expected one of {}", ids.join(", "))
    })
}

/// How many bytes went through.
struct Counted<W> {
    inner: W,
    count: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let len = self.inner.write(bytes)?;
        self.count += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

impl Encrypt {
    pub(crate) fn run(&self, common: &Common) -> Result<(), Failure> {
        super::one_output_each(&self.files, self.output.as_deref())?;
        let options = self.options()?;
        // A mistyped name is no reason to make a keyring.
        if let [file] = self.files.as_slice() {
            Input::check(file)?;
        }
        let (keys, names) = self.keys(common)?;
        super::for_each(&self.files, common.report, |file| self.encrypt(common, file, &options, &keys, &names))
    }

    fn options(&self) -> Result<EncryptOptions, Failure> {
        let suite = match self.suite {
            Some(suite) => suite,
            None if self.sign => AlgorithmSuite::Aes256GcmHkdfSha512CommitKeyEcdsaP384,
            None => AlgorithmSuite::Aes256GcmHkdfSha512CommitKey,
        };
        let policy = if suite.commits() {
            CommitmentPolicy::RequireEncryptAllowDecrypt
        } else {
            CommitmentPolicy::ForbidEncryptAllowDecrypt
        };
        Ok(EncryptOptions::new(super::context(&self.context)?)
            .with_suite(suite)
            .with_commitment_policy(policy)
            .with_frame_len(self.frame_length))
    }

    /// The keys to encrypt under, and what to call them.
    fn keys(&self, common: &Common) -> Result<(WrappingKeys<'static>, Vec<KeyName>), Failure> {
        if self.keys.is_empty() {
            let (there, entry) = common.keyring.default_key(common.report)?;
            return Ok((WrappingKeys::new().with(there.wrapping_key(&entry)?), vec![KeyName::of(&entry)]));
        }
        // One keyring, or one connection, for all its keys; none that is not needed.
        let (mut here, mut at_aws) = (None, None);
        let mut keys = WrappingKeys::new();
        let mut names = Vec::new();
        for name in &self.keys {
            let there: &dyn Keys = if aws::names_key(name) {
                &**opened(&mut at_aws, || common.keyring.open_for(name, common.report))?
            } else {
                &**opened(&mut here, || common.keyring.open(common.report))?
            };
            let entry = there.find_symmetric(name)?;
            keys = keys.with(there.wrapping_key(&entry)?);
            names.push(KeyName::of(&entry));
        }
        Ok((keys, names))
    }

    fn encrypt(
        &self,
        common: &Common,
        file: &Path,
        options: &EncryptOptions,
        keys: &WrappingKeys<'_>,
        names: &[KeyName],
    ) -> Result<(), Failure> {
        let to = match &self.output {
            Some(path) => Destination::from_argument(path),
            None if file == Path::new("-") => Destination::Stdout,
            None => {
                let mut name = file.as_os_str().to_owned();
                name.push(".");
                name.push(EXTENSION);
                Destination::File(name.into())
            }
        };
        if common.report.json && to == Destination::Stdout {
            return Err(Failure::usage("--json and the message would both go to standard output").hint("Use -o FILE."));
        }
        refuse_terminal(&to, self.output.is_some())?;
        let input = Input::open(file)?;
        let (name, len, mode) = (input.name.clone(), input.len, input.mode.unwrap_or(0o600));
        let output = Counted { inner: Output::create(&to, self.force, mode)?, count: 0 };
        let writing = |failure: Failure| failure.about(to.name());

        let mut writer = EncryptWriter::new(output, keys, options, &SystemRandom, &Call::default())?;
        let mut input = Watched::new(input, &name, len, common.report.quiet);
        let plaintext_len = copy(&mut input, &mut writer, &name, &to.name())?;
        drop(input);
        let output = writer.finish().map_err(|error| writing(error.into()))?;
        let message_len = output.count;
        output.inner.commit()?;

        let under: Vec<_> = names.iter().map(|key| key.name.as_str()).collect();
        common.report.done(&format!(
            "{name} -> {}  ({} under {})",
            to.name(),
            report::bytes(plaintext_len),
            under.join(", ")
        ));
        common.report.record(|| {
            json!({
                "Input": name,
                "Output": to.name(),
                "KeyIds": names.iter().map(|key| &key.arn).collect::<Vec<_>>(),
                "PlaintextBytes": plaintext_len,
                "MessageBytes": message_len,
            })
        })
    }
}

struct KeyName {
    name: String,
    arn: String,
}

impl KeyName {
    fn of(entry: &Entry) -> Self {
        Self { name: entry.name(), arn: entry.arn() }
    }
}

/// What is in `there`, opened if nothing is.
fn opened<T>(there: &mut Option<T>, open: impl FnOnce() -> Result<T, Failure>) -> Result<&T, Failure> {
    match there {
        Some(opened) => Ok(opened),
        empty => Ok(empty.insert(open()?)),
    }
}

/// Encrypts all of `input`; returns how much that was.
fn copy(input: &mut impl Read, writer: &mut impl Write, from: &str, to: &str) -> Result<u64, Failure> {
    let mut buffer = Zeroizing::new(vec![0; READ]);
    let mut count = 0;
    loop {
        let len = read_full(input, &mut buffer).map_err(|error| Failure::from(error).about(from))?;
        let Some(read) = buffer.get(..len).filter(|read| !read.is_empty()) else { return Ok(count) };
        writer.write_all(read).map_err(|error| Failure::from(error).about(to))?;
        count += len as u64;
    }
}

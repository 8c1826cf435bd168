//! `kms decrypt`.

use std::io::{BufRead, Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use kms_core::message::{AlgorithmSuite, CommitmentPolicy, DecryptOptions, DecryptReader, Header, WrappingKeys};
use kms_core::{Call, EncryptionContext, ErrorKind, blob};
use serde_json::json;

use super::Common;
use super::encrypt::EXTENSION;
use crate::failure::Failure;
use crate::input::{Input, read_full};

use crate::message_keys::{MessageKeys, Readers};
use crate::output::{Destination, Output, refuse_terminal};
use crate::progress::Watched;
use crate::report;

/// Decrypt files
///
/// FILE.kms becomes FILE; standard input goes to standard output. A file appears under its name only when all of it
/// has been verified. Standard output, a pipe or a device gets each part when that part has been verified: exit status
/// 0 means that it was the whole. A signed message gets there only after its signature has been verified.
#[derive(Debug, Args)]
pub(crate) struct Decrypt {
    /// The files; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Write there; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Decrypt with this key at AWS KMS, by ARN, instead of the keyring's; more than one: with any of them
    #[arg(short, long = "key", value_name = "ARN")]
    keys: Vec<String>,

    /// Decrypt with whatever key at AWS KMS the message names: whoever wrote it chooses the key
    #[arg(long, conflicts_with = "keys")]
    discovery: bool,

    /// With --discovery: only keys of this account, 12 digits; more than one: of any of them
    #[arg(long, value_name = "ID", requires = "discovery")]
    discovery_account: Vec<String>,

    /// Insist that the message is bound to this pair
    #[arg(short, long = "context", value_name = "KEY=VALUE", value_parser = super::context_pair)]
    context: Vec<(String, String)>,

    /// Refuse messages without key commitment (version 1)
    #[arg(long)]
    require_commitment: bool,

    /// Most bytes in one frame; a frame is held in memory
    #[arg(long, value_name = "BYTES", default_value_t = kms_core::message::DEFAULT_MAX_FRAME_LEN)]
    max_frame_length: usize,

    /// Replace an output that exists
    #[arg(short, long)]
    force: bool,
}

impl Decrypt {
    pub(crate) fn run(&self, common: &Common) -> Result<(), Failure> {
        super::one_output_each(&self.files, self.output.as_deref())?;
        let context = super::context(&self.context)?;
        let (here, named);
        let keys = if self.keys.is_empty() && !self.discovery {
            here = common.keyring.open(common.report)?;
            Readers::There(&*here)
        } else {
            named = common.keyring.aws.readers(&self.keys, &self.discovery_account)?;
            Readers::Named(&named)
        };
        super::for_each(&self.files, common.report, |file| {
            let to = self.destination(file)?;
            if common.report.json && to == Destination::Stdout {
                return Err(
                    Failure::usage("--json and the plaintext would both go to standard output").hint("Use -o FILE.")
                );
            }
            let input = Input::open(file)?;
            let name = input.name.clone();
            self.decrypt(common, input, &to, &context, keys).map_err(|failure| failure.of_input().about(&name))
        })
    }

    fn destination(&self, file: &Path) -> Result<Destination, Failure> {
        if let Some(path) = &self.output {
            return Ok(Destination::from_argument(path));
        }
        if file == Path::new("-") {
            return Ok(Destination::Stdout);
        }
        match file.extension().filter(|extension| *extension == EXTENSION) {
            Some(_) => Ok(Destination::File(file.with_extension(""))),
            None => Err(Failure::usage(format!("the name does not end in .{EXTENSION}"))
                .about(file.display())
                .hint("Say where to write with -o FILE; -o - is standard output.")),
        }
    }

    fn decrypt(
        &self,
        common: &Common,
        mut input: Input,
        to: &Destination,
        context: &EncryptionContext,
        keys: Readers<'_>,
    ) -> Result<(), Failure> {
        // The first bytes tell what it is, and whether it is signed.
        let mut start = [0; 4];
        let len = read_full(&mut input, &mut start)?;
        let start = start.get(..len).unwrap_or_default();
        let suite = Header::suite_of(start);
        // The blobs of AWS KMS have no first byte of their own: what is no message may be one.
        let is_blob = match keys {
            Readers::There(_) => start.first() == Some(&blob::VERSION),
            Readers::Named(_) => suite.is_none(),
        };
        if is_blob {
            return self.decrypt_blob(common, start, input, to, context, keys);
        }
        let is_signed = suite.is_some_and(AlgorithmSuite::is_signed);
        let policy = if self.require_commitment {
            CommitmentPolicy::RequireEncryptRequireDecrypt
        } else {
            CommitmentPolicy::RequireEncryptAllowDecrypt
        };
        let options = DecryptOptions::new()
            .with_context(context.clone())
            .with_commitment_policy(policy)
            .with_max_frame_len(self.max_frame_length)
            // Only what can be taken back may be written before it is verified.
            .with_unverified_release(true);
        let reader = MessageReader { options, keys, asks_for_context: !context.is_empty() };
        let (name, len) = (input.name.clone(), input.len);
        let input = Cursor::new(start.to_vec()).chain(Watched::new(input, &name, len, common.report.quiet));
        let output = Output::create(to, self.force, 0o600)?;
        let written = if is_signed && !output.can_be_taken_back() {
            reader.verify_then_write(input, output, to)?
        } else {
            reader.write(input, output, to)?
        };
        self.done(common, &name, to, written)
    }

    /// What `kms generate-data-key` and the Encrypt operation make.
    fn decrypt_blob(
        &self,
        common: &Common,
        start: &[u8],
        input: Input,
        to: &Destination,
        context: &EncryptionContext,
        keys: Readers<'_>,
    ) -> Result<(), Failure> {
        refuse_terminal(to, self.output.is_some())?;
        let name = input.name.clone();
        let rest = input.read_small(blob::MAX_BLOB as u64)?;
        let sealed = [start, &rest].concat();
        let key = match keys {
            Readers::There(keys) => keys.material(blob::material_id(&sealed)?)?,
            Readers::Named(_) => common.keyring.aws.only_key(&self.keys)?,
        };
        let plaintext = key.decrypt(&sealed, context, &Call::default()).map_err(|error| {
            let hint = "A blob opens only with the --context pairs it was made with.";
            Failure::hinting(error, ErrorKind::Rejected, hint)
        })?;
        crate::output::write_small(to, self.force, 0o600, plaintext.expose())?;
        self.done(common, &name, to, plaintext.len() as u64)
    }

    fn done(&self, common: &Common, name: &str, to: &Destination, written: u64) -> Result<(), Failure> {
        if *to != Destination::Stdout {
            common.report.done(&format!("{name} -> {}  ({}, verified)", to.name(), report::bytes(written)));
        }
        common.report.record(|| json!({ "Input": name, "Output": to.name(), "PlaintextBytes": written }))
    }
}

struct MessageReader<'a> {
    options: DecryptOptions,
    keys: Readers<'a>,
    asks_for_context: bool,
}

impl MessageReader<'_> {
    fn write(&self, input: impl Read, mut output: Output, to: &Destination) -> Result<u64, Failure> {
        let written = self.copy(input, &mut output, to)?;
        output.commit()?;
        Ok(written)
    }

    /// Reads twice: once to verify, once to write. What was verified is kept meanwhile as it is, encrypted, where
    /// nobody can change it: in a file without a name.
    fn verify_then_write(&self, mut input: impl Read, output: Output, to: &Destination) -> Result<u64, Failure> {
        let mut spool = tempfile::tempfile()?;
        std::io::copy(&mut input, &mut spool)?;
        spool.seek(SeekFrom::Start(0))?;
        self.copy(&spool, &mut std::io::sink(), to)?;
        spool.seek(SeekFrom::Start(0))?;
        self.write(&spool, output, to)
    }

    fn copy(&self, input: impl Read, output: &mut impl Write, to: &Destination) -> Result<u64, Failure> {
        let keys = MessageKeys::new(self.keys, self.asks_for_context);
        let provider = WrappingKeys::new().with(&keys);
        let mut reader = DecryptReader::new(input, &provider, &self.options, &Call::default())
            .map_err(|error| keys.explain(error))?;
        let mut count = 0;
        loop {
            let frame = reader.fill_buf().map_err(|error| keys.explain(error.into()))?;
            if frame.is_empty() {
                return Ok(count);
            }
            output.write_all(frame).map_err(|error| Failure::from(error).about(to.name()))?;
            let len = frame.len();
            count += len as u64;
            reader.consume(len);
        }
    }
}

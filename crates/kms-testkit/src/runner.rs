//! Runs a corpus: every message through the one-call decryption and through the stream, which must agree.

mod streaming;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use kms_core::message::{
    self, Content, DecryptOptions, Header, MaterialsProvider, MessageHeader, Parsed, WrappingKeys,
};
use kms_core::primitives::kdf::Prk;
use kms_core::{Call, EncryptionContext, Error, ErrorKind, HashAlgorithm, Secret};

use self::streaming::decrypt_streaming;
use crate::files::{Directory, Files};
use crate::keys::{Keys, SharedKey};
use crate::manifest::{Expect, Manifest, MessageEntry};
use crate::static_key::StaticDataKey;

/// What the AWS commitment vectors are listed under. Some are not canonical: they were made by hand.
const KNOWN_ANSWERS: &str = "commitment-kat";

/// The outcome of a corpus.
///
/// Shown as `N passed, M failed, K declined`.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// How many messages behaved as they should.
    pub passed: usize,
    /// Those that did not: file, and what happened.
    pub failures: Vec<(String, String)>,
    /// What was left out, and how many messages for each reason.
    pub declined: BTreeMap<String, usize>,
}

impl Report {
    /// The counts of passed, failed and declined messages.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.passed, self.failures.len(), self.declined.values().sum())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (passed, failed, declined) = self.counts();
        write!(f, "{passed} passed, {failed} failed, {declined} declined")
    }
}

/// Why a message does not count as passed.
enum Miss {
    Failed(String),
    Declined(String),
}

impl From<io::Error> for Miss {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Checks every message of the manifest at `path`; files are looked for beside it.
///
/// # Errors
/// If the manifest cannot be read. A message that is missing or wrong is a failure in the report instead.
pub fn check(path: &Path) -> io::Result<Report> {
    let json = std::fs::read(path)?;
    let beside = match path.parent() {
        Some(parent) => parent,
        None => Path::new(""),
    };
    Ok(check_manifest(&Manifest::parse(&json)?, &Directory::new(beside)))
}

/// Checks every message of `manifest`.
pub fn check_manifest(manifest: &Manifest, files: &dyn Files) -> Report {
    let mut report = Report::default();
    let mut keys = Keys::new(&manifest.keys);
    for entry in &manifest.messages {
        let checked = catch_unwind(AssertUnwindSafe(|| check_message(entry, files, &mut keys)));
        match checked.unwrap_or_else(|_| Err(Miss::Failed("panicked".into()))) {
            Ok(()) => report.passed += 1,
            Err(Miss::Failed(what)) => report.failures.push((entry.file.clone(), what)),
            Err(Miss::Declined(why)) => *report.declined.entry(why).or_default() += 1,
        }
    }
    report
}

fn check_message(entry: &MessageEntry, files: &dyn Files, keys: &mut Keys<'_>) -> Result<(), Miss> {
    let bytes = files.read(&entry.file)?;
    let provider = WrappingKeys::new().with(provider(entry, keys)?);
    let reproduced = EncryptionContext::new(entry.reproduced_context.clone())
        .map_err(|error| Miss::Failed(format!("the manifest's reproduced context: {error}")))?;
    let options = DecryptOptions::new()
        .with_context(reproduced)
        .with_max_encrypted_data_keys(usize::MAX)
        .with_max_frame_len(usize::MAX)
        .with_noncanonical(entry.group == KNOWN_ANSWERS)
        .with_unverified_release(true);
    let outcomes = [
        ("decrypt", decrypt_whole(&provider, &options, &bytes)),
        ("DecryptReader", decrypt_streaming(&provider, &options, &bytes)),
    ];
    for (way, outcome) in outcomes {
        match (entry.verdict(), outcome) {
            (Expect::Reject, Err(_)) => {}
            (Expect::Reject, Ok(_)) => return Err(Miss::Failed(format!("{way} accepts it: {}", note(entry)))),
            (Expect::Ok, Err(error)) => return Err(Miss::Failed(format!("{way}: {error}: {}", note(entry)))),
            (Expect::Ok, Ok((plaintext, header))) => {
                check_opened(entry, files, &plaintext, &header)
                    .map_err(|what| Miss::Failed(format!("{way}: {what}: {}", note(entry))))?;
            }
        }
    }
    match entry.verdict() {
        Expect::Ok => check_commitment(entry, &bytes).map_err(Miss::Failed),
        Expect::Reject => Ok(()),
    }
}

/// What decrypts a message, by the manifest.
fn provider(entry: &MessageEntry, keys: &mut Keys<'_>) -> Result<SharedKey, Miss> {
    match (&entry.data_key, &entry.decrypt_with) {
        (Some(data_key), None) => Ok(Arc::new(StaticDataKey::new(Secret::copy_from(&data_key.0)))),
        (None, Some(wanted)) => keys.get(wanted).map_err(|error| match error.kind() {
            ErrorKind::Unsupported => Miss::Declined(wanted.wrapping.clone()),
            _ => Miss::Failed(format!("key {:?}: {error}", wanted.key)),
        }),
        _ => Err(Miss::Failed("the manifest gives no key, or two".into())),
    }
}

fn note(entry: &MessageEntry) -> &str {
    entry.note.as_deref().unwrap_or(&entry.group)
}

fn decrypt_whole(
    keys: &dyn MaterialsProvider,
    options: &DecryptOptions,
    bytes: &[u8],
) -> Result<(Vec<u8>, MessageHeader), Error> {
    let opened = message::decrypt(keys, options, bytes, &Call::default())?;
    Ok((opened.plaintext.expose().to_vec(), opened.header))
}

/// Compares a message that was decrypted with what the manifest says of it.
fn check_opened(
    entry: &MessageEntry,
    files: &dyn Files,
    plaintext: &[u8],
    header: &MessageHeader,
) -> Result<(), String> {
    if let Some(expected) = &entry.plaintext
        && expected.bytes(files).map_err(|error| error.to_string())? != plaintext
    {
        return Err("another plaintext".into());
    }
    if format!("{:04x}", header.suite.id()) != entry.suite {
        return Err(format!("suite {}", header.suite));
    }
    if let Some(expected) = &entry.encryption_context {
        let pairs = header.context.pairs().filter(|(key, _)| !key.starts_with("aws-crypto-"));
        if !pairs.eq(expected.iter().map(|(key, value)| (key.as_str(), value.as_str()))) {
            return Err("another encryption context".into());
        }
    }
    let frame_len = match header.content {
        Content::Framed(len) => len,
        Content::NonFramed => 0,
    };
    if entry.frame_length.is_some_and(|expected| expected != frame_len) {
        return Err(format!("frames of {frame_len} bytes"));
    }
    Ok(())
}

/// Derives the key commitment from the data key and the message id, where the manifest gives both.
fn check_commitment(entry: &MessageEntry, bytes: &[u8]) -> Result<(), String> {
    let (Some(data_key), Some(expected)) = (&entry.data_key, &entry.commitment) else { return Ok(()) };
    // A few have their context out of order, which a strict parser refuses; their message id is in the same place.
    let message_id = match Header::parse(bytes) {
        Ok(Parsed::Complete(header)) => header.message_id,
        _ => bytes.get(3..35).ok_or("too short")?,
    };
    let mut derived = [0; 32];
    Prk::extract(HashAlgorithm::Sha512, message_id, &data_key.0)
        .and_then(|key| key.expand(&[b"COMMITKEY"], &mut derived))
        .map_err(|error| error.to_string())?;
    if derived == expected.0[..] { Ok(()) } else { Err("another key commitment".into()) }
}

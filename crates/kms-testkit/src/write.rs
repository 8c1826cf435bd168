//! Writes a corpus of our own messages, for other implementations to read.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use kms_core::message::{
    self, AlgorithmSuite, CommitmentPolicy, EncryptOptions, EncryptWriter, MaterialsProvider, RsaPadding, WrappingKeys,
};
use kms_core::{Call, EncryptionContext, Error, SystemRandom};

use crate::files::{Directory, Files};
use crate::keys::Keys;
use crate::manifest::{Expect, FORMAT, KeyEntry, KeyUse, Manifest, MessageEntry, Plaintext};

/// Frame lengths, from the shortest on.
const FRAME_LENS: [u32; 6] = [1, 16, 128, 512, 4096, 65_536];

/// Encryption contexts that exercise order, encoding and lengths.
const CONTEXTS: [&[(&str, &str)]; 6] = [
    &[],
    &[("purpose", "interop")],
    &[("b", "2"), ("a", "1"), ("B", "3"), ("", "empty key"), ("empty value", "")],
    &[("имя", "значение"), ("名前", "値"), ("emoji😀", "🔐"), ("z", "é"), ("Ünï", "ç")],
    &[("\u{ffff}", "above the surrogates in UTF-8, below them in UTF-16"), ("\u{10000}", "the other way round")],
    &[("newline", "a\nb"), ("nul", "a\0b"), ("quote", "\"'\\")],
];

/// One message to write.
#[derive(Default)]
struct Plan {
    file: String,
    frame_len: u32,
    len: usize,
    context: BTreeMap<String, String>,
    unstored: BTreeMap<String, String>,
    recipients: Vec<KeyUse>,
    streaming: bool,
}

/// Writes messages of every suite, and a manifest, into `dir`, under the wrapping keys `keys`. Returns how many
/// entries the manifest has.
///
/// # Errors
/// If a file cannot be written, or a message not be made.
pub fn write_corpus(dir: &Path, keys: &BTreeMap<String, KeyEntry>) -> io::Result<usize> {
    fs::create_dir_all(dir.join("m"))?;
    let mut ready = Keys::new(keys);
    let mut messages = Vec::new();
    for &suite in AlgorithmSuite::ALL {
        for plan in plans(suite, keys) {
            let bytes = seal(suite, &plan, &mut ready)?;
            fs::write(dir.join(&plan.file), bytes)?;
            messages.extend(entries(suite, &plan));
        }
    }
    let count = messages.len();
    let manifest = Manifest { format: FORMAT.into(), keys: keys.clone(), messages };
    fs::write(dir.join("manifest.json"), manifest.to_json()?)?;
    Ok(count)
}

/// The published test keys: those of the corpus `esdk.tar.zst`.
///
/// # Errors
/// If that cannot be read.
pub fn test_keys() -> io::Result<BTreeMap<String, KeyEntry>> {
    let archive = crate::files::Archive::of_workspace("esdk.tar.zst")?;
    Ok(Manifest::parse(&archive.read("manifest.json")?)?.keys)
}

/// Every way to wrap with these keys.
fn uses(keys: &BTreeMap<String, KeyEntry>) -> Vec<KeyUse> {
    let wrappings = |entry: &KeyEntry| match entry {
        KeyEntry::Aes { .. } => vec!["AES_GCM"],
        KeyEntry::Rsa { .. } => RsaPadding::ALL.iter().map(|padding| padding.as_str()).collect(),
    };
    keys.iter()
        .flat_map(|(key, entry)| wrappings(entry).into_iter().map(move |wrapping| (key, wrapping)))
        .map(|(key, wrapping)| KeyUse { key: key.clone(), wrapping: wrapping.into() })
        .collect()
}

/// The matrix of frame lengths and plaintext lengths goes under AES keys: some implementations take half a second for
/// an RSA key. Every key, RSA ones too, has its part in one message of every suite.
fn plans(suite: AlgorithmSuite, keys: &BTreeMap<String, KeyEntry>) -> Vec<Plan> {
    let mut contexts = CONTEXTS.iter().cycle();
    let mut next = |what: &str, frame_len: u32, len: usize, recipients: Vec<KeyUse>| Plan {
        file: format!("m/kms-{:04x}-{what}-f{frame_len}-n{len}", suite.id()),
        frame_len,
        len,
        context: pairs(contexts.next().copied().unwrap_or_default()),
        unstored: BTreeMap::new(),
        recipients,
        streaming: what == "stream",
    };
    let uses = uses(keys);
    let (aes, rsa): (Vec<_>, Vec<_>) = uses.iter().cloned().partition(|one| one.wrapping == "AES_GCM");
    let mut alternating = aes.iter().cycle();
    let mut plans = Vec::new();
    for frame_len in FRAME_LENS {
        let frame = usize::try_from(frame_len).unwrap_or(usize::MAX);
        let mut lens = vec![0, 1, frame - 1, frame, frame + 1, 2 * frame, 3 * frame + 7];
        lens.sort_unstable();
        lens.dedup();
        for len in lens {
            for what in ["whole", "stream"] {
                plans.push(next(what, frame_len, len, alternating.by_ref().take(1).cloned().collect()));
            }
        }
    }
    if suite.commits() {
        let one = |key: &KeyUse| next(&format!("{}-{}", key.key, key.wrapping), 64, 200, vec![key.clone()]);
        plans.extend(rsa.iter().map(one));
    }
    plans.push(next("2keys", 64, 200, aes.iter().take(2).cloned().collect()));
    plans.push(next("allkeys", 64, 200, uses));
    let mut unstored = next("unstored", 64, 200, aes);
    unstored.context = pairs(&[("stored", "yes"), ("ключ", "да")]);
    unstored.unstored = pairs(&[("tenant", "42"), ("ünstored", "é")]);
    plans.push(unstored);
    plans
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn plaintext_of(plan: &Plan) -> Plaintext {
    Plaintext::from_seed(&format!("kms/{}", plan.file), plan.len)
}

fn seal(suite: AlgorithmSuite, plan: &Plan, keys: &mut Keys<'_>) -> io::Result<Vec<u8>> {
    let policy = if suite.commits() {
        CommitmentPolicy::RequireEncryptRequireDecrypt
    } else {
        CommitmentPolicy::ForbidEncryptAllowDecrypt
    };
    let options = EncryptOptions::new(EncryptionContext::new(plan.context.clone()).map_err(io::Error::other)?)
        .with_unstored_context(EncryptionContext::new(plan.unstored.clone()).map_err(io::Error::other)?)
        .with_suite(suite)
        .with_commitment_policy(policy)
        .with_frame_len(plan.frame_len);
    let recipients = plan
        .recipients
        .iter()
        .try_fold(WrappingKeys::new(), |all, wanted| Ok::<_, Error>(all.with(keys.get(wanted)?)))
        .map_err(io::Error::other)?;
    let plaintext = plaintext_of(plan).bytes(&Directory::new(""))?;
    if plan.streaming {
        seal_streaming(&recipients, &options, &plaintext)
    } else {
        message::encrypt(&recipients, &options, &plaintext, &SystemRandom, &Call::default()).map_err(io::Error::other)
    }
}

/// In pieces of an odd length.
fn seal_streaming(keys: &dyn MaterialsProvider, options: &EncryptOptions, plaintext: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer =
        EncryptWriter::new(Vec::new(), keys, options, &SystemRandom, &Call::default()).map_err(io::Error::other)?;
    for piece in plaintext.chunks(97) {
        writer.write_all(piece)?;
    }
    writer.finish().map_err(io::Error::other)
}

/// The message, once for each of its recipients.
fn entries(suite: AlgorithmSuite, plan: &Plan) -> Vec<MessageEntry> {
    let whole: BTreeMap<_, _> = plan.context.clone().into_iter().chain(plan.unstored.clone()).collect();
    let entry = |recipient: &KeyUse| MessageEntry {
        file: plan.file.clone(),
        suite: format!("{:04x}", suite.id()),
        expect: Expect::Ok,
        strict_expect: None,
        group: "positive".into(),
        note: None,
        decrypt_with: Some(recipient.clone()),
        wrapped_by: plan.recipients.clone(),
        data_key: None,
        commitment: None,
        plaintext: Some(plaintext_of(plan)),
        encryption_context: Some(whole.clone()),
        required_context_keys: plan.unstored.keys().cloned().collect(),
        reproduced_context: plan.unstored.clone(),
        frame_length: Some(plan.frame_len),
    };
    plan.recipients.iter().map(entry).collect()
}

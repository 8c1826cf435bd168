//! `kms inspect`: what is inside, without a key.

use std::io::{self, Read};
use std::path::PathBuf;

use base64ct::{Base64, Encoding};
use clap::Args;
use kms_core::message::{Content, Header, Parsed, UnitHead, UnitKind};
use kms_core::{Error, blob};
use serde_json::{Value, json};

use super::Common;
use crate::failure::Failure;
use crate::input::{Input, read_full};
use crate::keyring::key_name;
use crate::report;

/// The longest header that is looked at, in bytes.
const MAX_HEADER: usize = 64 * 1024 * 1024;
/// The longest head of a unit, in bytes.
const UNIT_HEAD: usize = 24;

/// Show what is inside a file, without a key
///
/// Nothing of it is verified: that takes the key. Exit status 3 if it is cut off or not a message.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What was found behind the header.
#[derive(Debug, Default)]
struct Body {
    units: u64,
    plaintext: u64,
    bytes: u64,
    signature: Option<u64>,
}

impl Inspect {
    pub(crate) fn run(&self, common: &Common) -> Result<(), Failure> {
        let mut input = Input::open(&self.file)?;
        let name = input.name.clone();
        let mut start = vec![0; 4096];
        let len = read_full(&mut input, &mut start)?;
        start.truncate(len);
        if start.first() == Some(&blob::VERSION) {
            return inspect_blob(common, &name, &start);
        }
        inspect_message(common, &name, start, input).map_err(|failure| failure.of_input().about(&name))
    }
}

fn inspect_blob(common: &Common, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let id = blob::material_id(bytes).map_err(|error| Failure::from(error).of_input().about(name))?;
    let rows = vec![
        vec!["kind".into(), "ciphertext blob, version 1".into()],
        vec!["key id".into(), id.key.to_string()],
        vec!["generation".into(), id.generation.to_string()],
    ];
    common.report.result(
        &report::table(&rows),
        || json!({ "Kind": "CiphertextBlob", "KeyId": id.key.to_string(), "Generation": id.generation }),
    )
}

fn inspect_message(common: &Common, name: &str, mut start: Vec<u8>, mut input: Input) -> Result<(), Failure> {
    // A header is as long as its keys: read on until it is there.
    loop {
        match Header::parse(&start)? {
            Parsed::Complete(_) => break,
            Parsed::Incomplete(len) if len <= MAX_HEADER => {
                let had = start.len();
                start.resize(len.max(had * 2), 0);
                let more = read_full(&mut input, start.get_mut(had..).unwrap_or_default())?;
                start.truncate(had + more);
                if start.len() < len {
                    return Err(Error::malformed("cut off in the header").into());
                }
            }
            Parsed::Incomplete(_) => return Err(Error::malformed("the header is longer than 64 MiB").into()),
        }
    }
    let Parsed::Complete(header) = Header::parse(&start)? else { return Err(Error::malformed("header").into()) };
    let rest = start.get(header.len..).unwrap_or_default();
    let walked = walk(&mut rest.chain(input), header.content, header.suite.is_signed());
    let (body, verdict) = match walked {
        Ok(body) => (body, Ok(())),
        Err((body, failure)) => (body, Err(failure)),
    };
    common.report.result(&text(&header, &body, verdict.is_ok()), || to_json(name, &header, &body, verdict.is_ok()))?;
    verdict
}

/// Walks the units of a body; also says how far it came if it does not end well.
fn walk(input: &mut impl Read, content: Content, signed: bool) -> Result<Body, (Body, Failure)> {
    let mut body = Body::default();
    match walk_units(input, content, signed, &mut body) {
        Ok(()) => Ok(body),
        Err(failure) => Err((body, failure)),
    }
}

fn walk_units(input: &mut impl Read, content: Content, signed: bool, body: &mut Body) -> Result<(), Failure> {
    let cut = || Failure::from(Error::malformed("the message is cut off"));
    loop {
        let number = u32::try_from(body.units + 1).map_err(|_| Error::malformed("too many frames"))?;
        let mut head = Vec::with_capacity(UNIT_HEAD);
        let unit = loop {
            match UnitHead::parse(&head, content, number)? {
                Parsed::Complete(unit) => break unit,
                Parsed::Incomplete(len) => {
                    let had = head.len();
                    head.resize(len, 0);
                    if read_full(input, head.get_mut(had..).unwrap_or_default())? < len - had {
                        return Err(cut());
                    }
                }
            }
        };
        skip(input, unit.len - head.len() as u64)?;
        body.units += 1;
        body.plaintext += unit.plaintext_len;
        body.bytes += unit.len;
        if unit.kind == UnitKind::Regular {
            continue;
        }
        if signed {
            let mut len = [0; 2];
            if read_full(input, &mut len)? < len.len() {
                return Err(cut());
            }
            let len = u64::from(u16::from_be_bytes(len));
            skip(input, len)?;
            body.signature = Some(len);
            body.bytes += 2 + len;
        }
        return match read_full(input, &mut [0])? {
            0 => Ok(()),
            _ => Err(Error::malformed("bytes after the end of the message").into()),
        };
    }
}

fn skip(input: &mut impl Read, len: u64) -> Result<(), Failure> {
    if io::copy(&mut input.take(len), &mut io::sink())? < len {
        return Err(Error::malformed("the message is cut off").into());
    }
    Ok(())
}

fn text(header: &Header<'_>, body: &Body, whole: bool) -> String {
    let suite = header.suite;
    let (commitment, signed) = (
        if suite.commits() { "key-committing" } else { "no key commitment" },
        if suite.is_signed() { "signed" } else { "not signed" },
    );
    let mut rows = vec![
        vec!["kind".into(), format!("encrypted message, version {}", suite.version())],
        vec!["suite".into(), format!("{:04x}  {suite}", suite.id())],
        vec![String::new(), format!("{commitment}, {signed}")],
        vec!["message id".into(), hex(header.message_id)],
    ];
    let mut label = "context";
    for (key, value) in header.context.clone() {
        rows.push(vec![
            std::mem::take(&mut label).into(),
            format!("{}={}", report::printable(key), report::printable(value)),
        ]);
    }
    if !label.is_empty() {
        rows.push(vec![label.into(), "none".into()]);
    }
    label = "keys";
    for key in &header.encrypted_data_keys {
        rows.push(vec![std::mem::take(&mut label).into(), report::printable(&key_name(key))]);
    }
    let frames = match header.content {
        Content::Framed(len) => format!("{} of {}", body.units, report::bytes(len.into())),
        Content::NonFramed => "none: one block".into(),
    };
    rows.push(vec!["frames".into(), frames]);
    rows.push(vec!["plaintext".into(), report::bytes(body.plaintext)]);
    let total = header.len as u64 + body.bytes;
    rows.push(vec!["message".into(), format!("{}, header {}", report::bytes(total), report::bytes(header.len as u64))]);
    let state = if whole { "whole; not verified, that takes a key" } else { "NOT WHOLE" };
    rows.push(vec!["state".into(), state.into()]);
    report::table(&rows)
}

fn to_json(name: &str, header: &Header<'_>, body: &Body, whole: bool) -> Value {
    let suite = header.suite;
    let context: serde_json::Map<_, _> =
        header.context.clone().map(|(key, value)| (key.to_owned(), Value::from(value))).collect();
    let keys: Vec<_> = header
        .encrypted_data_keys
        .iter()
        .map(|key| {
            json!({
                "ProviderId": key.provider_id,
                "KeyId": key_name(key),
                "ProviderInfo": Base64::encode_string(&key.provider_info),
                "CiphertextBytes": key.ciphertext.len(),
            })
        })
        .collect();
    let frame_len = match header.content {
        Content::Framed(len) => Value::from(len),
        Content::NonFramed => Value::Null,
    };
    json!({
        "Kind": "Message",
        "File": name,
        "Version": suite.version(),
        "AlgorithmSuite": { "Id": format!("{:04x}", suite.id()), "Name": suite.as_str(),
                            "Committing": suite.commits(), "Signed": suite.is_signed() },
        "MessageId": hex(header.message_id),
        "EncryptionContext": context,
        "EncryptedDataKeys": keys,
        "FrameLength": frame_len,
        "Frames": body.units,
        "PlaintextBytes": body.plaintext,
        "HeaderBytes": header.len,
        "BodyBytes": body.bytes,
        "SignatureBytes": body.signature,
        "Whole": whole,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

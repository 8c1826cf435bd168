//! A key, for people and for machines.

use std::time::{Duration, SystemTime};

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use crate::keys::Entry;
use crate::report;

pub(super) fn created(entry: &Entry) -> Option<String> {
    date(entry.created?)
}

fn date(since_1970: Duration) -> Option<String> {
    let at = SystemTime::UNIX_EPOCH.checked_add(since_1970)?;
    Some(humantime::format_rfc3339_seconds(at).to_string())
}

pub(super) fn text(entry: &Entry) -> String {
    let mut rows = vec![
        vec!["key id".into(), entry.id.to_string()],
        vec!["arn".into(), entry.arn()],
        vec!["spec".into(), entry.spec.to_string()],
        vec!["usage".into(), entry.usage()],
    ];
    let optional = [
        ("origin", entry.origin.map(str::to_owned)),
        ("state", entry.state.map(str::to_owned)),
        ("created", created(entry)),
        ("deletion", entry.deletion.and_then(date)),
        ("aliases", Some(entry.aliases.join(" "))),
        ("description", Some(entry.description.clone())),
        ("place", entry.place.clone()),
    ];
    for (name, value) in optional {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            rows.push(vec![name.into(), report::printable(&value)]);
        }
    }
    report::table(&rows)
}

pub(super) fn to_json(entry: &Entry, public_key: Option<&[u8]>) -> Value {
    json!({
        "KeyId": entry.id.to_string(),
        "Arn": entry.arn(),
        "KeySpec": entry.spec.as_str(),
        "KeyUsage": entry.usages.first().map(|usage| usage.as_str()),
        "KeyUsages": entry.usages.iter().map(|usage| usage.as_str()).collect::<Vec<_>>(),
        "Origin": entry.origin,
        "KeyState": entry.state,
        "CreationDate": created(entry),
        "DeletionDate": entry.deletion.and_then(date),
        "Description": entry.description,
        "Aliases": entry.aliases,
        "Place": entry.place,
        "PublicKey": public_key.map(Base64::encode_string),
    })
}

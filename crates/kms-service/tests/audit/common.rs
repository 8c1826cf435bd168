//! Keys, logs and their bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kms_core::primitives::hash::hash;
use kms_core::{Backend, Call, HashAlgorithm, Key, KeyId, KeySpec, KeyUsage, PublicKey, SystemRandom};
use kms_service::audit::format::{HEAD_LEN, HEADER_LEN, LINK_LEN};
use kms_service::audit::{Filter, Log, Options, Verified, lookup, verify};
use kms_soft::SoftBackend;

/// A signing key, and the public keys to verify with.
pub(crate) fn signer() -> (Key, Vec<PublicKey>) {
    let backend = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::from_bytes([7; 16]).into());
    let key = backend.create(&at, KeySpec::EccNistP256, KeyUsage::SignVerify, &Call::default()).unwrap();
    let key = Key::new(key);
    let public = key.public_key().unwrap();
    (key, vec![public])
}

/// No timed checkpoints, no reserve.
pub(crate) fn options() -> Options {
    Options::new("test").with_checkpoints(Duration::from_secs(3600), u64::MAX).with_reserve(0)
}

pub(crate) fn event(number: usize) -> Vec<u8> {
    format!(r#"{{"eventName":"Encrypt","number":{number}}}"#).into_bytes()
}

/// All events, with their sequence numbers.
pub(crate) fn events(directory: &Path) -> Vec<(u64, Vec<u8>)> {
    let found = lookup(directory, &Filter::default()).unwrap();
    found.map(|entry| entry.unwrap()).map(|entry| (entry.sequence, entry.record)).collect()
}

/// The log is as it was written, and these were acknowledged.
pub(crate) fn assert_holds(directory: &Path, keys: &[PublicKey], acknowledged: &[(u64, Vec<u8>)]) -> Verified {
    let verified = verify(directory, keys, None).unwrap_or_else(|broken| panic!("{broken}"));
    let events = events(directory);
    for (sequence, record) in acknowledged {
        let found = events.binary_search_by_key(sequence, |(found, _)| *found);
        let found = found.unwrap_or_else(|_| panic!("record {sequence} was acknowledged, and is gone"));
        assert_eq!(&events[found].1, record, "record {sequence}");
    }
    verified
}

/// The segments, in order.
pub(crate) fn segments(directory: &Path) -> Vec<PathBuf> {
    let mut segments: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some_and(|extension| extension == "audit"));
    segments.sort();
    segments
}

/// The bytes of the records of a segment.
pub(crate) fn records(segment: &[u8]) -> Vec<&[u8]> {
    let (mut records, mut rest) = (Vec::new(), &segment[HEADER_LEN..]);
    while !rest.is_empty() {
        let len = u32::from_be_bytes(*rest[14..].first_chunk().unwrap()) as usize;
        let (record, after) = rest.split_at(HEAD_LEN + len + LINK_LEN);
        records.push(record);
        rest = after;
    }
    records
}

/// The segment with the links of all its records made anew: what somebody does who alters it with care.
pub(crate) fn linked_anew(segment: &[u8]) -> Vec<u8> {
    let (header, mut link) = (&segment[..HEADER_LEN], segment[HEADER_LEN - LINK_LEN..HEADER_LEN].to_vec());
    let mut bytes = header.to_vec();
    for record in records(segment) {
        let covered = &record[..record.len() - LINK_LEN];
        link = hash(HashAlgorithm::Sha256, &[&link[..], covered].concat());
        bytes.extend_from_slice(covered);
        bytes.extend_from_slice(&link);
    }
    bytes
}

/// A log of `count` events, each in a batch of its own, with a checkpoint every third record and at the end, in segments
/// of `segment_len` bytes.
pub(crate) fn small_log(directory: &Path, key: &Key, count: usize, segment_len: u64) -> kms_service::audit::Head {
    let every_third = options().with_checkpoints(Duration::from_secs(3600), 3).with_segment_len(segment_len);
    let log = Log::open(directory, every_third.with_signer(key.clone())).unwrap();
    for number in 0..count {
        let _ = log.append(event(number)).unwrap();
    }
    drop(log);
    let head = verify(directory, &[], None).unwrap().head;
    assert!(head.sequence > count as u64);
    head
}

pub(crate) fn filter(set: impl FnOnce(&mut Filter)) -> Filter {
    let mut filter = Filter::default();
    set(&mut filter);
    filter
}

//! A segment of an audit log: total, and what it reads is linked.

#![no_main]

use kms_core::HashAlgorithm;
use kms_core::primitives::hash::hash;
use kms_service::audit::Checkpoint;
use kms_service::audit::format::{HEAD_LEN, HEADER_LEN, Kind, LINK_LEN};
use kms_service::audit::segment::SegmentReader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    check(data);
    // Past the links, which chance does not find.
    check(&mended(data));
});

fn check(data: &[u8]) {
    let Ok((header, mut reader)) = SegmentReader::new(data) else { return };
    let (mut sequence, mut offset, mut link) = (header.first, HEADER_LEN, header.link());
    assert_eq!(header.to_bytes(), data[..HEADER_LEN]);
    while let Ok(Some(record)) = reader.next() {
        assert_eq!((record.sequence, record.offset), (sequence, offset as u64));
        let end = offset + HEAD_LEN + record.payload.len();
        assert_eq!(&data[offset + HEAD_LEN..end], record.payload);
        assert_eq!(hash(HashAlgorithm::Sha256, &[&link[..], &data[offset..end]].concat()), record.link);
        if record.kind == Kind::Checkpoint {
            let _ = Checkpoint::parse(record.payload);
        }
        (sequence, offset, link) = (sequence.saturating_add(1), end + LINK_LEN, record.link);
    }
}

/// The same with the right checksum and links, as far as the lengths go.
fn mended(data: &[u8]) -> Vec<u8> {
    let mut bytes = data.to_vec();
    if bytes.len() < HEADER_LEN {
        return bytes;
    }
    let mut link = hash(HashAlgorithm::Sha256, &bytes[..HEADER_LEN - LINK_LEN]);
    bytes[HEADER_LEN - LINK_LEN..HEADER_LEN].copy_from_slice(&link);
    let mut at = HEADER_LEN;
    while let Some(len) = bytes.get(at + 14..at + 18).and_then(|len| len.first_chunk().copied()) {
        let end = at + HEAD_LEN + u32::from_be_bytes(len) as usize;
        let Some(covered) = bytes.get(at..end) else { break };
        link = hash(HashAlgorithm::Sha256, &[&link[..], covered].concat());
        let Some(stored) = bytes.get_mut(end..end + LINK_LEN) else { break };
        stored.copy_from_slice(&link);
        at = end + LINK_LEN;
    }
    bytes
}

//! Whatever is done to a log is found, and where.

use std::fs;
use std::path::Path;

use kms_core::PublicKey;
use kms_service::audit::format::{HEADER_LEN, Header};
use kms_service::audit::segment::Problem;
use kms_service::audit::{Finding, Head, Log, Wrong, lookup, verify};

use crate::common::{linked_anew, options, records, segments, signer, small_log};

fn findings(directory: &Path, keys: &[PublicKey], anchor: Option<&Head>) -> Vec<Finding> {
    verify(directory, keys, anchor).map_or_else(|broken| broken.findings, |_| Vec::new())
}

/// Sets the segment to other contents, for as long as `check` runs.
fn with_contents(segment: &Path, contents: &[u8], check: impl FnOnce()) {
    let before = fs::read(segment).unwrap();
    fs::write(segment, contents).unwrap();
    check();
    fs::write(segment, before).unwrap();
}

#[test]
fn every_altered_byte_is_found_where_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let (key, keys) = signer();
    let anchor = small_log(directory.path(), &key, 7, 300);
    let segments = segments(directory.path());
    assert!(segments.len() > 2);
    for (index, segment) in segments.iter().enumerate() {
        let whole = fs::read(segment).unwrap();
        let records = records(&whole);
        let last_record = whole.len() - records.last().unwrap().len();
        for at in 0..whole.len() {
            let mut altered = whole.clone();
            altered[at] ^= 1 << (at % 8);
            with_contents(segment, &altered, || {
                let with_anchor = findings(directory.path(), &keys, Some(&anchor));
                assert!(!with_anchor.is_empty(), "byte {at} of {}", segment.display());
                let without = findings(directory.path(), &keys, None);
                if without.is_empty() {
                    // Only the last batch cannot be told from one that was never acknowledged.
                    assert!(index + 1 == segments.len() && at >= last_record, "byte {at} of {}", segment.display());
                    assert!(verify(directory.path(), &keys, None).unwrap().unfinished > 0);
                    return;
                }
                let finding = &without[0];
                assert_eq!(&finding.path, segment);
                // The record that the byte is in, or the header.
                let mut start = HEADER_LEN;
                let of_byte = records.iter().find_map(|record| {
                    let range = start..start + record.len();
                    start += record.len();
                    range.contains(&at).then_some(range.start as u64)
                });
                assert_eq!(finding.offset, of_byte.unwrap_or(0), "byte {at}: {finding}");
            });
        }
    }
    assert!(findings(directory.path(), &keys, Some(&anchor)).is_empty());
}

#[test]
fn a_log_that_is_damaged_before_its_last_batch_does_not_open() {
    let directory = tempfile::tempdir().unwrap();
    let (key, _) = signer();
    let _ = small_log(directory.path(), &key, 5, u64::MAX);
    let segment = &segments(directory.path())[0];
    let whole = fs::read(segment).unwrap();
    let last_record = whole.len() - records(&whole).last().unwrap().len();
    for at in 0..last_record {
        let mut altered = whole.clone();
        altered[at] ^= 0x10;
        with_contents(segment, &altered, || {
            let error = Log::open(directory.path(), options()).unwrap_err();
            let file = segment.file_name().unwrap().to_str().unwrap();
            assert!(at < HEADER_LEN || error.to_string().contains(file), "byte {at}: {error}");
            assert_eq!(fs::read(segment).unwrap(), altered, "an evidence stays as it is");
        });
    }
    assert!(Log::open(directory.path(), options()).is_ok());
}

#[test]
fn dropped_and_swapped_records_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let (key, keys) = signer();
    let anchor = small_log(directory.path(), &key, 9, u64::MAX);
    let segment = &segments(directory.path())[0];
    let whole = fs::read(segment).unwrap();
    let all = records(&whole);
    let assemble = |records: &[&[u8]]| [&whole[..HEADER_LEN], &records.concat()[..]].concat();
    for index in 0..all.len() {
        let mut dropped = all.clone();
        dropped.remove(index);
        for (contents, anew) in [(assemble(&dropped), false), (linked_anew(&assemble(&dropped)), true)] {
            with_contents(segment, &contents, || {
                assert!(!findings(directory.path(), &keys, Some(&anchor)).is_empty(), "record {index}");
                let found = findings(directory.path(), &keys, None);
                if index + 1 == all.len() {
                    assert!(found.is_empty(), "only the anchor shows it");
                    return;
                }
                let next = index as u64 + 2;
                assert!(matches!(found[0].wrong, Wrong::Record(Problem::Sequence(there)) if there == next), "{anew}");
                assert_eq!(found[0].sequence, next - 1);
            });
        }
        if index + 1 < all.len() {
            let mut swapped = all.clone();
            swapped.swap(index, index + 1);
            with_contents(segment, &assemble(&swapped), || {
                assert!(!findings(directory.path(), &keys, Some(&anchor)).is_empty(), "record {index}");
                // Of the last two, what stands first looks like the beginning of a later batch, so that even these show.
                assert_eq!(findings(directory.path(), &keys, None)[0].sequence, index as u64 + 1);
            });
        }
    }
}

#[test]
fn an_end_that_was_cut_off_is_found_by_the_anchor() {
    let directory = tempfile::tempdir().unwrap();
    let (key, keys) = signer();
    let anchor = small_log(directory.path(), &key, 7, 300);
    let segments = segments(directory.path());
    assert!(segments.len() > 2);
    let whole = fs::read(segments.last().unwrap()).unwrap();
    for len in 0..whole.len() {
        with_contents(segments.last().unwrap(), &whole[..len], || {
            let found = findings(directory.path(), &keys, Some(&anchor));
            let is_it = |finding: &Finding| {
                matches!(finding.wrong, Wrong::CutOff(head) if head == anchor) || finding.offset == 0
            };
            assert!(found.iter().any(is_it), "{len} bytes");
        });
    }
    // Whole segments: at the end, between, at the beginning.
    for (index, segment) in segments.iter().enumerate() {
        let away = directory.path().join("away");
        fs::rename(segment, &away).unwrap();
        let found = findings(directory.path(), &keys, Some(&anchor));
        match index {
            0 => assert!(matches!(found[0].wrong, Wrong::NoBeginning)),
            _ if index + 1 == segments.len() => assert!(matches!(found[0].wrong, Wrong::CutOff(_))),
            _ => assert!(matches!(found[0].wrong, Wrong::Gap(_))),
        }
        fs::rename(&away, segment).unwrap();
    }
    // None, and another log.
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(findings(empty.path(), &keys, None)[0].wrong, Wrong::Empty));
    assert!(matches!(findings(&empty.path().join("none"), &keys, None)[0].wrong, Wrong::Record(_)));
    let other = small_log(empty.path(), &key, 4, 400);
    assert!(matches!(findings(directory.path(), &keys, Some(&other))[0].wrong, Wrong::AnchorOfAnotherLog));
}

#[test]
fn whoever_links_everything_anew_has_no_signature() {
    let directory = tempfile::tempdir().unwrap();
    let (key, keys) = signer();
    let anchor = small_log(directory.path(), &key, 7, u64::MAX);
    let segment = &segments(directory.path())[0];
    let whole = fs::read(segment).unwrap();
    // The number in the first event.
    let at = whole.windows(10).position(|window| window == br#""number":0"#).unwrap() + 9;
    let mut altered = whole.clone();
    altered[at] = b'8';
    let altered = linked_anew(&altered);
    assert_eq!(linked_anew(&whole), whole);
    with_contents(segment, &altered, || {
        assert!(findings(directory.path(), &[], None).is_empty(), "the chain by itself is whole");
        let found = findings(directory.path(), &keys, None);
        assert!(matches!(&found[0].wrong, Wrong::Signature(id) if *id == key.info().id.to_string()), "{}", found[0]);
        assert_eq!(found[0].sequence, 4, "the first checkpoint after it");
        assert!(matches!(findings(directory.path(), &[], Some(&anchor))[0].wrong, Wrong::NotTheAnchor));
    });
    // Another key's signatures are none.
    let (_, others) = signer();
    assert!(matches!(findings(directory.path(), &others, None)[0].wrong, Wrong::Signature(_)));
    assert!(findings(directory.path(), &[others, keys].concat(), Some(&anchor)).is_empty());
}

#[test]
fn a_checkpoint_is_of_one_log() {
    let directory = tempfile::tempdir().unwrap();
    let (key, keys) = signer();
    let _ = small_log(directory.path(), &key, 3, u64::MAX);
    let segment = &segments(directory.path())[0];
    let whole = fs::read(segment).unwrap();
    let header = Header::parse(whole.first_chunk().unwrap()).unwrap();
    // The same records, in a log of another id.
    let other = Header { log: [9; 16], ..header };
    let moved = linked_anew(&[&other.to_bytes(), &whole[HEADER_LEN..]].concat());
    with_contents(segment, &moved, || {
        assert!(findings(directory.path(), &[], None).is_empty());
        assert!(matches!(findings(directory.path(), &keys, None)[0].wrong, Wrong::Signature(_)));
    });
}

#[test]
fn each_of_several_alterations_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let (key, keys) = signer();
    let _ = small_log(directory.path(), &key, 20, 900);
    let mut expected = Vec::new();
    for segment in segments(directory.path()) {
        let mut contents = fs::read(&segment).unwrap();
        let offsets: Vec<_> = records(&contents)
            .iter()
            .scan(HEADER_LEN, |at, record| {
                let start = *at;
                *at += record.len();
                Some(start)
            })
            .collect();
        for &offset in offsets.iter().step_by(3).take(2) {
            contents[offset + 30] ^= 1;
            expected.push((segment.clone(), offset as u64));
        }
        fs::write(&segment, contents).unwrap();
    }
    let found = findings(directory.path(), &keys, None);
    let links = found.iter().filter(|finding| matches!(finding.wrong, Wrong::Record(Problem::Link)));
    let found: Vec<_> = links.map(|finding| (finding.path.clone(), finding.offset)).collect();
    assert_eq!(found, expected);
    // Looking up stops at each, and goes on with the next segment.
    let filter = kms_service::audit::Filter::default();
    let errors = lookup(directory.path(), &filter).unwrap().filter(Result::is_err).count();
    assert_eq!(errors, segments(directory.path()).len());
}

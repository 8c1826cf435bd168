//! Every way of being damaged is an error, says which, and never gives a key.

use kms_core::primitives::hash::hash;
use kms_core::{Backend, ErrorKind, HashAlgorithm, Key, KeySpec, KeyUsage};
use kms_soft::Keyring;
use kms_soft::keyring::{Damage, format};

use crate::{Place, call, refused, symmetric};

/// The same bytes with a checksum that is right.
fn with_checksum(bytes: &[u8]) -> Vec<u8> {
    let (covered, _) = bytes.split_at(bytes.len() - 32);
    [covered, &hash(HashAlgorithm::Sha256, covered)].concat()
}

#[test]
fn every_flip_is_refused() {
    let place = Place::new();
    let keyring = place.create();
    let (at, _) = symmetric(&keyring);
    keyring.add_alias("alias/a", at.id().key, &call()).unwrap();
    let bytes = std::fs::read(place.path()).unwrap();
    for index in 0..bytes.len() {
        for bit in [0, 7] {
            let mut bad = bytes.clone();
            bad[index] ^= 1 << bit;
            std::fs::write(place.path(), &bad).unwrap();
            assert!(place.try_read().is_err(), "byte {index}");
            // Someone who mends the checksum still lacks the root key.
            std::fs::write(place.path(), with_checksum(&bad)).unwrap();
            if index < bytes.len() - 32 {
                let kind = place.try_read().unwrap_err().kind();
                let known = [ErrorKind::Malformed, ErrorKind::Unsupported, ErrorKind::IncorrectKey];
                assert!(known.contains(&kind), "byte {index}: {kind:?}");
            }
        }
    }
    std::fs::write(place.path(), &bytes).unwrap();
    place.read().open(&at, &call()).unwrap();
}

#[test]
fn every_cut_is_refused() {
    let place = Place::new();
    symmetric(&place.create());
    let bytes = std::fs::read(place.path()).unwrap();
    for len in 0..bytes.len() {
        std::fs::write(place.path(), &bytes[..len]).unwrap();
        refused(place.try_read(), ErrorKind::Malformed);
        if len > 32 {
            std::fs::write(place.path(), with_checksum(&bytes[..len])).unwrap();
            assert!(place.try_read().is_err(), "{len} bytes");
        }
    }
}

#[test]
fn each_damage_is_told() {
    let place = Place::new();
    place.create();
    let bytes = std::fs::read(place.path()).unwrap();
    let flipped = |index: usize| {
        let mut bytes = bytes.clone();
        bytes[index] ^= 2;
        bytes
    };
    for (bad, damage) in [
        (b"".to_vec(), Damage::NotAKeyring),
        (b"KMS-ROOT-KEY-1 ".to_vec(), Damage::NotAKeyring),
        (flipped(13), Damage::Newer),
        (bytes[..40].to_vec(), Damage::Truncated),
        ([&bytes[..], b"x"].concat(), Damage::TrailingBytes),
        (flipped(20), Damage::Checksum),
        (with_checksum(&flipped(20)), Damage::Altered),
    ] {
        std::fs::write(place.path(), &bad).unwrap();
        let error = place.try_read().unwrap_err();
        assert_eq!(error.kind(), damage.kind(), "{error}");
        assert!(error.to_string().ends_with(&damage.to_string()), "{error}");
        if damage != Damage::Altered {
            assert_eq!(format::parse(&bad).unwrap_err(), damage);
        }
    }
}

/// Bytes with one part of them replaced by another of the same length, and the checksum mended.
fn spliced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    with_checksum(&[&bytes[..at], to, &bytes[at + to.len()..]].concat())
}

#[test]
fn parts_of_genuine_files_do_not_mix() {
    let place = Place::new();
    let keyring = place.create();
    let (at, _) = symmetric(&keyring);
    let (other, _) = symmetric(&keyring);
    let material =
        |at: &kms_core::Locator| keyring.record(at.id().key).unwrap().generations[&0].sealed.as_bytes().to_vec();
    let before = std::fs::read(place.path()).unwrap();
    let old_material = material(&at);

    // One key's material in another's place.
    std::fs::write(place.path(), spliced(&before, &old_material, &material(&other))).unwrap();
    refused(place.try_read(), ErrorKind::Malformed);

    // The material that a key had before, in the file of today.
    std::fs::write(place.path(), &before).unwrap();
    keyring.destroy(&at, &call()).unwrap();
    let again = keyring.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call()).unwrap();
    let after = std::fs::read(place.path()).unwrap();
    std::fs::write(place.path(), spliced(&after, &material(&at), &old_material)).unwrap();
    refused(place.try_read(), ErrorKind::Malformed);

    // The seal of before, on the file of today.
    let seal = |bytes: &[u8]| format::parse(bytes).unwrap().seal.to_vec();
    std::fs::write(place.path(), spliced(&after, &seal(&after), &seal(&before))).unwrap();
    refused(place.try_read(), ErrorKind::Malformed);

    std::fs::write(place.path(), &after).unwrap();
    let opened = Key::new(place.read().open(&at, &call()).unwrap());
    let sealed = Key::new(again).encrypt(b"x", &kms_core::EncryptionContext::empty(), &call()).unwrap();
    opened.decrypt(sealed.as_bytes(), &kms_core::EncryptionContext::empty(), &call()).unwrap();
}

#[test]
fn an_alias_cannot_be_bent() {
    let place = Place::new();
    let keyring = place.create();
    let (at, _) = symmetric(&keyring);
    keyring.add_alias("alias/prod", at.id().key, &call()).unwrap();
    let bytes = std::fs::read(place.path()).unwrap();
    std::fs::write(place.path(), spliced(&bytes, b"alias/prod", b"alias/test")).unwrap();
    refused(place.try_read(), ErrorKind::Malformed);
}

#[test]
fn going_back_is_noticed_by_who_remembers() {
    let place = Place::new();
    let keyring = place.create();
    let old = std::fs::read(place.path()).unwrap();
    symmetric(&keyring);
    let reader = place.read();
    assert_eq!(reader.revision(), 1);
    std::fs::write(place.path(), old).unwrap();
    refused(reader.reload(&call()), ErrorKind::Refused);
    assert_eq!(reader.records().len(), 1);
    // Who does not remember cannot tell: the documentation says so.
    assert_eq!(place.read().revision(), 0);
}

#[test]
fn a_file_too_long_is_not_read() {
    let place = Place::new();
    let file = std::fs::File::create(place.path()).unwrap();
    file.set_len(1 << 40).unwrap();
    refused(Keyring::open(place.path()), ErrorKind::Malformed);
    refused(Keyring::open(place.directory.path()), ErrorKind::Malformed);
}

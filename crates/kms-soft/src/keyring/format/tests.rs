//! The format by itself: every keyring reads back, nothing else is read.

use alloc::vec;
use proptest::collection::{btree_map, btree_set, vec as bytes_of};
use proptest::prelude::*;

use super::*;
use kms_core::{KeyId, KeySpec, MaterialId};

fn root_kinds() -> impl Strategy<Value = RootKind> {
    let cost = (8..=64u32, 1..=16u32).prop_map(|(memory, passes)| PassphraseCost::new(memory, passes, 1).unwrap());
    prop_oneof![
        Just(RootKind::KeyFile),
        (cost, any::<[u8; 16]>()).prop_map(|(cost, salt)| RootKind::Passphrase { cost, salt }),
        ".{0,40}".prop_map(|address| RootKind::MasterKey { address }),
    ]
}

fn generations() -> impl Strategy<Value = GenerationRecord> {
    let origin = prop_oneof![Just(Origin::AwsKms), Just(Origin::External)];
    (origin, any::<u64>(), bytes_of(any::<u8>(), 1..200)).prop_map(|(origin, seconds, sealed)| GenerationRecord {
        origin,
        created: Duration::from_secs(seconds),
        sealed: sealed.into(),
    })
}

fn keys() -> impl Strategy<Value = KeyRecord> {
    let kinds: Vec<_> =
        KeySpec::ALL.iter().flat_map(|spec| spec.usages().iter().map(move |usage| (*spec, *usage))).collect();
    let kind = prop::sample::select(kinds);
    (kind, ".{0,60}", btree_set("alias/[a-z0-9/_-]{1,12}", 0..4), btree_map(any::<u32>(), generations(), 1..4))
        .prop_map(|((spec, usage), description, aliases, generations)| KeyRecord {
            id: KeyId::from_bytes([0; 16]),
            spec,
            usage,
            description,
            aliases,
            generations,
        })
}

fn all_contents() -> impl Strategy<Value = Contents> {
    let id = (any::<[u8; 16]>(), any::<u32>())
        .prop_map(|(key, generation)| MaterialId { key: KeyId::from_bytes(key), generation });
    (any::<u64>(), id, root_kinds(), btree_map(any::<[u8; 16]>(), keys(), 0..5)).prop_map(
        |(revision, id, kind, keys)| {
            let mut contents = Contents { revision, root: RootInfo { id, kind }, keys: BTreeMap::new() };
            let mut taken = BTreeSet::new();
            for (id, mut key) in keys {
                key.id = KeyId::from_bytes(id);
                key.aliases.retain(|alias| taken.insert(alias.clone()));
                contents.keys.insert(key.id, key);
            }
            contents
        },
    )
}

fn file(contents: &Contents, seal: &[u8]) -> Vec<u8> {
    finish(body(contents).unwrap().0, seal).unwrap()
}

/// The same bytes with a checksum that is right, as someone would make them who knows the format.
fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len().saturating_sub(CHECKSUM_LEN));
    let checksum = sha256(&bytes);
    bytes.extend(checksum);
    bytes
}

fn small() -> Vec<u8> {
    let root = RootInfo { id: KeyId::from_bytes([9; 16]).into(), kind: RootKind::KeyFile };
    let mut contents = Contents::new(root);
    for id in [1, 2] {
        contents.keys.insert(
            KeyId::from_bytes([id; 16]),
            KeyRecord {
                id: KeyId::from_bytes([id; 16]),
                spec: KeySpec::Hmac256,
                usage: kms_core::KeyUsage::GenerateVerifyMac,
                description: "text".into(),
                aliases: [alloc::format!("alias/{id}")].into(),
                generations: [(
                    3,
                    GenerationRecord {
                        origin: Origin::AwsKms,
                        created: Duration::from_secs(5),
                        sealed: vec![7; 40].into(),
                    },
                )]
                .into(),
            },
        );
    }
    file(&contents, b"seal")
}

proptest! {
    #[test]
    fn what_is_written_reads_back(contents in all_contents(), seal in bytes_of(any::<u8>(), 0..200)) {
        let bytes = file(&contents, &seal);
        let parsed = parse(&bytes).unwrap();
        prop_assert_eq!(parsed.seal, &seal);
        prop_assert_eq!(&parsed.digest, &body(&contents).unwrap().1);
        prop_assert_eq!(parsed.contents, contents);
    }

    #[test]
    fn one_sequence_of_bytes_stands_for_given_contents(
        contents in all_contents(),
        changes in bytes_of((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = file(&contents, b"seal");
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let bytes = with_checksum(bytes);
        if let Ok(parsed) = parse(&bytes) {
            prop_assert_eq!(file(&parsed.contents, parsed.seal), bytes);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in bytes_of(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
        let mut begun = b"KMS keyring\n\0\x01\0\0\0\x60".to_vec();
        begun.extend(bytes);
        let _ = parse(&with_checksum(begun));
    }
}

#[test]
fn every_cut_is_known_as_one() {
    let bytes = small();
    parse(&bytes).unwrap();
    assert_eq!(parse(b"").unwrap_err(), Damage::NotAKeyring);
    for len in 1..bytes.len() {
        assert_eq!(parse(&bytes[..len]).unwrap_err(), Damage::Truncated, "{len} bytes");
    }
    assert_eq!(parse(&[&bytes[..], b"\n"].concat()).unwrap_err(), Damage::TrailingBytes);
}

#[test]
fn every_flip_is_noticed_without_the_root_key() {
    let bytes = small();
    for index in 0..bytes.len() {
        for bit in 0..8 {
            let mut bad = bytes.clone();
            bad[index] ^= 1 << bit;
            let damage = parse(&bad).unwrap_err();
            match index {
                0..12 => assert_eq!(damage, Damage::NotAKeyring, "byte {index}"),
                12..14 => assert!(matches!(damage, Damage::Newer | Damage::NotAKeyring), "byte {index}: {damage:?}"),
                _ => assert!(!matches!(damage, Damage::Newer | Damage::NotAKeyring), "byte {index}: {damage:?}"),
            }
            if (PREFIX_LEN..bytes.len() - CHECKSUM_LEN - 6).contains(&index) {
                assert_eq!(damage, Damage::Checksum, "byte {index}");
            }
        }
    }
}

/// Replaces the one occurrence of `from`.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    let mut bytes = bytes.to_vec();
    bytes[at..at + to.len()].copy_from_slice(to);
    with_checksum(bytes)
}

#[test]
fn fields_that_the_format_does_not_allow() {
    let bytes = small();
    let field = |from: &[u8], to: &[u8]| parse(&replaced(&bytes, from, to)).unwrap_err();
    let is_field = |damage| matches!(damage, Damage::Field(_));
    assert!(is_field(field(&[1; 16], &[3; 16])), "keys that are not sorted");
    assert!(is_field(field(&[1; 16], &[2; 16])), "one key twice");
    assert!(is_field(field(b"alias/1", b"alias/2")), "one alias twice");
    assert!(is_field(field(b"alias/1", b"alias/ ")), "an alias that is none");
    assert!(is_field(field(b"text", b"t\xffxt")), "a description that is no text");
    assert!(is_field(field(b"\0\0\0\x01\0\0\0\x03", b"\0\0\0\0\0\0\0\x03")), "no generation");
    assert_eq!(field(b"HMAC_256", b"HMAC_999"), Damage::Newer);
    assert_eq!(field(b"AWS_KMS", b"AWS_KMT"), Damage::Newer);
    assert!(is_field(field(b"HMAC_256", b"RSA_2048")), "a usage that does not fit the spec");
    assert!(is_field(field(b"\0\x28\x07", b"\0\0\x07")), "sealed material of no length");
    let root_kind = PREFIX_LEN + 8 + 20;
    let mut other = bytes.clone();
    other[root_kind] = 9;
    assert_eq!(parse(&with_checksum(other)).unwrap_err(), Damage::Newer);
    // A passphrase that would take 4 TiB.
    let mut hostile = bytes[..root_kind].to_vec();
    hostile.push(ROOT_PASSPHRASE);
    hostile.extend([0xff; 28]);
    hostile.extend([0; 4]);
    let len = u32::try_from(hostile.len()).unwrap();
    hostile[PREFIX_LEN - 4..PREFIX_LEN].copy_from_slice(&len.to_be_bytes());
    let hostile = finish(hostile, b"seal").unwrap();
    assert!(is_field(parse(&hostile).unwrap_err()));
}

//! What allocates and what does not.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::io::Read;

use allocation_counter::measure;
use kms_core::message::{
    self, Advance, DecryptOptions, DecryptReader, Decryptor, EncryptOptions, Encryptor, Header, Parsed, RawAesKey,
    WrappingKeys,
};
use kms_core::{Call, EncryptionContext, Secret, SystemRandom};

fn key(name: &str) -> RawAesKey {
    RawAesKey::new("test", name, Secret::from(vec![7; 32])).unwrap()
}

fn options() -> EncryptOptions {
    EncryptOptions::new(EncryptionContext::new([("tenant", "42"), ("purpose", "test")]).unwrap()).with_frame_len(16)
}

/// How many allocations reading the header of a message makes.
fn allocations_of_parse(keys: WrappingKeys<'_>) -> u64 {
    let sealed = message::encrypt(&keys, &options(), b"payload", &SystemRandom, &Call::default()).unwrap();
    measure(|| match Header::parse(&sealed) {
        Ok(Parsed::Complete(header)) => assert_eq!(header.context.clone().count(), 2),
        other => panic!("{other:?}"),
    })
    .count_total
}

#[test]
fn a_header_is_read_with_one_allocation_for_the_list_of_keys() {
    let mut keys = WrappingKeys::new();
    for name in ["a", "b", "c", "d"] {
        keys = keys.with(key(name));
    }
    assert_eq!(allocations_of_parse(WrappingKeys::new().with(key("a"))), 1);
    assert_eq!(allocations_of_parse(keys), 1);
}

#[test]
fn a_header_that_is_cut_off_allocates_no_more() {
    let sealed = message::encrypt(&key("a"), &options(), b"payload", &SystemRandom, &Call::default()).unwrap();
    let Ok(Parsed::Complete(header)) = Header::parse(&sealed) else { panic!("no header") };
    for len in 0..header.len {
        let made = measure(|| assert!(matches!(Header::parse(&sealed[..len]), Ok(Parsed::Incomplete(_)))));
        assert!(made.count_total <= 1, "{} allocations at {len}", made.count_total);
    }
}

#[test]
fn a_frame_is_sealed_and_opened_without_allocation() {
    let (keys, call) = (key("a"), Call::default());
    let mut encryptor = Encryptor::new(&keys, &options(), &SystemRandom, &call).unwrap();
    let mut sealed = [0; 1024];
    let header_len = encryptor.header().len();
    sealed[..header_len].copy_from_slice(encryptor.header());
    let mut len = header_len;
    let made = measure(|| {
        for _ in 0..3 {
            len += encryptor.seal_frame(&[7; 16], &mut sealed[len..]).unwrap();
        }
    });
    assert_eq!(made.count_total, 0);
    len += encryptor.seal_final(&[7; 5], &mut sealed[len..]).unwrap();

    let mut decryptor = Decryptor::new(&keys, &DecryptOptions::new(), &call);
    let mut output = [0; 16];
    let mut at = match decryptor.advance(&sealed[..len], &mut output).unwrap() {
        Advance::Header { consumed, .. } => consumed,
        other => panic!("{other:?}"),
    };
    let made = measure(|| {
        while let Advance::Plaintext { consumed, .. } = decryptor.advance(&sealed[at..len], &mut output).unwrap() {
            at += consumed;
        }
        decryptor.finish().unwrap();
    });
    assert_eq!((made.count_total, at), (0, len));
}

#[test]
fn a_length_that_is_claimed_is_not_allocated() {
    let (keys, call) = (key("a"), Call::default());
    let mut sealed =
        message::encrypt(&keys, &options().with_frame_len(u32::MAX), &[7; 100], &SystemRandom, &call).unwrap();
    let Ok(Parsed::Complete(Header { len, .. })) = Header::parse(&sealed) else { panic!("no header") };
    // A regular frame, so of 4 GiB, of which 120 bytes are there.
    sealed[len..len + 16].copy_from_slice(b"\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x01");
    let any_len = DecryptOptions::new().with_max_frame_len(usize::MAX);
    let made = measure(|| {
        let mut reader = DecryptReader::new(&sealed[..], &keys, &any_len, &call).unwrap();
        assert!(reader.read(&mut [0; 16]).is_err());
    });
    assert!(made.bytes_max < 1 << 20, "{} bytes", made.bytes_max);

    // 65,535 encrypted data keys, of which one is there.
    let mut sealed = message::encrypt(&keys, &options(), b"x", &SystemRandom, &call).unwrap();
    let count = 1 + 2 + 32 + 2 + EncryptionContext::new([("tenant", "42"), ("purpose", "test")]).unwrap().aad().len();
    assert_eq!(sealed[count..count + 2], [0, 1]);
    sealed[count..count + 2].fill(0xff);
    let made = measure(|| assert!(!matches!(Header::parse(&sealed), Ok(Parsed::Complete(_)))));
    assert!(made.bytes_max < 4096, "{} bytes", made.bytes_max);
}

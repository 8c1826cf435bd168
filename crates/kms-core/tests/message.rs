//! Messages of every suite, written and read in every way there is, and refused when anything about them is wrong.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::io::{BufRead, Read, Write};

use kms_core::message::{
    self, AlgorithmSuite, CommitmentPolicy, Content, DecryptOptions, DecryptReader, EncryptOptions, EncryptWriter,
    Header, Parsed, RawAesKey, WrappingKeys,
};
use kms_core::{Call, EncryptionContext, ErrorKind, Secret, SystemRandom};

const DEFAULT: AlgorithmSuite = AlgorithmSuite::Aes256GcmHkdfSha512CommitKey;
const SIGNED: AlgorithmSuite = AlgorithmSuite::Aes256GcmHkdfSha512CommitKeyEcdsaP384;

fn key(name: &str) -> RawAesKey {
    RawAesKey::new("test", name, Secret::from(vec![7; 32])).unwrap()
}

fn options(suite: AlgorithmSuite, frame_len: u32) -> EncryptOptions {
    let policy = if suite.commits() {
        CommitmentPolicy::RequireEncryptRequireDecrypt
    } else {
        CommitmentPolicy::ForbidEncryptAllowDecrypt
    };
    EncryptOptions::new(EncryptionContext::new([("tenant", "42")]).unwrap())
        .with_suite(suite)
        .with_commitment_policy(policy)
        .with_frame_len(frame_len)
}

fn encrypt(options: &EncryptOptions, plaintext: &[u8]) -> Vec<u8> {
    message::encrypt(&key("k"), options, plaintext, &SystemRandom, &Call::default()).unwrap()
}

fn decrypt(options: &DecryptOptions, message: &[u8]) -> Result<Vec<u8>, ErrorKind> {
    message::decrypt(&key("k"), options, message, &Call::default())
        .map(|opened| opened.plaintext.expose().to_vec())
        .map_err(|error| error.kind())
}

fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

#[test]
fn every_suite_at_every_frame_boundary() {
    for &suite in AlgorithmSuite::ALL {
        for len in [0, 1, 15, 16, 17, 32, 40] {
            let plaintext = payload(len);
            let sealed = encrypt(&options(suite, 16), &plaintext);
            assert_eq!(decrypt(&DecryptOptions::new(), &sealed).unwrap(), plaintext, "{suite} {len}");
        }
    }
}

#[test]
fn the_first_bytes_tell_the_suite() {
    for &suite in AlgorithmSuite::ALL {
        let sealed = encrypt(&options(suite, 16), b"x");
        assert_eq!(Header::suite_of(&sealed[..4]), Some(suite));
        assert_eq!(Header::suite_of(&sealed[..2]), None);
        // A suite of the other version is none.
        let mut mixed = sealed[..4].to_vec();
        mixed[0] ^= 3;
        assert_eq!(Header::suite_of(&mixed), None);
    }
    assert_eq!(Header::suite_of(b"text"), None);
}

#[test]
fn the_writer_and_the_reader_agree_with_the_rest() {
    for suite in [DEFAULT, SIGNED, AlgorithmSuite::Aes256GcmNoKdf] {
        for (frame_len, len, piece) in [(16, 1000, 7), (4096, 20_000, 6000), (4096, 8192, 4096), (65_536, 300_000, 1)] {
            let plaintext = payload(len);
            let (keys, options, call) = (key("k"), options(suite, frame_len), Call::default());
            let mut writer = EncryptWriter::new(Vec::new(), &keys, &options, &SystemRandom, &call).unwrap();
            for piece in plaintext.chunks(piece.max(len / 1000)) {
                writer.write_all(piece).unwrap();
            }
            let sealed = writer.finish().unwrap();
            assert_eq!(decrypt(&DecryptOptions::new(), &sealed).unwrap(), plaintext);

            let options = DecryptOptions::new().with_unverified_release(true);
            let mut opened = Vec::new();
            let mut reader = DecryptReader::new(Dribble(&sealed, piece), &keys, &options, &call).unwrap();
            assert_eq!(reader.header().context.get("tenant"), Some("42"));
            loop {
                let frame = reader.fill_buf().unwrap();
                if frame.is_empty() {
                    break;
                }
                opened.extend_from_slice(frame);
                let len = frame.len();
                reader.consume(len);
            }
            assert!(opened == plaintext);
            let mut opened = Vec::new();
            DecryptReader::new(&sealed[..], &keys, &options, &call).unwrap().read_to_end(&mut opened).unwrap();
            assert!(opened == plaintext);
        }
    }
}

/// A reader that gives few bytes at once.
struct Dribble<'a>(&'a [u8], usize);

impl Read for Dribble<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let len = self.1.min(out.len());
        self.0.read(&mut out[..len])
    }
}

#[test]
fn every_flip_cut_and_addition_is_refused() {
    for suite in [DEFAULT, SIGNED, AlgorithmSuite::Aes128GcmHkdfSha256EcdsaP256, AlgorithmSuite::Aes192GcmNoKdf] {
        let sealed = encrypt(&options(suite, 16), &payload(40));
        for index in 0..sealed.len() {
            assert!(decrypt(&DecryptOptions::new(), &sealed[..index]).is_err(), "cut at {index}");
            let mut bad = sealed.clone();
            bad[index] ^= 0x10;
            assert!(decrypt(&DecryptOptions::new(), &bad).is_err(), "{suite}: byte {index}");
        }
        let longer = [&sealed[..], &[0]].concat();
        assert_eq!(decrypt(&DecryptOptions::new(), &longer), Err(ErrorKind::Malformed));
        let twice = [&sealed[..], &sealed[..]].concat();
        assert_eq!(decrypt(&DecryptOptions::new(), &twice), Err(ErrorKind::Malformed));
    }
}

#[test]
fn frames_keep_their_order() {
    let sealed = encrypt(&options(DEFAULT, 16), &payload(56));
    let Ok(Parsed::Complete(header)) = Header::parse(&sealed) else { panic!("no header") };
    let frame = |number: usize| &sealed[header.len + (number - 1) * 48..header.len + number * 48];
    let (head, last) = (&sealed[..header.len], &sealed[header.len + 3 * 48..]);
    let with = |frames: &[&[u8]]| [head, &frames.concat(), last].concat();
    assert!(decrypt(&DecryptOptions::new(), &with(&[frame(1), frame(2), frame(3)])).is_ok());
    for bad in [
        vec![frame(2), frame(1), frame(3)],
        vec![frame(1), frame(1), frame(2), frame(3)],
        vec![frame(1), frame(3)],
        vec![frame(1), frame(2)],
        vec![],
    ] {
        assert_eq!(decrypt(&DecryptOptions::new(), &with(&bad)), Err(ErrorKind::Malformed));
    }
}

#[test]
fn a_signed_message_is_not_streamed_unasked() {
    let sealed = encrypt(&options(SIGNED, 16), &payload(40));
    let (keys, call) = (key("k"), Call::default());
    let refused = DecryptReader::new(&sealed[..], &keys, &DecryptOptions::new(), &call).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);

    // A forged signature: the frames before the last come out, marked; the last does not.
    let mut forged = sealed.clone();
    *forged.last_mut().unwrap() ^= 1;
    let options = DecryptOptions::new().with_unverified_release(true);
    let mut reader = DecryptReader::new(&forged[..], &keys, &options, &call).unwrap();
    let mut opened = Vec::new();
    assert!(reader.read_to_end(&mut opened).is_err());
    assert_eq!(opened.len(), 32);
}

#[test]
fn a_cut_stream_ends_in_an_error() {
    let sealed = encrypt(&options(DEFAULT, 16), &payload(40));
    let (keys, call) = (key("k"), Call::default());
    for len in [sealed.len() - 1, sealed.len() - 44] {
        let mut reader = DecryptReader::new(&sealed[..len], &keys, &DecryptOptions::new(), &call).unwrap();
        let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(kms_core::Error::from(error).kind(), ErrorKind::Malformed);
    }
}

#[test]
fn policies_and_limits_bind() {
    let old = encrypt(&options(AlgorithmSuite::Aes256GcmHkdfSha256, 16), b"x");
    let strict = DecryptOptions::new().with_commitment_policy(CommitmentPolicy::RequireEncryptRequireDecrypt);
    assert_eq!(decrypt(&strict, &old), Err(ErrorKind::Refused));
    let unasked = EncryptOptions::new(EncryptionContext::empty()).with_suite(AlgorithmSuite::Aes256GcmHkdfSha256);
    let refused = message::encrypt(&key("k"), &unasked, b"x", &SystemRandom, &Call::default()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);

    let sealed = encrypt(&options(DEFAULT, 1000), &payload(1500));
    let small = DecryptOptions::new().with_max_frame_len(999);
    let (keys, call) = (key("k"), Call::default());
    let mut reader = DecryptReader::new(&sealed[..], &keys, &small, &call).unwrap();
    let error = kms_core::Error::from(reader.read_to_end(&mut Vec::new()).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Refused);

    let bounded = options(DEFAULT, 16).with_plaintext_len(20);
    let refused = message::encrypt(&key("k"), &bounded, &payload(21), &SystemRandom, &Call::default()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
}

#[test]
fn several_keys_and_the_context_that_is_not_stored() {
    let unstored = EncryptionContext::new([("secret-project", "x")]).unwrap();
    let written = options(DEFAULT, 16).with_unstored_context(unstored.clone());
    let keys = WrappingKeys::new().with(key("a")).with(key("b"));
    let call = Call::default();
    let sealed = message::encrypt(&keys, &written, b"payload", &SystemRandom, &call).unwrap();
    let Ok(Parsed::Complete(header)) = Header::parse(&sealed) else { panic!("no header") };
    assert_eq!(header.content, Content::Framed(16));
    assert_eq!(header.encrypted_data_keys.len(), 2);
    assert_eq!(header.context.clone().collect::<Vec<_>>(), [("tenant", "42")]);

    let present = DecryptOptions::new().with_context(unstored.clone());
    for name in ["a", "b"] {
        let opened = message::decrypt(&key(name), &present, &sealed, &call).unwrap();
        assert_eq!(opened.plaintext.expose(), b"payload");
        assert_eq!(opened.header.context.pairs().len(), 2);
    }
    let kind = |key: RawAesKey, options| message::decrypt(&key, &options, &sealed, &call).unwrap_err().kind();
    assert_eq!(kind(key("c"), present), ErrorKind::NoMatchingKey);
    assert_eq!(kind(key("a"), DecryptOptions::new()), ErrorKind::Rejected);
    let other = EncryptionContext::new([("secret-project", "y")]).unwrap();
    assert_eq!(kind(key("a"), DecryptOptions::new().with_context(other)), ErrorKind::Rejected);
    let other = EncryptionContext::new([("secret-project", "x"), ("tenant", "43")]).unwrap();
    assert_eq!(kind(key("a"), DecryptOptions::new().with_context(other)), ErrorKind::Refused);
}

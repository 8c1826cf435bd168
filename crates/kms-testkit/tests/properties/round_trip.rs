//! What is written is read, whichever way.

use std::io::Write;

use kms_core::message::{Content, EncryptWriter, Header, Parsed};
use kms_core::{Call, SystemRandom};
use proptest::prelude::*;

use crate::sample::{Sample, key, open, open_streaming, sample, sizes};

fn write_in_pieces(sample: &Sample, sizes: &[usize]) -> Vec<u8> {
    let (key, options) = (key(), sample.options());
    let mut writer = EncryptWriter::new(Vec::new(), &key, &options, &SystemRandom, &Call::default()).unwrap();
    let mut left = &sample.plaintext[..];
    for &size in sizes.iter().cycle() {
        let (piece, rest) = left.split_at(size.min(left.len()));
        writer.write_all(piece).unwrap();
        left = rest;
        if left.is_empty() {
            break;
        }
    }
    writer.finish().unwrap()
}

proptest! {
    #[test]
    fn every_way_in_and_every_way_out(sample in sample(), inward in sizes(), outward in sizes()) {
        for message in [sample.seal(), write_in_pieces(&sample, &inward)] {
            prop_assert_eq!(&open(&message).unwrap(), &sample.plaintext);
            let (streamed, outcome) = open_streaming(&message, &outward);
            outcome.unwrap();
            prop_assert_eq!(&streamed, &sample.plaintext);
        }
    }

    #[test]
    fn the_header_says_what_was_asked(sample in sample()) {
        let message = sample.seal();
        let Parsed::Complete(header) = Header::parse(&message).unwrap() else { unreachable!("a whole message") };
        prop_assert_eq!(header.suite, sample.suite);
        prop_assert_eq!(header.content, Content::Framed(sample.frame_len));
        let stored: Vec<_> = header.context.filter(|(key, _)| !key.starts_with("aws-crypto-")).collect();
        let asked: Vec<_> = sample.context.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        prop_assert_eq!(stored, asked);
    }

    /// Nothing random is used twice: two messages of the same content share no data key and no message id.
    #[test]
    fn equal_plaintexts_give_unrelated_messages(sample in sample()) {
        let (one, other) = (sample.seal(), sample.seal());
        let (Parsed::Complete(one), Parsed::Complete(other)) =
            (Header::parse(&one).unwrap(), Header::parse(&other).unwrap()) else { unreachable!("whole messages") };
        prop_assert_ne!(one.message_id, other.message_id);
        prop_assert_ne!(one.encrypted_data_keys, other.encrypted_data_keys);
    }
}

//! Random messages, and the two ways to read them.

use std::collections::BTreeMap;
use std::io::{self, Read};

use kms_core::message::{
    self, AlgorithmSuite, CommitmentPolicy, DecryptOptions, DecryptReader, EncryptOptions, MaterialsProvider, RawAesKey,
};
use kms_core::{Call, EncryptionContext, Error, Secret, SystemRandom};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

/// What a message is made of.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) suite: AlgorithmSuite,
    pub(crate) frame_len: u32,
    pub(crate) plaintext: Vec<u8>,
    pub(crate) context: BTreeMap<String, String>,
}

/// Frames short enough that most messages have several.
pub(crate) fn sample() -> impl Strategy<Value = Sample> {
    let suite = proptest::sample::select(AlgorithmSuite::ALL);
    let context = btree_map("[^a]{0,6}|a[^w]{0,3}", ".{0,6}", 0..4);
    (suite, 1..200_u32, vec(any::<u8>(), 0..700), context).prop_map(|(suite, frame_len, plaintext, context)| Sample {
        suite,
        frame_len,
        plaintext,
        context,
    })
}

impl Sample {
    pub(crate) fn options(&self) -> EncryptOptions {
        let policy = if self.suite.commits() {
            CommitmentPolicy::RequireEncryptRequireDecrypt
        } else {
            CommitmentPolicy::ForbidEncryptAllowDecrypt
        };
        EncryptOptions::new(EncryptionContext::new(self.context.clone()).unwrap())
            .with_suite(self.suite)
            .with_commitment_policy(policy)
            .with_frame_len(self.frame_len)
    }

    pub(crate) fn seal(&self) -> Vec<u8> {
        self.seal_under(&key())
    }

    pub(crate) fn seal_under(&self, keys: &dyn MaterialsProvider) -> Vec<u8> {
        message::encrypt(keys, &self.options(), &self.plaintext, &SystemRandom, &Call::default()).unwrap()
    }
}

pub(crate) fn key() -> RawAesKey {
    RawAesKey::new("properties", "k", Secret::from(vec![7; 32])).unwrap()
}

pub(crate) fn open(message: &[u8]) -> Result<Vec<u8>, Error> {
    message::decrypt(&key(), &DecryptOptions::new(), message, &Call::default())
        .map(|opened| opened.plaintext.expose().to_vec())
}

/// Reads a message as a stream, in pieces of `sizes` on both sides. What came before an error comes with it.
pub(crate) fn open_streaming(message: &[u8], sizes: &[usize]) -> (Vec<u8>, Result<(), Error>) {
    let mut plaintext = Vec::new();
    let outcome = stream_into(&mut plaintext, message, sizes);
    (plaintext, outcome)
}

fn stream_into(plaintext: &mut Vec<u8>, message: &[u8], sizes: &[usize]) -> Result<(), Error> {
    let (key, options) = (key(), DecryptOptions::new().with_unverified_release(true));
    let mut sizes = sizes.iter().copied().cycle();
    let input = Pieces { left: message, sizes: sizes.clone() };
    let mut reader = DecryptReader::new(input, &key, &options, &Call::default())?;
    loop {
        let mut room = vec![0; sizes.next().unwrap_or(1)];
        match reader.read(&mut room)? {
            0 => return Ok(()),
            read => plaintext.extend(room.iter().take(read)),
        }
    }
}

/// A reader that gives less than it is asked for.
struct Pieces<'a, I> {
    left: &'a [u8],
    sizes: I,
}

impl<I: Iterator<Item = usize>> Read for Pieces<'_, I> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes.next().unwrap_or(1).min(out.len());
        self.left.read(out.get_mut(..size).unwrap_or_default())
    }
}

/// Sizes of reads and writes, none of them 0.
pub(crate) fn sizes() -> impl Strategy<Value = Vec<usize>> {
    vec(1..300_usize, 1..6)
}

/// Fails unless both ways refuse `message`, and the stream gives out nothing that is not the beginning of `plaintext`.
pub(crate) fn refused(message: &[u8], plaintext: &[u8], sizes: &[usize]) -> Result<(), TestCaseError> {
    prop_assert!(open(message).is_err(), "decrypt accepts it");
    let (before, outcome) = open_streaming(message, sizes);
    prop_assert!(outcome.is_err(), "DecryptReader accepts it");
    prop_assert!(plaintext.starts_with(&before), "DecryptReader gives out something else before it fails");
    Ok(())
}

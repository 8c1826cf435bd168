//! Decryption in the smallest and oddest steps.

use std::io::{self, Read};

use kms_core::message::{DecryptOptions, DecryptReader, MaterialsProvider, MessageHeader};
use kms_core::{Call, Error};

/// The sizes of reads, over and over: small, odd, and one that holds several short frames.
const SIZES: [usize; 8] = [1, 2, 3, 5, 7, 31, 257, 1021];

/// Decrypts `bytes` through [`DecryptReader`], which is given its input in small pieces and read in small pieces.
pub(super) fn decrypt_streaming(
    keys: &dyn MaterialsProvider,
    options: &DecryptOptions,
    bytes: &[u8],
) -> Result<(Vec<u8>, MessageHeader), Error> {
    let input = Pieces { left: bytes, sizes: SIZES.iter().rev().cycle() };
    let mut reader = DecryptReader::new(input, keys, options, &Call::default())?;
    let header = reader.header().clone();
    let mut plaintext = Vec::new();
    let mut buffer = [0; 1021];
    for &size in SIZES.iter().cycle() {
        let room = buffer.get_mut(..size).unwrap_or_default();
        let read = reader.read(room)?;
        if read == 0 {
            break;
        }
        plaintext.extend(room.iter().take(read));
    }
    Ok((plaintext, header))
}

/// A reader that gives less than it is asked for.
struct Pieces<'a, I> {
    left: &'a [u8],
    sizes: I,
}

impl<'s, I: Iterator<Item = &'s usize>> Read for Pieces<'_, I> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes.next().copied().unwrap_or(1).min(out.len());
        self.left.read(out.get_mut(..size).unwrap_or_default())
    }
}

//! Decrypting from a reader.

use core::fmt;
use std::io::{self, BufRead, Read};

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{CHUNK, to_io};
use crate::message::{Advance, DecryptOptions, Decryptor, MaterialsProvider, MessageHeader};
use crate::{Call, Error, ErrorKind};

/// Decrypts what is read from another reader. Memory: two frames, or 128 KiB if frames are short.
///
/// Every byte that comes out is authentic and in its place. The end of the stream comes only after a whole message
/// and nothing behind it: a message that is cut off ends in an error instead. Signed messages are refused unless
/// [`with_unverified_release`](DecryptOptions::with_unverified_release) allows them; what comes out of one is
/// verified only when the stream has ended without an error.
///
/// See [`EncryptWriter`](crate::message::EncryptWriter) for an example.
pub struct DecryptReader<'k, R> {
    inner: R,
    decryptor: Decryptor<'k>,
    header: MessageHeader,
    sealed: Sealed,
    plaintext: Zeroizing<Vec<u8>>,
    start: usize,
    end: usize,
}

/// The input buffer.
struct Sealed {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
}

impl<'k, R: Read> DecryptReader<'k, R> {
    /// Reads and authenticates the header.
    ///
    /// # Errors
    /// As [`Decryptor::advance`]; `Io` if the inner reader fails.
    pub fn new(
        mut inner: R,
        keys: &'k dyn MaterialsProvider,
        options: &DecryptOptions,
        call: &Call,
    ) -> Result<Self, Error> {
        let mut decryptor = Decryptor::new(keys, options, call);
        let mut sealed = Sealed { bytes: Vec::new(), start: 0, end: 0, ended: false };
        loop {
            match decryptor.advance(sealed.bytes(), &mut [])? {
                Advance::NeedInput(len) => sealed.fill(&mut inner, len, len.max(4096).max(sealed.end * 2))?,
                Advance::Header { consumed } => {
                    sealed.consume(consumed);
                    break;
                }
                _ => return Err(ErrorKind::Internal.into()),
            }
        }
        let header = decryptor.header().ok_or(ErrorKind::Internal)?.clone();
        Ok(Self { inner, decryptor, header, sealed, plaintext: Zeroizing::new(Vec::new()), start: 0, end: 0 })
    }

    /// What the message says of itself; authentic.
    #[must_use]
    pub const fn header(&self) -> &MessageHeader {
        &self.header
    }

    /// Decrypts into `out`, or into our own buffer if it is too short. `None`: the end.
    fn step(&mut self, out: &mut [u8]) -> Result<Option<usize>, Error> {
        loop {
            match self.decryptor.advance(self.sealed.bytes(), out)? {
                Advance::Plaintext { consumed, written, .. } => {
                    self.sealed.consume(consumed);
                    if written > 0 {
                        return Ok(Some(written));
                    }
                }
                Advance::NeedInput(len) => {
                    let frame = self.decryptor.sealed_frame_len().unwrap_or(len);
                    // Whole frames at once, so that nothing has to be moved in the buffer.
                    let wanted = if frame < CHUNK { CHUNK / frame * frame } else { len };
                    self.sealed.fill(&mut self.inner, len, wanted.max(len))?;
                }
                Advance::NeedOutput(len) => {
                    if self.plaintext.len() < len {
                        self.plaintext = Zeroizing::new(alloc::vec![0; len]);
                    }
                    let mut plaintext = core::mem::replace(&mut self.plaintext, Zeroizing::new(Vec::new()));
                    let step = self.decryptor.advance(self.sealed.bytes(), &mut plaintext);
                    self.plaintext = plaintext;
                    if let Advance::Plaintext { consumed, written, .. } = step? {
                        self.sealed.consume(consumed);
                        (self.start, self.end) = (0, written);
                        return Ok(Some(0));
                    }
                    return Err(ErrorKind::Internal.into());
                }
                Advance::Complete => {
                    if self.sealed.at_end(&mut self.inner)? {
                        return Ok(None);
                    }
                }
                Advance::Header { .. } => return Err(ErrorKind::Internal.into()),
            }
        }
    }

    fn buffered(&self) -> &[u8] {
        self.plaintext.get(self.start..self.end).unwrap_or_default()
    }
}

impl Sealed {
    fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    fn consume(&mut self, len: usize) {
        self.start += len;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Reads once, to hold `wanted` bytes if they come; an error if the input ends before there are `needed`.
    fn fill(&mut self, inner: &mut impl Read, needed: usize, wanted: usize) -> Result<(), Error> {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        // A length in a message is a claim: room grows with what has come.
        let room = wanted.min((self.end * 2).max(CHUNK));
        if self.bytes.len() < room {
            self.bytes.resize(room, 0);
        }
        let room = self.bytes.get_mut(self.end..room.max(self.end)).unwrap_or_default();
        match read_once(inner, room)? {
            0 if self.end < needed => {
                self.ended = true;
                Err(Error::malformed("the message is cut off"))
            }
            read => {
                self.end += read;
                Ok(())
            }
        }
    }

    /// Whether the input has ended. If it has not, the next byte is there to be refused.
    fn at_end(&mut self, inner: &mut impl Read) -> Result<bool, Error> {
        if self.ended {
            return Ok(true);
        }
        let mut byte = [0];
        if read_once(inner, &mut byte)? == 0 {
            self.ended = true;
            return Ok(true);
        }
        if self.bytes.is_empty() {
            self.bytes.push(0);
        }
        (self.start, self.end) = (0, 1);
        Ok(false)
    }
}

fn read_once(inner: &mut impl Read, room: &mut [u8]) -> Result<usize, Error> {
    loop {
        match inner.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return Ok(other?),
        }
    }
}

impl<R: Read> Read for DecryptReader<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if self.start == self.end {
            match self.step(out).map_err(to_io)? {
                None => return Ok(0),
                Some(0) => {}
                Some(written) => return Ok(written),
            }
        }
        let buffered = self.buffered();
        let len = buffered.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..len), buffered.get(..len)) {
            to.copy_from_slice(from);
        }
        self.start += len;
        Ok(len)
    }
}

impl<R: Read> BufRead for DecryptReader<'_, R> {
    /// The next frame, decrypted, without a copy.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.step(&mut []).map_err(to_io)?;
        }
        Ok(self.buffered())
    }

    fn consume(&mut self, len: usize) {
        self.start = self.end.min(self.start + len);
    }
}

impl<R> fmt::Debug for DecryptReader<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptReader").field("header", &self.header).finish_non_exhaustive()
    }
}

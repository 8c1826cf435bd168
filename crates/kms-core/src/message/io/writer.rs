//! Encrypting into a writer.

use core::fmt;
use std::io::{self, Write};

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{CHUNK, to_io};
use crate::message::{EncryptOptions, Encryptor, MaterialsProvider};
use crate::{Call, Error, RandomSource};

/// Encrypts what is written to it into another writer. Memory: two frames, or 128 KiB if frames are short.
///
/// [`finish`](Self::finish) ends the message. Dropped before, it leaves a message that every reader refuses as cut
/// off. After an error of the inner writer the message is lost.
///
/// ```
/// use std::io::{Read, Write};
/// use kms_core::{Call, EncryptionContext, Secret, SystemRandom};
/// use kms_core::message::{DecryptOptions, DecryptReader, EncryptOptions, EncryptWriter, RawAesKey};
/// let key = RawAesKey::new("demo", "k", Secret::from(vec![7; 32]))?;
/// let options = EncryptOptions::new(EncryptionContext::empty());
/// let mut writer = EncryptWriter::new(Vec::new(), &key, &options, &SystemRandom, &Call::default())?;
/// writer.write_all(b"as long as you like")?;
/// let message = writer.finish()?;
///
/// let mut plaintext = String::new();
/// DecryptReader::new(&message[..], &key, &DecryptOptions::new(), &Call::default())?.read_to_string(&mut plaintext)?;
/// assert_eq!(plaintext, "as long as you like");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EncryptWriter<'r, W> {
    inner: W,
    encryptor: Encryptor<'r>,
    /// Less than a frame, waiting for more.
    pending: Zeroizing<Vec<u8>>,
    /// Sealed frames, waiting to be written.
    sealed: Vec<u8>,
    sealed_len: usize,
    failed: bool,
}

impl<'r, W: Write> EncryptWriter<'r, W> {
    /// Gets a data key; the header is written with the first frames.
    ///
    /// # Errors
    /// As [`Encryptor::new`].
    pub fn new(
        inner: W,
        keys: &dyn MaterialsProvider,
        options: &EncryptOptions,
        random: &'r dyn RandomSource,
        call: &Call,
    ) -> Result<Self, Error> {
        let encryptor = Encryptor::new(keys, options, random, call)?;
        let sealed = encryptor.header().to_vec();
        let sealed_len = sealed.len();
        Ok(Self { inner, encryptor, pending: Zeroizing::new(Vec::new()), sealed, sealed_len, failed: false })
    }

    /// Ends the message, flushes the inner writer and gives it back.
    ///
    /// # Errors
    /// Those of the inner writer, and as [`Encryptor::seal_final`].
    pub fn finish(mut self) -> io::Result<W> {
        if self.failed {
            return Err(lost());
        }
        let bound = self.encryptor.sealed_final_bound(self.pending.len());
        make_room(&mut self.sealed, self.sealed_len, bound);
        let out = self.sealed.get_mut(self.sealed_len..).unwrap_or_default();
        self.sealed_len += self.encryptor.seal_final(&self.pending, out).map_err(to_io)?;
        self.inner.write_all(self.sealed.get(..self.sealed_len).unwrap_or_default())?;
        self.inner.flush()?;
        Ok(self.inner)
    }

    fn seal_frames(&mut self, input: &[u8]) -> io::Result<()> {
        let frame_len = self.encryptor.frame_len();
        let mut rest = input;
        if !self.pending.is_empty() {
            let (head, tail) = rest.split_at(rest.len().min(frame_len - self.pending.len()));
            extend(&mut self.pending, head, frame_len);
            rest = tail;
            if self.pending.len() < frame_len {
                return Ok(());
            }
            let mut frame = core::mem::replace(&mut self.pending, Zeroizing::new(Vec::new()));
            self.seal_frame(&frame)?;
            frame.clear();
            self.pending = frame;
        }
        let mut frames = rest.chunks_exact(frame_len);
        for frame in frames.by_ref() {
            self.seal_frame(frame)?;
        }
        extend(&mut self.pending, frames.remainder(), frame_len);
        Ok(())
    }

    fn seal_frame(&mut self, frame: &[u8]) -> io::Result<()> {
        let len = self.encryptor.sealed_frame_len();
        if self.sealed_len > 0 && self.sealed_len + len > CHUNK {
            self.write_sealed()?;
        }
        make_room(&mut self.sealed, self.sealed_len, len);
        let out = self.sealed.get_mut(self.sealed_len..).unwrap_or_default();
        self.sealed_len += self.encryptor.seal_frame(frame, out).map_err(to_io)?;
        Ok(())
    }

    fn write_sealed(&mut self) -> io::Result<()> {
        self.inner.write_all(self.sealed.get(..self.sealed_len).unwrap_or_default())?;
        self.sealed_len = 0;
        Ok(())
    }
}

impl<W: Write> Write for EncryptWriter<'_, W> {
    /// Takes all of `input`, or fails.
    fn write(&mut self, input: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Err(lost());
        }
        // Until it is known to have gone well, it has not.
        self.failed = true;
        self.seal_frames(input)?;
        self.failed = false;
        Ok(input.len())
    }

    /// Writes out the frames that are full. What is less than a frame waits.
    fn flush(&mut self) -> io::Result<()> {
        if self.failed {
            return Err(lost());
        }
        self.failed = true;
        self.write_sealed()?;
        self.inner.flush()?;
        self.failed = false;
        Ok(())
    }
}

fn lost() -> io::Error {
    io::Error::other("the message was lost by an earlier error")
}

/// Appends to a buffer of secrets whose size is reserved once, so that growth leaves no copy behind.
fn extend(buffer: &mut Zeroizing<Vec<u8>>, bytes: &[u8], capacity: usize) {
    if bytes.is_empty() {
        return;
    }
    if buffer.capacity() < capacity {
        // A frame length of gigabytes is not a reason to have them: grow with what is there, and wipe the old.
        let wanted = (buffer.len() + bytes.len()).next_power_of_two().clamp(4096.min(capacity), capacity);
        if wanted > buffer.capacity() {
            let mut grown = Zeroizing::new(Vec::with_capacity(wanted));
            grown.extend_from_slice(buffer);
            *buffer = grown;
        }
    }
    buffer.extend_from_slice(bytes);
}

fn make_room(buffer: &mut Vec<u8>, used: usize, more: usize) {
    if buffer.len() < used + more {
        buffer.resize(used + more, 0);
    }
}

impl<W> fmt::Debug for EncryptWriter<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptWriter").field("encryptor", &self.encryptor).finish_non_exhaustive()
    }
}

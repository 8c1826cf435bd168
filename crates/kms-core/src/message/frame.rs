//! The units of a body: regular frames, the final frame, the single block of a message that is not framed.
//!
//! AWS Encryption SDK specification, `data-format/message-body.md` and `message-body-aad.md`. Frames are
//! independent: each is sealed and opened given its sequence number alone.
//!
//! ```text
//! regular frame   sequence number u32 | nonce 12 | ciphertext (frame length) | tag 16
//! final frame     FFFFFFFF | sequence number u32 | nonce 12 | length u32 | ciphertext (length) | tag 16
//! single block    nonce 12 | length u64 | ciphertext (length) | tag 16
//! ```

use super::header::Content;
use crate::parse::{Missing, Reader};
use crate::primitives::aead::{AesGcm, NONCE_LEN, TAG_LEN};
use crate::{Error, ErrorKind};

const FINAL_MARKER: u32 = 0xffff_ffff;
const MAX_ID: usize = 32;
const MAX_LABEL: usize = 35;
/// The longest block that is not framed, in bytes: the limit of AES-GCM (NIST SP 800-38D, section 5.2.1.1).
const MAX_BLOCK: u64 = (1 << 36) - 32;

/// What a frame adds to its plaintext, in bytes.
pub const FRAME_OVERHEAD: usize = 4 + NONCE_LEN + TAG_LEN;
/// What the final frame adds to its plaintext, in bytes.
pub const FINAL_FRAME_OVERHEAD: usize = 4 + 4 + NONCE_LEN + 4 + TAG_LEN;

/// Which unit of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "frozen by the message format")]
pub enum UnitKind {
    /// A frame that others follow.
    Regular,
    /// The last frame.
    Final,
    /// The whole body of a message that is not framed.
    Block,
}

impl UnitKind {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Regular => b"AWSKMSEncryptionClient Frame",
            Self::Final => b"AWSKMSEncryptionClient Final Frame",
            Self::Block => b"AWSKMSEncryptionClient Single Block",
        }
    }
}

/// What stands before the ciphertext of a unit: enough to know where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnitHead {
    /// Which.
    pub kind: UnitKind,
    /// Its number, from 1.
    pub sequence_number: u32,
    /// How many bytes of plaintext it has.
    pub plaintext_len: u64,
    /// The length of the whole unit in bytes.
    pub len: u64,
    nonce: [u8; NONCE_LEN],
    head_len: usize,
}

/// A part of a body, or how much is missing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third answer")]
pub enum Parsed<T> {
    /// All of it.
    Complete(T),
    /// It goes on: it has at least this many bytes in all.
    Incomplete(usize),
}

impl UnitHead {
    /// Reads the head at the beginning of `bytes`, which should be that of the unit `sequence_number`, without a key.
    /// 24 bytes are enough.
    ///
    /// # Errors
    /// [`ErrorKind::Malformed`] if it is not that unit's.
    pub fn parse(bytes: &[u8], content: Content, sequence_number: u32) -> Result<Parsed<Self>, Error> {
        let head = match Self::read(bytes, content) {
            Ok(head) => head,
            Err(Missing(more)) => return Ok(Parsed::Incomplete(bytes.len().saturating_add(more))),
        };
        if head.sequence_number != sequence_number || !head.nonce.ends_with(&sequence_number.to_be_bytes()) {
            return Err(Error::malformed("frames are missing, repeated or out of order"));
        }
        match (head.kind, content) {
            (UnitKind::Final, Content::Framed(frame_len)) if head.plaintext_len > u64::from(frame_len) => {
                Err(Error::malformed("the final frame is longer than the frame length"))
            }
            (UnitKind::Block, _) if head.plaintext_len > MAX_BLOCK => {
                Err(Error::malformed("the block is longer than AES-GCM allows"))
            }
            _ => Ok(Parsed::Complete(head)),
        }
    }

    fn read(bytes: &[u8], content: Content) -> Result<Self, Missing> {
        let mut reader = Reader::new(bytes);
        let (kind, sequence_number, nonce, plaintext_len) = match content {
            Content::NonFramed => (UnitKind::Block, 1, reader.array()?, reader.u64()?),
            Content::Framed(frame_len) => match reader.u32()? {
                FINAL_MARKER => (UnitKind::Final, reader.u32()?, reader.array()?, u64::from(reader.u32()?)),
                number => (UnitKind::Regular, number, reader.array()?, u64::from(frame_len)),
            },
        };
        let head_len = bytes.len().saturating_sub(reader.rest().len());
        let len = plaintext_len.saturating_add(head_len as u64).saturating_add(TAG_LEN as u64);
        Ok(Self { kind, sequence_number, plaintext_len, len, nonce, head_len })
    }
}

/// What a reader accepts in a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnitRules {
    pub(crate) content: Content,
    /// The most plaintext in one unit, in bytes.
    pub(crate) max_len: usize,
    /// Whether the first 8 bytes of a nonce may be other than zero.
    pub(crate) any_nonce_prefix: bool,
}

/// A unit as it stands in the message, encrypted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unit<'a> {
    pub(crate) kind: UnitKind,
    pub(crate) ciphertext: &'a [u8],
    /// The length of the whole unit in bytes.
    pub(crate) len: usize,
    sequence_number: u32,
    nonce: [u8; NONCE_LEN],
    tag: &'a [u8; TAG_LEN],
}

impl<'a> Unit<'a> {
    /// Reads the unit at the beginning of `bytes`, which should have the number `sequence_number`.
    pub(crate) fn parse(bytes: &'a [u8], rules: &UnitRules, sequence_number: u32) -> Result<Parsed<Self>, Error> {
        let head = match UnitHead::parse(bytes, rules.content, sequence_number)? {
            Parsed::Complete(head) => head,
            Parsed::Incomplete(len) => return Ok(Parsed::Incomplete(len)),
        };
        // The nonce is a field of the message; the reader trusts only the number it stands for.
        if !rules.any_nonce_prefix && head.nonce != nonce(sequence_number) {
            return Err(Error::malformed("a frame's nonce is not its number"));
        }
        let plaintext_len = match usize::try_from(head.plaintext_len) {
            Ok(len) if len <= rules.max_len => len,
            _ => {
                let detail = alloc::format!("a frame of {} bytes; the limit is {}", head.plaintext_len, rules.max_len);
                return Err(Error::with_detail(ErrorKind::Refused, detail));
            }
        };
        let len = head.head_len.saturating_add(plaintext_len).saturating_add(TAG_LEN);
        let Some(unit) = bytes.get(head.head_len..len) else { return Ok(Parsed::Incomplete(len)) };
        let (ciphertext, tag) = unit.split_last_chunk().ok_or(ErrorKind::Internal)?;
        let UnitHead { kind, sequence_number, nonce, .. } = head;
        Ok(Parsed::Complete(Self { kind, ciphertext, len, sequence_number, nonce, tag }))
    }
}

/// Seals and opens the units of one message.
pub(crate) struct FrameCipher {
    cipher: AesGcm,
    message_id: [u8; MAX_ID],
    message_id_len: usize,
}

impl FrameCipher {
    pub(crate) fn new(cipher: AesGcm, message_id: &[u8]) -> Result<Self, Error> {
        let mut id = [0; MAX_ID];
        id.get_mut(..message_id.len()).ok_or(ErrorKind::Internal)?.copy_from_slice(message_id);
        Ok(Self { cipher, message_id: id, message_id_len: message_id.len() })
    }

    /// Seals a frame into `out` and returns how many bytes it has there.
    pub(crate) fn seal(&self, kind: UnitKind, number: u32, plaintext: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let len = u32::try_from(plaintext.len()).map_err(|_| ErrorKind::InvalidInput)?;
        let nonce = nonce(number);
        let overhead = if kind == UnitKind::Final { FINAL_FRAME_OVERHEAD } else { FRAME_OVERHEAD };
        let whole = plaintext.len().checked_add(overhead).ok_or(ErrorKind::InvalidInput)?;
        // Before a byte is written: a ciphertext left behind by a failure would be a second use of the nonce.
        let mut writer = Writer(out.get_mut(..whole).ok_or_else(too_short)?);
        match kind {
            UnitKind::Regular => {
                writer.put(&number.to_be_bytes())?;
                writer.put(&nonce)?;
            }
            UnitKind::Final => {
                writer.put(&FINAL_MARKER.to_be_bytes())?;
                writer.put(&number.to_be_bytes())?;
                writer.put(&nonce)?;
                writer.put(&len.to_be_bytes())?;
            }
            UnitKind::Block => return Err(Error::unsupported("messages are written in frames")),
        }
        let aad = self.aad(kind, number, u64::from(len));
        let tag = self.cipher.seal(&nonce, aad.bytes(), plaintext, writer.room(plaintext.len())?)?;
        writer.put(&tag)?;
        Ok(whole)
    }

    /// Opens a unit into `out`, which has the length of its ciphertext.
    pub(crate) fn open(&self, unit: &Unit<'_>, out: &mut [u8]) -> Result<(), Error> {
        let len = u64::try_from(unit.ciphertext.len()).map_err(|_| ErrorKind::InvalidInput)?;
        let aad = self.aad(unit.kind, unit.sequence_number, len);
        self.cipher.open(&unit.nonce, aad.bytes(), unit.ciphertext, unit.tag, out)
    }

    fn aad(&self, kind: UnitKind, number: u32, len: u64) -> Aad {
        let mut aad = Aad { bytes: [0; MAX_ID + MAX_LABEL + 12], len: 0 };
        aad.put(self.message_id.get(..self.message_id_len).unwrap_or_default());
        aad.put(kind.label());
        aad.put(&number.to_be_bytes());
        aad.put(&len.to_be_bytes());
        aad
    }
}

fn too_short() -> Error {
    Error::invalid_input("output buffer too short")
}

fn nonce(number: u32) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    if let Some(tail) = nonce.last_chunk_mut() {
        *tail = number.to_be_bytes();
    }
    nonce
}

/// The associated data of a unit, without allocation.
struct Aad {
    bytes: [u8; MAX_ID + MAX_LABEL + 12],
    len: usize,
}

impl Aad {
    fn put(&mut self, part: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.len..self.len + part.len()) {
            room.copy_from_slice(part);
            self.len += part.len();
        }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Fills a caller's buffer from the front.
pub(crate) struct Writer<'a>(pub(crate) &'a mut [u8]);

impl<'a> Writer<'a> {
    /// The next `len` bytes.
    pub(crate) fn room(&mut self, len: usize) -> Result<&'a mut [u8], Error> {
        let out = core::mem::take(&mut self.0);
        let (room, rest) = out.split_at_mut_checked(len).ok_or_else(too_short)?;
        self.0 = rest;
        Ok(room)
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.room(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }
}

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

/// A unit as it stands in the message, encrypted.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Unit<'a> {
    /// Which.
    pub kind: UnitKind,
    /// Its number, from 1.
    pub sequence_number: u32,
    /// The encrypted bytes; as many as the plaintext has.
    pub ciphertext: &'a [u8],
    /// The length of the whole unit in bytes.
    pub len: usize,
    nonce: &'a [u8; NONCE_LEN],
    tag: &'a [u8; TAG_LEN],
}

/// A unit, or how much is missing of it.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "there is no third answer")]
pub enum ParsedUnit<'a> {
    /// The whole unit.
    Complete(Unit<'a>),
    /// The unit goes on: it has at least this many bytes in all.
    Incomplete(usize),
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

impl<'a> Unit<'a> {
    /// Reads the unit at the beginning of `bytes`, which should have the number `sequence_number`, without a key.
    ///
    /// # Errors
    /// [`ErrorKind::Malformed`] if it is not that unit.
    pub fn parse(bytes: &'a [u8], content: Content, sequence_number: u32) -> Result<ParsedUnit<'a>, Error> {
        let rules = UnitRules { content, max_len: usize::MAX, any_nonce_prefix: true };
        Self::parse_with(bytes, &rules, sequence_number)
    }

    pub(crate) fn parse_with(
        bytes: &'a [u8],
        rules: &UnitRules,
        sequence_number: u32,
    ) -> Result<ParsedUnit<'a>, Error> {
        let unit = match Self::read(bytes, rules)? {
            Ok(unit) => unit,
            Err(Missing(more)) => return Ok(ParsedUnit::Incomplete(bytes.len().saturating_add(more))),
        };
        if unit.sequence_number != sequence_number {
            return Err(Error::malformed("frames are missing, repeated or out of order"));
        }
        // The writer's nonce is a field of the message; the reader trusts only the number it stands for.
        let (prefix, number) = unit.nonce.split_at(NONCE_LEN - 4);
        if number != sequence_number.to_be_bytes() || !rules.any_nonce_prefix && prefix.iter().any(|&byte| byte != 0) {
            return Err(Error::malformed("a frame's nonce is not its number"));
        }
        Ok(ParsedUnit::Complete(unit))
    }

    fn read(bytes: &'a [u8], rules: &UnitRules) -> Result<Result<Self, Missing>, Error> {
        let mut reader = Reader::new(bytes);
        Ok(match rules.content {
            Content::NonFramed => Self::read_block(&mut reader, bytes.len(), rules)?,
            Content::Framed(frame_len) => match reader.u32() {
                Ok(FINAL_MARKER) => Self::read_final(&mut reader, bytes.len(), frame_len, rules)?,
                Ok(number) => {
                    let len = checked_len(u64::from(frame_len), rules)?;
                    Self::read_rest(&mut reader, bytes.len(), UnitKind::Regular, number, len)
                }
                Err(missing) => Err(missing),
            },
        })
    }

    fn read_final(
        reader: &mut Reader<'a>,
        given: usize,
        frame_len: u32,
        rules: &UnitRules,
    ) -> Result<Result<Self, Missing>, Error> {
        let head = (|| Ok((reader.u32()?, reader.chunk()?, reader.u32()?)))();
        let (number, nonce, len) = match head {
            Ok(head) => head,
            Err(missing) => return Ok(Err(missing)),
        };
        if len > frame_len {
            return Err(Error::malformed("the final frame is longer than the frame length"));
        }
        let len = checked_len(u64::from(len), rules)?;
        Ok(Self::read_body(reader, given, UnitKind::Final, number, nonce, len))
    }

    fn read_block(reader: &mut Reader<'a>, given: usize, rules: &UnitRules) -> Result<Result<Self, Missing>, Error> {
        let head = (|| Ok((reader.chunk()?, reader.u64()?)))();
        let (nonce, len) = match head {
            Ok(head) => head,
            Err(missing) => return Ok(Err(missing)),
        };
        if len > MAX_BLOCK {
            return Err(Error::malformed("the block is longer than AES-GCM allows"));
        }
        let len = checked_len(len, rules)?;
        Ok(Self::read_body(reader, given, UnitKind::Block, 1, nonce, len))
    }

    fn read_rest(
        reader: &mut Reader<'a>,
        given: usize,
        kind: UnitKind,
        number: u32,
        len: usize,
    ) -> Result<Self, Missing> {
        let nonce = reader.chunk()?;
        Self::read_body(reader, given, kind, number, nonce, len)
    }

    fn read_body(
        reader: &mut Reader<'a>,
        given: usize,
        kind: UnitKind,
        sequence_number: u32,
        nonce: &'a [u8; NONCE_LEN],
        len: usize,
    ) -> Result<Self, Missing> {
        // Asks for the ciphertext and the tag together.
        let whole = len.saturating_add(TAG_LEN);
        if reader.rest().len() < whole {
            return Err(Missing(whole - reader.rest().len()));
        }
        let ciphertext = reader.take(len)?;
        let tag = reader.chunk()?;
        let len = given.saturating_sub(reader.rest().len());
        Ok(Self { kind, sequence_number, ciphertext, len, nonce, tag })
    }
}

fn checked_len(len: u64, rules: &UnitRules) -> Result<usize, Error> {
    match usize::try_from(len) {
        Ok(len) if len <= rules.max_len => Ok(len),
        _ => Err(Error::with_detail(
            ErrorKind::Refused,
            alloc::format!("a frame of {len} bytes; the limit is {}", rules.max_len),
        )),
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
        let mut writer = Writer(out);
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
        let overhead = if kind == UnitKind::Final { FINAL_FRAME_OVERHEAD } else { FRAME_OVERHEAD };
        Ok(plaintext.len() + overhead)
    }

    /// Opens a unit into `out`, which has the length of its ciphertext.
    pub(crate) fn open(&self, unit: &Unit<'_>, out: &mut [u8]) -> Result<(), Error> {
        let len = u64::try_from(unit.ciphertext.len()).map_err(|_| ErrorKind::InvalidInput)?;
        let aad = self.aad(unit.kind, unit.sequence_number, len);
        self.cipher.open(unit.nonce, aad.bytes(), unit.ciphertext, unit.tag, out)
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
        let (room, rest) =
            out.split_at_mut_checked(len).ok_or_else(|| Error::invalid_input("output buffer too short"))?;
        self.0 = rest;
        Ok(room)
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.room(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }
}

//! The message header: read without a key and without a copy, and written.
//!
//! AWS Encryption SDK specification, `data-format/message-header.md`. Nothing in a header is trustworthy before
//! its tag has been verified, which takes the data key: [`Decryptor`](super::Decryptor) does that. Use
//! [`Header::parse`] to look into a message whose key is not at hand.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::frame::Parsed;
use super::suite::{AlgorithmSuite, CommitmentPolicy};
use crate::context::{PairOrder, Pairs};
use crate::parse::{Missing, Reader};
use crate::primitives::aead::{NONCE_LEN, TAG_LEN};
use crate::{Error, ErrorKind};

/// Type byte of a version 1 header: customer authenticated encrypted data.
const TYPE: u8 = 0x80;
const CONTENT_NON_FRAMED: u8 = 1;
const CONTENT_FRAMED: u8 = 2;
/// Length of the key commitment in bytes.
pub(crate) const COMMITMENT_LEN: usize = 32;

/// The data key of a message, encrypted under one master key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "frozen by the message format")]
pub struct EncryptedDataKey<'a> {
    /// Which kind of key: `aws-kms`, or the namespace of a raw wrapping key.
    pub provider_id: Cow<'a, str>,
    /// Which key: an ARN, or the name of a raw wrapping key with what it needs.
    pub provider_info: Cow<'a, [u8]>,
    /// The encrypted data key.
    pub ciphertext: Cow<'a, [u8]>,
}

impl EncryptedDataKey<'_> {
    /// The same, with its own copy of everything.
    #[must_use]
    pub fn into_owned(self) -> EncryptedDataKey<'static> {
        EncryptedDataKey {
            provider_id: Cow::Owned(self.provider_id.into_owned()),
            provider_info: Cow::Owned(self.provider_info.into_owned()),
            ciphertext: Cow::Owned(self.ciphertext.into_owned()),
        }
    }

    /// Appends the serialised form.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        for field in [self.provider_id.as_bytes(), &self.provider_info, &self.ciphertext] {
            let len = u16::try_from(field.len())
                .map_err(|_| Error::invalid_input("an encrypted data key's field is longer than 65,535 bytes"))?;
            out.extend(len.to_be_bytes());
            out.extend(field);
        }
        Ok(())
    }
}

/// How the body is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "frozen by the message format")]
pub enum Content {
    /// In frames of this many bytes of plaintext; the last may be shorter.
    Framed(u32),
    /// In one block.
    NonFramed,
}

/// What a reader accepts in a header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeaderRules {
    pub(crate) commitment_policy: CommitmentPolicy,
    pub(crate) max_encrypted_data_keys: usize,
    pub(crate) pair_order: PairOrder,
    pub(crate) signed: bool,
}

impl Default for HeaderRules {
    /// Everything that the format allows.
    fn default() -> Self {
        Self {
            commitment_policy: CommitmentPolicy::default(),
            max_encrypted_data_keys: usize::MAX,
            pair_order: PairOrder::Sorted,
            signed: true,
        }
    }
}

/// A header as it stands in the message. Nothing of it has been authenticated.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Header<'a> {
    /// How the message is encrypted.
    pub suite: AlgorithmSuite,
    /// 16 bytes in version 1, 32 in version 2.
    pub message_id: &'a [u8],
    /// The stored encryption context.
    pub context: Pairs<'a>,
    /// The data key, encrypted once for each master key. At least one.
    pub encrypted_data_keys: Vec<EncryptedDataKey<'a>>,
    /// How the body is divided.
    pub content: Content,
    /// The length of the header with its tag, in bytes.
    pub len: usize,
    pub(crate) commitment: Option<&'a [u8; COMMITMENT_LEN]>,
    /// What the tag covers.
    pub(crate) body: &'a [u8],
    pub(crate) nonce: [u8; NONCE_LEN],
    pub(crate) tag: &'a [u8; TAG_LEN],
}

enum Stop {
    Missing(usize),
    Refused(Error),
}

impl From<Missing> for Stop {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing.0)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl<'a> Header<'a> {
    /// Reads the header at the beginning of `message`. Allocates nothing but the list of encrypted data keys.
    ///
    /// # Errors
    /// [`ErrorKind::Malformed`] if this is no header, or not in canonical form; [`ErrorKind::Unsupported`] for an
    /// algorithm suite that is not one of this format.
    pub fn parse(message: &'a [u8]) -> Result<Parsed<Self>, Error> {
        Self::parse_with(message, &HeaderRules::default())
    }

    /// The algorithm suite of a message that begins so; 4 bytes are enough. `None`: not a message, or too little of it.
    #[must_use]
    pub fn suite_of(start: &[u8]) -> Option<AlgorithmSuite> {
        let mut reader = Reader::new(start);
        let version = reader.u8().ok()?;
        if version == 1 && reader.u8().ok()? != TYPE {
            return None;
        }
        AlgorithmSuite::from_id(reader.u16().ok()?).filter(|suite| suite.version() == version)
    }

    pub(crate) fn parse_with(message: &'a [u8], rules: &HeaderRules) -> Result<Parsed<Self>, Error> {
        match Self::read(message, rules) {
            Ok(header) => Ok(Parsed::Complete(header)),
            Err(Stop::Missing(more)) => Ok(Parsed::Incomplete(message.len().saturating_add(more))),
            Err(Stop::Refused(error)) => Err(error),
        }
    }

    fn read(message: &'a [u8], rules: &HeaderRules) -> Result<Self, Stop> {
        let mut reader = Reader::new(message);
        let version = match reader.u8()? {
            version @ (1 | 2) => version,
            b'A' => return Err(Error::malformed("this looks like base64: decode it first").into()),
            _ => return Err(Error::malformed("not an encrypted message (first byte)").into()),
        };
        if version == 1 && reader.u8()? != TYPE {
            return Err(Error::malformed("message type").into());
        }
        let id = reader.u16()?;
        let suite = AlgorithmSuite::from_id(id)
            .ok_or_else(|| Error::unsupported(alloc::format!("algorithm suite {id:04x}")))?;
        if suite.version() != version {
            return Err(Error::malformed("the algorithm suite does not belong to this message version").into());
        }
        rules.commitment_policy.check_decrypt(suite)?;
        if suite.is_signed() && !rules.signed {
            return Err(Error::with_detail(
                ErrorKind::Refused,
                "the message is signed, and its signature comes last: decrypt it whole, or allow the release of \
                 plaintext that is not yet verified",
            )
            .into());
        }
        let message_id = reader.take(suite.message_id_len())?;
        let context = Pairs::parse(reader.prefixed_u16()?, rules.pair_order)?;
        let encrypted_data_keys = read_encrypted_data_keys(&mut reader, rules.max_encrypted_data_keys)?;
        let content = reader.u8()?;
        if version == 1 {
            if reader.u32()? != 0 {
                return Err(Error::malformed("reserved bytes are not zero").into());
            }
            if usize::from(reader.u8()?) != NONCE_LEN {
                return Err(Error::malformed("nonce length").into());
            }
        }
        let content = match (content, reader.u32()?) {
            (CONTENT_FRAMED, 0) => return Err(Error::malformed("framed, with a frame length of 0").into()),
            (CONTENT_FRAMED, frame_len) => Content::Framed(frame_len),
            (CONTENT_NON_FRAMED, 0) => Content::NonFramed,
            (CONTENT_NON_FRAMED, _) => return Err(Error::malformed("not framed, with a frame length").into()),
            _ => return Err(Error::malformed("content type").into()),
        };
        let commitment = if suite.commits() { Some(reader.chunk()?) } else { None };
        let body_len = message.len().saturating_sub(reader.rest().len());
        let nonce = if version == 1 { reader.array()? } else { [0; NONCE_LEN] };
        let tag = reader.chunk()?;
        let len = message.len().saturating_sub(reader.rest().len());
        let body = message.get(..body_len).unwrap_or_default();
        Ok(Self { suite, message_id, context, encrypted_data_keys, content, len, commitment, body, nonce, tag })
    }
}

fn read_encrypted_data_keys<'a>(reader: &mut Reader<'a>, max: usize) -> Result<Vec<EncryptedDataKey<'a>>, Stop> {
    let count = usize::from(reader.u16()?);
    if count == 0 {
        return Err(Error::malformed("a message without an encrypted data key").into());
    }
    if count > max {
        let detail = alloc::format!("the message has {count} encrypted data keys; the limit is {max}");
        return Err(Error::with_detail(ErrorKind::Refused, detail).into());
    }
    // Grows with what is there, not with what the count promises.
    let mut keys = Vec::with_capacity(count.min(4));
    for _ in 0..count {
        let provider_id = core::str::from_utf8(reader.prefixed_u16()?)
            .map_err(|_| Error::malformed("an encrypted data key's provider id is not UTF-8"))?;
        let provider_info = reader.prefixed_u16()?;
        let ciphertext = reader.prefixed_u16()?;
        keys.push(EncryptedDataKey {
            provider_id: provider_id.into(),
            provider_info: provider_info.into(),
            ciphertext: ciphertext.into(),
        });
    }
    Ok(keys)
}

/// Writes what the tag of a header covers.
pub(crate) fn write_header_body(
    suite: AlgorithmSuite,
    message_id: &[u8],
    stored_context: &[u8],
    encrypted_data_keys: &[EncryptedDataKey<'_>],
    frame_len: u32,
    commitment: Option<&[u8; COMMITMENT_LEN]>,
) -> Result<Vec<u8>, Error> {
    let count = u16::try_from(encrypted_data_keys.len())
        .map_err(|_| Error::invalid_input("a message has at most 65,535 encrypted data keys"))?;
    let context_len = u16::try_from(stored_context.len()).map_err(|_| ErrorKind::Internal)?;
    let mut out = Vec::with_capacity(128 + stored_context.len() + 320 * encrypted_data_keys.len());
    out.push(suite.version());
    if suite.version() == 1 {
        out.push(TYPE);
    }
    out.extend(suite.id().to_be_bytes());
    out.extend(message_id);
    out.extend(context_len.to_be_bytes());
    out.extend(stored_context);
    out.extend(count.to_be_bytes());
    for key in encrypted_data_keys {
        key.write(&mut out)?;
    }
    out.push(CONTENT_FRAMED);
    if suite.version() == 1 {
        out.extend([0, 0, 0, 0]);
        out.extend([12]);
    }
    out.extend(frame_len.to_be_bytes());
    if let Some(commitment) = commitment {
        out.extend(commitment);
    }
    Ok(out)
}

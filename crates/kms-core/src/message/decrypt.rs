//! Reading a message.
//!
//! AWS Encryption SDK specification, `client-apis/decrypt.md`.

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroize;

use super::derive::MessageKey;
use super::frame::{FrameCipher, Parsed, Unit, UnitKind, UnitRules};
use super::header::{Content, Header, HeaderRules};
use super::materials::{DecryptionRequest, MaterialsProvider};
use super::options::DecryptOptions;
use super::signature::Verifier;
use super::suite::AlgorithmSuite;
use crate::context::PairOrder;
use crate::parse::{Missing, Reader};
use crate::{Call, EncryptionContext, Error, ErrorKind, Secret};

/// What is known of a message once its header has been authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageHeader {
    /// How it is encrypted.
    pub suite: AlgorithmSuite,
    /// 16 bytes in version 1, 32 in version 2.
    pub message_id: Vec<u8>,
    /// The whole encryption context, with what was authenticated though not stored.
    pub context: EncryptionContext,
    /// How the body is divided.
    pub content: Content,
}

/// What a step of the [`Decryptor`] did, or what it lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advance {
    /// Nothing: the same input again, and more of it, at least this many bytes in all.
    NeedInput(usize),
    /// Nothing: the same input again, with at least this many bytes of output.
    NeedOutput(usize),
    /// The header is authentic, see [`Decryptor::header`]; `consumed` bytes of input are done with.
    #[non_exhaustive]
    Header {
        /// Bytes of input.
        consumed: usize,
    },
    /// Plaintext is in the front of the output.
    #[non_exhaustive]
    Plaintext {
        /// Bytes of input.
        consumed: usize,
        /// Bytes of output.
        written: usize,
        /// Whether it may be acted on. `false`: the message is signed, and its signature is still to come.
        verified: bool,
    },
    /// The message was complete before this call.
    Complete,
}

/// Reads one message piece by piece from and into the caller's buffers. Does no I/O and holds no plaintext.
///
/// Give [`advance`](Self::advance) what is left of the input, drop what it consumed, and at the end of the input
/// ask [`finish`](Self::finish) whether the message was whole. With `std`, [`DecryptReader`](super::DecryptReader)
/// does this over a reader.
pub struct Decryptor<'k> {
    keys: &'k dyn MaterialsProvider,
    options: DecryptOptions,
    call: Call,
    header: Option<MessageHeader>,
    state: State,
}

#[expect(clippy::large_enum_variant, reason = "one for each message; a box would be an allocation more")]
enum State {
    Header,
    Body(Body),
    Done,
    Failed(ErrorKind),
}

struct Body {
    frames: FrameCipher,
    rules: UnitRules,
    next: u32,
    verifier: Option<Verifier>,
}

impl<'k> Decryptor<'k> {
    /// Nothing read yet.
    #[must_use]
    pub fn new(keys: &'k dyn MaterialsProvider, options: &DecryptOptions, call: &Call) -> Self {
        Self { keys, options: options.clone(), call: call.clone(), header: None, state: State::Header }
    }

    /// The header, once it is authentic.
    #[must_use]
    pub const fn header(&self) -> Option<&MessageHeader> {
        self.header.as_ref()
    }

    /// The length of a regular frame in the message, for choosing the size of buffers.
    #[must_use]
    pub fn sealed_frame_len(&self) -> Option<usize> {
        match self.header.as_ref()?.content {
            Content::Framed(len) => usize::try_from(len).ok()?.checked_add(super::FRAME_OVERHEAD),
            Content::NonFramed => None,
        }
    }

    /// Takes the next step: the header, or one frame with its footer if there is one.
    ///
    /// After an error every call fails: what was handed out as not verified is to be thrown away.
    ///
    /// # Errors
    /// `Malformed`, also for bytes after the end; `Unsupported`; `Refused` where the options exclude the message;
    /// `NoMatchingKey`; `Rejected` if anything does not verify; those of the backends.
    pub fn advance(&mut self, input: &[u8], output: &mut [u8]) -> Result<Advance, Error> {
        let result = match &mut self.state {
            State::Header => self.read_header(input),
            State::Body(body) => match body.read(input, output) {
                Ok((step, done)) => {
                    if done {
                        self.state = State::Done;
                    }
                    Ok(step)
                }
                Err(error) => Err(error),
            },
            State::Done if input.is_empty() => return Ok(Advance::Complete),
            State::Done => Err(Error::malformed("bytes after the end of the message")),
            State::Failed(kind) => return Err((*kind).into()),
        };
        if let Err(error) = &result {
            self.state = State::Failed(error.kind());
        }
        result
    }

    /// To be asked at the end of the input.
    ///
    /// # Errors
    /// `Malformed` if the message is cut off; the kind of the error that ended it, if one did.
    pub fn finish(&self) -> Result<(), Error> {
        match self.state {
            State::Done => Ok(()),
            State::Failed(kind) => Err(kind.into()),
            State::Header | State::Body(_) => Err(Error::malformed("the message is cut off")),
        }
    }

    fn read_header(&mut self, input: &[u8]) -> Result<Advance, Error> {
        let options = &self.options;
        let rules = HeaderRules {
            commitment_policy: options.commitment_policy,
            max_encrypted_data_keys: options.max_encrypted_data_keys,
            pair_order: if options.noncanonical { PairOrder::Any } else { PairOrder::Sorted },
            signed: options.signed,
        };
        let header = match Header::parse_with(input, &rules)? {
            Parsed::Complete(header) => header,
            Parsed::Incomplete(len) => return Ok(Advance::NeedInput(len)),
        };
        let stored = EncryptionContext::from_pairs(header.context.clone())?;
        for (key, value) in options.context.pairs() {
            if stored.get(key).is_some_and(|stored| stored != value) {
                return Err(Error::with_detail(
                    ErrorKind::Refused,
                    alloc::format!("the message's encryption context has another value for {key:?}"),
                ));
            }
        }
        let unstored = options.context.filtered(|key| stored.get(key).is_none())?;
        let mut verifier = Verifier::new(header.suite, &stored)?;
        let context = if unstored.is_empty() { stored } else { stored.merged(&unstored)? };

        let request = DecryptionRequest {
            suite: header.suite,
            context: &context,
            encrypted_data_keys: &header.encrypted_data_keys,
            call: &self.call,
        };
        let materials = self.keys.decryption_materials(&request)?;
        if materials.data_key.len() != header.suite.key_len() {
            return Err(Error::rejected());
        }
        let key = MessageKey::derive(header.suite, header.message_id, &materials.data_key)?;
        key.check_commitment(header.commitment)?;
        key.check_header_tag(header.body, &unstored, &header.nonce, header.tag)?;

        if let Some(verifier) = &mut verifier {
            verifier.update(input.get(..header.len).unwrap_or_default());
        }
        let rules = UnitRules {
            content: header.content,
            max_len: options.max_frame_len,
            any_nonce_prefix: options.noncanonical,
        };
        let consumed = header.len;
        self.state = State::Body(Body { frames: key.into_frames(header.message_id)?, rules, next: 1, verifier });
        self.header = Some(MessageHeader {
            suite: header.suite,
            message_id: header.message_id.to_vec(),
            context,
            content: header.content,
        });
        Ok(Advance::Header { consumed })
    }
}

impl Body {
    /// One step, and whether the message is complete after it.
    fn read(&mut self, input: &[u8], output: &mut [u8]) -> Result<(Advance, bool), Error> {
        let unit = match Unit::parse(input, &self.rules, self.next)? {
            Parsed::Complete(unit) => unit,
            Parsed::Incomplete(len) => return Ok((Advance::NeedInput(len), false)),
        };
        let last = unit.kind != UnitKind::Regular;
        let (sealed, rest) = input.split_at_checked(unit.len).ok_or(ErrorKind::Internal)?;
        let mut footer = Reader::new(rest);
        let signature = if last && self.verifier.is_some() {
            match footer.prefixed_u16() {
                Ok(signature) => Some(signature),
                Err(Missing(more)) => return Ok((Advance::NeedInput(input.len().saturating_add(more)), false)),
            }
        } else {
            None
        };
        let written = unit.ciphertext.len();
        let Some(output) = output.get_mut(..written) else { return Ok((Advance::NeedOutput(written), false)) };

        if let Some(verifier) = &mut self.verifier {
            verifier.update(sealed);
        }
        self.frames.open(&unit, output)?;
        if let Some(signature) = signature {
            let verifier = self.verifier.take().ok_or(ErrorKind::Internal)?;
            // The end of a signed message is not handed out before its signature is verified.
            verifier.verify(signature).inspect_err(|_| output.zeroize())?;
        }
        let verified = self.verifier.is_none();
        if !last {
            self.next = self.next.checked_add(1).ok_or_else(|| Error::malformed("too many frames"))?;
        }
        let consumed = input.len() - footer.rest().len();
        Ok((Advance::Plaintext { consumed, written, verified }, last))
    }
}

impl fmt::Debug for Decryptor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decryptor").field("header", &self.header).finish_non_exhaustive()
    }
}

/// A message that was decrypted and verified whole.
#[derive(Debug)]
#[non_exhaustive]
pub struct Decrypted {
    /// The payload. Wiped on drop.
    pub plaintext: Secret,
    /// What the message says of itself.
    pub header: MessageHeader,
}

/// Decrypts a whole message in memory. Nothing is handed out unless all of it verifies.
///
/// # Errors
/// As [`Decryptor::advance`] and [`Decryptor::finish`].
pub fn decrypt(
    keys: &dyn MaterialsProvider,
    options: &DecryptOptions,
    message: &[u8],
    call: &Call,
) -> Result<Decrypted, Error> {
    // Nothing leaves before the end, so a signed message is no danger; the message is in memory, so no frame is.
    let options = options.clone().with_unverified_release(true).with_max_frame_len(usize::MAX);
    let mut decryptor = Decryptor::new(keys, &options, call);
    // The plaintext is shorter than the message.
    let mut plaintext = Secret::zeroed(message.len());
    let (mut at, mut len) = (0, 0);
    loop {
        let input = message.get(at..).unwrap_or_default();
        let output = plaintext.expose_mut().get_mut(len..).unwrap_or_default();
        match decryptor.advance(input, output)? {
            Advance::Header { consumed } => at += consumed,
            Advance::Plaintext { consumed, written, .. } => {
                at += consumed;
                len += written;
            }
            Advance::Complete => break,
            Advance::NeedInput(_) => return Err(Error::malformed("the message is cut off")),
            Advance::NeedOutput(_) => return Err(ErrorKind::Internal.into()),
        }
    }
    decryptor.finish()?;
    plaintext.truncate(len);
    let header = decryptor.header.ok_or(ErrorKind::Internal)?;
    Ok(Decrypted { plaintext, header })
}

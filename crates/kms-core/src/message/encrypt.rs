//! Writing a message.
//!
//! AWS Encryption SDK specification, `client-apis/encrypt.md`.

use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::derive::MessageKey;
use super::frame::{FINAL_FRAME_OVERHEAD, FRAME_OVERHEAD, FrameCipher, UnitKind, Writer};
use super::header::write_header_body;
use super::materials::{EncryptionMaterials, EncryptionRequest, MaterialsProvider};
use super::signature::Signer;
use super::suite::{AlgorithmSuite, CommitmentPolicy};
use crate::context::RESERVED_PREFIX;
use crate::primitives::aead::NONCE_LEN;
use crate::{Call, EncryptionContext, Error, ErrorKind, RandomSource};

/// Plaintext bytes in a frame, unless chosen otherwise: the default of the AWS Encryption SDKs.
pub const DEFAULT_FRAME_LEN: u32 = 4096;

/// How to write a message.
///
/// ```
/// use kms_core::{EncryptionContext, message::EncryptOptions};
/// let options = EncryptOptions::new(EncryptionContext::new([("tenant", "42")])?).with_frame_len(65_536);
/// # Ok::<(), kms_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct EncryptOptions {
    context: EncryptionContext,
    unstored_context: EncryptionContext,
    suite: Option<AlgorithmSuite>,
    commitment_policy: CommitmentPolicy,
    frame_len: u32,
    plaintext_len: Option<u64>,
}

impl EncryptOptions {
    /// An unsigned, key-committing message (suite 0478) in frames of 4,096 bytes, with this encryption context.
    #[must_use]
    pub const fn new(context: EncryptionContext) -> Self {
        Self {
            context,
            unstored_context: EncryptionContext::empty(),
            suite: None,
            commitment_policy: CommitmentPolicy::RequireEncryptAllowDecrypt,
            frame_len: DEFAULT_FRAME_LEN,
            plaintext_len: None,
        }
    }

    /// Another algorithm suite. One without commitment also needs
    /// [`ForbidEncryptAllowDecrypt`](CommitmentPolicy::ForbidEncryptAllowDecrypt).
    #[must_use]
    pub const fn with_suite(mut self, suite: AlgorithmSuite) -> Self {
        self.suite = Some(suite);
        self
    }

    /// Another commitment policy.
    #[must_use]
    pub const fn with_commitment_policy(mut self, policy: CommitmentPolicy) -> Self {
        self.commitment_policy = policy;
        self
    }

    /// Another number of plaintext bytes in a frame, at least 1.
    #[must_use]
    pub const fn with_frame_len(mut self, frame_len: u32) -> Self {
        self.frame_len = frame_len;
        self
    }

    /// The length of the plaintext, or a bound on it: more is refused. Needed for a data key from a cache.
    #[must_use]
    pub const fn with_plaintext_len(mut self, len: u64) -> Self {
        self.plaintext_len = Some(len);
        self
    }

    /// Pairs that are authenticated but not stored: readers must present them
    /// ([`DecryptOptions::with_context`](super::DecryptOptions::with_context)). The AWS Encryption SDKs call this
    /// the required encryption context.
    #[must_use]
    pub fn with_unstored_context(mut self, context: EncryptionContext) -> Self {
        self.unstored_context = context;
        self
    }

    fn suite(&self) -> AlgorithmSuite {
        self.suite.unwrap_or(match self.commitment_policy {
            CommitmentPolicy::ForbidEncryptAllowDecrypt => AlgorithmSuite::Aes256GcmHkdfSha256,
            _ => AlgorithmSuite::Aes256GcmHkdfSha512CommitKey,
        })
    }

    fn whole_context(&self) -> Result<Cow<'_, EncryptionContext>, Error> {
        let whole = if self.unstored_context.is_empty() {
            Cow::Borrowed(&self.context)
        } else {
            Cow::Owned(self.context.merged(&self.unstored_context)?)
        };
        if whole.pairs().len() != self.context.pairs().len() + self.unstored_context.pairs().len() {
            return Err(Error::invalid_input("an encryption context key is both stored and unstored"));
        }
        if let Some((key, _)) = whole.pairs().find(|(key, _)| key.starts_with(RESERVED_PREFIX)) {
            return Err(Error::invalid_input(alloc::format!(
                "encryption context key {key:?}: the prefix {RESERVED_PREFIX:?} is reserved"
            )));
        }
        Ok(whole)
    }
}

/// Writes one message piece by piece into the caller's buffers. Does no I/O and holds no plaintext.
///
/// The message is the [header](Self::header), then every full frame, then the final one. With `std`,
/// [`EncryptWriter`](super::EncryptWriter) does this over a writer.
///
/// ```
/// use kms_core::{Call, EncryptionContext, Secret, SystemRandom};
/// use kms_core::message::{self, DecryptOptions, EncryptOptions, Encryptor, RawAesKey};
/// let key = RawAesKey::new("demo", "k", Secret::from(vec![7; 32]))?;
/// let options = EncryptOptions::new(EncryptionContext::empty()).with_frame_len(4);
/// let mut encryptor = Encryptor::new(&key, &options, &SystemRandom, &Call::default())?;
/// let mut message = encryptor.header().to_vec();
/// let mut out = [0; 64];
/// let len = encryptor.seal_frame(b"plai", &mut out)?;
/// message.extend(&out[..len]);
/// let len = encryptor.seal_final(b"n", &mut out)?;
/// message.extend(&out[..len]);
/// let opened = message::decrypt(&key, &DecryptOptions::new(), &message, &Call::default())?;
/// assert_eq!(opened.plaintext.expose(), b"plain");
/// # Ok::<(), kms_core::Error>(())
/// ```
pub struct Encryptor<'r> {
    header: Vec<u8>,
    frames: FrameCipher,
    frame_len: u32,
    next: u32,
    left: Option<u64>,
    signer: Option<Signer>,
    materials: Arc<EncryptionMaterials>,
    random: &'r dyn RandomSource,
}

impl<'r> Encryptor<'r> {
    /// Gets a data key and makes the header.
    ///
    /// # Errors
    /// `Refused` if the commitment policy excludes the suite; `InvalidInput` for a frame length of 0, reserved
    /// context keys, no master key; those of the backends.
    pub fn new(
        keys: &dyn MaterialsProvider,
        options: &EncryptOptions,
        random: &'r dyn RandomSource,
        call: &Call,
    ) -> Result<Self, Error> {
        let suite = options.suite();
        options.commitment_policy.check_encrypt(suite)?;
        if options.frame_len == 0 {
            return Err(Error::invalid_input("a frame has at least 1 byte"));
        }
        let context = options.whole_context()?;
        let plaintext_len = options.plaintext_len;
        let request = EncryptionRequest { suite, context: &context, plaintext_len, random, call };
        let materials = keys.encryption_materials(&request)?;
        // Again: what a cache or a provider of the caller's answers is not what was asked until it is checked.
        options.commitment_policy.check_encrypt(materials.suite)?;
        if !materials.answer(&request)? {
            return Err(Error::with_detail(ErrorKind::Internal, "the materials are not those that were asked for"));
        }

        let mut message_id = [0; 32];
        let message_id = message_id.get_mut(..suite.message_id_len()).ok_or(ErrorKind::Internal)?;
        random.fill(message_id)?;
        let key = MessageKey::derive(suite, message_id, &materials.data_key)?;
        let unstored = &options.unstored_context;
        let stored = if unstored.is_empty() {
            Cow::Borrowed(&materials.context)
        } else {
            Cow::Owned(materials.context.filtered(|key| unstored.get(key).is_none())?)
        };
        let mut header = write_header_body(
            suite,
            message_id,
            stored.aad(),
            &materials.encrypted_data_keys,
            options.frame_len,
            key.commitment.as_ref(),
        )?;
        let tag = key.header_tag(&header, unstored)?;
        if suite.version() == 1 {
            header.extend([0; NONCE_LEN]);
        }
        header.extend(tag);
        let mut signer = Signer::new(suite);
        if let Some(signer) = &mut signer {
            signer.update(&header);
        }
        Ok(Self {
            header,
            frames: key.into_frames(message_id)?,
            frame_len: options.frame_len,
            next: 1,
            left: plaintext_len,
            signer,
            materials,
            random,
        })
    }

    /// The header: the first bytes of the message.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// How many bytes of plaintext a frame takes.
    #[must_use]
    pub const fn frame_len(&self) -> usize {
        self.frame_len as usize
    }

    /// How many bytes of output [`seal_frame`](Self::seal_frame) needs.
    #[must_use]
    pub const fn sealed_frame_len(&self) -> usize {
        self.frame_len().saturating_add(FRAME_OVERHEAD)
    }

    /// How many bytes of output [`seal_final`](Self::seal_final) needs at most, for this much plaintext.
    #[must_use]
    pub fn sealed_final_bound(&self, plaintext_len: usize) -> usize {
        let footer = self.materials.suite.signature().map_or(0, |signature| 2 + signature.max_len);
        plaintext_len.saturating_add(FINAL_FRAME_OVERHEAD + footer)
    }

    /// Encrypts a full frame into the front of `out` and returns how many bytes it has there.
    ///
    /// # Errors
    /// `InvalidInput` if `plaintext` is not a full frame, `out` too short, the message longer than its options
    /// say, or out of frame numbers (2^32 - 1 frames).
    pub fn seal_frame(&mut self, plaintext: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        if plaintext.len() != self.frame_len() {
            return Err(Error::invalid_input("not a full frame"));
        }
        let after = self.next.checked_add(1).ok_or_else(|| {
            Error::invalid_input("the message has 4,294,967,295 frames and can have no more: use longer frames")
        })?;
        let len = self.seal(UnitKind::Regular, plaintext, out)?;
        self.next = after;
        Ok(len)
    }

    /// Encrypts what is left, at most a full frame, and ends the message. Returns how many bytes it put into `out`.
    ///
    /// # Errors
    /// `InvalidInput` if `plaintext` is longer than a frame, `out` shorter than
    /// [`sealed_final_bound`](Self::sealed_final_bound), the message longer than its options say; `Internal` if the
    /// generator fails.
    pub fn seal_final(mut self, plaintext: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        if plaintext.len() > self.frame_len() {
            return Err(Error::invalid_input("more than a frame is left"));
        }
        if out.len() < self.sealed_final_bound(plaintext.len()) {
            return Err(Error::invalid_input("output buffer too short"));
        }
        let len = self.seal(UnitKind::Final, plaintext, out)?;
        match (self.signer, &self.materials.signing_key) {
            (None, _) => Ok(len),
            (Some(signer), Some(key)) => {
                let signature = signer.sign(key, self.random)?;
                let footer_len = u16::try_from(signature.len()).map_err(|_| ErrorKind::Internal)?;
                let mut footer = Writer(out.get_mut(len..).unwrap_or_default());
                footer.put(&footer_len.to_be_bytes())?;
                footer.put(&signature)?;
                Ok(len + 2 + signature.len())
            }
            (Some(_), None) => Err(Error::with_detail(ErrorKind::Internal, "the materials have no signing key")),
        }
    }

    fn seal(&mut self, kind: UnitKind, plaintext: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let plaintext_len = u64::try_from(plaintext.len()).map_err(|_| ErrorKind::InvalidInput)?;
        let left = match self.left.map(|left| left.checked_sub(plaintext_len)) {
            Some(None) => return Err(Error::invalid_input("the plaintext is longer than the options say")),
            left => left.flatten(),
        };
        let len = self.frames.seal(kind, self.next, plaintext, out)?;
        self.left = left;
        if let Some(signer) = &mut self.signer {
            signer.update(out.get(..len).unwrap_or_default());
        }
        Ok(len)
    }
}

impl fmt::Debug for Encryptor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encryptor").field("suite", &self.materials.suite).field("next", &self.next).finish()
    }
}

/// Encrypts a whole plaintext in memory.
///
/// ```
/// use kms_core::{Call, EncryptionContext, Secret, SystemRandom};
/// use kms_core::message::{self, DecryptOptions, EncryptOptions, RawAesKey};
/// let key = RawAesKey::new("demo", "k", Secret::from(vec![7; 32]))?;
/// let context = EncryptionContext::new([("tenant", "42")])?;
/// let (options, call) = (EncryptOptions::new(context), Call::default());
/// let message = message::encrypt(&key, &options, b"payload", &SystemRandom, &call)?;
/// let opened = message::decrypt(&key, &DecryptOptions::new(), &message, &call)?;
/// assert_eq!(opened.plaintext.expose(), b"payload");
/// assert_eq!(opened.header.context.get("tenant"), Some("42"));
/// # Ok::<(), kms_core::Error>(())
/// ```
///
/// # Errors
/// As [`Encryptor::new`]; `InvalidInput` if the plaintext is longer than the options say.
pub fn encrypt(
    keys: &dyn MaterialsProvider,
    options: &EncryptOptions,
    plaintext: &[u8],
    random: &dyn RandomSource,
    call: &Call,
) -> Result<Vec<u8>, Error> {
    let len = u64::try_from(plaintext.len()).map_err(|_| ErrorKind::InvalidInput)?;
    let options = match options.plaintext_len {
        Some(_) => options.clone(),
        None => options.clone().with_plaintext_len(len),
    };
    let mut encryptor = Encryptor::new(keys, &options, random, call)?;
    // A last full frame is the final one.
    let frames = plaintext.len().saturating_sub(1) / encryptor.frame_len();
    let (full, last) = plaintext.split_at_checked(frames * encryptor.frame_len()).ok_or(ErrorKind::Internal)?;
    let whole = encryptor
        .sealed_frame_len()
        .checked_mul(frames)
        .and_then(|len| len.checked_add(encryptor.header().len()))
        .and_then(|len| len.checked_add(encryptor.sealed_final_bound(last.len())))
        .ok_or_else(|| Error::invalid_input("the message would not fit into memory"))?;
    let mut message = alloc::vec![0; whole];
    let mut at = encryptor.header().len();
    Writer(&mut message).put(encryptor.header())?;
    for frame in full.chunks_exact(encryptor.frame_len()) {
        at += encryptor.seal_frame(frame, message.get_mut(at..).unwrap_or_default())?;
    }
    at += encryptor.seal_final(last, message.get_mut(at..).unwrap_or_default())?;
    message.truncate(at);
    Ok(message)
}

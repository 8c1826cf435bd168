//! What a reader asks of a message.

use super::suite::CommitmentPolicy;
use crate::EncryptionContext;

/// The most encrypted data keys of a message, unless chosen otherwise: each can cost a call to a backend.
pub const DEFAULT_MAX_ENCRYPTED_DATA_KEYS: usize = 100;
/// The most plaintext in one frame or block, in bytes, unless chosen otherwise: a frame is held in memory.
pub const DEFAULT_MAX_FRAME_LEN: usize = 16 * 1024 * 1024;

/// How to read a message.
///
/// ```
/// use kms_core::{EncryptionContext, message::{CommitmentPolicy, DecryptOptions}};
/// let options = DecryptOptions::new()
///     .with_context(EncryptionContext::new([("tenant", "42")])?)
///     .with_commitment_policy(CommitmentPolicy::RequireEncryptRequireDecrypt);
/// # Ok::<(), kms_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct DecryptOptions {
    pub(crate) context: EncryptionContext,
    pub(crate) commitment_policy: CommitmentPolicy,
    pub(crate) max_encrypted_data_keys: usize,
    pub(crate) max_frame_len: usize,
    pub(crate) noncanonical: bool,
    pub(crate) signed: bool,
}

impl DecryptOptions {
    /// Any suite, any context; 100 encrypted data keys and 16 MiB in a frame at most; canonical messages only.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            context: EncryptionContext::empty(),
            commitment_policy: CommitmentPolicy::RequireEncryptAllowDecrypt,
            max_encrypted_data_keys: DEFAULT_MAX_ENCRYPTED_DATA_KEYS,
            max_frame_len: DEFAULT_MAX_FRAME_LEN,
            noncanonical: false,
            signed: false,
        }
    }

    /// Pairs that the message must have: stored with exactly this value, or authenticated though not stored.
    #[must_use]
    pub fn with_context(mut self, context: EncryptionContext) -> Self {
        self.context = context;
        self
    }

    /// Another commitment policy.
    #[must_use]
    pub const fn with_commitment_policy(mut self, policy: CommitmentPolicy) -> Self {
        self.commitment_policy = policy;
        self
    }

    /// Another limit on the encrypted data keys of a message.
    #[must_use]
    pub const fn with_max_encrypted_data_keys(mut self, max: usize) -> Self {
        self.max_encrypted_data_keys = max;
        self
    }

    /// Another limit on the plaintext in one frame, or in the block of a message that is not framed, in bytes. Has no
    /// effect on [`decrypt`](super::decrypt), which is given the whole message anyway.
    #[must_use]
    pub const fn with_max_frame_len(mut self, max: usize) -> Self {
        self.max_frame_len = max;
        self
    }

    /// Whether to read messages that break two rules of the format, as some writers of old did: an encryption
    /// context that is not sorted, and frame nonces that begin with other bytes than zero.
    #[must_use]
    pub const fn with_noncanonical(mut self, accept: bool) -> Self {
        self.noncanonical = accept;
        self
    }

    /// Whether to stream signed messages, whose plaintext then comes before the signature that covers it. The
    /// caller throws away what came if the end does not verify. Has no effect on [`decrypt`](super::decrypt),
    /// which hands out nothing before the end.
    #[must_use]
    pub const fn with_unverified_release(mut self, accept: bool) -> Self {
        self.signed = accept;
        self
    }
}

impl Default for DecryptOptions {
    fn default() -> Self {
        Self::new()
    }
}

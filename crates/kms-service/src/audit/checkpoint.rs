//! Signatures over the chain.

use core::time::Duration;

use kms_core::parse::{Missing, Reader};
use kms_core::{Call, Error, Key, MessageType, PublicKey, SigningAlgorithm};

use crate::Timestamp;
use crate::audit::format::Link;

/// What every signed text begins with, so that no other signature of the key is one of a checkpoint.
const DOMAIN: &[u8] = b"KMS audit checkpoint\n\x00\x01";

/// How long a signer that is a [`Key`] has for a signature.
const BUDGET: Duration = Duration::from_secs(5);

/// Signs checkpoints.
pub trait Signer: Send + Sync {
    /// Which key signs: for people, and to find the public half by. At most 65,535 bytes.
    fn key_id(&self) -> String;

    /// ECDSA on P-256 with SHA-256 over `bytes`, the signature in DER.
    ///
    /// # Errors
    /// The backend's. The log goes on without the checkpoint, says so in its health, and tries again when the next one
    /// is due.
    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, Error>;
}

impl Signer for Key {
    fn key_id(&self) -> String {
        self.info().id.to_string()
    }

    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let call = Call::default().with_budget(BUDGET);
        Self::sign(self, SigningAlgorithm::EcdsaSha256, MessageType::Raw, bytes, &call)
    }
}

/// What a checkpoint says, and what is signed: everything up to a record is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Statement<'a> {
    pub(crate) log: [u8; 16],
    /// Sequence number of the last record that it covers: the one before the checkpoint.
    pub(crate) sequence: u64,
    /// The link of that record, or of the segment's header where the checkpoint is the first in its segment.
    pub(crate) link: Link,
    pub(crate) time: Timestamp,
    pub(crate) server: &'a str,
}

impl Statement<'_> {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = DOMAIN.to_vec();
        bytes.extend_from_slice(&self.log);
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&self.link);
        bytes.extend_from_slice(&self.time.as_millis().to_be_bytes());
        bytes.extend_from_slice(self.server.as_bytes());
        bytes
    }

    /// The payload of the checkpoint.
    pub(crate) fn sign(self, signer: &dyn Signer) -> Result<Vec<u8>, Error> {
        let signature = signer.sign(&self.to_bytes())?;
        let mut payload = Vec::new();
        for part in [self.server.as_bytes(), signer.key_id().as_bytes(), &signature] {
            let len = u16::try_from(part.len())
                .map_err(|_| Error::invalid_input("a part of a checkpoint has at most 65,535 bytes"))?;
            payload.extend_from_slice(&len.to_be_bytes());
            payload.extend_from_slice(part);
        }
        Ok(payload)
    }

    /// Whether one of the keys made the signature.
    pub(crate) fn is_signed_by(self, keys: &[PublicKey], signature: &[u8]) -> bool {
        let bytes = self.to_bytes();
        let verifies =
            |key: &PublicKey| key.verify(SigningAlgorithm::EcdsaSha256, MessageType::Raw, &bytes, signature).is_ok();
        keys.iter().any(verifies)
    }
}

/// The payload of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoint<'a> {
    /// Who signed: the id of the server.
    pub server: &'a str,
    /// The key that signed, as its [`Signer`] calls it.
    pub key_id: &'a str,
    /// The signature, in DER.
    pub signature: &'a [u8],
}

impl<'a> Checkpoint<'a> {
    /// Reads a payload.
    ///
    /// # Errors
    /// `Malformed` if it is not one.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Error> {
        let short = |_: Missing| Error::malformed("the checkpoint is cut short");
        let text = |bytes| core::str::from_utf8(bytes).map_err(|_| Error::malformed("the checkpoint is not UTF-8"));
        let mut reader = Reader::new(payload);
        let server = text(reader.prefixed_u16().map_err(short)?)?;
        let key_id = text(reader.prefixed_u16().map_err(short)?)?;
        let signature = reader.prefixed_u16().map_err(short)?;
        if reader.is_empty() {
            return Ok(Self { server, key_id, signature });
        }
        Err(Error::malformed("something follows the checkpoint"))
    }
}

//! From the data key to the key of a message, its commitment, and the tag of its header.
//!
//! AWS Encryption SDK specification, `framework/algorithm-suites.md` (key derivation) and
//! `data-format/message-header.md` (header authentication).

use alloc::vec::Vec;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::frame::FrameCipher;
use super::header::COMMITMENT_LEN;
use super::suite::AlgorithmSuite;
use crate::primitives::aead::{AesGcm, NONCE_LEN, TAG_LEN};
use crate::primitives::kdf::{Prk, hkdf};
use crate::{EncryptionContext, Error, ErrorKind, Secret};

const LABEL_ENCRYPTION: &[u8] = b"DERIVEKEY";
const LABEL_COMMITMENT: &[u8] = b"COMMITKEY";

/// The key of one message.
pub(crate) struct MessageKey {
    cipher: AesGcm,
    /// Names the data key; only for committing suites.
    pub(crate) commitment: Option<[u8; COMMITMENT_LEN]>,
}

impl MessageKey {
    pub(crate) fn derive(suite: AlgorithmSuite, message_id: &[u8], data_key: &Secret) -> Result<Self, Error> {
        if data_key.len() != suite.key_len() {
            return Err(Error::with_detail(ErrorKind::Internal, "the data key does not have the suite's length"));
        }
        let id = suite.id().to_be_bytes();
        let mut key = Zeroizing::new([0; 32]);
        let key = key.get_mut(..suite.key_len()).ok_or(ErrorKind::Internal)?;
        let commitment = match suite.kdf_hash() {
            None => {
                key.copy_from_slice(data_key.expose());
                None
            }
            Some(hash) if suite.commits() => {
                let prk = Prk::extract(hash, message_id, data_key.expose())?;
                prk.expand(&[&id, LABEL_ENCRYPTION], key)?;
                let mut commitment = [0; COMMITMENT_LEN];
                prk.expand(&[LABEL_COMMITMENT], &mut commitment)?;
                Some(commitment)
            }
            Some(hash) => {
                hkdf(hash, &[], data_key.expose(), &[&id, message_id], key)?;
                None
            }
        };
        Ok(Self { cipher: AesGcm::new(key)?, commitment })
    }

    /// Compares the commitment with the header's, in constant time.
    pub(crate) fn check_commitment(&self, stored: Option<&[u8; COMMITMENT_LEN]>) -> Result<(), Error> {
        match (&self.commitment, stored) {
            (None, None) => Ok(()),
            (Some(ours), Some(stored)) if bool::from(ours.ct_eq(stored)) => Ok(()),
            _ => Err(Error::rejected()),
        }
    }

    /// The tag over a header and the part of the context that is not in it.
    pub(crate) fn header_tag(&self, body: &[u8], unstored: &EncryptionContext) -> Result<[u8; TAG_LEN], Error> {
        self.cipher.seal_in_place(&[0; NONCE_LEN], &header_aad(body, unstored), &mut [])
    }

    pub(crate) fn check_header_tag(
        &self,
        body: &[u8],
        unstored: &EncryptionContext,
        nonce: &[u8; NONCE_LEN],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Error> {
        self.cipher.open_in_place(nonce, &header_aad(body, unstored), &mut [], tag)
    }

    pub(crate) fn into_frames(self, message_id: &[u8]) -> Result<FrameCipher, Error> {
        FrameCipher::new(self.cipher, message_id)
    }
}

fn header_aad<'a>(body: &'a [u8], unstored: &EncryptionContext) -> alloc::borrow::Cow<'a, [u8]> {
    if unstored.is_empty() {
        return body.into();
    }
    let mut aad = Vec::with_capacity(body.len() + unstored.aad().len());
    aad.extend(body);
    aad.extend(unstored.aad());
    aad.into()
}

//! How a message is sealed: see the [module](super).

use kms_core::primitives::aead::{AesGcm, NONCE_LEN};
use kms_core::primitives::kdf::hkdf;
use kms_core::{HashAlgorithm, Secret};
use subtle::ConstantTimeEq;

use super::XksRefusal;

pub(super) const IV_LEN: usize = 16;
pub(super) use kms_core::primitives::aead::TAG_LEN;
const KEY_LEN: usize = 32;
const COMMITMENT_LEN: usize = 19;
/// First byte of the metadata.
const VERSION: u8 = 1;
/// Keeps this use of an HMAC key apart from any other.
const LABEL: &[u8] = b"kms xks v1";

/// What the HMAC key authenticates, to give the key of a message.
pub(super) fn mac_input(iv: &[u8; IV_LEN]) -> Vec<u8> {
    [LABEL, &[0], iv].concat()
}

/// What the tag is also over (specification, "Encrypt", `ciphertextMetadata`).
pub(super) fn associated_data(additional: &[u8], metadata: &[u8]) -> Result<Vec<u8>, XksRefusal> {
    let len = u16::try_from(additional.len()).map_err(|_| XksRefusal::invalid_ciphertext())?;
    let metadata_len = u8::try_from(metadata.len()).map_err(|_| XksRefusal::invalid_ciphertext())?;
    Ok([&len.to_be_bytes(), additional, &[metadata_len], metadata].concat())
}

/// The key of one message, and what commits to it.
pub(super) struct MessageKey {
    cipher: AesGcm,
    commitment: [u8; COMMITMENT_LEN],
}

impl MessageKey {
    pub(super) fn derive(mac: &Secret) -> Result<Self, XksRefusal> {
        let mut derived = Secret::zeroed(KEY_LEN + COMMITMENT_LEN);
        hkdf(HashAlgorithm::Sha256, b"", mac.expose(), &[LABEL], derived.expose_mut()).map_err(XksRefusal::internal)?;
        let (key, rest) = derived.expose().split_at(KEY_LEN);
        let commitment = rest.try_into().map_err(XksRefusal::internal)?;
        Ok(Self { cipher: AesGcm::new(key).map_err(XksRefusal::internal)?, commitment })
    }

    /// The metadata of the message.
    pub(super) fn metadata(&self) -> [u8; 1 + COMMITMENT_LEN] {
        let mut metadata = [VERSION; 1 + COMMITMENT_LEN];
        metadata.iter_mut().skip(1).zip(self.commitment).for_each(|(to, from)| *to = from);
        metadata
    }

    /// Whether the metadata are those of the message.
    pub(super) fn is_of(&self, metadata: &[u8]) -> bool {
        self.metadata().ct_eq(metadata).into()
    }

    pub(super) fn seal(&self, bound: &[u8], text: &mut [u8]) -> Result<[u8; TAG_LEN], XksRefusal> {
        self.cipher.seal_in_place(&[0; NONCE_LEN], bound, text).map_err(XksRefusal::internal)
    }

    pub(super) fn open(&self, bound: &[u8], sealed: &[u8], tag: &[u8; TAG_LEN]) -> Result<Secret, XksRefusal> {
        let mut text = Secret::copy_from(sealed);
        let opened = self.cipher.open_in_place(&[0; NONCE_LEN], bound, text.expose_mut(), tag);
        opened.map_err(|_| XksRefusal::invalid_ciphertext())?;
        Ok(text)
    }
}

//! What the benchmarks share: keys, plaintexts, and the bare AEAD that messages and blobs are measured against.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a benchmark stops at the first surprise")]

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use kms_core::message::KmsWrappingKey;
use kms_core::{Backend, Call, EncryptionContext, Key, KeyId, KeyMaterial, KeySpec, KeyUsage, SystemRandom};
use kms_soft::SoftBackend;

/// Length of an AES-GCM tag in bytes.
pub const TAG_LEN: usize = 16;

/// `len` bytes that are not all alike.
#[must_use]
pub fn payload(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}

/// The encryption context of every benchmark that takes one.
#[must_use]
pub fn context() -> EncryptionContext {
    EncryptionContext::new([("tenant", "42")]).unwrap()
}

/// A fresh key in memory.
#[must_use]
pub fn create(spec: KeySpec, usage: KeyUsage) -> Key {
    let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
    Key::new(SoftBackend::new(SystemRandom).create(&at, spec, usage, &Call::default()).unwrap())
}

/// A key of this material in memory.
#[must_use]
pub fn import(spec: KeySpec, usage: KeyUsage, material: KeyMaterial) -> Key {
    let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
    Key::new(SoftBackend::new(SystemRandom).import(&at, spec, usage, material, &Call::default()).unwrap())
}

/// A fresh key in memory that messages are encrypted under.
#[must_use]
pub fn wrapping_key() -> KmsWrappingKey {
    let arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    KmsWrappingKey::new(arn, create(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt)).unwrap()
}

/// AES-256-GCM of the `aes-gcm` crate with nothing around it: an expanded key, no associated data, out of place.
pub struct Bare(Aes256Gcm);

impl Bare {
    /// A fixed key.
    #[must_use]
    pub fn new() -> Self {
        Self(Aes256Gcm::new(&[7; 32].into()))
    }

    /// Encrypts `plaintext` as number `number` into `out`, which has room for the tag behind the ciphertext.
    pub fn seal(&self, number: usize, plaintext: &[u8], out: &mut [u8]) {
        let (body, rest) = out.split_at_mut(plaintext.len());
        let buffer = InOutBuf::new(plaintext, body).unwrap();
        let tag = self.0.encrypt_inout_detached(&nonce(number), &[], buffer).unwrap();
        rest.first_chunk_mut().map(|room: &mut [u8; TAG_LEN]| *room = tag.into()).unwrap();
    }

    /// Decrypts what [`seal`](Self::seal) left in `sealed` into `out`, which has the plaintext's length.
    pub fn open(&self, number: usize, sealed: &[u8], out: &mut [u8]) {
        let (body, rest) = sealed.split_at(out.len());
        let tag: &Tag = rest.first_chunk::<TAG_LEN>().unwrap().into();
        let buffer = InOutBuf::new(body, out).unwrap();
        self.0.decrypt_inout_detached(&nonce(number), &[], buffer, tag).unwrap();
    }

    /// Encrypts `plaintext` in frames into `out`: ciphertext and tag at the places where a message has them, with
    /// `head` bytes left free before each frame.
    pub fn seal_frames(&self, plaintext: &[u8], frame_len: usize, head: usize, out: &mut [u8]) {
        let frames = out.chunks_mut(head + frame_len + TAG_LEN);
        for (number, (frame, out)) in plaintext.chunks(frame_len).zip(frames).enumerate() {
            self.seal(number, frame, out.split_at_mut(head).1);
        }
    }

    /// Decrypts what [`seal_frames`](Self::seal_frames) left in `sealed`.
    pub fn open_frames(&self, sealed: &[u8], frame_len: usize, head: usize, out: &mut [u8]) {
        let frames = sealed.chunks(head + frame_len + TAG_LEN);
        for (number, (frame, out)) in frames.zip(out.chunks_mut(frame_len)).enumerate() {
            self.open(number, frame.split_at(head).1, out);
        }
    }
}

impl Default for Bare {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for Bare {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Bare(..)")
    }
}

fn nonce(number: usize) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut nonce = [0; 12];
    nonce.last_chunk_mut::<8>().map(|tail| *tail = (number as u64).to_be_bytes()).unwrap();
    nonce.into()
}

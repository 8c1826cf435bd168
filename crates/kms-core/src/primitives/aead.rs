//! AES-GCM with 96-bit nonces and 128-bit tags (NIST SP 800-38D).

use alloc::boxed::Box;
use core::fmt;

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm, AesGcm as Gcm, aes::Aes192};

use crate::stack::{self, SMALL};
use crate::{Error, ErrorKind};

/// Length of a nonce in bytes.
pub const NONCE_LEN: usize = 12;
/// Length of a tag in bytes.
pub const TAG_LEN: usize = 16;

type Aes192Gcm = Gcm<Aes192, aes_gcm::aead::consts::U12>;

/// An expanded AES-GCM key of 128, 192 or 256 bits. Wiped on drop.
pub struct AesGcm(Inner);

/// Boxed, so that a move leaves no copy of the key behind.
enum Inner {
    Aes128(Box<Aes128Gcm>),
    Aes192(Box<Aes192Gcm>),
    Aes256(Box<Aes256Gcm>),
}

impl AesGcm {
    /// Expands `key`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] unless it has 16, 24 or 32 bytes.
    pub fn new(key: &[u8]) -> Result<Self, Error> {
        let bad = |_| Error::invalid_input("an AES key has 16, 24 or 32 bytes");
        stack::wiped::<SMALL, _>(|| {
            Ok(Self(match key.len() {
                16 => Inner::Aes128(Box::new(Aes128Gcm::new_from_slice(key).map_err(bad)?)),
                24 => Inner::Aes192(Box::new(Aes192Gcm::new_from_slice(key).map_err(bad)?)),
                _ => Inner::Aes256(Box::new(Aes256Gcm::new_from_slice(key).map_err(bad)?)),
            }))
        })
    }

    /// Encrypts `input` into `out`, which has the same length, and returns the tag.
    ///
    /// The caller never uses a nonce twice under one key.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if the lengths differ, or exceed the algorithm's.
    pub fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        input: &[u8],
        out: &mut [u8],
    ) -> Result<[u8; TAG_LEN], Error> {
        self.seal_inout(nonce, aad, InOutBuf::new(input, out).map_err(|_| lengths())?)
    }

    /// Encrypts `buffer` in place and returns the tag.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub fn seal_in_place(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Result<[u8; TAG_LEN], Error> {
        self.seal_inout(nonce, aad, buffer.into())
    }

    /// Decrypts `input` into `out`, which has the same length. On failure `out` holds nothing of the plaintext.
    ///
    /// # Errors
    /// [`ErrorKind::Rejected`] if the tag does not verify; [`ErrorKind::InvalidInput`] if the lengths differ.
    pub fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        input: &[u8],
        tag: &[u8; TAG_LEN],
        out: &mut [u8],
    ) -> Result<(), Error> {
        self.open_inout(nonce, aad, InOutBuf::new(input, out).map_err(|_| lengths())?, tag)
    }

    /// Decrypts `buffer` in place.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_in_place(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        buffer: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Error> {
        self.open_inout(nonce, aad, buffer.into(), tag)
    }

    fn seal_inout(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        buffer: InOutBuf<'_, '_, u8>,
    ) -> Result<[u8; TAG_LEN], Error> {
        let nonce = nonce.into();
        wiped_if_short(buffer.len(), || match &self.0 {
            Inner::Aes128(cipher) => cipher.encrypt_inout_detached(nonce, aad, buffer),
            Inner::Aes192(cipher) => cipher.encrypt_inout_detached(nonce, aad, buffer),
            Inner::Aes256(cipher) => cipher.encrypt_inout_detached(nonce, aad, buffer),
        })
        .map(Into::into)
        .map_err(|_| lengths())
    }

    fn open_inout(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        buffer: InOutBuf<'_, '_, u8>,
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Error> {
        let (nonce, tag) = (nonce.into(), tag.into());
        wiped_if_short(buffer.len(), || {
            match &self.0 {
                Inner::Aes128(cipher) => cipher.decrypt_inout_detached(nonce, aad, buffer, tag),
                Inner::Aes192(cipher) => cipher.decrypt_inout_detached(nonce, aad, buffer, tag),
                Inner::Aes256(cipher) => cipher.decrypt_inout_detached(nonce, aad, buffer, tag),
            }
            .map_err(|_| Error::rejected())
        })
    }
}

/// What an operation leaves on the stack is overwritten at once where it can be all of a short secret: a data key. The
/// frames of a message follow each other in the same place, and the end of the key wipes what the last one left.
fn wiped_if_short<R>(len: usize, work: impl FnOnce() -> R) -> R {
    const SHORT: usize = 1024;
    if len <= SHORT { stack::wiped::<SMALL, _>(work) } else { stack::apart(work) }
}

impl Drop for AesGcm {
    fn drop(&mut self) {
        stack::wiped::<SMALL, _>(|| {});
    }
}

fn lengths() -> Error {
    Error::with_detail(ErrorKind::InvalidInput, "AES-GCM: input and output lengths do not fit")
}

impl fmt::Debug for AesGcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Inner::Aes128(_) => "AesGcm(128)",
            Inner::Aes192(_) => "AesGcm(192)",
            Inner::Aes256(_) => "AesGcm(256)",
        })
    }
}

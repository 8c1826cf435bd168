//! The cryptographic primitives in software, behind one face.
//!
//! Everything in this project that computes with a key in process memory does it through here: `kms-soft`, the
//! message codec, public keys. The implementations are RustCrypto's; nothing is implemented here. The functions
//! are sharp (nonces and raw digests are arguments): use [`Key`](crate::Key) and [`PublicKey`](crate::PublicKey)
//! unless you write a backend.

pub mod aead;
pub mod ecc;
pub mod hash;
pub mod kdf;
pub mod mac;
pub mod rsa;

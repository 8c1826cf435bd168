//! The keyring file: master keys that outlive their process, sealed under a root key.
//!
//! A keyring is one file. Its keys are listed in clear (ids, specs, usages, descriptions, aliases, dates); their
//! material is sealed under a *root key*, which is any symmetric [`MasterKey`](kms_core::MasterKey): a
//! [key file](RootKey::create_key_file), a [passphrase](RootKey::from_new_passphrase), or
//! [a key in another backend](RootKey::from_master_key). **Who loses the root key loses every key of the keyring.**
//!
//! ```
//! use kms_core::{Backend, Call, KeyId, KeySpec, KeyUsage, Secret, SystemRandom};
//! use kms_soft::keyring::{Keyring, PassphraseCost, RootKey, RootKind};
//! # let directory = tempfile::tempdir().unwrap();
//! # let path = directory.path().join("keyring");
//! # let cost = PassphraseCost::new(64, 1, 1)?; // for tests; otherwise:
//! # if false {
//! let cost = PassphraseCost::RECOMMENDED;
//! # }
//! let call = Call::default();
//! let passphrase = Secret::copy_from(b"correct horse battery staple");
//! let keyring = Keyring::create(&path, &RootKey::from_new_passphrase(&passphrase, cost)?, &call)?;
//! let id = KeyId::random(&SystemRandom)?;
//! keyring.create(&Keyring::locator(id.into()), KeySpec::EccNistP256, KeyUsage::SignVerify, &call)?;
//! keyring.add_alias("alias/release", id, &call)?;
//!
//! // Later: the file says what opens it.
//! let sealed = Keyring::open(&path)?;
//! assert!(matches!(sealed.root().kind, RootKind::Passphrase { .. }));
//! let root = sealed.root_from_passphrase(&passphrase)?;
//! let keyring = sealed.unlock(&root, &call)?;
//! let key = keyring.open(&Keyring::locator(keyring.resolve("alias/release")?), &call)?;
//! assert_eq!(key.info().id.key, id);
//! # Ok::<(), kms_core::Error>(())
//! ```
//!
//! # Readers and writers
//!
//! A [reader](Keyring::open) needs no lock: the file is only ever replaced whole. A
//! [writer](Keyring::open_for_writing) holds a lock for as long as it lives, and every change is on the disk when the
//! call that made it returns. A reader sees what was there when it opened; [`Keyring::reload`] looks again.
//!
//! # The file
//!
//! Integers are big-endian; text is UTF-8 behind a 16-bit length.
//!
//! ```text
//!  0                12        14            18          26            42           46
//!  +----------------+---------+-------------+-----------+-------------+------------+------------------+
//!  | "KMS keyring"  | 00 01   | length of   | revision  | root key id | root key   | root: see below  |
//!  |  0A            | version | the body u32| u64       | 16 bytes    | generation |                  |
//!  +----------------+---------+-------------+-----------+-------------+------------+------------------+
//!  | number of keys u32 | keys, sorted by id: see below                                               | end of body
//!  +--------------------+-----------------------------------------------------------------------------+
//!  | seal: u16 + blob   | SHA-256 of everything before: 32 bytes                                      |
//!  +--------------------+-----------------------------------------------------------------------------+
//!
//!  root = 01                                                             a key file
//!       | 02  memory in KiB u32  passes u32  lanes u32  salt 16 bytes    a passphrase, by Argon2id
//!       | 03  address: text                                              a master key of another backend
//!
//!  key        = id 16 bytes, spec: text, usage: text, description: text,
//!               number of aliases u16, aliases: text, sorted,
//!               number of generations u32 (at least 1), generations, sorted by number
//!  generation = number u32, origin: text, seconds since 1970 u64, sealed material: u16 + blob
//! ```
//!
//! The *sealed material* is that of a [`SealedKey`](crate::SealedKey): bound to key id, generation, spec and usage.
//! The *seal* is the SHA-256 of the body, encrypted under the root key with the encryption context
//! `kms-purpose: keyring`. So a key that is taken out, put back, exchanged or renamed in the file by anyone without the
//! root key is noticed; the checksum tells an accident from that, without the root key. There is one sequence of bytes
//! for given contents, and no other is read.
//!
//! # What a keyring cannot do
//!
//! Whoever can write the file can put an **old copy of the whole file** back, with keys since destroyed and without
//! keys since made, and nothing in the file can tell. [`Keyring::revision`] grows by one with each change, for whoever
//! remembers it elsewhere; [`Keyring::reload`] refuses to go back. Destroying a key does not destroy it in copies of
//! the file.

mod backend;
mod closed;
mod contents;
mod damage;
mod file;
pub mod format;
mod names;
mod opened;
mod root;

use kms_core::{EncryptionContext, Error};

pub use closed::SealedKeyring;
pub use contents::{Contents, GenerationRecord, KeyRecord, MAX_ALIAS, MAX_DESCRIPTION, Origin};
pub use damage::Damage;
pub use opened::Keyring;
pub use root::{MIN_PASSPHRASE, PassphraseCost, RootInfo, RootKey, RootKind};

/// What the seal is bound to: no other use of a root key makes the like.
fn seal_context() -> Result<EncryptionContext, Error> {
    EncryptionContext::new([("kms-purpose", "keyring")])
}

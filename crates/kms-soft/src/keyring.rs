//! The keyring file: master keys that outlive their process, sealed under a root key.
//!
//! A keyring is one file. Its keys are listed in clear (ids, specs, usages, descriptions, aliases, dates); their
//! material is sealed under a *root key*, which is any symmetric [`MasterKey`](kms_core::MasterKey): a
//! [key file](RootKey::create_key_file), a [passphrase](RootKey::from_new_passphrase), or
//! [a key in another backend](RootKey::from_master_key). **Who loses the root key loses every key of the keyring.**
//!
//! ```
//! use kms_core::{Backend, Call, EncryptionContext, Key, KeyId, KeySpec, KeyUsage, SystemRandom};
//! use kms_soft::{Keyring, RootKey};
//! # let directory = tempfile::tempdir().unwrap();
//! # let (root_path, path) = (directory.path().join("root.key"), directory.path().join("keyring"));
//! let call = Call::default();
//! let root = RootKey::create_key_file(&root_path)?;
//! let keyring = Keyring::create(&path, &root, &call)?;
//! let id = KeyId::random(&SystemRandom)?;
//! let at = Keyring::locator(id.into());
//! let key = Key::new(keyring.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call)?);
//! keyring.add_alias("alias/backup", id, &call)?;
//! let sealed = key.encrypt(b"secret", &EncryptionContext::empty(), &call)?;
//!
//! // Later, in another process:
//! let keyring = Keyring::open(&path)?.unlock(&RootKey::open_key_file(&root_path)?, &call)?;
//! let at = Keyring::locator(keyring.resolve("alias/backup")?);
//! let key = Key::new(keyring.open(&at, &call)?);
//! assert_eq!(key.decrypt(sealed.as_bytes(), &EncryptionContext::empty(), &call)?.expose(), b"secret");
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

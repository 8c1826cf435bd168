//! The store as the service uses it: every record sealed under the root, and bound to its place.
//!
//! ```text
//!  0         1                17                          end - 16
//!  +---------+----------------+---------------------------+----------+
//!  | version | nonce          | AES-256-GCM of the record | tag      |
//!  |  01     | 16 bytes       |                           | 16 bytes |
//!  +---------+----------------+---------------------------+----------+
//! ```
//!
//! The AES key is HMAC-SHA-256(store key, `"kms record v1"` || nonce), used once, with an all-zero GCM nonce; the record's
//! place is the additional data. The store key is 32 random bytes, sealed by the root master key in the [header](Header).

use core::fmt;
use std::sync::Arc;

use kms_core::primitives::aead::AesGcm;
use kms_core::primitives::mac::hmac;
use kms_core::{
    Call, EncryptionContext, Error, ErrorKind, Key, KeySpec, MacAlgorithm, RandomSource, Records, Secret, SystemRandom,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::{Guard, Outcome, Revision, Store, Transaction, Write};

mod header;
mod records;

pub use header::Header;

const VERSION: u8 = 1;
const NONCE: usize = 16;
const TAG: usize = 16;
const LABEL: &[u8] = b"kms record v1";
/// How often a transaction of unknown outcome is asked for again.
const ASK_AGAIN: usize = 5;

/// A store whose records only the holder of the root key can read, write, swap or move.
#[derive(Clone)]
pub struct SealedStore {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    header: Header,
    key: Secret,
}

/// Changes to sealed records, for one transaction.
#[derive(Debug, Default)]
pub(crate) struct Change {
    guards: Vec<Guard>,
    writes: Vec<Write>,
}

/// A record, and when it was last written.
#[derive(Debug, Clone)]
pub(crate) struct Versioned<T> {
    pub(crate) record: T,
    pub(crate) version: Revision,
}

/// Places and what is there, in order.
pub(crate) type Page<T> = Vec<(Vec<u8>, Versioned<T>)>;

impl SealedStore {
    /// Opens a store under its root key, or makes it the store of that root key if it is empty.
    ///
    /// # Errors
    /// `IncorrectKey` if the store was made under another root key, naming both; `Unsupported` for a newer format, or if
    /// `root` is not a symmetric key; `Malformed` if the store is not empty and has no header; the faults of the store and
    /// of the root key's backend.
    pub fn open(store: Arc<dyn Store>, root: &Key) -> Result<Self, Error> {
        if root.info().spec != KeySpec::SymmetricDefault || root.info().algorithms.is_empty() {
            return Err(Error::unsupported(format!("a root key is SYMMETRIC_DEFAULT, not {}", root.info().spec)));
        }
        loop {
            let found = store.get(&[header::PLACE])?.into_iter().next().flatten();
            if let Some(stored) = found {
                let header = Header::parse(&stored.value)?;
                let key = header.open(root)?;
                return Ok(Self { inner: Arc::new(Inner { store, header, key }) });
            }
            if !store.list(b"", None, 1)?.is_empty() {
                return Err(Error::malformed(
                    "the store has records, and no header: it is damaged, or not a key store",
                ));
            }
            let (header, _) = Header::new(root)?;
            let mut first = Change::default();
            first.guards.push(Guard::Absent(header::PLACE.to_vec()));
            first.writes.push(Write::Put(header::PLACE.to_vec(), header.to_bytes()?));
            // Whoever was first: the header that is there is the one.
            let _first = commit(&*store, first)?;
        }
    }

    /// What the store says about itself.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.inner.header
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Arc<dyn Store> {
        &self.inner.store
    }

    /// A place for what backends keep, in this store.
    #[must_use]
    pub fn records(&self) -> Arc<dyn Records> {
        Arc::new(records::StoreRecords(self.clone()))
    }

    /// A 32-byte key for another purpose, derived from the store key.
    pub(crate) fn derived_key(&self, purpose: &str) -> Secret {
        let message = [b"kms store purpose v1 ".as_slice(), purpose.as_bytes()].concat();
        hmac(MacAlgorithm::HmacSha256, self.inner.key.expose(), &message)
    }

    fn record_key(&self, nonce: &[u8]) -> Result<AesGcm, Error> {
        let message = [LABEL, nonce].concat();
        AesGcm::new(hmac(MacAlgorithm::HmacSha256, self.inner.key.expose(), &message).expose())
    }

    /// Seals bytes for a place.
    pub(crate) fn seal(&self, place: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let mut out = vec![0; 1 + NONCE + plaintext.len()];
        let mut nonce = [0; NONCE];
        SystemRandom.fill(&mut nonce)?;
        let (head, body) = out.split_at_mut(1 + NONCE);
        if let [version, rest @ ..] = head {
            *version = VERSION;
            rest.copy_from_slice(&nonce);
        }
        body.copy_from_slice(plaintext);
        let tag = self.record_key(&nonce)?.seal_in_place(&[0; 12], place, body)?;
        out.extend(tag);
        Ok(out)
    }

    /// Opens what was [sealed](Self::seal) for a place.
    ///
    /// # Errors
    /// `Malformed` if it is not that: changed, or moved here from another place.
    pub(crate) fn unseal(&self, place: &[u8], value: &[u8]) -> Result<Secret, Error> {
        let damaged = || {
            let place = place.escape_ascii();
            Error::malformed(format!("the record {place} is damaged, or was not written by this service at this place"))
        };
        let (&version, rest) = value.split_first().ok_or_else(damaged)?;
        if version != VERSION {
            let place = place.escape_ascii();
            return Err(Error::malformed(format!("the record {place} was written by a newer version")));
        }
        let (nonce, rest) = rest.split_at_checked(NONCE).ok_or_else(damaged)?;
        let (body, tag) = rest.split_last_chunk::<TAG>().ok_or_else(damaged)?;
        let mut plaintext = Secret::copy_from(body);
        let opened = self.record_key(nonce)?.open_in_place(&[0; 12], place, plaintext.expose_mut(), tag);
        opened.map_err(|_| damaged())?;
        Ok(plaintext)
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, place: &[u8], value: &[u8]) -> Result<T, Error> {
        let plaintext = self.unseal(place, value)?;
        serde_json::from_slice(plaintext.expose()).map_err(|error| {
            Error::malformed(format!("the record {} was written by another version: {error}", place.escape_ascii()))
        })
    }

    /// The record at a place.
    pub(crate) fn get<T: DeserializeOwned>(&self, place: &[u8]) -> Result<Option<Versioned<T>>, Error> {
        let stored = self.inner.store.get(&[place])?.into_iter().next().flatten();
        stored
            .map(|stored| Ok(Versioned { record: self.read(place, &stored.value)?, version: stored.version }))
            .transpose()
    }

    /// The records whose places begin with `prefix`, in order, from the first after `after` on.
    pub(crate) fn list<T: DeserializeOwned>(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page<T>, Error> {
        let page = self.inner.store.list(prefix, after, limit)?;
        page.into_iter()
            .map(|(place, stored)| {
                let record = self.read(&place, &stored.value)?;
                Ok((place, Versioned { record, version: stored.version }))
            })
            .collect()
    }

    /// Puts a record at its place, in a change.
    pub(crate) fn put<T: Serialize>(&self, change: &mut Change, place: Vec<u8>, record: &T) -> Result<(), Error> {
        let plaintext = serde_json::to_vec(record)
            .map_err(|error| Error::with_detail(ErrorKind::Internal, format!("a record cannot be written: {error}")))?;
        let value = self.seal(&place, &plaintext)?;
        change.writes.push(Write::Put(place, value));
        Ok(())
    }

    /// Commits a change. `None`: a guard did not hold, and nothing was written.
    ///
    /// # Errors
    /// The store's; `TimedOut` that may have run if the outcome cannot be learned.
    pub(crate) fn commit(&self, change: Change) -> Result<Option<Revision>, Error> {
        commit(&*self.inner.store, change)
    }
}

fn commit(store: &dyn Store, change: Change) -> Result<Option<Revision>, Error> {
    let mut id = [0; 16];
    SystemRandom.fill(&mut id)?;
    let mut transaction = Transaction::new(id);
    transaction.guards = change.guards;
    transaction.writes = change.writes;
    for _ in 0..ASK_AGAIN {
        match store.commit(&transaction)? {
            Outcome::Committed(revision) => return Ok(Some(revision)),
            Outcome::Conflict(_) => return Ok(None),
            Outcome::Unknown => {}
        }
    }
    let text = "the store does not say whether a change was made; asking for the same again is safe";
    Err(Error::with_detail(ErrorKind::TimedOut, text).that_may_have_run())
}

impl Change {
    /// Nothing is at the place.
    pub(crate) fn absent(&mut self, place: Vec<u8>) -> &mut Self {
        self.guards.push(Guard::Absent(place));
        self
    }

    /// What is at the place has not changed since it was read.
    pub(crate) fn unchanged(&mut self, place: Vec<u8>, version: Revision) -> &mut Self {
        self.guards.push(Guard::Is(place, version));
        self
    }

    pub(crate) fn delete(&mut self, place: Vec<u8>) -> &mut Self {
        self.writes.push(Write::Delete(place));
        self
    }
}

impl fmt::Debug for SealedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SealedStore").field(&self.inner.header).finish()
    }
}

/// What the store key is sealed for.
fn key_context(id: &str) -> Result<EncryptionContext, Error> {
    EncryptionContext::new([("kms-purpose", "store key"), ("kms-store", id)])
}

/// A call without a limit: what happens at start.
fn at_start() -> Call {
    Call::default()
}

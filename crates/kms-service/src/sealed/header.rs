//! The first record of a store, the only one in clear: which root key opens it.

use kms_core::{Error, Key, KeyId, Secret, SystemRandom};
use serde::{Deserialize, Serialize};

use super::{at_start, key_context};
use crate::store::Store;
use crate::text;

/// Where the header is.
pub(super) const PLACE: &[u8] = b"s/header";
const FORMAT: u32 = 1;

/// What a store says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Header {
    /// The version of the format: 1.
    pub format: u32,
    /// Tells this store from every other.
    #[serde(with = "text")]
    pub id: KeyId,
    /// The root key's material, as `KEY-ID/GENERATION`.
    pub root: String,
    /// How to come by the root key, in the words of whoever made the store; may be empty. Nothing vouches for it: a wrong
    /// one leads to another key, which does not open the store.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub root_at: String,
    /// The store key, sealed under the root key.
    #[serde(with = "text::hex")]
    sealed_key: Vec<u8>,
}

impl Header {
    /// What the store at hand says about itself; `None` if it is empty, or none.
    ///
    /// # Errors
    /// `Malformed`, `Unsupported`; the store's faults.
    pub fn read(store: &dyn Store) -> Result<Option<Self>, Error> {
        let found = store.get(&[PLACE])?.into_iter().next().flatten();
        found.map(|stored| Self::parse(&stored.value)).transpose()
    }

    pub(super) fn new(root: &Key, root_at: &str) -> Result<(Self, Secret), Error> {
        let id = KeyId::random(&SystemRandom)?;
        let (key, sealed) = root.generate_data_key(32, &key_context(&id.to_string())?, &at_start())?;
        let root = root.info().id.to_string();
        Ok((Self { format: FORMAT, id, root, root_at: root_at.to_owned(), sealed_key: sealed.into_bytes() }, key))
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(|_| kms_core::ErrorKind::Internal.into())
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let damaged = |_| Error::malformed("the store's header is damaged");
        let Format { format } = serde_json::from_slice(bytes).map_err(damaged)?;
        if format != FORMAT {
            return Err(Error::unsupported(format!("the store has format {format}; this version knows {FORMAT}")));
        }
        serde_json::from_slice(bytes).map_err(damaged)
    }

    /// The store key.
    pub(super) fn open(&self, root: &Key) -> Result<Secret, Error> {
        let given = root.info().id.to_string();
        if given != self.root {
            return Err(Error::with_detail(
                kms_core::ErrorKind::IncorrectKey,
                format!("the store was made under the root key {}, and this is {given}", self.root),
            ));
        }
        root.decrypt(&self.sealed_key, &key_context(&self.id.to_string())?, &at_start())
    }
}

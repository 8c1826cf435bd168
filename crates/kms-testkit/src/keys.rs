//! The wrapping keys of a manifest, ready for use.

use std::collections::BTreeMap;
use std::sync::Arc;

use kms_core::message::{RawAesKey, RawRsaKey, RsaPadding, WrappingKey};
use kms_core::primitives::rsa::RsaPrivateKey;
use kms_core::{Error, Secret, SystemRandom};

use crate::manifest::{KeyEntry, KeyUse};

/// A key that wraps and unwraps.
pub type SharedKey = Arc<dyn WrappingKey>;

/// The keys of a manifest, each made once.
#[derive(Clone)]
pub struct Keys<'m> {
    entries: &'m BTreeMap<String, KeyEntry>,
    made: BTreeMap<KeyUse, SharedKey>,
}

impl<'m> Keys<'m> {
    /// None made yet.
    #[must_use]
    pub const fn new(entries: &'m BTreeMap<String, KeyEntry>) -> Self {
        Self { entries, made: BTreeMap::new() }
    }

    /// A key for a use.
    ///
    /// # Errors
    /// `Unsupported` if this project does not wrap so; others if the manifest is wrong.
    pub fn get(&mut self, wanted: &KeyUse) -> Result<SharedKey, Error> {
        if let Some(made) = self.made.get(wanted) {
            return Ok(made.clone());
        }
        let entry = self.entries.get(&wanted.key);
        let entry = entry.ok_or_else(|| Error::invalid_input(format!("no key {:?} in the manifest", wanted.key)))?;
        let made = make(entry, &wanted.wrapping)?;
        self.made.insert(wanted.clone(), made.clone());
        Ok(made)
    }
}

impl std::fmt::Debug for Keys<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("made", &self.made.keys()).finish_non_exhaustive()
    }
}

fn make(key: &KeyEntry, wrapping: &str) -> Result<SharedKey, Error> {
    match key {
        KeyEntry::Aes { hex, namespace, name } if wrapping == "AES_GCM" => {
            Ok(Arc::new(RawAesKey::new(namespace, name, Secret::copy_from(&hex.0))?))
        }
        KeyEntry::Aes { .. } => Err(Error::invalid_input(format!("an AES key does not wrap with {wrapping}"))),
        KeyEntry::Rsa { namespace, name, private_pem, .. } => {
            let padding: RsaPadding = wrapping.parse()?;
            let (_, der) = pkcs8::SecretDocument::from_pem(private_pem)
                .map_err(|_| Error::malformed("the private key is not PEM"))?;
            let private = RsaPrivateKey::from_pkcs8(der.as_bytes())?;
            Ok(Arc::new(RawRsaKey::private(namespace, name, private, padding, SystemRandom)?))
        }
    }
}

//! The wrapping keys of a manifest, each made once.

use std::collections::BTreeMap;
use std::sync::Arc;

use kms_core::message::{MaterialsProvider, RawAesKey, RawRsaKey, RsaPadding};
use kms_core::primitives::rsa::RsaPrivateKey;
use kms_core::{Error, ErrorKind, Secret, SystemRandom};

use super::Miss;
use crate::manifest::{KeyEntry, KeyUse, Manifest, MessageEntry};
use crate::static_key::StaticDataKey;

pub(super) struct Keys<'m> {
    manifest: &'m Manifest,
    made: BTreeMap<&'m KeyUse, Arc<dyn MaterialsProvider>>,
}

impl<'m> Keys<'m> {
    pub(super) fn of(manifest: &'m Manifest) -> Self {
        Self { manifest, made: BTreeMap::new() }
    }

    /// What decrypts this message, by the manifest.
    pub(super) fn provider(&mut self, entry: &'m MessageEntry) -> Result<Arc<dyn MaterialsProvider>, Miss> {
        let wanted = match (&entry.data_key, &entry.decrypt_with) {
            (Some(data_key), None) => return Ok(Arc::new(StaticDataKey::new(Secret::copy_from(&data_key.0)))),
            (None, Some(wanted)) => wanted,
            _ => return Err(Miss::Failed("the manifest gives no key, or two".into())),
        };
        if let Some(made) = self.made.get(wanted) {
            return Ok(made.clone());
        }
        let key = self.manifest.keys.get(&wanted.key);
        let key = key.ok_or_else(|| Miss::Failed(format!("no key {:?} in the manifest", wanted.key)))?;
        let made = make(key, &wanted.wrapping).map_err(|error| match error.kind() {
            ErrorKind::Unsupported => Miss::Declined(wanted.wrapping.clone()),
            _ => Miss::Failed(format!("key {:?}: {error}", wanted.key)),
        })?;
        self.made.insert(wanted, made.clone());
        Ok(made)
    }
}

fn make(key: &KeyEntry, wrapping: &str) -> Result<Arc<dyn MaterialsProvider>, Error> {
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

//! The keys there are as readers of a message, and what to say when none of them opens it.

use std::sync::{Mutex, PoisonError};

use kms_core::message::{AWS_KMS, DecryptionRequest, EncryptedDataKey, EncryptionRequest, KmsWrappingKey, WrappingKey};
use kms_core::{Error, ErrorKind, KeyId, Secret};

use crate::aws;
use crate::failure::Failure;
use crate::keys::{ARN_PREFIX, Keys};

/// How many of the keys that a message names are shown, and how much of a name: a stranger chooses both.
const SHOWN: usize = 3;
const NAME_SHOWN: usize = 200;

fn shortened(name: &str) -> String {
    name.chars().take(NAME_SHOWN).collect()
}

/// Whose keys read messages.
#[derive(Clone, Copy)]
pub(crate) enum Readers<'a> {
    /// Those of a keyring or an HSM, all of them.
    There(&'a dyn Keys),
    /// Those that the user named, at AWS KMS.
    Named(&'a [Box<dyn WrappingKey>]),
}

/// All keys as readers of one message; only those that it names are opened.
pub(crate) struct MessageKeys<'a> {
    keys: Readers<'a>,
    /// The keys that the message names and that are not here.
    unknown: Mutex<Vec<String>>,
    /// Whether the user insists on pairs of context.
    asks_for_context: bool,
}

impl<'a> MessageKeys<'a> {
    pub(crate) const fn new(keys: Readers<'a>, asks_for_context: bool) -> Self {
        Self { keys, unknown: Mutex::new(Vec::new()), asks_for_context }
    }

    /// The failure to open a message, with what to try.
    pub(crate) fn explain(&self, error: Error) -> Failure {
        let kind = error.kind();
        let failure = Failure::from(error);
        match kind {
            ErrorKind::NoMatchingKey => {
                let unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
                let shown: Vec<_> = unknown.iter().take(SHOWN).map(|name| shortened(name)).collect();
                let more = match unknown.len().saturating_sub(SHOWN) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let under = format!("It was encrypted under {}{more}", shown.join(", "));
                match self.keys {
                    Readers::Named(_) => {
                        failure.hint(format!("{under}, which is none of the keys that --key or --discovery allows."))
                    }
                    Readers::There(keys) if unknown.iter().any(|name| aws::names_key(name)) => failure.hint(format!(
                        "{under}; {} has no such key.\nA key at AWS KMS is asked only if it is named, with --key ARN, or \
                         allowed, with --discovery.",
                        keys.place()
                    )),
                    Readers::There(keys) => failure.hint(format!("{under}; {} has no such key.", keys.place())),
                }
            }
            ErrorKind::Rejected if self.asks_for_context => {
                failure.hint("It is damaged or forged, or --context names a pair that it was not made with.")
            }
            ErrorKind::Rejected => failure.hint("It is damaged or forged."),
            _ => failure,
        }
    }

    fn find(keys: &dyn Keys, wrapped: &EncryptedDataKey<'_>) -> Option<Result<KmsWrappingKey, Error>> {
        if wrapped.provider_id != AWS_KMS {
            return None;
        }
        let name = core::str::from_utf8(&wrapped.provider_info).ok()?;
        let id: KeyId = name.strip_prefix(ARN_PREFIX)?.parse().ok()?;
        // The blob says which generation of the key made it.
        let made_by = kms_core::blob::material_id(&wrapped.ciphertext).ok().filter(|made_by| made_by.key == id);
        let opened = keys.open_material(made_by.unwrap_or(id.into()))?;
        Some(opened.and_then(|key| KmsWrappingKey::new(name, key)))
    }
}

impl WrappingKey for MessageKeys<'_> {
    fn wrap_data_key(&self, _: &Secret, _: &EncryptionRequest<'_>) -> Result<EncryptedDataKey<'static>, Error> {
        Err(Error::unsupported("a keyring is no key: name one to encrypt under"))
    }

    fn unwrap_data_key(
        &self,
        wrapped: &EncryptedDataKey<'_>,
        request: &DecryptionRequest<'_>,
    ) -> Option<Result<Secret, Error>> {
        let answer = match self.keys {
            Readers::There(keys) => match Self::find(keys, wrapped) {
                Some(Ok(key)) => key.unwrap_data_key(wrapped, request),
                Some(Err(error)) => Some(Err(error)),
                None => None,
            },
            Readers::Named(keys) => keys.iter().find_map(|key| key.unwrap_data_key(wrapped, request)),
        };
        if answer.is_none() {
            self.unknown.lock().unwrap_or_else(PoisonError::into_inner).push(key_name(wrapped));
        }
        answer
    }
}

/// What an encrypted data key says of its key: an ARN, or the namespace and name of a raw key.
pub(crate) fn key_name(wrapped: &EncryptedDataKey<'_>) -> String {
    // A raw AES key's name is followed by binary parameters.
    let text = String::from_utf8_lossy(&wrapped.provider_info);
    let name = text.split(|c: char| c.is_control() || c == '\u{fffd}').next().unwrap_or_default();
    if wrapped.provider_id == AWS_KMS { name.to_owned() } else { format!("{}/{name}", wrapped.provider_id) }
}

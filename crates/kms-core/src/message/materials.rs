//! Who gives a message its keys.
//!
//! AWS Encryption SDK specification, `framework/cmm-interface.md` and `keyring-interface.md`, without what they
//! share mutably: a request goes in, materials come out.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::header::EncryptedDataKey;
use super::signature;
use super::suite::AlgorithmSuite;
use super::wrapping::{KmsWrappingKey, RawAesKey, RawRsaKey};
use crate::primitives::ecc::EccPrivateKey;
use crate::{Call, EncryptionContext, Error, ErrorKind, RandomSource, Secret};

/// What a message to be written needs keys for.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct EncryptionRequest<'a> {
    /// The suite; its data key has [`AlgorithmSuite::key_len`] bytes.
    pub suite: AlgorithmSuite,
    /// The whole encryption context, with the part that is not stored.
    pub context: &'a EncryptionContext,
    /// The plaintext's length in bytes, or a bound on it, if it is known.
    pub plaintext_len: Option<u64>,
    /// Randomness.
    pub random: &'a dyn RandomSource,
    /// For the backends.
    pub call: &'a Call,
}

/// What a message to be read needs a key for. Nothing in it has been authenticated yet.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct DecryptionRequest<'a> {
    /// The suite; its data key has [`AlgorithmSuite::key_len`] bytes.
    pub suite: AlgorithmSuite,
    /// The whole encryption context, with the part that is not stored.
    pub context: &'a EncryptionContext,
    /// The candidates, in the order of the message.
    pub encrypted_data_keys: &'a [EncryptedDataKey<'a>],
    /// For the backends.
    pub call: &'a Call,
}

impl<'a> EncryptionRequest<'a> {
    /// For a message of this suite, with this whole context and a length that is not known.
    #[must_use]
    pub const fn new(
        suite: AlgorithmSuite,
        context: &'a EncryptionContext,
        random: &'a dyn RandomSource,
        call: &'a Call,
    ) -> Self {
        Self { suite, context, plaintext_len: None, random, call }
    }
}

impl<'a> DecryptionRequest<'a> {
    /// For a message of this suite, with this whole context and these encrypted data keys.
    #[must_use]
    pub const fn new(
        suite: AlgorithmSuite,
        context: &'a EncryptionContext,
        encrypted_data_keys: &'a [EncryptedDataKey<'a>],
        call: &'a Call,
    ) -> Self {
        Self { suite, context, encrypted_data_keys, call }
    }
}

/// The keys of a message to be written.
#[non_exhaustive]
pub struct EncryptionMaterials {
    /// The suite they are for.
    pub suite: AlgorithmSuite,
    /// The requested context, and for signed suites the signature's public key.
    pub context: EncryptionContext,
    /// In clear. Wiped on drop.
    pub data_key: Secret,
    /// Encrypted under each master key.
    pub encrypted_data_keys: Vec<EncryptedDataKey<'static>>,
    /// For signed suites.
    pub signing_key: Option<EccPrivateKey>,
}

/// The key of a message to be read.
#[non_exhaustive]
#[derive(Debug)]
pub struct DecryptionMaterials {
    /// In clear. Wiped on drop.
    pub data_key: Secret,
}

impl EncryptionMaterials {
    /// A data key from the first of `keys`, encrypted under all of them, and a key pair for suites that sign.
    ///
    /// # Errors
    /// `InvalidInput` if there are no keys; those of the backends.
    pub fn under<'k>(
        keys: impl IntoIterator<Item = &'k dyn WrappingKey>,
        request: &EncryptionRequest<'_>,
    ) -> Result<Self, Error> {
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or_else(|| Error::invalid_input("no master key to encrypt under"))?;
        let signing = signature::generate(request)?;
        let (context, signing_key) = match signing {
            Some((context, key)) => (context, Some(key)),
            None => (request.context.clone(), None),
        };
        let request = EncryptionRequest { context: &context, ..*request };
        let (data_key, wrapped) = first.generate_data_key(&request)?;
        if data_key.len() != request.suite.key_len() {
            return Err(Error::with_detail(ErrorKind::Internal, "a backend's data key has the wrong length"));
        }
        let mut encrypted_data_keys = alloc::vec![wrapped];
        for key in keys {
            encrypted_data_keys.push(key.wrap_data_key(&data_key, &request)?);
        }
        Ok(Self { suite: request.suite, context, data_key, encrypted_data_keys, signing_key })
    }
}

impl EncryptionMaterials {
    /// Whether these are the materials that `request` asks for: the suite, a data key of its length, every pair of
    /// the context and nothing but the signature's public key besides, and that public key for suites that sign.
    pub(crate) fn answer(&self, request: &EncryptionRequest<'_>) -> Result<bool, Error> {
        let expected = match &self.signing_key {
            Some(key) => Cow::Owned(signature::context_with(request.context, key)?),
            None => Cow::Borrowed(request.context),
        };
        Ok(self.suite == request.suite
            && self.data_key.len() == request.suite.key_len()
            && self.signing_key.is_some() == request.suite.is_signed()
            && self.context == *expected
            && !self.encrypted_data_keys.is_empty())
    }
}

impl DecryptionMaterials {
    /// This data key.
    #[must_use]
    pub const fn new(data_key: Secret) -> Self {
        Self { data_key }
    }

    /// Tries each encrypted data key, in the order of the message, with each of `keys` that recognises it.
    ///
    /// # Errors
    /// As [`MaterialsProvider::decryption_materials`].
    pub fn with_any_of<'k>(
        keys: impl IntoIterator<Item = &'k dyn WrappingKey, IntoIter: Clone>,
        request: &DecryptionRequest<'_>,
    ) -> Result<Self, Error> {
        let keys = keys.into_iter();
        let mut failure = None;
        for wrapped in request.encrypted_data_keys {
            for key in keys.clone() {
                match key.unwrap_data_key(wrapped, request) {
                    None => {}
                    Some(Ok(data_key)) if data_key.len() == request.suite.key_len() => {
                        return Ok(Self { data_key });
                    }
                    Some(Ok(_wrong_length)) => note(&mut failure, Error::rejected()),
                    Some(Err(error)) => note(&mut failure, error),
                }
            }
        }
        Err(failure.unwrap_or_else(|| ErrorKind::NoMatchingKey.into()))
    }
}

/// Gives messages their keys: one of the keys of this module alone, several as [`WrappingKeys`], or a
/// [`DataKeyCache`](super::DataKeyCache) in front of either.
pub trait MaterialsProvider: Send + Sync {
    /// The keys of a message to be written.
    ///
    /// # Errors
    /// Those of the backends.
    fn encryption_materials(&self, request: &EncryptionRequest<'_>) -> Result<Arc<EncryptionMaterials>, Error>;

    /// The key of a message to be read.
    ///
    /// # Errors
    /// `NoMatchingKey` if no key on hand recognises one of the encrypted data keys; `Rejected` if one does, and
    /// cannot open it; those of the backends.
    fn decryption_materials(&self, request: &DecryptionRequest<'_>) -> Result<Arc<DecryptionMaterials>, Error>;
}

/// One key that data keys are encrypted under: [`KmsWrappingKey`](super::KmsWrappingKey),
/// [`RawAesKey`](super::RawAesKey), [`RawRsaKey`](super::RawRsaKey).
pub trait WrappingKey: Send + Sync {
    /// Encrypts a data key that another key generated.
    ///
    /// # Errors
    /// `Unsupported` if this key only decrypts; those of the backend.
    fn wrap_data_key(
        &self,
        data_key: &Secret,
        request: &EncryptionRequest<'_>,
    ) -> Result<EncryptedDataKey<'static>, Error>;

    /// A fresh data key of the suite's length, in clear and encrypted.
    ///
    /// # Errors
    /// As [`wrap_data_key`](Self::wrap_data_key).
    fn generate_data_key(&self, request: &EncryptionRequest<'_>) -> Result<(Secret, EncryptedDataKey<'static>), Error> {
        let mut data_key = Secret::zeroed(request.suite.key_len());
        request.random.fill(data_key.expose_mut())?;
        let wrapped = self.wrap_data_key(&data_key, request)?;
        Ok((data_key, wrapped))
    }

    /// Decrypts a data key. `None`: encrypted under another key. `Some(Err(_))`: under this one, and it cannot be
    /// opened.
    fn unwrap_data_key(
        &self,
        wrapped: &EncryptedDataKey<'_>,
        request: &DecryptionRequest<'_>,
    ) -> Option<Result<Secret, Error>>;
}

/// Several keys: a message is encrypted under all of them, and read with any.
///
/// The first generates the data key.
#[derive(Default)]
pub struct WrappingKeys<'k>(Vec<Box<dyn WrappingKey + 'k>>);

impl<'k> WrappingKeys<'k> {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// One more.
    #[must_use]
    pub fn with(mut self, key: impl WrappingKey + 'k) -> Self {
        self.0.push(Box::new(key));
        self
    }

    fn iter(&self) -> impl Iterator<Item = &dyn WrappingKey> + Clone {
        self.0.iter().map(|key| &**key as &dyn WrappingKey)
    }
}

impl fmt::Debug for WrappingKeys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrappingKeys({})", self.0.len())
    }
}

impl MaterialsProvider for WrappingKeys<'_> {
    fn encryption_materials(&self, request: &EncryptionRequest<'_>) -> Result<Arc<EncryptionMaterials>, Error> {
        EncryptionMaterials::under(self.iter(), request).map(Arc::new)
    }

    fn decryption_materials(&self, request: &DecryptionRequest<'_>) -> Result<Arc<DecryptionMaterials>, Error> {
        DecryptionMaterials::with_any_of(self.iter(), request).map(Arc::new)
    }
}

/// A key alone is a provider too. Not for every [`WrappingKey`]: that would rule out the forms below.
macro_rules! provides_alone {
    ($($key:ty),+) => {$(
        impl MaterialsProvider for $key {
            fn encryption_materials(
                &self,
                request: &EncryptionRequest<'_>,
            ) -> Result<Arc<EncryptionMaterials>, Error> {
                EncryptionMaterials::under([self as &dyn WrappingKey], request).map(Arc::new)
            }

            fn decryption_materials(
                &self,
                request: &DecryptionRequest<'_>,
            ) -> Result<Arc<DecryptionMaterials>, Error> {
                DecryptionMaterials::with_any_of([self as &dyn WrappingKey], request).map(Arc::new)
            }
        }
    )+};
}

provides_alone!(KmsWrappingKey, RawAesKey, RawRsaKey);

macro_rules! provides_through {
    ($($pointer:ty),+) => {$(
        impl<P: MaterialsProvider + ?Sized> MaterialsProvider for $pointer {
            fn encryption_materials(
                &self,
                request: &EncryptionRequest<'_>,
            ) -> Result<Arc<EncryptionMaterials>, Error> {
                (**self).encryption_materials(request)
            }

            fn decryption_materials(
                &self,
                request: &DecryptionRequest<'_>,
            ) -> Result<Arc<DecryptionMaterials>, Error> {
                (**self).decryption_materials(request)
            }
        }
    )+};
}

provides_through!(&P, Arc<P>, Box<P>);

macro_rules! wraps_through {
    ($($pointer:ty),+) => {$(
        impl<K: WrappingKey + ?Sized> WrappingKey for $pointer {
            fn wrap_data_key(
                &self,
                data_key: &Secret,
                request: &EncryptionRequest<'_>,
            ) -> Result<EncryptedDataKey<'static>, Error> {
                (**self).wrap_data_key(data_key, request)
            }

            fn generate_data_key(
                &self,
                request: &EncryptionRequest<'_>,
            ) -> Result<(Secret, EncryptedDataKey<'static>), Error> {
                (**self).generate_data_key(request)
            }

            fn unwrap_data_key(
                &self,
                wrapped: &EncryptedDataKey<'_>,
                request: &DecryptionRequest<'_>,
            ) -> Option<Result<Secret, Error>> {
                (**self).unwrap_data_key(wrapped, request)
            }
        }
    )+};
}

wraps_through!(&K, Arc<K>, Box<K>);

/// Keeps the failure to report. What a device or a network does says more than what a stranger's message provokes,
/// and that more than a plain refusal; of two alike, the first.
fn note(failure: &mut Option<Error>, error: Error) {
    if failure.as_ref().is_none_or(|kept| weight(&error) > weight(kept)) {
        *failure = Some(error);
    }
}

fn weight(error: &Error) -> u8 {
    match error.kind() {
        _ if error.is_transient() || error.may_have_run() => 3,
        ErrorKind::Rejected => 0,
        ErrorKind::IncorrectKey | ErrorKind::InvalidInput | ErrorKind::Malformed | ErrorKind::Unsupported => 1,
        _ => 2,
    }
}

impl fmt::Debug for EncryptionRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionRequest").field("suite", &self.suite).field("context", &self.context).finish()
    }
}

impl fmt::Debug for DecryptionRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptionRequest").field("suite", &self.suite).field("context", &self.context).finish()
    }
}

impl fmt::Debug for EncryptionMaterials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionMaterials")
            .field("suite", &self.suite)
            .field("context", &self.context)
            .field("data_key", &self.data_key)
            .field("encrypted_data_keys", &self.encrypted_data_keys.len())
            .finish()
    }
}

// Object safety is part of the contract.
const _: fn(&dyn WrappingKey, &dyn MaterialsProvider) = |_, _| {};

//! What an encryptor asks of its materials, what it leaves behind when it refuses, and which failure a reader reports.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

extern crate alloc;

use alloc::sync::Arc;

use kms_core::message::{
    AlgorithmSuite, DecryptionMaterials, DecryptionRequest, EncryptOptions, EncryptedDataKey, EncryptionMaterials,
    EncryptionRequest, Encryptor, MaterialsProvider, RawAesKey, WrappingKey,
};
use kms_core::{Call, EncryptionContext, Error, ErrorKind, Secret, SystemRandom};

fn key() -> RawAesKey {
    RawAesKey::new("test", "k", Secret::from(vec![7; 32])).unwrap()
}

fn options() -> EncryptOptions {
    EncryptOptions::new(EncryptionContext::new([("tenant", "42")]).unwrap()).with_frame_len(4)
}

#[test]
fn a_buffer_that_is_too_short_stays_as_it_is() {
    let (key, call) = (key(), Call::default());
    let options = options().with_plaintext_len(6);
    let mut encryptor = Encryptor::new(&key, &options, &SystemRandom, &call).unwrap();
    for len in 0..encryptor.sealed_frame_len() {
        let mut out = vec![0xaa; len];
        assert_eq!(encryptor.seal_frame(b"AAAA", &mut out).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert!(out.iter().all(|&byte| byte == 0xaa), "a ciphertext is left behind at {len}");
    }
    // Nothing was counted: the whole plaintext still fits.
    let mut out = vec![0; 64];
    encryptor.seal_frame(b"BBBB", &mut out).unwrap();
    let mut short = vec![0xaa; encryptor.sealed_final_bound(2) - 1];
    let refused = encryptor.seal_final(b"CC", &mut short).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    assert!(short.iter().all(|&byte| byte == 0xaa));
}

type Context = fn(&EncryptionRequest<'_>) -> EncryptionContext;

/// Answers with other materials than it was asked for.
struct Careless(Context, AlgorithmSuite);

impl MaterialsProvider for Careless {
    fn encryption_materials(&self, request: &EncryptionRequest<'_>) -> Result<Arc<EncryptionMaterials>, Error> {
        let context = (self.0)(request);
        let changed = EncryptionRequest::new(self.1, &context, request.random, request.call);
        EncryptionMaterials::under([&key() as &dyn WrappingKey], &changed).map(Arc::new)
    }

    fn decryption_materials(&self, _: &DecryptionRequest<'_>) -> Result<Arc<DecryptionMaterials>, Error> {
        Err(ErrorKind::NoMatchingKey.into())
    }
}

#[test]
fn materials_are_compared_with_what_was_asked() {
    const DEFAULT: AlgorithmSuite = AlgorithmSuite::Aes256GcmHkdfSha512CommitKey;
    const SIGNED: AlgorithmSuite = AlgorithmSuite::Aes256GcmHkdfSha512CommitKeyEcdsaP384;
    let same = |request: &EncryptionRequest<'_>| request.context.clone();
    let none = |_: &EncryptionRequest<'_>| EncryptionContext::empty();
    let more = |_: &EncryptionRequest<'_>| EncryptionContext::new([("tenant", "42"), ("a", "b")]).unwrap();
    let new = |provider: &Careless, suite| {
        let options = options().with_suite(suite);
        Encryptor::new(provider, &options, &SystemRandom, &Call::default()).map(drop).map_err(|error| error.kind())
    };
    assert_eq!(new(&Careless(same, DEFAULT), DEFAULT), Ok(()));
    assert_eq!(new(&Careless(same, SIGNED), SIGNED), Ok(()));
    let wrong: [(Context, _, _); 4] =
        [(none, DEFAULT, DEFAULT), (more, DEFAULT, DEFAULT), (same, SIGNED, DEFAULT), (same, DEFAULT, SIGNED)];
    for (context, answered, asked) in wrong {
        assert_eq!(new(&Careless(context, answered), asked), Err(ErrorKind::Internal));
    }
}

/// Recognises every encrypted data key, and fails as its first byte says.
struct Fails;

const KINDS: [ErrorKind; 8] = [
    ErrorKind::Rejected,
    ErrorKind::Malformed,
    ErrorKind::IncorrectKey,
    ErrorKind::Unsupported,
    ErrorKind::KeyUnavailable,
    ErrorKind::Busy,
    ErrorKind::Disconnected,
    ErrorKind::TimedOut,
];

impl WrappingKey for Fails {
    fn wrap_data_key(&self, _: &Secret, _: &EncryptionRequest<'_>) -> Result<EncryptedDataKey<'static>, Error> {
        Err(ErrorKind::Unsupported.into())
    }

    fn unwrap_data_key(
        &self,
        wrapped: &EncryptedDataKey<'_>,
        _: &DecryptionRequest<'_>,
    ) -> Option<Result<Secret, Error>> {
        let kind = KINDS.get(usize::from(*wrapped.ciphertext.first()?))?;
        Some(Err((*kind).into()))
    }
}

#[test]
fn a_strangers_junk_does_not_hide_a_device_fault() {
    let (context, call) = (EncryptionContext::empty(), Call::default());
    for first in 0..KINDS.len() {
        for second in 0..KINDS.len() {
            let wrapped = |index: usize| EncryptedDataKey {
                provider_id: "test".into(),
                provider_info: b"k"[..].into(),
                ciphertext: vec![u8::try_from(index).unwrap()].into(),
            };
            let keys = [wrapped(first), wrapped(second)];
            let request = DecryptionRequest::new(AlgorithmSuite::Aes256GcmHkdfSha512CommitKey, &context, &keys, &call);
            let kind = DecryptionMaterials::with_any_of([&Fails as &dyn WrappingKey], &request).unwrap_err().kind();
            let weight = |index: usize| match index {
                0 => 0,
                1..=3 => 1,
                4 => 2,
                _ => 3,
            };
            let expected = if weight(second) > weight(first) { second } else { first };
            assert_eq!(kind, *KINDS.get(expected).unwrap(), "{first} {second}");
        }
    }
}

//! Bugs of other envelope formats and key service clients, tried here. docs/THREATS.md tells where each comes from.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

extern crate alloc;

use alloc::sync::Arc;
use core::time::Duration;

use kms_core::message::{
    self, AlgorithmSuite, CacheLimits, CommitmentPolicy, DataKeyCache, DecryptOptions, DecryptionRequest, Decryptor,
    EncryptOptions, EncryptedDataKey, EncryptionRequest, Header, KmsWrappingKey, MaterialsProvider, Parsed, RawAesKey,
    RsaPadding, WrappingKey, WrappingKeys,
};
use kms_core::primitives::aead::AesGcm;
use kms_core::primitives::ecc::EccPrivateKey;
use kms_core::{
    Call, CiphertextBlob, EncryptionContext, Error, ErrorKind, Key, KeyId, KeyInfo, KeySpec, KeyUsage, MasterKey,
    RandomSource, Secret, SystemRandom,
};

const OLD: AlgorithmSuite = AlgorithmSuite::Aes256GcmHkdfSha256;
const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn aes(name: &str, byte: u8) -> RawAesKey {
    RawAesKey::new("test", name, Secret::from(vec![byte; 32])).unwrap()
}

fn options() -> EncryptOptions {
    EncryptOptions::new(EncryptionContext::empty()).with_frame_len(16)
}

fn old_options(suite: AlgorithmSuite) -> EncryptOptions {
    options().with_suite(suite).with_commitment_policy(CommitmentPolicy::ForbidEncryptAllowDecrypt)
}

fn encrypt(keys: &dyn MaterialsProvider, options: &EncryptOptions, plaintext: &[u8]) -> Vec<u8> {
    message::encrypt(keys, options, plaintext, &SystemRandom, &Call::default()).unwrap()
}

fn decrypt(keys: &dyn MaterialsProvider, options: &DecryptOptions, message: &[u8]) -> Result<Vec<u8>, ErrorKind> {
    match message::decrypt(keys, options, message, &Call::default()) {
        Ok(opened) => Ok(opened.plaintext.expose().to_vec()),
        Err(error) => Err(error.kind()),
    }
}

fn header(message: &[u8]) -> Header<'_> {
    match Header::parse(message) {
        Ok(Parsed::Complete(header)) => header,
        other => panic!("{other:?}"),
    }
}

/// A backend that answers with whatever it was given.
struct Answers {
    info: KeyInfo,
    data_key: Vec<u8>,
    blob: Vec<u8>,
    opened: Option<Vec<u8>>,
}

impl Answers {
    fn with(data_key: &[u8], blob: &[u8], opened: Option<&[u8]>) -> Key {
        let id = KeyId::from_bytes([1; 16]).into();
        let info = KeyInfo::new(id, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt).unwrap();
        let (data_key, blob, opened) = (data_key.to_vec(), blob.to_vec(), opened.map(<[u8]>::to_vec));
        Key::new(Arc::new(Self { info, data_key, blob, opened }))
    }
}

impl MasterKey for Answers {
    fn info(&self) -> &KeyInfo {
        &self.info
    }

    fn fill_random(&self, out: &mut [u8], _: &Call) -> Result<(), Error> {
        SystemRandom.fill(out)
    }

    fn seal(&self, _: &[u8], _: &EncryptionContext, _: &Call) -> Result<CiphertextBlob, Error> {
        Ok(self.blob.clone().into())
    }

    fn open(&self, _: &[u8], _: &EncryptionContext, _: &Call) -> Result<Secret, Error> {
        Ok(self.opened.clone().expect("this key is not to be asked").into())
    }

    fn generate_data_key(&self, _: usize, _: &EncryptionContext, _: &Call) -> Result<(Secret, CiphertextBlob), Error> {
        Ok((self.data_key.clone().into(), self.blob.clone().into()))
    }
}

#[test]
fn a_key_that_the_message_names_is_not_used_unless_it_was_given() {
    let written =
        encrypt(&KmsWrappingKey::new(ARN, Answers::with(&[7; 32], &[8; 64], None)).unwrap(), &options(), b"x");
    let longer = format!("{ARN}0");
    for other in [&ARN[..ARN.len() - 1], &longer, "alias/x"] {
        let reader = KmsWrappingKey::new(other, Answers::with(&[], &[], None)).unwrap();
        assert_eq!(decrypt(&reader, &DecryptOptions::new(), &written), Err(ErrorKind::NoMatchingKey));
    }
}

/// Recognises every encrypted data key and is not to be asked for one.
struct NeverAsked;

impl WrappingKey for NeverAsked {
    fn wrap_data_key(&self, _: &Secret, _: &EncryptionRequest<'_>) -> Result<EncryptedDataKey<'static>, Error> {
        panic!("asked to wrap")
    }

    fn unwrap_data_key(&self, _: &EncryptedDataKey<'_>, _: &DecryptionRequest<'_>) -> Option<Result<Secret, Error>> {
        panic!("asked to unwrap")
    }
}

#[test]
fn a_message_with_too_many_data_keys_costs_no_call() {
    let mut keys = WrappingKeys::new();
    for _ in 0..101 {
        keys = keys.with(aes("k", 7));
    }
    let written = encrypt(&keys, &options(), b"x");
    assert_eq!(
        decrypt(&WrappingKeys::new().with(NeverAsked), &DecryptOptions::new(), &written),
        Err(ErrorKind::Refused)
    );
    let more = DecryptOptions::new().with_max_encrypted_data_keys(101);
    assert_eq!(decrypt(&aes("k", 7), &more, &written).unwrap(), b"x");
}

#[test]
fn a_policy_is_checked_before_any_key_is_asked() {
    let written = encrypt(&aes("k", 7), &old_options(OLD), b"x");
    let strict = DecryptOptions::new().with_commitment_policy(CommitmentPolicy::RequireEncryptRequireDecrypt);
    assert_eq!(decrypt(&WrappingKeys::new().with(NeverAsked), &strict, &written), Err(ErrorKind::Refused));
}

#[test]
fn a_data_key_that_cannot_be_opened_does_not_end_the_search() {
    let both = WrappingKeys::new().with(aes("k", 1)).with(aes("k", 2));
    let written = encrypt(&both, &options(), b"x");
    // The first encrypted data key bears this key's name and is not under it.
    assert_eq!(decrypt(&aes("k", 2), &DecryptOptions::new(), &written).unwrap(), b"x");
    let written = encrypt(&aes("k", 2), &options(), b"x");
    assert_eq!(decrypt(&both, &DecryptOptions::new(), &written).unwrap(), b"x");
    assert_eq!(decrypt(&aes("k", 1), &DecryptOptions::new(), &written), Err(ErrorKind::Rejected));
}

#[test]
fn a_data_key_of_another_length_is_rejected() {
    let written =
        encrypt(&KmsWrappingKey::new(ARN, Answers::with(&[7; 32], &[8; 64], None)).unwrap(), &options(), b"x");
    for len in [0, 16, 31, 33] {
        let reader = KmsWrappingKey::new(ARN, Answers::with(&[], &[], Some(&vec![7; len]))).unwrap();
        assert_eq!(decrypt(&reader, &DecryptOptions::new(), &written), Err(ErrorKind::Rejected));
    }
    let reader = KmsWrappingKey::new(ARN, Answers::with(&[], &[], Some(&[7; 32]))).unwrap();
    assert_eq!(decrypt(&reader, &DecryptOptions::new(), &written).unwrap(), b"x");
}

#[test]
fn an_answer_that_is_nothing_is_not_taken() {
    let (context, call) = (EncryptionContext::empty(), Call::default());
    for (data_key, blob) in [(&[7; 32][..], &[][..]), (&[7; 32], &[8; 32]), (&[0; 32], &[8; 64]), (&[7; 31], &[8; 64])]
    {
        let key = Answers::with(data_key, blob, None);
        assert_eq!(key.generate_data_key(32, &context, &call).unwrap_err().kind(), ErrorKind::Internal);
    }
    let key = Answers::with(&[], b"", None);
    assert_eq!(key.encrypt(b"", &context, &call).unwrap_err().kind(), ErrorKind::Internal);
}

#[test]
fn a_signature_of_zeros_is_rejected() {
    for (spec, digest_len) in [
        (KeySpec::EccNistP256, 32),
        (KeySpec::EccNistP384, 48),
        (KeySpec::EccNistP521, 64),
        (KeySpec::EccSecgP256k1, 32),
    ] {
        let public = EccPrivateKey::generate(spec, &SystemRandom).unwrap().public_key();
        for zeros in [&b"\x30\x06\x02\x01\x00\x02\x01\x00"[..], b"\x30\x06\x02\x01\x00\x02\x01\x01", b"\x30\x00", b""] {
            let refused = public.verify_digest(&vec![0; digest_len], zeros).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Rejected);
        }
    }
}

#[test]
fn one_data_key_gives_every_message_a_key_of_its_own() {
    let cache = DataKeyCache::new(aes("k", 7), CacheLimits::new(Duration::MAX), || Duration::ZERO);
    for options in [options(), old_options(OLD)] {
        let written = [encrypt(&cache, &options, &[0; 16]), encrypt(&cache, &options, &[0; 16])];
        let headers = written.each_ref().map(|message| header(message));
        assert_eq!(headers[0].encrypted_data_keys, headers[1].encrypted_data_keys);
        // The same plaintext under the same number: only the key makes the difference.
        let frames = [0, 1].map(|index| &written[index][headers[index].len..]);
        assert_eq!(frames[0][..24], frames[1][..24]);
        assert_ne!(frames[0][24..40], frames[1][24..40]);
    }
    assert_eq!((cache.stats().hits, cache.stats().misses), (2, 2));
    // Without a derivation there would be only one key.
    let none = old_options(AlgorithmSuite::Aes256GcmNoKdf);
    let written = [encrypt(&cache, &none, b"x"), encrypt(&cache, &none, b"x")];
    assert_ne!(header(&written[0]).encrypted_data_keys, header(&written[1]).encrypted_data_keys);
}

#[test]
fn a_cache_does_not_get_around_a_policy() {
    let cache = DataKeyCache::new(aes("k", 7), CacheLimits::new(Duration::MAX), || Duration::ZERO);
    let old = encrypt(&cache, &old_options(OLD), b"x");
    assert_eq!(decrypt(&cache, &DecryptOptions::new(), &old).unwrap(), b"x");
    let strict = DecryptOptions::new().with_commitment_policy(CommitmentPolicy::RequireEncryptRequireDecrypt);
    assert_eq!(decrypt(&cache, &strict, &old), Err(ErrorKind::Refused));
    let new = encrypt(&cache, &options(), b"x");
    assert!(header(&new).suite.commits());
    assert_ne!(header(&new).encrypted_data_keys, header(&old).encrypted_data_keys);
}

#[test]
fn a_context_is_sorted_by_its_bytes() {
    let mut keys = ["\u{10000}", "\u{ff21}", "é", "b", "a", "B"];
    let context = EncryptionContext::new(keys.map(|key| (key, "1"))).unwrap();
    let written = encrypt(&aes("k", 7), &EncryptOptions::new(context), b"x");
    // Neither the order of a language nor that of UTF-16.
    keys.reverse();
    let found: Vec<&str> = header(&written).context.map(|(key, _)| key).collect();
    assert_eq!(found, keys);
    assert_eq!(decrypt(&aes("k", 7), &DecryptOptions::new(), &written).unwrap(), b"x");
}

#[test]
fn names_are_measured_in_bytes() {
    let key = || RawAesKey::new("schlüssel", "größe", Secret::from(vec![7; 32])).unwrap();
    let written = encrypt(&key(), &options(), b"x");
    assert_eq!(header(&written).encrypted_data_keys[0].provider_id, "schlüssel");
    assert_eq!(decrypt(&key(), &DecryptOptions::new(), &written).unwrap(), b"x");
}

#[test]
fn a_header_is_not_shown_before_it_is_authentic() {
    let mut written = encrypt(&aes("k", 7), &options(), b"x");
    let end = header(&written).len;
    written[end - 1] ^= 1;
    let (keys, call) = (aes("k", 7), Call::default());
    let mut decryptor = Decryptor::new(&keys, &DecryptOptions::new(), &call);
    assert_eq!(decryptor.advance(&written, &mut []).unwrap_err().kind(), ErrorKind::Rejected);
    assert!(decryptor.header().is_none());
    assert_eq!(decryptor.finish().unwrap_err().kind(), ErrorKind::Rejected);
}

#[test]
fn a_rejected_ciphertext_leaves_no_plaintext() {
    let cipher = AesGcm::new(&[7; 32]).unwrap();
    let mut sealed = [0; 64];
    let tag = cipher.seal(&[0; 12], b"", &[9; 64], &mut sealed).unwrap();
    let mut out = [0; 64];
    assert!(cipher.open(&[0; 12], b"other", &sealed, &tag, &mut out).is_err());
    assert_eq!(out, [0; 64]);
}

#[test]
fn pkcs1_v1_5_encryption_cannot_be_named() {
    let refused = "RSA_PKCS1_V1_5".parse::<RsaPadding>().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
}

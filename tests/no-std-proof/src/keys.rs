//! Keys in a soft backend, through the caller's face.

use alloc::sync::Arc;

use kms_core::{
    Backend, Call, EncryptionContext, ErrorKind, Key, KeyId, KeyMaterial, KeySpec, KeyUsage, Locked, MessageType,
    RandomSource, Secret, SigningAlgorithm,
};
use kms_soft::SoftBackend;

use crate::known_answers::hex;
use crate::random::NotRandom;
use crate::{Step, check, during, messages};

pub(crate) fn run() -> Result<(), Step> {
    blob()?;
    let random: Arc<dyn RandomSource> = Arc::new(Locked::new(NotRandom(2)));
    let backend = SoftBackend::new(random.clone());
    let create = |spec, usage, step| -> Result<Key, Step> {
        let id = KeyId::random(&random).map_err(during(step))?;
        backend
            .create(&SoftBackend::locator(id.into()), spec, usage, &Call::default())
            .map(Key::new)
            .map_err(during(step))
    };
    let key = create(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, Step::Symmetric)?;
    symmetric(&key)?;
    messages::write(&key, &random)?;
    signing(&create(KeySpec::EccNistP256, KeyUsage::SignVerify, Step::Signing)?)?;
    let agreeing = || create(KeySpec::EccNistP384, KeyUsage::KeyAgreement, Step::Agreement);
    agreement(&agreeing()?, &agreeing()?)
}

/// The key 00 01 … 1f with the id 10 11 … 1f and the first 16 bytes of `NotRandom(1)`. Computed from the drawing in
/// `kms_core::blob` with Python's hmac and the AESGCM of its `cryptography` package.
const BLOB: [u8; 100] = hex(concat!(
    "c101101112131415161718191a1b1c1d1e1f00000000910a2dec89025cc1beeb8da1658eec67",
    "3beddbb7a4117eb94b93c4174ac0d0bbabab5f758ab42f89a1c654224d259131",
    "b9e28a084dbaa1ce7b0a7a1ac77953ab6298fd54484cddc81ae3dd2e39f9"
));

fn blob() -> Result<(), Step> {
    let failed = during(Step::Blob);
    let call = Call::default();
    let material: alloc::vec::Vec<u8> = (0..32).collect();
    let id = KeyId::from_bytes(hex("101112131415161718191a1b1c1d1e1f"));
    let backend = SoftBackend::new(Locked::new(NotRandom(1)));
    let key = backend
        .import(
            &SoftBackend::locator(id.into()),
            KeySpec::SymmetricDefault,
            KeyUsage::EncryptDecrypt,
            KeyMaterial::Raw(Secret::from(material)),
            &call,
        )
        .map(Key::new)
        .map_err(&failed)?;
    let context = EncryptionContext::new([("tenant", "42")]).map_err(&failed)?;
    let sealed = key.encrypt(b"attack at dawn", &context, &call).map_err(&failed)?;
    check(sealed.as_bytes() == BLOB, Step::Blob)?;
    let opened = key.decrypt(&BLOB, &context, &call).map_err(&failed)?;
    check(opened.expose() == b"attack at dawn", Step::Blob)
}

fn symmetric(key: &Key) -> Result<(), Step> {
    let failed = during(Step::Symmetric);
    let (context, call) = (EncryptionContext::empty(), Call::default());
    let sealed = key.encrypt(b"payload", &context, &call).map_err(&failed)?;
    let opened = key.decrypt(sealed.as_bytes(), &context, &call).map_err(&failed)?;
    check(opened.expose() == b"payload", Step::Symmetric)?;
    let (data_key, sealed) = key.generate_data_key(32, &context, &call).map_err(&failed)?;
    let opened = key.decrypt(sealed.as_bytes(), &context, &call).map_err(&failed)?;
    check(opened.ct_eq(data_key.expose()), Step::Symmetric)?;
    let other = EncryptionContext::new([("tenant", "43")]).map_err(&failed)?;
    match key.decrypt(sealed.as_bytes(), &other, &call) {
        Err(error) => check(error.kind() == ErrorKind::Rejected, Step::Symmetric),
        Ok(_) => Err(Step::Symmetric),
    }
}

fn signing(key: &Key) -> Result<(), Step> {
    let algorithm = SigningAlgorithm::EcdsaSha256;
    let failed = during(Step::Signing);
    let signature = key.sign(algorithm, MessageType::Raw, b"message", &Call::default()).map_err(&failed)?;
    key.verify(algorithm, MessageType::Raw, b"message", &signature).map_err(&failed)?;
    match key.verify(algorithm, MessageType::Raw, b"massage", &signature) {
        Err(error) => check(error.kind() == ErrorKind::Rejected, Step::Signing),
        Ok(()) => Err(Step::Signing),
    }
}

fn agreement(one: &Key, other: &Key) -> Result<(), Step> {
    let failed = during(Step::Agreement);
    let agree = |key: &Key, peer: &Key| {
        key.derive_shared_secret(&peer.public_key().map_err(&failed)?, &Call::default()).map_err(&failed)
    };
    check(agree(one, other)?.ct_eq(agree(other, one)?.expose()), Step::Agreement)
}

//! No secret is ever formatted: not by `Debug` nor `Display` of whatever holds one, nor by any error.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

extern crate alloc;

use alloc::sync::Arc;
use core::fmt::{Debug, Display};
use core::time::Duration;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use kms_core::message::{
    self, CacheLimits, DataKeyCache, DecryptOptions, Decryptor, EncryptOptions, EncryptionMaterials, EncryptionRequest,
    Encryptor, MaterialsProvider, RawAesKey, RawRsaKey, RsaPadding, WrappingKeys,
};
use kms_core::primitives::aead::AesGcm;
use kms_core::primitives::ecc::EccPrivateKey;
use kms_core::primitives::hash::{Hasher, hash};
use kms_core::primitives::kdf::Prk;
use kms_core::primitives::rsa::RsaPrivateKey;
use kms_core::{
    Backend, Call, EncryptionAlgorithm, EncryptionContext, Error, ErrorKind, HashAlgorithm, Key, KeyId, KeyMaterial,
    KeySpec, KeyUsage, MacAlgorithm, MessageType, RandomSource, Secret, SigningAlgorithm, SystemRandom,
};
use kms_soft::{Keyring, RootKey, SoftBackend};

/// Secrets, and every text they could appear as.
#[derive(Default)]
struct Watch {
    texts: Vec<String>,
    seen: usize,
}

impl Watch {
    fn secret(&mut self, bytes: &[u8]) {
        // Twelve bytes are enough to be told from chance, and are found in longer output too.
        assert!(bytes.len() >= 16);
        let part = &bytes.get(2..14).unwrap();
        let list = |format: fn(&u8) -> String| part.iter().map(format).collect::<Vec<_>>();
        self.texts.push(list(|byte| format!("{byte:02x}")).concat());
        self.texts.push(list(|byte| format!("{byte:02X}")).concat());
        self.texts.push(list(|byte| byte.to_string()).join(", "));
        // `{:#?}` has a line for each number.
        self.texts.push(list(|byte| byte.to_string()).join(","));
        self.texts.push(list(|byte| format!("0x{byte:02x}")).join(", "));
        self.texts.push(String::from_utf8_lossy(part).into_owned());
        self.texts.push(part.escape_ascii().to_string());
        // In base64 what stands for a byte depends on its place: three groups from each of the three places.
        for start in 2..5 {
            let groups = bytes.get(start..start + 9).unwrap();
            self.texts.push(Base64::encode_string(groups));
            self.texts.push(Base64UrlUnpadded::encode_string(groups));
        }
    }

    fn finds(&self, output: &str) -> bool {
        let flat: String = output.split_whitespace().collect();
        self.texts.iter().any(|text| output.contains(text.as_str()) || flat.contains(text.as_str()))
    }

    #[track_caller]
    fn text(&mut self, output: &str) {
        assert!(!self.finds(output), "a secret is in: {output}");
        assert!(!output.is_empty());
        self.seen += 1;
    }

    #[track_caller]
    fn debug(&mut self, value: &impl Debug) {
        self.text(&format!("{value:?}"));
        self.text(&format!("{value:#?}"));
        self.text(&format!("{value:x?}"));
    }

    #[track_caller]
    fn error(&mut self, value: &(impl Debug + Display)) {
        self.debug(value);
        self.text(&value.to_string());
    }

    #[track_caller]
    fn fails<T>(&mut self, result: Result<T, Error>) -> ErrorKind {
        let error = result.map(drop).unwrap_err();
        self.error(&error);
        error.kind()
    }
}

fn random(len: usize) -> Secret {
    let mut secret = Secret::zeroed(len);
    SystemRandom.fill(secret.expose_mut()).unwrap();
    secret
}

fn copy(secret: &Secret) -> Secret {
    Secret::copy_from(secret.expose())
}

fn import(spec: KeySpec, usage: KeyUsage, material: KeyMaterial) -> Result<Key, Error> {
    let at = SoftBackend::locator(KeyId::random(&SystemRandom)?.into());
    SoftBackend::new(SystemRandom).import(&at, spec, usage, material, &Call::default()).map(Key::new)
}

#[test]
fn the_search_finds_what_is_there() {
    // A fixed one: in some, a character of several bytes is cut where the search cuts.
    let secret = hash(HashAlgorithm::Sha256, b"a secret");
    let bytes = secret.as_slice();
    let mut watch = Watch::default();
    watch.secret(bytes);
    for shown in [
        format!("{bytes:?}"),
        format!("{bytes:#?}"),
        format!("Key({:?})", Some(bytes)),
        bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
        bytes.escape_ascii().to_string(),
        String::from_utf8_lossy(bytes).into_owned(),
        Base64::encode_string(bytes),
        Base64UrlUnpadded::encode_string(bytes),
        format!("error at {}!", Base64::encode_string(&[b"x", bytes].concat())),
        format!("error at {}!", Base64::encode_string(&[b"xy", bytes].concat())),
    ] {
        assert!(watch.finds(&shown), "not found in {shown}");
    }
    assert!(!watch.finds("Secret(32 bytes)"));
}

#[test]
fn values_that_hold_secrets() {
    let mut watch = Watch::default();
    let (symmetric, call) = (random(32), Call::default());
    watch.secret(symmetric.expose());
    watch.debug(&symmetric);
    watch.debug(&KeyMaterial::Raw(copy(&symmetric)));
    watch.debug(&AesGcm::new(symmetric.expose()).unwrap());
    watch.debug(&Prk::extract(HashAlgorithm::Sha256, b"", symmetric.expose()).unwrap());
    let mut hasher = Hasher::new(HashAlgorithm::Sha256);
    hasher.update(symmetric.expose());
    watch.debug(&hasher);

    let ecc = EccPrivateKey::generate(KeySpec::EccNistP256, &SystemRandom).unwrap();
    let der = ecc.to_pkcs8().unwrap();
    // The scalar, 36 bytes into the document.
    watch.secret(der.expose().get(36..68).unwrap());
    watch.debug(&ecc);
    watch.debug(&KeyMaterial::Pkcs8(copy(&der)));
    let rsa = RsaPrivateKey::generate(KeySpec::Rsa2048, &SystemRandom).unwrap();
    let rsa_der = rsa.to_pkcs8().unwrap();
    // Of d, p, q and what follows, every part.
    rsa_der.expose().get(310..).unwrap().chunks_exact(16).for_each(|part| watch.secret(part));
    watch.debug(&rsa);
    watch.debug(&KeyMaterial::Pkcs8(copy(&rsa_der)));

    let key = import(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, KeyMaterial::Raw(copy(&symmetric))).unwrap();
    watch.debug(&key);
    watch.debug(&import(KeySpec::EccNistP256, KeyUsage::SignVerify, KeyMaterial::Pkcs8(der)).unwrap());
    watch.debug(&import(KeySpec::Rsa2048, KeyUsage::SignVerify, KeyMaterial::Pkcs8(rsa_der)).unwrap());
    let backend = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
    let (spec, usage) = (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let master_key = backend.import(&at, spec, usage, KeyMaterial::Raw(copy(&symmetric)), &call).unwrap();
    watch.debug(&backend);
    watch.debug(&master_key);
    watch.error(&at);

    let context = EncryptionContext::empty();
    let (data_key, blob) = key.generate_data_key(32, &context, &call).unwrap();
    watch.secret(data_key.expose());
    watch.debug(&(&data_key, &blob));

    let raw = RawAesKey::new("n", "k", copy(&symmetric)).unwrap();
    watch.debug(&raw);
    watch.debug(&RawRsaKey::private("n", "k", rsa, RsaPadding::OaepSha256, SystemRandom).unwrap());
    let payload = random(100);
    watch.secret(payload.expose());
    let options = EncryptOptions::new(context);
    let message = message::encrypt(&raw, &options, payload.expose(), &SystemRandom, &call).unwrap();
    watch.debug(&message::decrypt(&raw, &DecryptOptions::new(), &message, &call).unwrap());
    watch.debug(&Encryptor::new(&raw, &options, &SystemRandom, &call).unwrap());
    let mut decryptor = Decryptor::new(&raw, &DecryptOptions::new(), &call);
    decryptor.advance(&message, &mut []).unwrap();
    watch.debug(&decryptor);
    let materials = Materials(raw, std::sync::Mutex::default());
    message::encrypt(&materials, &options, payload.expose(), &SystemRandom, &call).unwrap();
    let made = materials.1.lock().unwrap().take().unwrap();
    watch.secret(made.data_key.expose());
    watch.debug(&made);
    watch.debug(&WrappingKeys::new().with(materials.0));
    let raw = RawAesKey::new("n", "k", copy(&symmetric)).unwrap();
    let cache = DataKeyCache::new(raw, CacheLimits::new(Duration::from_secs(60)), || Duration::ZERO);
    message::encrypt(&cache, &options, payload.expose(), &SystemRandom, &call).unwrap();
    watch.debug(&cache);

    let directory = tempfile::tempdir().unwrap();
    let root_path = directory.path().join("root");
    let root = RootKey::create_key_file(&root_path).unwrap();
    watch.debug(&root);
    let keyring = Keyring::create(directory.path().join("keyring"), &root, &call).unwrap();
    let at = Keyring::locator(KeyId::random(&SystemRandom).unwrap().into());
    keyring.import(&at, spec, usage, KeyMaterial::Raw(copy(&symmetric)), &call).unwrap();
    watch.debug(&keyring);
    watch.debug(&Keyring::open(directory.path().join("keyring")).unwrap());
    assert!(watch.seen > 80, "{}", watch.seen);
}

/// Shows the materials of a message.
struct Materials(RawAesKey, std::sync::Mutex<Option<Arc<EncryptionMaterials>>>);

impl MaterialsProvider for Materials {
    fn encryption_materials(&self, request: &EncryptionRequest<'_>) -> Result<Arc<EncryptionMaterials>, Error> {
        let made = self.0.encryption_materials(request)?;
        self.1.lock().map_err(|_| ErrorKind::Internal)?.replace(made.clone());
        Ok(made)
    }

    fn decryption_materials(
        &self,
        request: &message::DecryptionRequest<'_>,
    ) -> Result<Arc<message::DecryptionMaterials>, Error> {
        self.0.decryption_materials(request)
    }
}

#[test]
fn errors_of_calls_with_secrets() {
    let mut watch = Watch::default();
    let (secret, call, context) = (random(5000), Call::default(), EncryptionContext::empty());
    secret.expose().chunks_exact(16).for_each(|part| watch.secret(part));
    let part = |len: usize| Secret::copy_from(secret.expose().get(..len).unwrap());
    let other = EncryptionContext::new([("a", "b")]).unwrap();

    // Material that is not what it should be.
    for (spec, material) in [
        (KeySpec::SymmetricDefault, KeyMaterial::Raw(part(31))),
        (KeySpec::SymmetricDefault, KeyMaterial::Pkcs8(part(32))),
        (KeySpec::Hmac256, KeyMaterial::Raw(part(16))),
        (KeySpec::Rsa2048, KeyMaterial::Raw(part(64))),
        (KeySpec::Rsa2048, KeyMaterial::Pkcs8(part(1200))),
        (KeySpec::EccNistP256, KeyMaterial::Pkcs8(part(138))),
    ] {
        watch.fails(import(spec, spec.usages()[0], material));
    }
    let ecc = EccPrivateKey::generate(KeySpec::EccNistP256, &SystemRandom).unwrap().to_pkcs8().unwrap();
    watch.secret(ecc.expose().get(36..68).unwrap());
    watch.fails(import(KeySpec::EccNistP384, KeyUsage::SignVerify, KeyMaterial::Pkcs8(copy(&ecc))));
    watch.fails(EccPrivateKey::from_pkcs8(KeySpec::EccNistP256, ecc.expose().get(..100).unwrap()));
    watch.fails(AesGcm::new(part(33).expose()));
    watch.fails(RawAesKey::new("n", "k", part(33)));
    watch.fails(RawAesKey::new("aws-kms", "k", part(32)));

    // Operations.
    let key = import(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, KeyMaterial::Raw(part(32))).unwrap();
    watch.fails(key.encrypt(secret.expose(), &context, &call));
    watch.fails(key.generate_data_key(1025, &context, &call));
    let blob = key.encrypt(part(100).expose(), &context, &call).unwrap();
    assert_eq!(watch.fails(key.decrypt(blob.as_bytes(), &other, &call)), ErrorKind::Rejected);
    watch.fails(key.decrypt(secret.expose(), &context, &call));
    watch.fails(key.generate_mac(MacAlgorithm::HmacSha256, part(100).expose(), &call));
    watch.fails(key.sign(SigningAlgorithm::EcdsaSha256, MessageType::Digest, part(31).expose(), &call));
    let signing = import(KeySpec::EccNistP256, KeyUsage::SignVerify, KeyMaterial::Pkcs8(ecc)).unwrap();
    watch.fails(signing.sign(SigningAlgorithm::EcdsaSha256, MessageType::Digest, part(31).expose(), &call));
    let hmac = import(KeySpec::Hmac256, KeyUsage::GenerateVerifyMac, KeyMaterial::Raw(part(32))).unwrap();
    watch.fails(hmac.verify_mac(MacAlgorithm::HmacSha256, part(100).expose(), part(32).expose(), &call));
    let rsa = RsaPrivateKey::generate(KeySpec::Rsa2048, &SystemRandom).unwrap();
    let algorithm = EncryptionAlgorithm::RsaesOaepSha256;
    watch.fails(kms_core::PublicKey::from(rsa.public_key()).encrypt(algorithm, secret.expose(), &SystemRandom));
    watch.fails(rsa.decrypt_oaep(HashAlgorithm::Sha256, part(256).expose(), &SystemRandom));
    watch.fails(rsa.sign_digest(SigningAlgorithm::RsassaPssSha256, part(31).expose(), &SystemRandom));

    // Messages.
    let raw = RawAesKey::new("n", "k", part(32)).unwrap();
    let options = EncryptOptions::new(context.clone()).with_plaintext_len(10);
    watch.fails(message::encrypt(&raw, &options, secret.expose(), &SystemRandom, &call));
    let sealed = message::encrypt(&raw, &EncryptOptions::new(context), secret.expose(), &SystemRandom, &call).unwrap();
    for index in [0, 3, 60, sealed.len() - 1] {
        let mut bad = sealed.clone();
        *bad.get_mut(index).unwrap() ^= 1;
        watch.fails(message::decrypt(&raw, &DecryptOptions::new(), &bad, &call));
    }
    let wrong = RawAesKey::new("n", "k", random(32)).unwrap();
    watch.fails(message::decrypt(&wrong, &DecryptOptions::new(), &sealed, &call));
    watch.fails(message::decrypt(&raw, &DecryptOptions::new(), secret.expose(), &call));

    // Key files.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root");
    std::fs::write(&path, secret.expose()).unwrap();
    watch.fails(RootKey::open_key_file(&path));
    watch.fails(RootKey::from_new_passphrase(&part(3), kms_soft::keyring::PassphraseCost::default()));
    assert!(watch.seen > 100, "{}", watch.seen);
}

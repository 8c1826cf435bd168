//! Every RSA, elliptic curve and HMAC operation through `Key` beside the call of the crate that does the work.
//!
//! Both sides hold a parsed private key. `Key::verify` parses the public key each time; the bare side has it parsed.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

use criterion::Criterion;
use getrandom::SysRng;
use hmac::{Hmac, KeyInit, Mac};
use kms_benches::{create, import};
use kms_core::primitives::ecc::EccPrivateKey;
use kms_core::primitives::rsa::RsaPrivateKey;
use kms_core::{
    Call, EncryptionAlgorithm, Key, KeyMaterial, KeySpec, KeyUsage, MacAlgorithm, MessageType, Secret,
    SigningAlgorithm, SystemRandom,
};
use p256::ecdsa::signature::hazmat::{PrehashVerifier, RandomizedPrehashSigner};
use p256::pkcs8::DecodePrivateKey;
use rsa::{Oaep, Pkcs1v15Sign, Pss};
use sha2::{Sha224, Sha256, Sha384, Sha512};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for spec in [KeySpec::Rsa2048, KeySpec::Rsa3072, KeySpec::Rsa4096] {
        rsa_operations(&mut criterion, spec);
    }
    ecc_operations(&mut criterion);
    hmac_operations(&mut criterion);
    criterion.final_summary();
}

/// Both sides of one operation, in one group.
fn compare<A, B>(criterion: &mut Criterion, name: &str, ours: impl Fn() -> A, bare: impl Fn() -> B) {
    let mut group = criterion.benchmark_group(name);
    group.bench_function("ours", |bencher| bencher.iter(&ours));
    group.bench_function("bare", |bencher| bencher.iter(&bare));
    group.finish();
}

fn rsa_operations(criterion: &mut Criterion, spec: KeySpec) {
    let call = Call::default();
    let der = RsaPrivateKey::generate(spec, &SystemRandom).unwrap().to_pkcs8().unwrap();
    let material = || KeyMaterial::Pkcs8(Secret::copy_from(der.expose()));
    let private = rsa::PrivateKey::from_pkcs8_der(der.expose()).unwrap();
    let public = private.to_public_key();

    let key = import(spec, KeyUsage::EncryptDecrypt, material());
    let algorithm = EncryptionAlgorithm::RsaesOaepSha256;
    let our_public = key.public_key().unwrap();
    compare(
        criterion,
        &format!("{spec} {algorithm} encrypt"),
        || our_public.encrypt(algorithm, &[7; 32], &SystemRandom).unwrap(),
        || public.encrypt(&mut SysRng, Oaep::<Sha256>::new(), &[7; 32]).unwrap(),
    );
    let sealed = our_public.encrypt(algorithm, &[7; 32], &SystemRandom).unwrap();
    compare(
        criterion,
        &format!("{spec} {algorithm} decrypt"),
        || key.decrypt_asymmetric(algorithm, &sealed, &call).unwrap(),
        || private.decrypt_blinded(&mut SysRng, Oaep::<Sha256>::new(), &sealed).unwrap(),
    );

    let key = import(spec, KeyUsage::SignVerify, material());
    let digest = [7; 32];
    let algorithm = SigningAlgorithm::RsassaPssSha256;
    let signature = sign(&key, algorithm, &digest);
    compare(
        criterion,
        &format!("{spec} {algorithm} sign"),
        || sign(&key, algorithm, &digest),
        || private.sign_with_rng(&mut SysRng, Pss::<Sha256>::new_blinded(), &digest).unwrap(),
    );
    compare(
        criterion,
        &format!("{spec} {algorithm} verify"),
        || verify(&key, algorithm, &digest, &signature),
        || public.verify(Pss::<Sha256>::new(), &digest, &signature).unwrap(),
    );
    let algorithm = SigningAlgorithm::RsassaPkcs1V15Sha256;
    let signature = sign(&key, algorithm, &digest);
    compare(
        criterion,
        &format!("{spec} {algorithm} sign"),
        || sign(&key, algorithm, &digest),
        || private.sign_with_rng(&mut SysRng, Pkcs1v15Sign::new::<Sha256>(), &digest).unwrap(),
    );
    compare(
        criterion,
        &format!("{spec} {algorithm} verify"),
        || verify(&key, algorithm, &digest, &signature),
        || public.verify(Pkcs1v15Sign::new::<Sha256>(), &digest, &signature).unwrap(),
    );
}

fn sign(key: &Key, algorithm: SigningAlgorithm, digest: &[u8]) -> Vec<u8> {
    key.sign(algorithm, MessageType::Digest, digest, &Call::default()).unwrap()
}

fn verify(key: &Key, algorithm: SigningAlgorithm, digest: &[u8], signature: &[u8]) {
    key.verify(algorithm, MessageType::Digest, digest, signature).unwrap();
}

macro_rules! ecdsa {
    ($criterion:expr, $curve:ident, $spec:expr, $algorithm:expr, $digest_len:expr) => {{
        use $curve::ecdsa::{Signature, SigningKey, VerifyingKey};
        let (spec, algorithm, digest) = ($spec, $algorithm, [7; $digest_len]);
        let der = EccPrivateKey::generate(spec, &SystemRandom).unwrap().to_pkcs8().unwrap();
        let private = SigningKey::from($curve::SecretKey::from_pkcs8_der(der.expose()).unwrap());
        let public = VerifyingKey::from(&private);
        let key = import(spec, KeyUsage::SignVerify, KeyMaterial::Pkcs8(der));
        let bare_sign = || -> Signature { private.sign_prehash_with_rng(&mut SysRng, &digest).unwrap() };
        compare(
            $criterion,
            &format!("{spec} {algorithm} sign"),
            || sign(&key, algorithm, &digest),
            || bare_sign().to_der(),
        );
        let (ours, bare) = (sign(&key, algorithm, &digest), bare_sign());
        compare(
            $criterion,
            &format!("{spec} {algorithm} verify"),
            || verify(&key, algorithm, &digest, &ours),
            || public.verify_prehash(&digest, &bare).unwrap(),
        );
    }};
}

macro_rules! ecdh {
    ($criterion:expr, $curve:ident, $spec:expr) => {{
        let spec = $spec;
        let der = EccPrivateKey::generate(spec, &SystemRandom).unwrap().to_pkcs8().unwrap();
        let private = $curve::SecretKey::from_pkcs8_der(der.expose()).unwrap();
        let public = private.public_key();
        let key = import(spec, KeyUsage::KeyAgreement, KeyMaterial::Pkcs8(der));
        let peer = create(spec, KeyUsage::KeyAgreement).public_key().unwrap();
        compare(
            $criterion,
            &format!("{spec} ECDH"),
            || key.derive_shared_secret(&peer, &Call::default()).unwrap(),
            || private.diffie_hellman(&public),
        );
    }};
}

fn ecc_operations(criterion: &mut Criterion) {
    ecdsa!(criterion, p256, KeySpec::EccNistP256, SigningAlgorithm::EcdsaSha256, 32);
    ecdsa!(criterion, p384, KeySpec::EccNistP384, SigningAlgorithm::EcdsaSha384, 48);
    ecdsa!(criterion, p521, KeySpec::EccNistP521, SigningAlgorithm::EcdsaSha512, 64);
    ecdsa!(criterion, k256, KeySpec::EccSecgP256k1, SigningAlgorithm::EcdsaSha256, 32);
    ecdh!(criterion, p256, KeySpec::EccNistP256);
    ecdh!(criterion, p384, KeySpec::EccNistP384);
    ecdh!(criterion, p521, KeySpec::EccNistP521);
}

macro_rules! hmac {
    ($criterion:expr, $hash:ty, $spec:expr, $algorithm:expr) => {{
        let (spec, algorithm, message) = ($spec, $algorithm, [7; 64]);
        let material = vec![7; *spec.material_len().unwrap().start()];
        let bare = material.clone();
        let key = import(spec, KeyUsage::GenerateVerifyMac, KeyMaterial::Raw(material.into()));
        compare(
            $criterion,
            &format!("{spec} {algorithm} of 64 bytes"),
            || key.generate_mac(algorithm, &message, &Call::default()).unwrap(),
            || {
                let mut mac = Hmac::<$hash>::new_from_slice(&bare).unwrap();
                mac.update(&message);
                mac.finalize()
            },
        );
    }};
}

fn hmac_operations(criterion: &mut Criterion) {
    hmac!(criterion, Sha224, KeySpec::Hmac224, MacAlgorithm::HmacSha224);
    hmac!(criterion, Sha256, KeySpec::Hmac256, MacAlgorithm::HmacSha256);
    hmac!(criterion, Sha384, KeySpec::Hmac384, MacAlgorithm::HmacSha384);
    hmac!(criterion, Sha512, KeySpec::Hmac512, MacAlgorithm::HmacSha512);
}

//! Writes the seeds that are made of our own keys: `cargo run --manifest-path fuzz/Cargo.toml --example seeds`.

use std::fs;
use std::path::Path;

use kms_core::message::{self, AlgorithmSuite, CommitmentPolicy, EncryptOptions, RawAesKey};
use kms_core::primitives::ecc::EccPrivateKey;
use kms_core::primitives::mac::hmac;
use kms_core::primitives::rsa::RsaPrivateKey;
use kms_core::{
    Call, EncryptionContext, KeyId, KeySpec, MacAlgorithm, MaterialId, PublicKey, Secret, SystemRandom, blob,
};

fn main() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let write = |target: &str, name: &str, bytes: &[u8]| {
        fs::create_dir_all(seeds.join(target)).unwrap();
        fs::write(seeds.join(target).join(name), bytes).unwrap();
    };
    messages(&write);
    blobs(&write);
    keys(&write);
}

fn messages(write: &impl Fn(&str, &str, &[u8])) {
    for &suite in AlgorithmSuite::ALL {
        let bits = suite.key_len() * 8;
        let byte = u8::try_from(bits / 64 - 1).unwrap();
        let key = RawAesKey::new("fuzz", bits.to_string(), Secret::copy_from(&vec![byte; bits / 8])).unwrap();
        let policy = if suite.commits() {
            CommitmentPolicy::RequireEncryptAllowDecrypt
        } else {
            CommitmentPolicy::ForbidEncryptAllowDecrypt
        };
        for (len, context) in
            [(0, EncryptionContext::empty()), (40, EncryptionContext::new([("a", "b"), ("c", "")]).unwrap())]
        {
            let options =
                EncryptOptions::new(context).with_suite(suite).with_commitment_policy(policy).with_frame_len(16);
            let sealed = message::encrypt(&key, &options, &vec![b'x'; len], &SystemRandom, &Call::default()).unwrap();
            for target in ["header", "message"] {
                write(target, &format!("{:04x}-{len}", suite.id()), &sealed);
            }
        }
    }
}

fn blobs(write: &impl Fn(&str, &str, &[u8])) {
    let id = MaterialId { key: KeyId::from_bytes([9; 16]), generation: 3 };
    for len in [0, 1, 32, 300] {
        let prf = |input: &[u8]| Ok(hmac(MacAlgorithm::HmacSha256, &[7; 32], input));
        let sealed = blob::seal(&id, prf, &SystemRandom, &vec![b'x'; len], &EncryptionContext::empty()).unwrap();
        write("blob", &len.to_string(), sealed.as_bytes());
    }
}

fn keys(write: &impl Fn(&str, &str, &[u8])) {
    for spec in [KeySpec::EccNistP256, KeySpec::EccNistP384, KeySpec::EccNistP521, KeySpec::EccSecgP256k1] {
        let key = EccPrivateKey::generate(spec, &SystemRandom).unwrap();
        let public = PublicKey::from(key.public_key());
        write("import", &format!("{spec}.pkcs8"), key.to_pkcs8().unwrap().expose());
        write("import", &format!("{spec}.spki"), &public.to_spki_der().unwrap());
        write("import", &format!("{spec}.pem"), public.to_pem().unwrap().as_bytes());
    }
    let key = RsaPrivateKey::generate(KeySpec::Rsa2048, &SystemRandom).unwrap();
    write("import", "RSA_2048.spki", &key.public_key().to_spki().unwrap());
}

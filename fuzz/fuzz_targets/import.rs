//! Public and private keys from elsewhere: SubjectPublicKeyInfo, PKCS#8, PEM.

#![no_main]

use kms_core::primitives::ecc::EccPrivateKey;
use kms_core::{KeyMaterial, KeySpec, PublicKey, Secret};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(key) = PublicKey::from_spki_der(data) {
        let der = key.to_spki_der().unwrap();
        assert_eq!(PublicKey::from_spki_der(&der).unwrap(), key);
        assert_eq!(PublicKey::from_pem(&key.to_pem().unwrap()).unwrap(), key);
    }
    if let Ok(text) = core::str::from_utf8(data) {
        let _not_pem = PublicKey::from_pem(text);
        let _not_pem = KeyMaterial::from_pem(text);
    }
    // RSA keys are left to their unit tests: checking one costs a second, and is the crate's.
    let material = KeyMaterial::Pkcs8(Secret::copy_from(data));
    for spec in [KeySpec::EccNistP256, KeySpec::EccNistP384, KeySpec::EccNistP521, KeySpec::EccSecgP256k1] {
        if let Ok(key) = EccPrivateKey::from_pkcs8(spec, data) {
            assert_eq!(material.spec().unwrap(), spec);
            let der = key.to_pkcs8().unwrap();
            assert_eq!(EccPrivateKey::from_pkcs8(spec, der.expose()).unwrap().public_key(), key.public_key());
        }
    }
});

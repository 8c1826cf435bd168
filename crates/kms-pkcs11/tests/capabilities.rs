//! What three tokens were found to do, and what their protection of keys is worth: the table of `docs/HSM.md`.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::sync::Arc;

use kms_core::{Algorithm, Call, EncryptionAlgorithm, KeySpec};
use kms_pkcs11::Capabilities;
use support::backend;

fn capabilities(token: test_tokens::Token) -> Arc<Capabilities> {
    let (_token, backend) = backend(token);
    backend.capabilities(&Call::default()).unwrap()
}

fn lacks(known: &Capabilities) -> Vec<(KeySpec, Option<Algorithm>)> {
    known.lacks.iter().map(|lack| (lack.spec, lack.algorithm)).collect()
}

fn succeeded(known: &Capabilities) -> Vec<&str> {
    known.extraction.iter().filter(|(_, succeeded)| *succeeded).map(|(name, _)| *name).collect()
}

#[test]
fn softhsm() {
    let known = capabilities(test_tokens::softhsm());
    let oaep = Some(Algorithm::Encryption(EncryptionAlgorithm::RsaesOaepSha256));
    let rsa = [KeySpec::Rsa2048, KeySpec::Rsa3072, KeySpec::Rsa4096];
    assert_eq!(lacks(&known), rsa.map(|spec| (spec, oaep)));
    assert_eq!(known.wrap_mechanism, Some("CKM_AES_KEY_WRAP_PAD (as RFC 5649)"));
    assert_eq!(known.wraps.len(), KeySpec::ALL.len());
    assert!(!known.derives_inside);
    let gcm = known.gcm.as_ref().unwrap();
    assert_eq!((gcm.token_makes_nonce, gcm.forged.as_str()), (false, "C_Decrypt answered CKR_GENERAL_ERROR"));
    assert!(known.creates && known.unwraps);
    assert!(known.extraction.len() >= 6 && known.enforces_extraction(), "{:?}", known.extraction);
    assert!(known.refused_attributes.is_empty());
}

#[test]
fn kryoptic() {
    let known = capabilities(test_tokens::kryoptic());
    assert_eq!(lacks(&known), [(KeySpec::EccSecgP256k1, None)]);
    assert_eq!(known.wrap_mechanism, Some("CKM_AES_KEY_WRAP_KWP"));
    assert_eq!(known.wraps.len(), KeySpec::ALL.len() - 1);
    assert!(known.derives_inside);
    assert!(known.creates && known.unwraps);
    assert!(known.extraction.len() >= 6 && known.enforces_extraction(), "{:?}", known.extraction);
}

#[test]
fn nss() {
    let known = capabilities(test_tokens::nss());
    assert_eq!(lacks(&known), [(KeySpec::EccSecgP256k1, None)]);
    assert_eq!(known.wrap_mechanism, Some("CKM_AES_KEY_WRAP_KWP"));
    assert!(!known.wraps.iter().any(|spec| spec.is_ecc()), "{:?}", known.wraps);
    assert!(known.derives_inside);
    assert!(known.creates && known.unwraps);
    assert!(!known.enforces_extraction());
    assert_eq!(succeeded(&known), ["copy it as extractable", "wrap it under a key made for that"]);
    assert_eq!(known.refused_attributes, ["CKA_COPYABLE", "CKA_ALLOWED_MECHANISMS"]);
}

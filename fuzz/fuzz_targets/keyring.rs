//! The keyring file and the sealed key: total, and canonical.

#![no_main]

use kms_soft::SealedKey;
use kms_soft::keyring::format;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(parsed) = format::parse(data) {
        // The names that are in it lead to the keys that are in it.
        for key in parsed.contents.keys() {
            assert_eq!(parsed.contents.resolve(&key.id.to_string()).unwrap(), key.current());
            for alias in &key.aliases {
                assert_eq!(parsed.contents.resolve(alias).unwrap().key, key.id);
            }
        }
        assert!(format::parse(&data[..data.len() - 1]).is_err());
    }
    // Past the checksum, which chance does not find.
    let mended = mended(data);
    let _damage = format::parse(&mended);
    if let Ok(key) = SealedKey::parse(data) {
        assert_eq!(key.to_bytes().unwrap(), data);
    }
});

/// The same with the right checksum at its end.
fn mended(data: &[u8]) -> Vec<u8> {
    let body = &data[..data.len().saturating_sub(32)];
    let checksum = kms_core::primitives::hash::hash(kms_core::HashAlgorithm::Sha256, body);
    [body, &checksum].concat()
}

//! What version 1 wrote is read for ever. The files in `tests/data` were written by version 0.1.0; the root key and
//! the passphrase in them protect nothing else.

use std::path::PathBuf;

use kms_core::primitives::mac::hmac;
use kms_core::{Backend, Key, KeyId, KeySpec, KeyUsage, MacAlgorithm, MaterialId, Secret, SystemRandom};
use kms_soft::keyring::Origin;
use kms_soft::{Keyring, RootKey, SealedKey, SoftBackend};
use tempfile::TempDir;

use crate::call;

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn root() -> RootKey {
    // A checkout is open to others than its owner, which a root key file must not be.
    let place = TempDir::new().unwrap();
    let path = place.path().join("root.key");
    std::fs::copy(data("v1-root.key"), &path).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    RootKey::open_key_file(path).unwrap()
}

fn key(keyring: &Keyring, id: u8, generation: u32) -> Key {
    let id = MaterialId { key: KeyId::from_bytes([id; 16]), generation };
    Key::new(keyring.open(&Keyring::locator(id), &call()).unwrap())
}

fn holds_what_was_put_in(keyring: &Keyring) {
    assert_eq!(keyring.revision(), 7);
    let records = keyring.records();
    assert_eq!(records.len(), 3);
    let tokens = &records[0];
    assert_eq!((tokens.spec, tokens.usage), (KeySpec::Hmac256, KeyUsage::GenerateVerifyMac));
    assert_eq!(tokens.description, "Signs tokens ✓");
    assert_eq!(tokens.aliases, ["alias/app/tokens".to_owned(), "alias/tokens".to_owned()].into());
    assert_eq!(tokens.generations[&0].origin, Origin::External);
    assert_eq!(records[2].generations[&0].origin, Origin::AwsKms);
    assert_eq!(keyring.resolve("22222222").unwrap().generation, 1);

    let mac = key(keyring, 0x11, 0).generate_mac(MacAlgorithm::HmacSha256, b"m", &call()).unwrap();
    assert!(mac.ct_eq(hmac(MacAlgorithm::HmacSha256, &[0x42; 32], b"m").expose()));
    for (generation, byte) in [(0, 0x50), (1, 0x51)] {
        let sealed =
            key(keyring, 0x22, generation).encrypt(b"payload", &kms_core::EncryptionContext::empty(), &call()).unwrap();
        let prf = |input: &[u8]| Ok(hmac(MacAlgorithm::HmacSha256, &[byte; 32], input));
        let id = MaterialId { key: KeyId::from_bytes([0x22; 16]), generation };
        let context = kms_core::EncryptionContext::empty();
        let opened = kms_core::blob::open(&id, prf, sealed.as_bytes(), &context).unwrap();
        assert_eq!(opened.expose(), b"payload");
    }
}

#[test]
fn a_keyring_under_a_key_file() {
    let keyring = Keyring::open(data("v1-key-file.keyring")).unwrap().unlock(&root(), &call()).unwrap();
    holds_what_was_put_in(&keyring);
    let public = key(&keyring, 0x33, 0).public_key().unwrap().to_spki_der().unwrap();
    assert_eq!(public, std::fs::read(data("v1-public.der")).unwrap());
}

#[test]
fn a_keyring_under_a_passphrase() {
    let sealed = Keyring::open(data("v1-passphrase.keyring")).unwrap();
    let root = sealed.root_from_passphrase(&Secret::copy_from(b"correct horse battery staple")).unwrap();
    holds_what_was_put_in(&sealed.unlock(&root, &call()).unwrap());
}

#[test]
fn a_sealed_key() {
    let keyring = Keyring::open(data("v1-key-file.keyring")).unwrap().unlock(&root(), &call()).unwrap();
    let sealed = SealedKey::parse(&std::fs::read(data("v1-sealed.key")).unwrap()).unwrap();
    assert_eq!(sealed.id().key, KeyId::from_bytes([0x33; 16]));
    let there = SoftBackend::new(SystemRandom);
    let moved = Key::new(there.import_sealed(&sealed, &key(&keyring, 0x22, 1), &call()).unwrap());
    let public = moved.public_key().unwrap().to_spki_der().unwrap();
    assert_eq!(public, std::fs::read(data("v1-public.der")).unwrap());
}

//! The root key: in a file, from a passphrase, in another backend.

use alloc::sync::Arc;

use kms_core::{
    Backend, Call, CiphertextBlob, EncryptionContext, Error, ErrorKind, Key, KeyInfo, KeySpec, KeyUsage, MasterKey,
    Secret, SystemRandom,
};
use kms_soft::keyring::{MIN_PASSPHRASE, PassphraseCost, RootKind};
use kms_soft::{Keyring, RootKey, SoftBackend};

use crate::{Place, call, new_at, refused, symmetric};

fn passphrase(text: &str) -> Secret {
    Secret::copy_from(text.as_bytes())
}

fn cheap() -> PassphraseCost {
    PassphraseCost::new(64, 1, 1).unwrap()
}

fn from_passphrase(text: &str) -> RootKey {
    RootKey::from_new_passphrase(&passphrase(text), cheap()).unwrap()
}

#[test]
fn a_key_file_opens_its_keyrings_and_no_others() {
    let (place, other) = (Place::new(), Place::new());
    let (at, _) = symmetric(&place.create());
    let root = RootKey::open_key_file(place.at("root.key")).unwrap();
    assert_eq!(root.info(), place.root.info());
    let keyring = Keyring::open(place.path()).unwrap().unlock(&root, &call()).unwrap();
    keyring.open(&at, &call()).unwrap();

    let wrong = Keyring::open(place.path()).unwrap().unlock(&other.root, &call()).unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::IncorrectKey);
    let told = wrong.to_string();
    assert!(told.contains(&place.root.info().id.key.to_string()), "{told}");
    assert!(told.contains(&other.root.info().id.key.to_string()), "{told}");
}

#[test]
fn a_key_file_is_made_once() {
    let place = Place::new();
    let before = std::fs::read(place.at("root.key")).unwrap();
    assert!(before.starts_with(b"KMS-ROOT-KEY-1 "));
    refused(RootKey::create_key_file(place.at("root.key")), ErrorKind::InvalidInput);
    assert_eq!(std::fs::read(place.at("root.key")).unwrap(), before);
}

#[test]
fn a_key_file_that_is_not_there_or_is_none() {
    let place = Place::new();
    let missing = RootKey::open_key_file(place.at("lost.key"));
    assert!(missing.as_ref().unwrap_err().to_string().contains("cannot be opened"));
    refused(missing, ErrorKind::KeyUnavailable);
    refused(RootKey::open_key_file(place.directory.path()), ErrorKind::Malformed);
    refused(RootKey::create_key_file(place.at("no/such/directory")), ErrorKind::Io);
    let line = std::fs::read(place.at("root.key")).unwrap();
    let mut damaged = line.clone();
    damaged[60] ^= 1;
    // Written over the file, which keeps its mode.
    for (text, kind) in [
        (&b"hello"[..], ErrorKind::Malformed),
        (b"", ErrorKind::Malformed),
        (&damaged, ErrorKind::Malformed),
        (b"KMS-ROOT-KEY-2 whatever", ErrorKind::Unsupported),
        (&[&line[..], &[b'x'; 4096]].concat(), ErrorKind::Malformed),
    ] {
        std::fs::write(place.at("root.key"), text).unwrap();
        refused(RootKey::open_key_file(place.at("root.key")), kind);
    }
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    let path = place.at("root.key");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    for mode in [0o640, 0o604, 0o620, 0o601, 0o666] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = RootKey::open_key_file(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{mode:o}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    for mode in [0o600, 0o400] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        RootKey::open_key_file(&path).unwrap();
    }
}

#[test]
fn a_passphrase_opens_its_keyring() {
    let place = Place::new();
    let right = "correct horse battery staple";
    let keyring = Keyring::create(place.path(), &from_passphrase(right), &call()).unwrap();
    let (at, _) = symmetric(&keyring);

    let sealed = Keyring::open(place.path()).unwrap();
    assert!(matches!(sealed.root().kind, RootKind::Passphrase { cost, .. } if cost == cheap()));
    refused(sealed.root_from_passphrase(&passphrase("correct horse battery stable")), ErrorKind::Unauthorized);
    refused(sealed.root_from_passphrase(&passphrase("")), ErrorKind::Unauthorized);
    let root = sealed.root_from_passphrase(&passphrase(right)).unwrap();
    sealed.unlock(&root, &call()).unwrap().open(&at, &call()).unwrap();

    // Another salt, another key.
    let again = from_passphrase(right);
    refused(Keyring::open(place.path()).unwrap().unlock(&again, &call()), ErrorKind::IncorrectKey);
    refused(Keyring::open(place.path()).unwrap().unlock(&place.root, &call()), ErrorKind::IncorrectKey);
}

#[test]
fn a_passphrase_does_not_open_what_has_none() {
    let place = Place::new();
    place.create();
    let sealed = Keyring::open(place.path()).unwrap();
    refused(sealed.root_from_passphrase(&passphrase("correct horse battery")), ErrorKind::InvalidInput);
    let short = "x".repeat(MIN_PASSPHRASE - 1);
    refused(RootKey::from_new_passphrase(&passphrase(&short), cheap()), ErrorKind::InvalidInput);
}

#[test]
fn the_recommended_cost_works() {
    let root = RootKey::from_new_passphrase(&passphrase("correct horse battery"), PassphraseCost::RECOMMENDED);
    assert!(format!("{:?}", root.unwrap()).contains("65536"));
}

/// A master key whose backend can be away.
struct Remote {
    key: Arc<dyn MasterKey>,
    fails: Option<ErrorKind>,
}

impl MasterKey for Remote {
    fn info(&self) -> &KeyInfo {
        self.key.info()
    }

    fn fill_random(&self, out: &mut [u8], call: &Call) -> Result<(), Error> {
        self.key.fill_random(out, call)
    }

    fn seal(&self, plaintext: &[u8], context: &EncryptionContext, call: &Call) -> Result<CiphertextBlob, Error> {
        self.fails.map_or_else(|| self.key.seal(plaintext, context, call), |kind| Err(kind.into()))
    }

    fn open(&self, blob: &[u8], context: &EncryptionContext, call: &Call) -> Result<Secret, Error> {
        self.fails.map_or_else(|| self.key.open(blob, context, call), |kind| Err(kind.into()))
    }
}

#[test]
fn any_master_key_can_be_the_root() {
    let (place, hsm) = (Place::new(), SoftBackend::new(SystemRandom));
    let root_at = new_at();
    let key = hsm.create(&root_at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call()).unwrap();
    let remote =
        |fails| RootKey::from_master_key(Key::new(Arc::new(Remote { key: key.clone(), fails })), &root_at).unwrap();
    let (at, _) = symmetric(&Keyring::create(place.path(), &remote(None), &call()).unwrap());

    let sealed = Keyring::open(place.path()).unwrap();
    assert_eq!(sealed.root().id, root_at.id());
    assert_eq!(sealed.root().kind, RootKind::MasterKey { address: root_at.address().to_owned() });
    let keyring = sealed.unlock(&remote(None), &call()).unwrap();
    keyring.open(&at, &call()).unwrap();

    // A fault of the device is told as one: the file is well.
    for kind in [ErrorKind::Disconnected, ErrorKind::Busy, ErrorKind::Unauthorized, ErrorKind::KeyUnavailable] {
        refused(Keyring::open(place.path()).unwrap().unlock(&remote(Some(kind)), &call()), kind);
        refused(Keyring::create(place.at("new"), &remote(Some(kind)), &call()), kind);
    }
    assert!(!place.at("new").exists());

    let hmac = hsm.create(&new_at(), KeySpec::Hmac256, KeyUsage::GenerateVerifyMac, &call()).unwrap();
    refused(RootKey::from_master_key(Key::new(hmac), &new_at()), ErrorKind::Unsupported);
}

#[test]
fn the_root_can_be_changed() {
    let place = Place::new();
    let keyring = place.create();
    let (at, key) = symmetric(&keyring);
    let signing = new_at();
    let public = keyring.create(&signing, KeySpec::EccNistP256, KeyUsage::SignVerify, &call()).unwrap();
    keyring.add_alias("alias/a", at.id().key, &call()).unwrap();
    let context = EncryptionContext::empty();
    let sealed = key.encrypt(b"x", &context, &call()).unwrap();

    let reader = place.read();
    let new = from_passphrase("correct horse battery staple");
    keyring.change_root(&new, &call()).unwrap();
    assert_eq!(keyring.root(), *new.info());
    symmetric(&keyring);
    refused(place.try_read(), ErrorKind::IncorrectKey);
    refused(reader.reload(&call()), ErrorKind::IncorrectKey);
    reader.open(&signing, &call()).unwrap();
    drop(keyring);

    let closed = Keyring::open(place.path()).unwrap();
    let root = closed.root_from_passphrase(&passphrase("correct horse battery staple")).unwrap();
    let keyring = closed.unlock(&root, &call()).unwrap();
    let key = Key::new(keyring.open(&Keyring::locator(keyring.resolve("alias/a").unwrap()), &call()).unwrap());
    assert_eq!(key.decrypt(sealed.as_bytes(), &context, &call()).unwrap().expose(), b"x");
    assert_eq!(keyring.open(&signing, &call()).unwrap().public_key(), public.public_key());
    assert_eq!(keyring.records().len(), 3);
}

//! Keys in a keyring: made, found again, named, moved, destroyed.

use kms_core::{
    Algorithm, Backend, Call, EncryptionContext, ErrorKind, Key, KeyId, KeyMaterial, KeySpec, KeyUsage, MacAlgorithm,
    MaterialId, MessageType, Secret, Supported, SystemRandom,
};
use kms_soft::keyring::Origin;
use kms_soft::{Keyring, SealedKey, SoftBackend};

use crate::{Place, call, new_at, refused, symmetric};

/// What only the holder of the same key can undo or repeat.
fn proof(key: &Key, call: &Call) -> Box<dyn Fn(&Key)> {
    let (call, context) = (call.clone(), EncryptionContext::new([("a", "b")]).unwrap());
    if key.info().usage == KeyUsage::EncryptDecrypt && key.info().spec == KeySpec::SymmetricDefault {
        let sealed = key.encrypt(b"payload", &context, &call).unwrap();
        return Box::new(move |key| {
            assert_eq!(key.decrypt(sealed.as_bytes(), &context, &call).unwrap().expose(), b"payload");
        });
    }
    let public = key.public_key().ok();
    match key.info().algorithms.iter().next().unwrap() {
        Algorithm::Mac(algorithm) => {
            let mac = key.generate_mac(algorithm, b"message", &call).unwrap();
            Box::new(move |key| key.verify_mac(algorithm, b"message", mac.expose(), &call).unwrap())
        }
        Algorithm::Signing(algorithm) => Box::new(move |key| {
            let signature = key.sign(algorithm, MessageType::Raw, b"message", &call).unwrap();
            public.as_ref().unwrap().verify(algorithm, MessageType::Raw, b"message", &signature).unwrap();
        }),
        Algorithm::Encryption(algorithm) => {
            let sealed = public.unwrap().encrypt(algorithm, b"payload", &SystemRandom).unwrap();
            Box::new(move |key| {
                assert_eq!(key.decrypt_asymmetric(algorithm, &sealed, &call).unwrap().expose(), b"payload");
            })
        }
        Algorithm::KeyAgreement(_) => {
            let (public, secret) = (public.unwrap(), key.derive_shared_secret(&key.public_key().unwrap(), &call));
            let secret = secret.unwrap();
            Box::new(move |key| {
                assert!(key.derive_shared_secret(&public, &call).unwrap().ct_eq(secret.expose()));
            })
        }
        other => panic!("untested algorithm {other}"),
    }
}

#[test]
fn every_spec_and_usage_comes_back() {
    let place = Place::new();
    let keyring = place.create();
    let mut proofs = Vec::new();
    for &Supported { spec, usage, .. } in keyring.supported() {
        // The larger ones take seconds each, and differ in length only.
        if matches!(spec, KeySpec::Rsa3072 | KeySpec::Rsa4096) {
            continue;
        }
        let at = new_at();
        let key = Key::new(keyring.create(&at, spec, usage, &call()).unwrap());
        proofs.push((at, proof(&key, &call())));
    }
    drop(keyring);

    let keyring = place.read();
    assert_eq!(keyring.records().len(), proofs.len());
    for (at, proof) in proofs {
        let record = keyring.record(at.id().key).unwrap();
        assert_eq!(record.generations[&0].origin, Origin::AwsKms);
        let key = Key::new(keyring.open(&at, &call()).unwrap());
        assert_eq!((key.info().id, key.info().spec, key.info().usage), (at.id(), record.spec, record.usage));
        proof(&key);
    }
}

#[test]
fn the_largest_material_fits() {
    let place = Place::new();
    let keyring = place.create();
    let at = new_at();
    let key = keyring.create(&at, KeySpec::Rsa4096, KeyUsage::SignVerify, &call()).unwrap();
    let again = place.read().open(&at, &call()).unwrap();
    assert_eq!(again.public_key(), key.public_key());
}

#[test]
fn imported_keys_come_back() {
    let place = Place::new();
    let (at, pkcs8_at) = (new_at(), new_at());
    let keyring = place.create();
    let raw = || KeyMaterial::Raw(Secret::from(vec![0x5a; 48]));
    keyring.import(&at, KeySpec::Hmac384, KeyUsage::GenerateVerifyMac, raw(), &call()).unwrap();
    let private = kms_core::primitives::ecc::EccPrivateKey::generate(KeySpec::EccSecgP256k1, &SystemRandom).unwrap();
    let der = KeyMaterial::Pkcs8(private.to_pkcs8().unwrap());
    keyring.import(&pkcs8_at, KeySpec::EccSecgP256k1, KeyUsage::SignVerify, der, &call()).unwrap();
    let again = keyring.import(&at, KeySpec::Hmac384, KeyUsage::GenerateVerifyMac, raw(), &call());
    refused(again, ErrorKind::InvalidInput);
    let short = KeyMaterial::Raw(Secret::from(vec![1; 16]));
    let short = keyring.import(&new_at(), KeySpec::Hmac384, KeyUsage::GenerateVerifyMac, short, &call());
    refused(short, ErrorKind::InvalidInput);

    let keyring = place.read();
    assert_eq!(keyring.record(at.id().key).unwrap().generations[&0].origin, Origin::External);
    let key = Key::new(keyring.open(&at, &call()).unwrap());
    let mac = key.generate_mac(MacAlgorithm::HmacSha384, b"m", &call()).unwrap();
    assert!(mac.ct_eq(kms_core::primitives::mac::hmac(MacAlgorithm::HmacSha384, &[0x5a; 48], b"m").expose()));
    let public = keyring.open(&pkcs8_at, &call()).unwrap().public_key().unwrap().to_vec();
    assert_eq!(public, private.public_key().to_spki().unwrap());
    assert_eq!(keyring.records().len(), 2);
}

#[test]
fn creating_again_finds_the_key() {
    let place = Place::new();
    let keyring = place.create();
    let (at, key) = symmetric(&keyring);
    let revision = keyring.revision();
    let again = keyring.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call()).unwrap();
    assert_eq!(keyring.revision(), revision);
    proof(&key, &call())(&Key::new(again));
    let clash = keyring.create(&at, KeySpec::Hmac256, KeyUsage::GenerateVerifyMac, &call());
    refused(clash, ErrorKind::InvalidInput);
    let unfit = keyring.create(&new_at(), KeySpec::Hmac256, KeyUsage::SignVerify, &call());
    refused(unfit, ErrorKind::InvalidInput);
    // A reader may ask as well, as long as there is nothing to make.
    let reader = place.read();
    reader.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call()).unwrap();
    let new = reader.create(&new_at(), KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call());
    refused(new, ErrorKind::Refused);
}

#[test]
fn many_threads_make_one_key() {
    let place = Place::new();
    let keyring = place.create();
    let at = new_at();
    let create = || Key::new(keyring.create(&at, KeySpec::Hmac256, KeyUsage::GenerateVerifyMac, &call()).unwrap());
    let keys: Vec<Key> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(create)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let proof = proof(&keys[0], &call());
    keys.iter().for_each(proof);
    assert_eq!(keyring.records().len(), 1);
}

#[test]
fn generations_of_one_key() {
    let place = Place::new();
    let keyring = place.create();
    let (at, first) = symmetric(&keyring);
    let id = at.id().key;
    keyring.add_alias("alias/k", id, &call()).unwrap();
    let next = Keyring::locator(MaterialId { key: id, generation: 1 });
    let second = Key::new(keyring.create(&next, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call()).unwrap());
    let other = keyring.create(
        &Keyring::locator(MaterialId { key: id, generation: 2 }),
        KeySpec::Hmac256,
        KeyUsage::GenerateVerifyMac,
        &call(),
    );
    refused(other, ErrorKind::InvalidInput);
    let (first, second) = (proof(&first, &call()), proof(&second, &call()));

    let reader = place.read();
    assert_eq!(reader.resolve("alias/k").unwrap(), next.id());
    assert_eq!(reader.resolve(&format!("{id}/0")).unwrap(), at.id());
    first(&Key::new(reader.open(&at, &call()).unwrap()));
    second(&Key::new(reader.open(&next, &call()).unwrap()));

    keyring.destroy(&next, &call()).unwrap();
    assert_eq!(keyring.resolve("alias/k").unwrap(), at.id());
    keyring.destroy(&at, &call()).unwrap();
    refused(keyring.resolve("alias/k"), ErrorKind::KeyUnavailable);
}

#[test]
fn a_destroyed_key_is_gone() {
    let place = Place::new();
    let keyring = place.create();
    let (at, _key) = symmetric(&keyring);
    keyring.open(&at, &call()).unwrap();
    keyring.destroy(&at, &call()).unwrap();
    refused(keyring.open(&at, &call()), ErrorKind::KeyUnavailable);
    let revision = keyring.revision();
    keyring.destroy(&at, &call()).unwrap();
    assert_eq!(keyring.revision(), revision);
    refused(place.read().open(&at, &call()), ErrorKind::KeyUnavailable);
}

#[test]
fn names() {
    let place = Place::new();
    let keyring = place.create();
    let (one, two) = (KeyId::from_bytes([0xab; 16]), KeyId::from_bytes([0xac; 16]));
    for id in [one, two] {
        let at = Keyring::locator(id.into());
        keyring.create(&at, KeySpec::Hmac256, KeyUsage::GenerateVerifyMac, &call()).unwrap();
    }
    keyring.add_alias("alias/one", one, &call()).unwrap();
    let revision = keyring.revision();
    keyring.add_alias("alias/one", one, &call()).unwrap();
    assert_eq!(keyring.revision(), revision, "an alias twice is one");
    refused(keyring.add_alias("alias/one", two, &call()), ErrorKind::InvalidInput);
    refused(keyring.add_alias("alias/none", KeyId::from_bytes([1; 16]), &call()), ErrorKind::KeyUnavailable);
    for bad in ["one", "alias/", "alias/a b", "alias/é", &format!("alias/{}", "x".repeat(251))] {
        refused(keyring.add_alias(bad, one, &call()), ErrorKind::InvalidInput);
    }
    keyring.add_alias(&format!("alias/{}", "x".repeat(250)), two, &call()).unwrap();
    keyring.set_description(one, "for backups", &call()).unwrap();
    refused(keyring.set_description(one, "x".repeat(8193), &call()), ErrorKind::InvalidInput);

    let reader = place.read();
    assert_eq!(reader.record(one).unwrap().description, "for backups");
    assert_eq!(reader.resolve("alias/one").unwrap(), one.into());
    assert_eq!(reader.resolve(&two.to_string()).unwrap(), two.into());
    assert_eq!(reader.resolve("ACACac").unwrap(), two.into());
    assert_eq!(reader.resolve("acacacac-ac").unwrap(), two.into());
    refused(reader.resolve("aca"), ErrorKind::InvalidInput);
    refused(reader.resolve("one"), ErrorKind::InvalidInput);
    refused(reader.resolve(""), ErrorKind::InvalidInput);
    refused(reader.resolve("abad"), ErrorKind::KeyUnavailable);
    refused(reader.resolve("alias/two"), ErrorKind::KeyUnavailable);
    refused(reader.resolve(&format!("{one}/1")), ErrorKind::KeyUnavailable);
    refused(reader.resolve(&format!("{one}/x")), ErrorKind::InvalidInput);

    let twin = KeyId::from_bytes([[0xac; 8], [0xad; 8]].concat().try_into().unwrap());
    keyring.create(&Keyring::locator(twin.into()), KeySpec::Hmac256, KeyUsage::GenerateVerifyMac, &call()).unwrap();
    refused(keyring.resolve("acac"), ErrorKind::InvalidInput);

    keyring.remove_alias("alias/one", &call()).unwrap();
    keyring.remove_alias("alias/one", &call()).unwrap();
    keyring.add_alias("alias/one", two, &call()).unwrap();
    assert_eq!(keyring.resolve("alias/one").unwrap(), two.into());
}

#[test]
fn a_key_moves_under_another_master_key() {
    let (place, soft) = (Place::new(), SoftBackend::new(SystemRandom));
    let keyring = place.create();
    let (_, between) = symmetric(&keyring);
    for (spec, usage) in [
        (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt),
        (KeySpec::EccNistP256, KeyUsage::KeyAgreement),
        (KeySpec::Hmac224, KeyUsage::GenerateVerifyMac),
    ] {
        let at = new_at();
        let key = Key::new(soft.create(&at, spec, usage, &call()).unwrap());
        let proof = proof(&key, &call());
        let bytes = soft.export(&at, &between, &call()).unwrap().to_bytes().unwrap();
        let sealed = SealedKey::parse(&bytes).unwrap();
        keyring.import_sealed(&sealed, &between, &call()).unwrap();
        refused(keyring.import_sealed(&sealed, &between, &call()), ErrorKind::InvalidInput);
        refused(soft.import_sealed(&sealed, &between, &call()), ErrorKind::InvalidInput);
        proof(&Key::new(place.read().open(&at, &call()).unwrap()));

        let back = keyring.export(&at, &between, &call()).unwrap();
        let other = SoftBackend::new(SystemRandom);
        proof(&Key::new(other.import_sealed(&back, &between, &call()).unwrap()));
    }
    let hmac = new_at();
    let key = keyring.create(&hmac, KeySpec::Hmac256, KeyUsage::GenerateVerifyMac, &call()).unwrap();
    refused(keyring.export(&hmac, &Key::new(key), &call()), ErrorKind::Unsupported);
    refused(keyring.export(&new_at(), &between, &call()), ErrorKind::KeyUnavailable);
}

#[test]
fn a_sealed_key_is_what_it_was_sealed_as() {
    let soft = SoftBackend::new(SystemRandom);
    let create = |spec, usage| {
        let at = new_at();
        (at.clone(), Key::new(soft.create(&at, spec, usage, &call()).unwrap()))
    };
    let (_, root) = create(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let (_, other_root) = create(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let (at, _) = create(KeySpec::EccNistP256, KeyUsage::SignVerify);
    let sealed = soft.export(&at, &root, &call()).unwrap();
    let there = SoftBackend::new(SystemRandom);
    refused(there.import_sealed(&sealed, &other_root, &call()), ErrorKind::IncorrectKey);
    let with = |id, spec, usage| SealedKey::new(id, spec, usage, sealed.blob().clone());
    let other_generation = MaterialId { key: at.id().key, generation: 1 };
    for changed in [
        with(new_at().id(), sealed.spec(), sealed.usage()),
        with(other_generation, sealed.spec(), sealed.usage()),
        with(sealed.id(), KeySpec::EccSecgP256k1, sealed.usage()),
        with(sealed.id(), sealed.spec(), KeyUsage::KeyAgreement),
    ] {
        refused(there.import_sealed(&changed, &root, &call()), ErrorKind::Rejected);
    }
    let bytes = sealed.to_bytes().unwrap();
    for index in 0..bytes.len() {
        assert!(SealedKey::parse(&bytes[..index]).is_err(), "{index} bytes");
        let mut bad = bytes.clone();
        bad[index] ^= 1;
        let opened = SealedKey::parse(&bad).and_then(|sealed| there.import_sealed(&sealed, &root, &call()));
        assert!(opened.is_err(), "byte {index}");
    }
    refused(SealedKey::parse(&[&bytes[..], b"\n"].concat()), ErrorKind::Malformed);
    there.import_sealed(&SealedKey::parse(&bytes).unwrap(), &root, &call()).unwrap();
}

#[test]
fn nothing_shows_a_secret() {
    let place = Place::new();
    let keyring = place.create();
    let at = new_at();
    let material = KeyMaterial::Raw(Secret::from(b"nobody shall see these key bytes".to_vec()));
    let key = keyring.import(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, material, &call()).unwrap();
    let sealed = keyring.export(&at, &Key::new(key.clone()), &call()).unwrap();
    let root_line = std::fs::read_to_string(place.at("root.key")).unwrap();
    let root_base64 = root_line.trim().rsplit(' ').next().unwrap();

    let closed = format!("{:?}", Keyring::open(place.path()).unwrap());
    let shown = format!(
        "{closed}{keyring:?}{:?}{:?}{:?}{:?}{:?}{}{sealed:?}",
        place.root,
        keyring.records(),
        key,
        Key::new(key.clone()),
        keyring.root(),
        keyring.root(),
    );
    for secret in ["nobody shall", "110, 111, 98", "6e6f626f6479", root_base64] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let file = std::fs::read(place.path()).unwrap();
    assert!(!file.windows(6).any(|window| b"nobody shall see these key bytes".windows(6).any(|part| part == window)));
}

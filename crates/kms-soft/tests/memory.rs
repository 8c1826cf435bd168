//! Keys do not stay in memory: after a key is dropped, no copy of it is found in the memory of the process.
//!
//! With the system's allocator, which wipes nothing: what is wiped here, this project and its libraries wipe. RSA keys
//! are not so (see `memory_rsa.rs`).

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

#[path = "support/scanner.rs"]
mod scanner;

extern crate alloc;

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use kms_core::message::{self, DecryptOptions, EncryptOptions, RawAesKey};
use kms_core::{
    Algorithm, Backend, Call, EncryptionContext, Error, Key, KeyId, KeyMaterial, KeySpec, KeyUsage, MessageType,
    RandomSource, Secret, SystemRandom,
};
use kms_soft::{Keyring, RootKey, SoftBackend};
use scanner::Pattern;

/// Random to everyone but this test, which can tell each byte again without having kept it.
struct Told {
    seed: u64,
    next: AtomicU64,
}

impl Told {
    fn new() -> Arc<Self> {
        let mut seed = [0; 8];
        SystemRandom.fill(&mut seed).unwrap();
        Arc::new(Self { seed: u64::from_be_bytes(seed), next: AtomicU64::new(0) })
    }

    /// SplitMix64, a byte for each step.
    fn byte(&self, index: u64) -> u8 {
        let mut word = self.seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word >> 56).try_into().unwrap()
    }

    fn fill(&self, out: &mut [u8]) {
        for byte in out {
            *byte = self.byte(self.next.fetch_add(1, Ordering::Relaxed));
        }
    }

    fn secret(&self, len: usize) -> Secret {
        let mut secret = Secret::zeroed(len);
        self.fill(secret.expose_mut());
        secret
    }

    /// The `len` bytes that come next.
    fn next(&self, len: usize) -> Pattern {
        let start = self.next.load(Ordering::Relaxed);
        Pattern::from_fn(len, |index| self.byte(start + u64::try_from(index).unwrap()))
    }
}

impl RandomSource for Told {
    fn fill(&self, out: &mut [u8]) -> Result<(), Error> {
        Self::fill(self, out);
        Ok(())
    }
}

#[track_caller]
fn assert_gone(what: &str, pattern: &Pattern) {
    for (order, pattern) in [("as it is", pattern), ("reversed", &pattern.reversed())] {
        let traces = pattern.traces();
        assert!(traces.is_empty(), "{what}, {order}: {traces:#?}");
    }
}

#[track_caller]
fn assert_there(pattern: &Pattern) {
    assert!(!pattern.traces().is_empty(), "the scanner does not see what is there");
}

fn import(spec: KeySpec, usage: KeyUsage, material: KeyMaterial) -> Key {
    let at = SoftBackend::locator(KeyId::from_bytes([7; 16]).into());
    Key::new(SoftBackend::new(SystemRandom).import(&at, spec, usage, material, &Call::default()).unwrap())
}

#[test]
fn a_symmetric_key_that_was_made_here() {
    let (random, call) = (Told::new(), Call::default());
    let context = EncryptionContext::new([("tenant", "42")]).unwrap();
    let backend = SoftBackend::new(random.clone());
    let at = SoftBackend::locator(KeyId::from_bytes([7; 16]).into());
    let master = random.next(32);
    let key = Key::new(backend.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call).unwrap());
    assert_there(&master);

    let plaintext = random.next(1000);
    let sealed = key.encrypt(random.secret(1000).expose(), &context, &call).unwrap();
    let opened = key.decrypt(sealed.as_bytes(), &context, &call).unwrap();
    assert_there(&plaintext);
    drop(opened);
    assert_gone("plaintext", &plaintext);

    let in_clear = random.next(32);
    let (data_key, wrapped) = key.generate_data_key(32, &context, &call).unwrap();
    assert_there(&in_clear);
    assert!(key.decrypt(wrapped.as_bytes(), &context, &call).unwrap().ct_eq(data_key.expose()));
    drop(data_key);
    assert_gone("data key", &in_clear);

    // A refusal leaves nothing either.
    assert!(key.decrypt(wrapped.as_bytes(), &EncryptionContext::empty(), &call).is_err());
    assert_gone("data key that was refused", &in_clear);

    backend.destroy(&at, &call).unwrap();
    assert_there(&master);
    drop(key);
    assert_gone("master key", &master);
}

#[test]
fn symmetric_and_hmac_keys_that_were_imported() {
    let call = Call::default();
    for &spec in KeySpec::ALL {
        let Some(lengths) = spec.material_len() else { continue };
        for len in [*lengths.start(), *lengths.end()] {
            let random = Told::new();
            let pattern = random.next(len);
            let key = import(spec, spec.usages()[0], KeyMaterial::Raw(random.secret(len)));
            assert_there(&pattern);
            for algorithm in key.info().algorithms.iter() {
                match algorithm {
                    Algorithm::Mac(algorithm) => drop(key.generate_mac(algorithm, b"message", &call).unwrap()),
                    _ => drop(key.encrypt(b"payload", &EncryptionContext::empty(), &call).unwrap()),
                }
            }
            drop(key);
            assert_gone(spec.as_str(), &pattern);
        }
    }
}

/// The DER of a private key with the scalar that comes next: RFC 5915 without a public key, in PKCS#8.
fn pkcs8(spec: KeySpec, random: &Told) -> (Secret, Pattern) {
    let (oid, len): (&[u8], usize) = match spec {
        KeySpec::EccNistP256 => (b"\x2a\x86\x48\xce\x3d\x03\x01\x07", 32),
        KeySpec::EccNistP384 => (b"\x2b\x81\x04\x00\x22", 48),
        KeySpec::EccNistP521 => (b"\x2b\x81\x04\x00\x23", 66),
        _ => (b"\x2b\x81\x04\x00\x0a", 32),
    };
    let tlv = |tag: u8, contents: &[&[u8]]| {
        let contents = contents.concat();
        [&[tag, u8::try_from(contents.len()).unwrap()], &contents[..]].concat()
    };
    // Zeros are put in the scalar's place and filled afterwards, so that it is in one place only.
    let scalar = tlv(0x04, &[&vec![0; len]]);
    let inner = tlv(0x30, &[&[2, 1, 1], &scalar]);
    let algorithm = tlv(0x30, &[&tlv(0x06, &[b"\x2a\x86\x48\xce\x3d\x02\x01"]), &tlv(0x06, &[oid])]);
    let mut der = Secret::from(tlv(0x30, &[&[2, 1, 0], &algorithm, &tlv(0x04, &[&inner])]));
    let start = der.len() - len;
    // Below the order of every curve: the top bits are zero.
    let spare = if spec == KeySpec::EccNistP521 { 2 } else { 1 };
    let pattern = random.next(len - spare);
    random.fill(&mut der.expose_mut()[start + spare..]);
    (der, pattern)
}

#[test]
fn elliptic_curve_keys() {
    let call = Call::default();
    for &spec in KeySpec::ALL.iter().filter(|spec| spec.is_ecc()) {
        for &usage in spec.usages() {
            let random = Told::new();
            let (der, pattern) = pkcs8(spec, &random);
            assert_there(&pattern);
            // The key itself may be kept in another form (Montgomery's), which is not looked for.
            let key = import(spec, usage, KeyMaterial::Pkcs8(der));
            match usage {
                KeyUsage::SignVerify => {
                    let Some(Algorithm::Signing(algorithm)) = key.info().algorithms.iter().next() else { panic!() };
                    drop(key.sign(algorithm, MessageType::Raw, b"message", &call).unwrap());
                }
                _ => {
                    let secret = key.derive_shared_secret(&key.public_key().unwrap(), &call).unwrap();
                    let shared = Pattern::from_fn(secret.len(), |index| secret.expose()[index]);
                    assert_there(&shared);
                    drop(secret);
                    assert_gone("shared secret", &shared);
                }
            }
            drop(key);
            assert_gone(spec.as_str(), &pattern);
        }
    }
}

#[test]
fn the_keys_of_a_message() {
    let call = Call::default();
    for &suite in message::AlgorithmSuite::ALL {
        let random = Told::new();
        let wrapping = random.next(32);
        let key = RawAesKey::new("memory", "k", random.secret(32)).unwrap();
        let policy = message::CommitmentPolicy::ForbidEncryptAllowDecrypt;
        let options = EncryptOptions::new(EncryptionContext::empty()).with_suite(suite);
        let options = if suite.commits() { options } else { options.with_commitment_policy(policy) };
        let plaintext = random.next(1000);
        let payload = random.secret(1000);
        // A signed suite draws its key pair first: the data key is not what comes next.
        let data_key = (!suite.is_signed()).then(|| random.next(suite.key_len()));
        let sealed = message::encrypt(&key, &options, payload.expose(), &random, &call).unwrap();
        drop(payload);
        let opened = message::decrypt(&key, &DecryptOptions::new(), &sealed, &call).unwrap();
        assert_there(&plaintext);
        drop((opened, key));
        assert_gone("wrapping key", &wrapping);
        assert_gone("payload", &plaintext);
        if let Some(data_key) = data_key {
            assert_gone(&format!("data key, {suite}"), &data_key);
        }
    }
}

#[test]
fn the_keys_of_a_keyring() {
    let (random, call) = (Told::new(), Call::default());
    let directory = tempfile::tempdir().unwrap();
    let root = RootKey::create_key_file(directory.path().join("root")).unwrap();
    let keyring = Keyring::create(directory.path().join("keyring"), &root, &call).unwrap();
    let at = Keyring::locator(KeyId::from_bytes([7; 16]).into());
    let pattern = random.next(32);
    let (spec, usage) = (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    drop(keyring.import(&at, spec, usage, KeyMaterial::Raw(random.secret(32)), &call).unwrap());
    let key = Key::new(keyring.open(&at, &call).unwrap());
    assert_there(&pattern);
    drop((key, keyring));
    assert_gone("key of a keyring", &pattern);
    let keyring = Keyring::open(directory.path().join("keyring")).unwrap().unlock(&root, &call).unwrap();
    drop(Key::new(keyring.open(&at, &call).unwrap()));
    drop((keyring, root));
    assert_gone("key of a keyring that was opened again", &pattern);
}

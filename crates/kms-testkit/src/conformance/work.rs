//! One right operation of a key, checked against the core's software where that needs no secret.

use kms_core::primitives::ecc::EccPrivateKey;
use kms_core::{
    Algorithm, Call, EncryptionAlgorithm, EncryptionContext, Error, Key, MacAlgorithm, MasterKey, MessageType,
    PublicKey, Secret, SigningAlgorithm, SystemRandom,
};

use super::check::{At, Fault, Outcome, ensure};

pub(super) fn context() -> Result<EncryptionContext, Error> {
    EncryptionContext::new([("tenant", "42")])
}

/// Whether a secret is what it should be.
pub(super) fn equal(secret: &Secret, expected: &[u8]) -> Outcome {
    ensure(secret.ct_eq(expected), format!("another answer of {} bytes; expected {}", secret.len(), expected.len()))
}

/// Every algorithm the key has, once.
pub(super) fn works(key: &Key) -> Outcome {
    key.info().algorithms.iter().try_for_each(|algorithm| round_trip(key, algorithm).at(algorithm))
}

/// One round trip.
pub(super) fn round_trip(key: &Key, algorithm: Algorithm) -> Outcome {
    match algorithm {
        Algorithm::Encryption(EncryptionAlgorithm::SymmetricDefault) => seal_and_open(key, b"payload"),
        Algorithm::Encryption(algorithm) => oaep(key, algorithm, b"payload"),
        Algorithm::Signing(algorithm) => sign_and_verify(key, algorithm, b"message"),
        Algorithm::Mac(algorithm) => mac(key, algorithm, b"message"),
        Algorithm::KeyAgreement(_) => agree(key),
        other => Err(format!("{other}: not an algorithm of this version of the suite").into()),
    }
}

pub(super) fn seal_and_open(key: &Key, plaintext: &[u8]) -> Outcome {
    let (context, call) = (context()?, Call::default());
    let sealed = key.encrypt(plaintext, &context, &call)?;
    equal(&key.decrypt(sealed.as_bytes(), &context, &call)?, plaintext)
}

pub(super) fn oaep(key: &Key, algorithm: EncryptionAlgorithm, plaintext: &[u8]) -> Outcome {
    let sealed = key.public_key()?.encrypt(algorithm, plaintext, &SystemRandom)?;
    equal(&key.decrypt_asymmetric(algorithm, &sealed, &Call::default())?, plaintext)
}

pub(super) fn sign_and_verify(key: &Key, algorithm: SigningAlgorithm, message: &[u8]) -> Outcome {
    let signature = key.sign(algorithm, MessageType::Raw, message, &Call::default())?;
    Ok(key.public_key()?.verify(algorithm, MessageType::Raw, message, &signature)?)
}

fn mac(key: &Key, algorithm: MacAlgorithm, message: &[u8]) -> Outcome {
    let mac = key.generate_mac(algorithm, message, &Call::default())?;
    Ok(key.verify_mac(algorithm, message, mac.expose(), &Call::default())?)
}

fn agree(key: &Key) -> Outcome {
    let peer = EccPrivateKey::generate(key.info().spec, &SystemRandom)?;
    let ours = key.derive_shared_secret(&PublicKey::from(peer.public_key()), &Call::default())?;
    equal(&ours, shared_with(&peer, &key.public_key()?)?.expose())
}

/// The secret that software agrees on with a public key.
pub(super) fn shared_with(private: &EccPrivateKey, public: &PublicKey) -> Result<Secret, Fault> {
    Ok(private.agree(public.as_ecc().ok_or("not an elliptic curve key")?)?)
}

/// What tells a key from every other, taken from it to be tried on what should be the same key.
pub(super) enum Mark {
    Blob(Vec<u8>),
    Mac(MacAlgorithm, Vec<u8>),
    Public(Vec<u8>),
}

impl Mark {
    pub(super) fn of(master: &dyn MasterKey) -> Result<Self, Fault> {
        if let Some(public) = master.public_key() {
            return Ok(Self::Public(public.to_vec()));
        }
        let call = Call::default();
        match master.info().algorithms.iter().next() {
            Some(Algorithm::Mac(one)) => Ok(Self::Mac(one, master.mac(one, b"mark", &call)?.expose().to_vec())),
            Some(Algorithm::Encryption(_)) => Ok(Self::Blob(master.seal(b"mark", &context()?, &call)?.into_bytes())),
            _ => Err("a key without a public half that neither encrypts nor authenticates".into()),
        }
    }

    /// Holds if `master` is the key that this was taken from.
    pub(super) fn is_of(&self, master: &dyn MasterKey) -> Outcome {
        let call = Call::default();
        match self {
            Self::Public(public) => {
                ensure(master.public_key() == Some(public.as_slice()), "another key: its public half differs")
            }
            Self::Mac(algorithm, mac) => {
                ensure(master.mac(*algorithm, b"mark", &call)?.ct_eq(mac), "another key: its MAC differs")
            }
            Self::Blob(blob) => {
                let opened = master.open(blob, &context()?, &call).at("another key: it opens nothing of the first")?;
                equal(&opened, b"mark")
            }
        }
    }
}

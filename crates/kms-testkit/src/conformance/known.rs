//! Key material that the suite knows: what a backend does with it, software does too.

use kms_core::primitives::ecc::{EccPrivateKey, signature_to_der};
use kms_core::primitives::hash::hash;
use kms_core::primitives::mac::hmac;
use kms_core::primitives::rsa::RsaPrivateKey;
use kms_core::{
    Algorithm, Call, EncryptionAlgorithm, Error, Key, KeyMaterial, KeySpec, MacAlgorithm, MaterialId, MessageType,
    PublicKey, RandomSource, Secret, SystemRandom, blob,
};

use super::check::{At, Outcome, ensure};
use super::subject::Subject;
use super::work::{context, equal, shared_with};

pub(super) enum Known {
    Raw(Secret),
    Rsa(Box<RsaPrivateKey>),
    Ecc(EccPrivateKey),
}

impl Known {
    /// Random material for `spec`, as short as it may be.
    pub(super) fn random(spec: KeySpec) -> Result<Self, Error> {
        match spec.material_len() {
            Some(lengths) => Self::raw(*lengths.start()),
            None if spec.is_rsa() => RsaPrivateKey::generate(spec, &SystemRandom).map(Box::new).map(Self::Rsa),
            None => EccPrivateKey::generate(spec, &SystemRandom).map(Self::Ecc),
        }
    }

    pub(super) fn raw(len: usize) -> Result<Self, Error> {
        let mut secret = Secret::zeroed(len);
        SystemRandom.fill(secret.expose_mut())?;
        Ok(Self::Raw(secret))
    }

    /// What some attacker got out of a backend.
    pub(super) fn of(spec: KeySpec, material: &KeyMaterial) -> Result<Self, Error> {
        match material {
            KeyMaterial::Raw(secret) => Ok(Self::Raw(Secret::copy_from(secret.expose()))),
            KeyMaterial::Pkcs8(der) if spec.is_rsa() => {
                RsaPrivateKey::from_pkcs8(der.expose()).map(Box::new).map(Self::Rsa)
            }
            KeyMaterial::Pkcs8(der) => EccPrivateKey::from_pkcs8(spec, der.expose()).map(Self::Ecc),
            _ => Err(Error::unsupported("a form of key material that this version of the suite does not know")),
        }
    }

    /// In the form in which it is imported.
    pub(super) fn material(&self) -> Result<KeyMaterial, Error> {
        match self {
            Self::Raw(secret) => Ok(KeyMaterial::Raw(Secret::copy_from(secret.expose()))),
            Self::Rsa(key) => key.to_pkcs8().map(KeyMaterial::Pkcs8),
            Self::Ecc(key) => key.to_pkcs8().map(KeyMaterial::Pkcs8),
        }
    }

    pub(super) fn public_key(&self) -> Option<PublicKey> {
        match self {
            Self::Raw(_) => None,
            Self::Rsa(key) => Some(key.public_key().into()),
            Self::Ecc(key) => Some(key.public_key().into()),
        }
    }

    /// HMAC-SHA-256 under the material: the one thing that [`blob`] needs of it.
    fn prf(&self, input: &[u8]) -> Result<Secret, Error> {
        match self {
            Self::Raw(secret) => Ok(hmac(MacAlgorithm::HmacSha256, secret.expose(), input)),
            _ => Err(Error::unsupported("not a symmetric key")),
        }
    }

    pub(super) fn seal(&self, id: &MaterialId, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let prf = |input: &[u8]| self.prf(input);
        blob::seal(id, prf, &SystemRandom, plaintext, &context()?).map(kms_core::CiphertextBlob::into_bytes)
    }

    pub(super) fn open(&self, id: &MaterialId, blob: &[u8]) -> Result<Secret, Error> {
        blob::open(id, |input: &[u8]| self.prf(input), blob, &context()?)
    }

    /// Holds if `key` and software do the same with this material, for every algorithm the key has.
    pub(super) fn is_in(&self, key: &Key, foreign_blobs: bool, subject: &Subject<'_>) -> Outcome {
        let public = key.info().spec.is_asymmetric().then(|| key.public_key()).transpose()?;
        ensure(public == self.public_key(), "its public half is not that of the material")?;
        key.info()
            .algorithms
            .iter()
            .try_for_each(|algorithm| self.does(key, algorithm, foreign_blobs, subject).at(algorithm))
    }

    fn does(&self, key: &Key, algorithm: Algorithm, foreign_blobs: bool, subject: &Subject<'_>) -> Outcome {
        let (id, call, context) = (key.info().id, Call::default(), context()?);
        match (algorithm, self) {
            (Algorithm::Encryption(EncryptionAlgorithm::SymmetricDefault), _) if foreign_blobs => Ok(()),
            (Algorithm::Encryption(EncryptionAlgorithm::SymmetricDefault), _) => {
                let ours = self.seal(&id, b"sealed in software")?;
                equal(&key.decrypt(&ours, &context, &call)?, b"sealed in software")?;
                let theirs = key.encrypt(b"sealed there", &context, &call)?;
                equal(&self.open(&id, theirs.as_bytes())?, b"sealed there")
            }
            (Algorithm::Encryption(algorithm), Self::Rsa(private)) => {
                let hash = algorithm.oaep_hash().ok_or("not an RSA algorithm")?;
                let sealed = key.public_key()?.encrypt(algorithm, b"payload", &SystemRandom)?;
                equal(&key.decrypt_asymmetric(algorithm, &sealed, &call)?, b"payload")?;
                equal(&private.decrypt_oaep(hash, &sealed, &SystemRandom)?, b"payload")
            }
            (Algorithm::Signing(algorithm), _) => {
                let public = self.public_key().ok_or("a key without a public half that signs")?;
                let theirs = key.sign(algorithm, MessageType::Raw, b"message", &call)?;
                public.verify(algorithm, MessageType::Raw, b"message", &theirs)?;
                let digest = hash(algorithm.hash(), b"message");
                let ours = match self {
                    Self::Rsa(private) => private.sign_digest(algorithm, &digest, &SystemRandom)?,
                    Self::Ecc(private) => {
                        signature_to_der(key.info().spec, &private.sign_digest(&digest, &SystemRandom)?)?
                    }
                    Self::Raw(_) => return Err("raw material does not sign".into()),
                };
                Ok(key.verify(algorithm, MessageType::Raw, b"message", &ours)?)
            }
            (Algorithm::Mac(algorithm), Self::Raw(secret)) => {
                for len in [0, 1, 64, 200].into_iter().filter(|&len| subject.takes(len)) {
                    let message = vec![7; len];
                    let expected = hmac(algorithm, secret.expose(), &message);
                    equal(&key.generate_mac(algorithm, &message, &call)?, expected.expose()).at(len)?;
                }
                Ok(())
            }
            (Algorithm::KeyAgreement(_), Self::Ecc(private)) => {
                let peer = PublicKey::from(EccPrivateKey::generate(key.info().spec, &SystemRandom)?.public_key());
                equal(&key.derive_shared_secret(&peer, &call)?, shared_with(private, &peer)?.expose())
            }
            _ => Err("the material is of another kind than the key".into()),
        }
    }

    /// Holds if this is what `key` is made of. Only a key that makes blobs of [`blob`] can be known by them.
    pub(super) fn is_what_is_in(&self, key: &Key, subject: &Subject<'_>) -> Outcome {
        match self.public_key() {
            Some(public) => ensure(public == key.public_key()?, "another key's private half"),
            None => self.is_in(key, false, subject),
        }
    }
}

//! One master key in process memory.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use kms_core::primitives::ecc::{EccPrivateKey, EccPublicKey};
use kms_core::primitives::mac::hmac;
use kms_core::primitives::rsa::RsaPrivateKey;
use kms_core::{
    Algorithm, Call, CiphertextBlob, EncryptionAlgorithm, EncryptionContext, Error, ErrorKind, KeyAgreementAlgorithm,
    KeyInfo, KeyMaterial, KeySpec, KeyUsage, MacAlgorithm, MasterKey, MaterialId, RandomSource, Secret,
    SigningAlgorithm, blob,
};

/// The secret itself.
pub(crate) enum Material {
    Raw(Secret),
    Rsa(Box<RsaPrivateKey>),
    Ecc(EccPrivateKey),
}

impl Material {
    pub(crate) fn generate(spec: KeySpec, random: &dyn RandomSource) -> Result<Self, Error> {
        if spec.is_rsa() {
            return RsaPrivateKey::generate(spec, random).map(|key| Self::Rsa(Box::new(key)));
        }
        if spec.is_ecc() {
            return EccPrivateKey::generate(spec, random).map(Self::Ecc);
        }
        let lengths = spec.material_len().ok_or_else(|| Error::unsupported("key spec"))?;
        let mut secret = Secret::zeroed(*lengths.start());
        random.fill(secret.expose_mut())?;
        Ok(Self::Raw(secret))
    }

    pub(crate) fn import(spec: KeySpec, material: KeyMaterial) -> Result<Self, Error> {
        material.check_form(spec)?;
        let material = match material {
            KeyMaterial::Raw(secret) => return Ok(Self::Raw(secret)),
            private => private,
        };
        let read = match &material {
            KeyMaterial::Pkcs8(der) if spec.is_rsa() => match RsaPrivateKey::from_pkcs8(der.expose()) {
                Ok(key) if key.public_key().spec() == spec => Ok(Self::Rsa(Box::new(key))),
                Ok(_) => Err(wrong_kind()),
                Err(error) => Err(error),
            },
            KeyMaterial::Pkcs8(der) => EccPrivateKey::from_pkcs8(spec, der.expose()).map(Self::Ecc),
            _ => Err(wrong_kind()),
        };
        read.map_err(|error| material.misfit(spec, error))
    }

    fn public_key(&self) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Self::Raw(_) => Ok(None),
            Self::Rsa(key) => key.public_key().to_spki().map(Some),
            Self::Ecc(key) => key.public_key().to_spki().map(Some),
        }
    }
}

/// A master key in process memory. Wiped on drop, as far as the algorithm's library allows.
pub struct SoftKey {
    info: KeyInfo,
    material: Material,
    public_key: Option<Vec<u8>>,
    random: Arc<dyn RandomSource>,
}

impl SoftKey {
    pub(crate) fn new(
        id: MaterialId,
        spec: KeySpec,
        usage: KeyUsage,
        material: Material,
        random: Arc<dyn RandomSource>,
    ) -> Result<Self, Error> {
        let info = KeyInfo::new(id, spec, usage)?;
        let public_key = material.public_key()?;
        Ok(Self { info, material, public_key, random })
    }

    pub(crate) const fn material(&self) -> &Material {
        &self.material
    }

    /// The secret, if the key may do this with it.
    fn secret_for(&self, algorithm: impl Into<Algorithm>) -> Result<&Material, Error> {
        if self.info.algorithms.contains(algorithm) { Ok(&self.material) } else { Err(wrong_kind()) }
    }

    fn symmetric(&self) -> Result<&Secret, Error> {
        match self.secret_for(EncryptionAlgorithm::SymmetricDefault)? {
            Material::Raw(secret) => Ok(secret),
            _ => Err(wrong_kind()),
        }
    }
}

fn wrong_kind() -> Error {
    Error::new(ErrorKind::Unsupported)
}

impl MasterKey for SoftKey {
    fn info(&self) -> &KeyInfo {
        &self.info
    }

    fn public_key(&self) -> Option<&[u8]> {
        self.public_key.as_deref()
    }

    fn fill_random(&self, out: &mut [u8], _call: &Call) -> Result<(), Error> {
        self.random.fill(out)
    }

    fn seal(&self, plaintext: &[u8], context: &EncryptionContext, _call: &Call) -> Result<CiphertextBlob, Error> {
        let key = self.symmetric()?;
        let prf = |input: &[u8]| Ok(hmac(MacAlgorithm::HmacSha256, key.expose(), input));
        blob::seal(&self.info.id, prf, &self.random, plaintext, context)
    }

    fn open(&self, blob: &[u8], context: &EncryptionContext, _call: &Call) -> Result<Secret, Error> {
        let key = self.symmetric()?;
        let prf = |input: &[u8]| Ok(hmac(MacAlgorithm::HmacSha256, key.expose(), input));
        blob::open(&self.info.id, prf, blob, context)
    }

    fn decrypt(&self, algorithm: EncryptionAlgorithm, ciphertext: &[u8], _call: &Call) -> Result<Secret, Error> {
        match (self.secret_for(algorithm)?, algorithm.oaep_hash()) {
            (Material::Rsa(key), Some(hash)) => key.decrypt_oaep(hash, ciphertext, &self.random),
            _ => Err(wrong_kind()),
        }
    }

    fn sign_digest(&self, algorithm: SigningAlgorithm, digest: &[u8], _call: &Call) -> Result<Vec<u8>, Error> {
        match self.secret_for(algorithm)? {
            Material::Rsa(key) => key.sign_digest(algorithm, digest, &self.random),
            Material::Ecc(key) => key.sign_digest(digest, &self.random),
            Material::Raw(_) => Err(wrong_kind()),
        }
    }

    fn mac(&self, algorithm: MacAlgorithm, message: &[u8], _call: &Call) -> Result<Secret, Error> {
        match self.secret_for(algorithm)? {
            Material::Raw(key) => Ok(hmac(algorithm, key.expose(), message)),
            _ => Err(wrong_kind()),
        }
    }

    fn agree(&self, peer: &[u8], _call: &Call) -> Result<Secret, Error> {
        match self.secret_for(KeyAgreementAlgorithm::Ecdh)? {
            Material::Ecc(key) => key.agree(&EccPublicKey::from_spki(self.info.spec, peer)?),
            _ => Err(wrong_kind()),
        }
    }
}

impl fmt::Debug for SoftKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SoftKey").field(&self.info).finish()
    }
}

//! The operations of a token, each on one session: inputs and outputs in the terms of `kms-core`.

use cryptoki::error::Error as Pkcs11Error;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::elliptic_curve::{EcKdf, Ecdh1DeriveParams};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::types::Ulong;
use cryptoki_sys::CK_ULONG;
use kms_core::{
    EncryptionAlgorithm, Error, ErrorKind, HashAlgorithm, MacAlgorithm, Secret, SignatureScheme, SigningAlgorithm,
};
use zeroize::Zeroize;

use crate::fault::{Fault, Remedy};
use crate::raw::{OneShot, RawMechanism};
use crate::token::Attempt;

/// The longest output of a private RSA operation or a signature, in bytes.
const MAX_BLOCK: usize = 512;
/// Length in bytes of a GCM tag.
pub(crate) const GCM_TAG: usize = 16;
/// The most random bytes asked for at once: what every token gives.
const RANDOM_CHUNK: usize = 1024;

fn ulong(value: usize) -> Result<Ulong, Fault> {
    Ok(Ulong::try_from(value)?)
}

const fn hash_mechanism(hash: HashAlgorithm) -> (MechanismType, PkcsMgfType) {
    match hash {
        HashAlgorithm::Sha1 => (MechanismType::SHA1, PkcsMgfType::MGF1_SHA1),
        HashAlgorithm::Sha224 => (MechanismType::SHA224, PkcsMgfType::MGF1_SHA224),
        HashAlgorithm::Sha384 => (MechanismType::SHA384, PkcsMgfType::MGF1_SHA384),
        HashAlgorithm::Sha512 => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512),
        // The enumeration may grow; every caller's hash comes from an algorithm of this list.
        _ => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
    }
}

/// The DER of a DigestInfo up to the digest (RFC 8017, section 9.2, note 1).
const fn digest_info(hash: HashAlgorithm) -> &'static [u8] {
    match hash {
        HashAlgorithm::Sha384 => {
            &[0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2, 5, 0, 4, 0x30]
        }
        HashAlgorithm::Sha512 => {
            &[0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3, 5, 0, 4, 0x40]
        }
        _ => &[0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20],
    }
}

pub(crate) fn hmac_mechanism(algorithm: MacAlgorithm) -> Mechanism<'static> {
    match algorithm.hash() {
        HashAlgorithm::Sha224 => Mechanism::Sha224Hmac,
        HashAlgorithm::Sha384 => Mechanism::Sha384Hmac,
        HashAlgorithm::Sha512 => Mechanism::Sha512Hmac,
        _ => Mechanism::Sha256Hmac,
    }
}

fn too_short() -> Fault {
    Error::with_detail(ErrorKind::Internal, "the token's answer has the wrong length").into()
}

impl Attempt<'_> {
    /// One step whose output is a secret of at most `room` bytes.
    fn secret_step(
        &self,
        operation: OneShot,
        mechanism: &Mechanism<'_>,
        key: ObjectHandle,
        input: &[u8],
        room: usize,
    ) -> Result<Secret, Pkcs11Error> {
        let mut output = Secret::zeroed(room);
        let mechanism = RawMechanism::With(mechanism);
        let len = self.raw.one_shot(operation, self.session, &mechanism, key, input, output.expose_mut())?;
        output.truncate(len);
        Ok(output)
    }

    /// The authentication code of a message.
    pub(crate) fn mac(&self, algorithm: MacAlgorithm, key: ObjectHandle, message: &[u8]) -> Result<Secret, Fault> {
        let mechanism = hmac_mechanism(algorithm);
        let len = algorithm.hash().output_len();
        let mac = self.secret_step(OneShot::Sign, &mechanism, key, message, len)?;
        if mac.len() == len { Ok(mac) } else { Err(too_short()) }
    }

    /// Signs a digest; ECDSA as `r || s`.
    pub(crate) fn sign(&self, algorithm: SigningAlgorithm, key: ObjectHandle, digest: &[u8]) -> Result<Vec<u8>, Fault> {
        let hash = algorithm.hash();
        let info;
        let (mechanism, input) = match algorithm.scheme() {
            SignatureScheme::Ecdsa => (Mechanism::Ecdsa, digest),
            SignatureScheme::RsaPss => {
                let (hash_alg, mgf) = hash_mechanism(hash);
                (Mechanism::RsaPkcsPss(PkcsPssParams { hash_alg, mgf, s_len: ulong(hash.output_len())? }), digest)
            }
            SignatureScheme::RsaPkcs1V15 => {
                info = [digest_info(hash), digest].concat();
                (Mechanism::RsaPkcs, info.as_slice())
            }
            _ => return Err(Error::unsupported(algorithm.as_str()).into()),
        };
        let mut signature = vec![0; MAX_BLOCK];
        let mechanism = RawMechanism::With(&mechanism);
        let len = self.raw.one_shot(OneShot::Sign, self.session, &mechanism, key, input, &mut signature)?;
        signature.truncate(len);
        Ok(signature)
    }

    /// RSAES-OAEP decryption in the token. What the token says of a bad ciphertext is for the caller to understand.
    pub(crate) fn decrypt_oaep(
        &self,
        algorithm: EncryptionAlgorithm,
        key: ObjectHandle,
        ciphertext: &[u8],
    ) -> Result<Secret, Fault> {
        let hash = algorithm.oaep_hash().ok_or_else(|| Error::unsupported(algorithm.as_str()))?;
        let (hash, mgf) = hash_mechanism(hash);
        let mechanism = Mechanism::RsaPkcsOaep(PkcsOaepParams::new(hash, mgf, PkcsOaepSource::empty()));
        Ok(self.secret_step(OneShot::Decrypt, &mechanism, key, ciphertext, MAX_BLOCK)?)
    }

    /// AES-GCM in the token. `nonce` is handed over and read back: some tokens insist on making it.
    pub(crate) fn seal_gcm(
        &self,
        key: ObjectHandle,
        nonce: &mut [u8; 12],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Fault> {
        let tag_bits: CK_ULONG = 128;
        let mut sealed = vec![0; plaintext.len() + GCM_TAG];
        let mechanism = Mechanism::AesGcm(GcmParams::new(nonce, aad, tag_bits.into())?);
        let mechanism = RawMechanism::With(&mechanism);
        let len = self.raw.one_shot(OneShot::Encrypt, self.session, &mechanism, key, plaintext, &mut sealed)?;
        if len == sealed.len() { Ok(sealed) } else { Err(too_short()) }
    }

    /// Opens what [`seal_gcm`](Self::seal_gcm) made. What the token says of a forged tag is for the caller to understand.
    pub(crate) fn open_gcm(
        &self,
        key: ObjectHandle,
        nonce: &[u8; 12],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Secret, Fault> {
        let tag_bits: CK_ULONG = 128;
        let mut nonce = *nonce;
        let mechanism = Mechanism::AesGcm(GcmParams::new(&mut nonce, aad, tag_bits.into())?);
        let plaintext = self.secret_step(OneShot::Decrypt, &mechanism, key, sealed, sealed.len())?;
        if plaintext.len() + GCM_TAG == sealed.len() { Ok(plaintext) } else { Err(too_short()) }
    }

    /// Random bytes from the token.
    pub(crate) fn random(&self, out: &mut [u8]) -> Result<(), Fault> {
        for chunk in out.chunks_mut(RANDOM_CHUNK) {
            self.session.generate_random_slice(chunk)?;
        }
        Ok(())
    }

    /// The x coordinate of the ECDH secret with an uncompressed point (SEC 1, section 3.3.1), `len` bytes.
    pub(crate) fn agree(&self, key: ObjectHandle, point: &[u8], len: usize) -> Result<Secret, Fault> {
        let mechanism = Mechanism::Ecdh1Derive(Ecdh1DeriveParams::new(EcKdf::null(), point));
        // The secret is the operation's answer: it is made to be read, and destroyed when it was.
        let template = [
            Attribute::Token(false),
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::GENERIC_SECRET),
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
            Attribute::ValueLen(ulong(len)?),
        ];
        let derived = self.session.derive_key(&mechanism, key, &template)?;
        let read = self.session.get_attributes(derived, &[AttributeType::Value]);
        let destroyed = self.take_away(derived);
        let mut secret = Secret::zeroed(len);
        for attribute in read? {
            if let Attribute::Value(mut value) = attribute {
                let fits = value.len() == len;
                if fits {
                    secret.expose_mut().copy_from_slice(&value);
                }
                value.as_mut_slice().zeroize();
                destroyed?;
                return if fits { Ok(secret) } else { Err(too_short()) };
            }
        }
        Err(Error::unsupported("the token does not give out the secrets that its keys agree on").into())
    }
}

/// Tells a bad ciphertext from a bad device, where the token's code does not.
///
/// `decrypt` is run on the stranger's bytes by `theirs`, and on `ours`, a ciphertext that is known to be good under the
/// same key. Many tokens answer CKR_GENERAL_ERROR or CKR_DEVICE_ERROR to a forgery. It is one when the good ciphertext
/// still opens and the other, tried again, gets the same answer; otherwise it is the device. A bad ciphertext is answered
/// the same each time, which two faults that pass need not be.
pub(crate) fn rejecting<T>(
    theirs: impl Fn() -> Result<T, Fault>,
    ours: impl Fn() -> Result<(), Fault>,
) -> Result<T, Fault> {
    match theirs() {
        Err(Fault { remedy: Remedy::Refusal, .. }) => Err(Error::rejected().into()),
        Err(Fault { remedy: Remedy::Doubt, error: first }) => {
            ours()?;
            match theirs() {
                Err(Fault { remedy: Remedy::Refusal, .. }) => Err(Error::rejected().into()),
                Err(Fault { remedy: Remedy::Doubt, error }) if error.detail() == first.detail() => {
                    Err(Error::rejected().into())
                }
                outcome => outcome,
            }
        }
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;
    use cryptoki::context::Function;
    use cryptoki::error::RvError;

    fn answers(code: RvError) -> Fault {
        Pkcs11Error::Pkcs11(code, Function::Decrypt).into()
    }

    #[test]
    fn a_clear_refusal_is_one() {
        let outcome = rejecting::<()>(|| Err(answers(RvError::EncryptedDataInvalid)), || panic!("not asked"));
        assert_eq!(outcome.unwrap_err().error.kind(), ErrorKind::Rejected);
    }

    #[test]
    fn a_doubtful_answer_is_a_refusal_only_while_the_device_works() {
        let outcome = rejecting::<()>(|| Err(answers(RvError::DeviceError)), || Ok(()));
        assert_eq!(outcome.unwrap_err().error.kind(), ErrorKind::Rejected);
        let outcome = rejecting::<()>(|| Err(answers(RvError::DeviceError)), || Err(answers(RvError::DeviceError)));
        assert_eq!(outcome.unwrap_err().remedy, Remedy::Doubt);
        let outcome = rejecting::<()>(|| Err(answers(RvError::DeviceError)), || Err(answers(RvError::DeviceRemoved)));
        assert_eq!(outcome.unwrap_err().remedy, Remedy::Module);
    }

    #[test]
    fn two_faults_that_differ_are_not_a_refusal() {
        let times = Cell::new(0);
        let theirs = || {
            times.set(times.get() + 1);
            Err(answers(if times.get() == 1 { RvError::DeviceError } else { RvError::GeneralError }))
        };
        assert_eq!(rejecting::<()>(theirs, || Ok(())).unwrap_err().remedy, Remedy::Doubt);
    }

    #[test]
    fn a_passing_fault_does_not_make_a_good_ciphertext_bad() {
        let times = Cell::new(0);
        let theirs = || {
            times.set(times.get() + 1);
            if times.get() == 1 { Err(answers(RvError::DeviceError)) } else { Ok(7) }
        };
        assert_eq!(rejecting(theirs, || Ok(())).unwrap(), 7);
    }
}

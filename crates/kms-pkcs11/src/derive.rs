//! The KDF of ciphertext blobs, and AES-GCM under its output, inside the token: SP 800-108 in counter mode with
//! HMAC-SHA-256 (PKCS#11 3.0, section 2.42.3). The same bytes as one HMAC and AES-GCM outside.

use core::num::NonZeroUsize;

use cryptoki::mechanism::kbkdf::{
    Endianness, KbkdfCounterFormat, KbkdfDkmLengthFormat, KbkdfDkmLengthMethod, KbkdfParams, PrfDataParam,
    PrfDataParamType,
};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::types::Ulong;
use cryptoki_sys::CK_ULONG;
use kms_core::{EncryptionContext, Error, ErrorKind, KeyId, MacAlgorithm, MaterialId, Secret, SystemRandom, blob};

use crate::fault::Fault;
use crate::operation::GCM_TAG;
use crate::token::Attempt;

const NO_NONCE: [u8; 12] = [0; 12];
/// Width of the counter and of the length, in bits.
const WIDTH: NonZeroUsize = NonZeroUsize::new(32).unwrap();

impl Attempt<'_> {
    /// Derives the key of one blob, hands it to `work`, and destroys it.
    fn with_derived<T>(
        &self,
        key: ObjectHandle,
        fixed_input: &[u8],
        work: impl FnOnce(ObjectHandle) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let counter = KbkdfCounterFormat::new(Endianness::Big, WIDTH);
        let length = KbkdfDkmLengthFormat::new(KbkdfDkmLengthMethod::SumOfKeys, Endianness::Big, WIDTH);
        let data = [
            PrfDataParam::new(PrfDataParamType::IterationVariable(Some(&counter))),
            PrfDataParam::new(PrfDataParamType::ByteArray(fixed_input)),
            PrfDataParam::new(PrfDataParamType::DkmLength(&length)),
        ];
        let mechanism = Mechanism::KbkdfCounter(KbkdfParams::new(MechanismType::SHA256_HMAC, &data, None));
        let len: CK_ULONG = 32;
        let template = [
            Attribute::Token(false),
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::ValueLen(Ulong::from(len)),
        ];
        let derived = self.session.derive_key(&mechanism, key, &template)?;
        let outcome = work(derived);
        let destroyed = self.session.destroy_object(derived);
        let done = outcome?;
        destroyed?;
        Ok(done)
    }

    /// Derives and encrypts.
    pub(crate) fn seal_derived(
        &self,
        key: ObjectHandle,
        fixed_input: &[u8],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Fault> {
        self.with_derived(key, fixed_input, |derived| {
            let mut nonce = NO_NONCE;
            let sealed = self.seal_gcm(derived, &mut nonce, aad, plaintext)?;
            if nonce == NO_NONCE {
                Ok(sealed)
            } else {
                Err(Error::with_detail(ErrorKind::Internal, "the token made a nonce of its own").into())
            }
        })
    }

    /// Derives and decrypts. A ciphertext that does not open is told from a device that does not work by opening one
    /// that was made just before under the same derived key.
    pub(crate) fn open_derived(
        &self,
        key: ObjectHandle,
        fixed_input: &[u8],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Secret, Fault> {
        if sealed.len() < GCM_TAG {
            return Err(Error::rejected().into());
        }
        self.with_derived(key, fixed_input, |derived| {
            crate::operation::rejecting(
                || self.open_gcm(derived, &NO_NONCE, aad, sealed),
                || {
                    // Another nonce than the blob's: nothing of its key stream comes out twice.
                    let mut nonce = [0xff; 12];
                    let ours = self.seal_gcm(derived, &mut nonce, b"", b"")?;
                    self.open_gcm(derived, &nonce, b"", &ours).map(drop)
                },
            )
        })
    }
}

/// Whether what is sealed inside opens outside under the HMAC of the same key, and a forgery is refused.
pub(crate) fn agrees_with_hmac(attempt: &Attempt<'_>, key: ObjectHandle) -> Result<bool, Fault> {
    let id = MaterialId { key: KeyId::from_bytes([0x6b; 16]), generation: 1 };
    let context = EncryptionContext::empty();
    let mut fault = None;
    let mut keep = |found: Fault| {
        let Fault { remedy, error } = found;
        let kind = error.kind();
        fault = Some(Fault { remedy, error });
        Error::new(kind)
    };
    let sealed = blob::seal_inside(&id, &SystemRandom, b"probe", &context, |derivation, aad, padded| {
        attempt.seal_derived(key, &derivation.fixed_input(), aad, padded.expose()).map_err(&mut keep)
    });
    let Ok(sealed) = sealed else { return Err(fault.unwrap_or_else(|| Error::new(ErrorKind::Internal).into())) };
    let mac = |input: &[u8]| attempt.mac(MacAlgorithm::HmacSha256, key, input).map_err(|found| found.error);
    let outside = blob::open(&id, mac, sealed.as_bytes(), &context);
    let mut forged = sealed.into_bytes();
    if let Some(last) = forged.last_mut() {
        *last ^= 1;
    }
    let refused = blob::open_inside(&id, &forged, &context, |derivation, aad, sealed| {
        attempt.open_derived(key, &derivation.fixed_input(), aad, sealed).map_err(|found| found.error)
    });
    Ok(outside.is_ok_and(|plaintext| plaintext.ct_eq(b"probe"))
        && refused.is_err_and(|error| error.kind() == ErrorKind::Rejected))
}

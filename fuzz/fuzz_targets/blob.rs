//! The ciphertext blob: what it names, and that a changed one does not open.

#![no_main]

use kms_core::primitives::aead::AesGcm;
use kms_core::primitives::mac::hmac;
use kms_core::{EncryptionContext, ErrorKind, KeyId, MacAlgorithm, MaterialId, Secret, blob};
use libfuzzer_sys::fuzz_target;

const KEY: [u8; 32] = [7; 32];

/// A generator that is none: blobs of the same plaintext are equal.
struct Zeros;

impl kms_core::RandomSource for Zeros {
    fn fill(&self, out: &mut [u8]) -> Result<(), kms_core::Error> {
        out.fill(0);
        Ok(())
    }
}

fuzz_target!(|data: &[u8]| {
    let prf = |input: &[u8]| Ok(hmac(MacAlgorithm::HmacSha256, &KEY, input));
    let context = EncryptionContext::empty();
    let named = blob::material_id(data);
    let id = named.as_ref().copied().unwrap_or(MaterialId { key: KeyId::from_bytes([9; 16]), generation: 3 });
    direct(&id, data, &context);
    match blob::open(&id, prf, data, &context) {
        Ok(plaintext) => {
            assert!(named.is_ok() && data.len() == plaintext.len() + 86);
            // What opens was made by the key: with the same nonce it is made again, byte for byte.
            struct Recorded<'a>(&'a [u8]);
            impl kms_core::RandomSource for Recorded<'_> {
                fn fill(&self, out: &mut [u8]) -> Result<(), kms_core::Error> {
                    out.copy_from_slice(self.0);
                    Ok(())
                }
            }
            let again = blob::seal(&id, prf, &Recorded(&data[22..38]), plaintext.expose(), &context).unwrap();
            assert_eq!(again.as_bytes(), data);
        }
        Err(error) => {
            assert_eq!(named.is_ok(), error.kind() == ErrorKind::Rejected);
            // The bytes as a plaintext come back from a blob of their own.
            if data.len() <= blob::MAX_PLAINTEXT {
                let sealed = blob::seal(&id, prf, &Zeros, data, &context).unwrap();
                assert_eq!(blob::open(&id, prf, sealed.as_bytes(), &context).unwrap().expose(), data);
            }
        }
    }
});

/// Suite 02: what opens is made again from its own nonce, byte for byte.
fn direct(id: &MaterialId, data: &[u8], context: &EncryptionContext) {
    let cipher = AesGcm::new(&KEY).unwrap();
    let mut used = [0; 12];
    let opened = blob::open_direct(id, data, context, |aad, nonce, sealed| {
        used = *nonce;
        let (body, tag) = sealed.split_last_chunk().unwrap();
        let mut plaintext = Secret::copy_from(body);
        cipher.open_in_place(nonce, aad, plaintext.expose_mut(), tag)?;
        Ok(plaintext)
    });
    if let Ok(plaintext) = opened {
        let again = blob::seal_direct(id, plaintext.expose(), context, |aad, plaintext| {
            let mut sealed = plaintext.to_vec();
            let tag = cipher.seal_in_place(&used, aad, &mut sealed)?;
            sealed.extend(tag);
            Ok((used, sealed))
        });
        assert_eq!(again.unwrap().as_bytes(), data);
    }
}

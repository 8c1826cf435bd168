//! Points of elliptic curves, as PKCS#11 wants them.

use kms_core::Error;
use pkcs8::der::Decode;
use pkcs8::spki::SubjectPublicKeyInfoRef;

/// The uncompressed point (SEC 1, section 2.3.3) in a SubjectPublicKeyInfo that was checked before.
pub(crate) fn uncompressed(spki: &[u8]) -> Result<Vec<u8>, Error> {
    let malformed = || Error::malformed("not an elliptic curve public key with an uncompressed point");
    let info = SubjectPublicKeyInfoRef::from_der(spki).map_err(|_| malformed())?;
    let point = info.subject_public_key.as_bytes().ok_or_else(malformed)?;
    if point.first() == Some(&4) { Ok(point.to_vec()) } else { Err(malformed()) }
}

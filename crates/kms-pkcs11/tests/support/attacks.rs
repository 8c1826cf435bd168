//! Attempts to get a secret out of a token, by whoever has the PIN: each answers the key's bytes or the refusal.

use cryptoki::error::Error as Pkcs11Error;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::misc::KeyDerivationStringData;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::types::Ulong;
use kms_core::{Error, ErrorKind, KeyMaterial, Locator, Secret};
use kms_pkcs11::Uri;

pub(crate) type Attempt = fn(&Session, ObjectHandle) -> Result<Vec<u8>, Pkcs11Error>;

pub(crate) const ALL: [(&str, Attempt); 5] = [
    ("reading the value", read),
    ("copying it as readable", copy_readable),
    ("copying it as extractable and wrapping the copy", copy_extractable),
    ("wrapping it under a fresh key", wrap),
    ("deriving a readable key that begins with it", derive),
];

/// Runs an attempt on the key that an address names by its identifier.
pub(crate) fn on(session: &Session, at: &Locator, attempt: Attempt) -> Result<KeyMaterial, Error> {
    let uri: Uri = at.address().parse()?;
    let refused = |error: Pkcs11Error| Error::with_detail(ErrorKind::Unauthorized, error.to_string());
    let wanted =
        [Attribute::Token(true), Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Id(uri.id.unwrap_or_default())];
    let found = session.find_objects(&wanted).map_err(refused)?;
    let key = *found.first().ok_or(ErrorKind::KeyUnavailable)?;
    Ok(KeyMaterial::Raw(Secret::from(attempt(session, key).map_err(refused)?)))
}

fn read(session: &Session, key: ObjectHandle) -> Result<Vec<u8>, Pkcs11Error> {
    match session.get_attributes(key, &[AttributeType::Value])?.pop() {
        Some(Attribute::Value(value)) if !value.is_empty() => Ok(value),
        _ => Err(Pkcs11Error::InvalidValue),
    }
}

fn copy_readable(session: &Session, key: ObjectHandle) -> Result<Vec<u8>, Pkcs11Error> {
    let weaker = [Attribute::Token(false), Attribute::Sensitive(false), Attribute::Extractable(true)];
    read(session, session.copy_object(key, &weaker)?)
}

fn copy_extractable(session: &Session, key: ObjectHandle) -> Result<Vec<u8>, Pkcs11Error> {
    wrap(session, session.copy_object(key, &[Attribute::Token(false), Attribute::Extractable(true)])?)
}

fn wrap(session: &Session, key: ObjectHandle) -> Result<Vec<u8>, Pkcs11Error> {
    let fresh = [
        Attribute::Token(false),
        Attribute::ValueLen(Ulong::try_from(32_usize)?),
        Attribute::Wrap(true),
        Attribute::Unwrap(true),
    ];
    let fresh = session.generate_key(&Mechanism::AesKeyGen, &fresh)?;
    let mut wrapped = session.wrap_key(&Mechanism::AesKeyWrap, fresh, key)?;
    // RFC 3394 adds eight bytes; `wrap_key` may answer more than was written.
    wrapped.truncate(40);
    let readable = [
        Attribute::Token(false),
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
    ];
    read(session, session.unwrap_key(&Mechanism::AesKeyWrap, fresh, &wrapped, &readable)?)
}

/// The key with a byte behind it, as a key that can be read.
fn derive(session: &Session, key: ObjectHandle) -> Result<Vec<u8>, Pkcs11Error> {
    let data = KeyDerivationStringData::new(&[0]);
    let readable = [
        Attribute::Token(false),
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
    ];
    let derived = session.derive_key(&Mechanism::ConcatenateBaseAndData(data), key, &readable)?;
    let mut value = read(session, derived)?;
    value.pop();
    Ok(value)
}

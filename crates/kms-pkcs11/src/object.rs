//! Objects on a token: making them, finding them, and reading what they are.

use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::SessionState;
use cryptoki::types::Ulong;
use cryptoki_sys::CK_ULONG;
use kms_core::primitives::ecc::EccPublicKey;
use kms_core::primitives::rsa::RsaPublicKey;
use kms_core::{Error, ErrorKind, KeySpec, KeyUsage};
use pkcs8::der::Decode;
use pkcs8::der::asn1::OctetStringRef;

use crate::fault::{Fault, Remedy};
use crate::session::lost;
use crate::template::{self, Name, Optional, Purpose, spec_of_curve};
use crate::token::Attempt;

/// A key that was made: the secret or private half, and the public key (SubjectPublicKeyInfo in DER) if it has one.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) handle: ObjectHandle,
    pub(crate) public_handle: Option<ObjectHandle>,
    pub(crate) public_key: Option<Vec<u8>>,
}

/// How a symmetric key of a token is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Symmetric {
    /// A generic secret: one HMAC for each ciphertext, AES-GCM here.
    Hmac,
    /// The same, with a key that may derive: KDF and AES-GCM in the token.
    Derive,
    /// An AES key that was there before: AES-GCM in the token.
    Direct,
}

/// What a token says about a key.
#[derive(Debug, Clone)]
pub(crate) struct Described {
    pub(crate) handle: ObjectHandle,
    /// The connection in which the handle is good.
    pub(crate) epoch: u64,
    pub(crate) spec: KeySpec,
    pub(crate) usages: Vec<KeyUsage>,
    pub(crate) symmetric: Option<Symmetric>,
    pub(crate) public_key: Option<Vec<u8>>,
    pub(crate) label: String,
    pub(crate) id: Vec<u8>,
}

/// The attributes that say what a key is. None of them is secret.
const FACTS: &[AttributeType] = &[
    AttributeType::Class,
    AttributeType::KeyType,
    AttributeType::Id,
    AttributeType::Label,
    AttributeType::Sign,
    AttributeType::Verify,
    AttributeType::Encrypt,
    AttributeType::Decrypt,
    AttributeType::Derive,
    AttributeType::ValueLen,
    AttributeType::Modulus,
    AttributeType::PublicExponent,
    AttributeType::EcParams,
    AttributeType::EcPoint,
    AttributeType::AllowedMechanisms,
];

#[derive(Debug, Default, Clone)]
struct Facts {
    class: Option<ObjectClass>,
    key_type: Option<KeyType>,
    id: Vec<u8>,
    label: Vec<u8>,
    sign: bool,
    verify: bool,
    encrypt: bool,
    decrypt: bool,
    derive: bool,
    value_len: u64,
    has_len: bool,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    curve: Vec<u8>,
    point: Vec<u8>,
    /// The one mechanism that the key is restricted to.
    mechanism: Option<MechanismType>,
}

impl Facts {
    fn read(attempt: &Attempt<'_>, object: ObjectHandle) -> Result<Self, Fault> {
        let mut facts = Self::default();
        for attribute in attempt.session.get_attributes(object, FACTS)? {
            match attribute {
                Attribute::Class(class) => facts.class = Some(class),
                Attribute::KeyType(key_type) => facts.key_type = Some(key_type),
                Attribute::Id(id) => facts.id = id,
                Attribute::Label(label) => facts.label = label,
                Attribute::Sign(yes) => facts.sign = yes,
                Attribute::Verify(yes) => facts.verify = yes,
                Attribute::Encrypt(yes) => facts.encrypt = yes,
                Attribute::Decrypt(yes) => facts.decrypt = yes,
                Attribute::Derive(yes) => facts.derive = yes,
                Attribute::ValueLen(len) => (facts.value_len, facts.has_len) = (CK_ULONG::from(len), true),
                Attribute::Modulus(modulus) => facts.modulus = modulus,
                Attribute::PublicExponent(exponent) => facts.exponent = exponent,
                Attribute::EcParams(curve) => facts.curve = curve,
                Attribute::EcPoint(point) => facts.point = point,
                Attribute::AllowedMechanisms(mechanisms) => {
                    facts.mechanism = if let [one] = mechanisms.as_slice() { Some(*one) } else { None };
                }
                _ => {}
            }
        }
        Ok(facts)
    }

    /// The public key in these facts, if they are enough for one.
    fn public_key(&self) -> Option<(KeySpec, Vec<u8>)> {
        if self.key_type == Some(KeyType::RSA) {
            let key = RsaPublicKey::from_components(&self.modulus, &self.exponent).ok()?;
            return Some((key.spec(), key.to_spki().ok()?));
        }
        let spec = spec_of_curve(&self.curve)?;
        // An OCTET STRING with the point, as the standard says; some tokens leave the point bare.
        let bare = <&OctetStringRef>::from_der(&self.point).map_or(self.point.as_slice(), OctetStringRef::as_bytes);
        let key = EccPublicKey::from_sec1(spec, bare).ok()?;
        Some((spec, key.to_spki().ok()?))
    }
}

/// What the label of a key begins with that was made here without a name.
pub(crate) const LABEL_PREFIX: &str = "kms ";

/// Which HMAC key this is. A generic secret does not say: the one mechanism that it is restricted to does, or the label
/// that it was given here, or else its length.
pub(crate) fn hmac_spec(mechanism: Option<MechanismType>, label: &str, len: usize) -> Option<KeySpec> {
    let specs = [KeySpec::Hmac512, KeySpec::Hmac384, KeySpec::Hmac256, KeySpec::Hmac224];
    let restricted = specs.into_iter().find(|&spec| mechanism == Some(template::hmac(spec)));
    let labelled = || {
        let name = label.strip_prefix(LABEL_PREFIX)?.split(' ').next()?;
        specs.into_iter().find(|spec| spec.as_str() == name)
    };
    let by_length =
        || specs.into_iter().find(|spec| spec.material_len().is_some_and(|lengths| len >= *lengths.start()));
    restricted.or_else(labelled).or_else(by_length)
}

fn generic_secret_len(spec: KeySpec) -> Result<Ulong, Fault> {
    let lengths = spec.material_len().ok_or_else(|| Error::unsupported(spec.as_str()))?;
    Ok(Ulong::try_from(*lengths.start())?)
}

impl Attempt<'_> {
    /// Makes a key in the token. It stays if it turns out to be other than asked for only as long as this call.
    pub(crate) fn generate(
        &self,
        purpose: Purpose,
        name: Name<'_>,
        extractable: bool,
        optional: Optional,
    ) -> Result<Made, Fault> {
        let mut template = purpose.secret(name, extractable, optional);
        let spec = match purpose {
            Purpose::Master { spec, .. } if spec.is_asymmetric() => {
                return self.generate_pair(purpose, spec, name, &template);
            }
            Purpose::Master { spec, .. } => spec,
            Purpose::Authenticate | Purpose::Wrap => KeySpec::SymmetricDefault,
        };
        let mechanism = if purpose == Purpose::Wrap { Mechanism::AesKeyGen } else { Mechanism::GenericSecretKeyGen };
        template.push(Attribute::ValueLen(generic_secret_len(spec)?));
        let handle = self.session.generate_key(&mechanism, &template)?;
        let made = Made { handle, public_handle: None, public_key: None };
        self.checked(made, extractable)
    }

    fn generate_pair(
        &self,
        purpose: Purpose,
        spec: KeySpec,
        name: Name<'_>,
        private: &[Attribute],
    ) -> Result<Made, Fault> {
        let mechanism = if spec.is_rsa() { Mechanism::RsaPkcsKeyPairGen } else { Mechanism::EccKeyPairGen };
        let public = purpose.public(name)?;
        // Both follow from the mechanism, and some tokens refuse to be told.
        let private: Vec<_> = private
            .iter()
            .filter(|attribute| !matches!(attribute, Attribute::Class(_) | Attribute::KeyType(_)))
            .cloned()
            .collect();
        let (public, handle) = self.session.generate_key_pair(&mechanism, &public, &private)?;
        let made = Made { handle, public_handle: Some(public), public_key: None };
        let facts = match Facts::read(self, public) {
            Ok(facts) => facts,
            Err(fault) => {
                self.unmake(&made);
                return Err(fault);
            }
        };
        let Some((_, public_key)) = facts.public_key().filter(|(found, _)| *found == spec) else {
            self.unmake(&made);
            return Err(Error::with_detail(ErrorKind::Internal, "the token made a key of another spec").into());
        };
        let extractable = private.iter().any(|attribute| matches!(attribute, Attribute::Extractable(true)));
        self.checked(Made { public_key: Some(public_key), ..made }, extractable)
    }

    /// Reads back that a key is what was asked for: sensitive, and not extractable.
    pub(crate) fn checked(&self, made: Made, extractable: bool) -> Result<Made, Fault> {
        let wanted = [AttributeType::Sensitive, AttributeType::Extractable];
        let read = self.session.get_attributes(made.handle, &wanted);
        let holds = read.as_ref().is_ok_and(|attributes| {
            attributes.iter().any(|one| matches!(one, Attribute::Sensitive(true)))
                && attributes.iter().any(|one| matches!(one, Attribute::Extractable(is) if *is == extractable))
        });
        if holds {
            return Ok(made);
        }
        self.unmake(&made);
        read?;
        Err(Error::with_detail(ErrorKind::Internal, "the token made a key that can be read or taken out").into())
    }

    /// Destroys an object that this attempt has made, unless its number may by now be that of another.
    pub(crate) fn take_away(&self, object: ObjectHandle) -> Result<(), Fault> {
        if self.connection.superseded() {
            return Err(lost());
        }
        Ok(self.session.destroy_object(object)?)
    }

    /// Destroys what was made.
    pub(crate) fn unmake(&self, made: &Made) {
        for handle in [Some(made.handle), made.public_handle].into_iter().flatten() {
            // Best effort: the error that led here is the one to report.
            let _left = self.take_away(handle);
        }
    }

    /// What `object` is, a secret or private key; `public` are the facts of its public half, if that is an object too.
    fn describe(&self, object: ObjectHandle, facts: &Facts, public: Option<&Facts>) -> Result<Described, Error> {
        let unsupported = |what: &str| Error::unsupported(format!("the key in the token is {what}"));
        let mut usages = Vec::new();
        let (mut symmetric, mut public_key) = (None, None);
        let spec = if facts.class == Some(ObjectClass::SECRET_KEY) {
            if facts.value_len == 0 && facts.has_len {
                return Err(Error::with_detail(ErrorKind::Busy, "the key is being made in the token just now"));
            }
            if facts.key_type == Some(KeyType::AES) {
                if facts.value_len != 32 {
                    return Err(unsupported("an AES key of another length than 256 bits"));
                }
                if !(facts.encrypt && facts.decrypt) {
                    return Err(unsupported("an AES key that may not encrypt and decrypt"));
                }
                symmetric = Some(Symmetric::Direct);
                usages.push(KeyUsage::EncryptDecrypt);
                KeySpec::SymmetricDefault
            } else if facts.sign && !facts.verify {
                symmetric = Some(if facts.derive { Symmetric::Derive } else { Symmetric::Hmac });
                usages.push(KeyUsage::EncryptDecrypt);
                KeySpec::SymmetricDefault
            } else if facts.sign {
                usages.push(KeyUsage::GenerateVerifyMac);
                let len = usize::try_from(facts.value_len).unwrap_or_default();
                hmac_spec(facts.mechanism, &String::from_utf8_lossy(&facts.label), len)
                    .ok_or_else(|| unsupported("an HMAC key that is too short"))?
            } else {
                return Err(unsupported("a secret that may not sign"));
            }
        } else {
            let found = facts.public_key().or_else(|| public.and_then(Facts::public_key));
            let (spec, spki) = found.ok_or_else(|| {
                unsupported("without a public half that can be read: import its public key beside it, with the same id")
            })?;
            public_key = Some(spki);
            if facts.decrypt {
                usages.push(KeyUsage::EncryptDecrypt);
            }
            if facts.sign {
                usages.push(KeyUsage::SignVerify);
            }
            if facts.derive {
                usages.push(KeyUsage::KeyAgreement);
            }
            spec
        };
        usages.retain(|usage| spec.usages().contains(usage));
        if usages.is_empty() {
            return Err(unsupported("not permitted to do anything"));
        }
        let label = String::from_utf8_lossy(&facts.label).into_owned();
        let epoch = self.connection.epoch;
        Ok(Described { handle: object, epoch, spec, usages, symmetric, public_key, label, id: facts.id.clone() })
    }

    /// The one key of this label, identifier or both. One search of the token.
    pub(crate) fn find(&self, label: Option<&str>, id: Option<&[u8]>) -> Result<Option<Described>, Fault> {
        let mut wanted = vec![Attribute::Token(true)];
        wanted.extend(label.map(|label| Attribute::Label(label.as_bytes().to_vec())));
        wanted.extend(id.map(|id| Attribute::Id(id.to_vec())));
        let mut found = self.described(&wanted)?;
        match (found.pop(), found.is_empty()) {
            (None, _) => Ok(None),
            (Some(one), true) => match one {
                Err(error) if error.kind() == ErrorKind::Busy => Err(Fault { remedy: Remedy::Wait, error }),
                one => Ok(Some(one?)),
            },
            (Some(_), false) => Err(Error::invalid_input(
                "more than one key in the token has this label: say which with its id, as `kms key list` shows them",
            )
            .into()),
        }
    }

    /// The handle of a key that was described before. One search of the token.
    pub(crate) fn find_handle(
        &self,
        label: Option<&str>,
        id: Option<&[u8]>,
        class: ObjectClass,
    ) -> Result<Option<ObjectHandle>, Fault> {
        let mut wanted = vec![Attribute::Token(true), Attribute::Class(class)];
        wanted.extend(label.map(|label| Attribute::Label(label.as_bytes().to_vec())));
        wanted.extend(id.map(|id| Attribute::Id(id.to_vec())));
        self.first(&wanted)
    }

    /// The first object that matches.
    fn first(&self, wanted: &[Attribute]) -> Result<Option<ObjectHandle>, Fault> {
        let found = self.session.find_objects(wanted)?.first().copied();
        if found.is_none() {
            self.still_logged_in()?;
        }
        Ok(found)
    }

    /// Without its login a token shows no private object: that one is not found means something only with it.
    fn still_logged_in(&self) -> Result<(), Fault> {
        let state = self.session.get_session_info()?.session_state();
        if self.connection.logged_in && !matches!(state, SessionState::RoUser | SessionState::RwUser) {
            let error = Error::with_detail(ErrorKind::Disconnected, "the login to the token has expired");
            return Err(Fault { remedy: Remedy::Login, error });
        }
        Ok(())
    }

    /// The key of this identifier, without its description.
    pub(crate) fn find_secret(&self, id: &[u8], label: Option<&str>) -> Result<Option<ObjectHandle>, Fault> {
        let mut wanted = vec![Attribute::Token(true), Attribute::Class(ObjectClass::SECRET_KEY)];
        if !id.is_empty() {
            wanted.push(Attribute::Id(id.to_vec()));
        }
        wanted.extend(label.map(|label| Attribute::Label(label.as_bytes().to_vec())));
        self.first(&wanted)
    }

    /// The identifier of an object.
    pub(crate) fn id_of(&self, object: ObjectHandle) -> Result<Vec<u8>, Fault> {
        let read = self.session.get_attributes(object, &[AttributeType::Id])?;
        Ok(read
            .into_iter()
            .find_map(|one| if let Attribute::Id(id) = one { Some(id) } else { None })
            .unwrap_or_default())
    }

    /// Whether an object has this label, identifier or both.
    pub(crate) fn is_named(&self, object: ObjectHandle, label: Option<&str>, id: Option<&[u8]>) -> Result<bool, Fault> {
        let read = self.session.get_attributes(object, &[AttributeType::Label, AttributeType::Id])?;
        let labelled =
            |label: &str| read.iter().any(|one| matches!(one, Attribute::Label(is) if is == label.as_bytes()));
        let identified = |id: &[u8]| read.iter().any(|one| matches!(one, Attribute::Id(is) if is == id));
        Ok(label.is_none_or(labelled) && id.is_none_or(identified))
    }

    /// All keys of the token that match, each with its public half; a key that this crate has no use for is an error
    /// in its place.
    pub(crate) fn described(&self, wanted: &[Attribute]) -> Result<Vec<Result<Described, Error>>, Fault> {
        let (mut keys, mut publics) = (Vec::new(), Vec::new());
        for object in self.session.find_objects(wanted)? {
            let facts = Facts::read(self, object)?;
            if facts.class == Some(ObjectClass::PUBLIC_KEY) {
                publics.push(facts);
            } else if matches!(facts.class, Some(ObjectClass::SECRET_KEY | ObjectClass::PRIVATE_KEY)) {
                keys.push((object, facts));
            }
        }
        if keys.is_empty() {
            self.still_logged_in()?;
        }
        let of = |key: &Facts| publics.iter().find(|public| public.id == key.id && public.key_type == key.key_type);
        Ok(keys.iter().map(|(object, facts)| self.describe(*object, facts, of(facts))).collect())
    }

    /// The RSA public key of an object.
    pub(crate) fn rsa_public_key(&self, object: ObjectHandle) -> Result<RsaPublicKey, Fault> {
        let facts = Facts::read(self, object)?;
        Ok(RsaPublicKey::from_components(&facts.modulus, &facts.exponent)?)
    }

    /// Whether an object is the public key of this SubjectPublicKeyInfo.
    pub(crate) fn is_public_key(&self, object: ObjectHandle, spki: &[u8]) -> Result<bool, Fault> {
        Ok(Facts::read(self, object)?.public_key().is_some_and(|(_, found)| found == spki))
    }

    /// Destroys the key of this label, identifier or both, and its public half.
    pub(crate) fn destroy(&self, label: Option<&str>, id: Option<&[u8]>) -> Result<(), Fault> {
        let mut wanted = vec![Attribute::Token(true)];
        wanted.extend(label.map(|label| Attribute::Label(label.as_bytes().to_vec())));
        wanted.extend(id.map(|id| Attribute::Id(id.to_vec())));
        let objects = self.session.find_objects(&wanted)?;
        if objects.is_empty() {
            return self.still_logged_in();
        }
        let mut ids = Vec::new();
        for &object in &objects {
            ids.push(self.id_of(object)?);
        }
        ids.dedup();
        if ids.len() > 1 {
            return Err(Error::invalid_input(
                "objects of more than one key in the token have this label: say which with its id",
            )
            .into());
        }
        for object in objects {
            self.session.destroy_object(object)?;
        }
        Ok(())
    }
}

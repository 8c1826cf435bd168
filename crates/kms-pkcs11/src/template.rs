//! Attribute templates: what a key is made as. One place decides what every key may do.

use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use cryptoki::types::Ulong;
use cryptoki_sys::CK_ULONG;
use kms_core::{Error, KeySpec, KeyUsage};

/// The optional attributes that a token takes. Found by trying; those it refuses are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Optional {
    /// CKA_COPYABLE = false: no copy with other attributes.
    pub(crate) copyable: bool,
    /// CKA_MODIFIABLE = false: no attribute changes later.
    pub(crate) modifiable: bool,
    /// CKA_ALLOWED_MECHANISMS.
    pub(crate) allowed_mechanisms: bool,
}

impl Optional {
    pub(crate) const ALL: Self = Self { copyable: true, modifiable: true, allowed_mechanisms: true };
    pub(crate) const NONE: Self = Self { copyable: false, modifiable: false, allowed_mechanisms: false };

    /// As in records of wrapped keys.
    pub(crate) const fn bits(self) -> u8 {
        self.copyable as u8 | (self.modifiable as u8) << 1 | (self.allowed_mechanisms as u8) << 2
    }

    pub(crate) const fn from_bits(bits: u8) -> Option<Self> {
        if bits > 7 {
            return None;
        }
        Some(Self { copyable: bits & 1 != 0, modifiable: bits & 2 != 0, allowed_mechanisms: bits & 4 != 0 })
    }
}

/// Where an object lives, and how it is found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name<'a> {
    /// CKA_ID.
    pub(crate) id: &'a [u8],
    /// CKA_LABEL.
    pub(crate) label: &'a str,
    /// Whether it outlives its session.
    pub(crate) token: bool,
}

impl Name<'_> {
    /// An object without a name that dies with its session.
    pub(crate) const NOBODY: Self = Self { id: &[], label: "", token: false };

    fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = vec![Attribute::Token(self.token)];
        if !self.id.is_empty() {
            attributes.push(Attribute::Id(self.id.to_vec()));
        }
        if !self.label.is_empty() {
            attributes.push(Attribute::Label(self.label.as_bytes().to_vec()));
        }
        attributes
    }
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A master key of this spec and usage. `derives`: a symmetric one derives inside the token, too.
    Master { spec: KeySpec, usage: KeyUsage, derives: bool },
    /// Wraps the master keys that are stored outside: AES.
    Wrap,
    /// Authenticates what is stored outside: HMAC-SHA-256.
    Authenticate,
}

impl Purpose {
    pub(crate) const fn class(self) -> ObjectClass {
        match self {
            Self::Master { spec, .. } if spec.is_asymmetric() => ObjectClass::PRIVATE_KEY,
            _ => ObjectClass::SECRET_KEY,
        }
    }

    pub(crate) const fn key_type(self) -> KeyType {
        match self {
            Self::Master { spec, .. } if spec.is_rsa() => KeyType::RSA,
            Self::Master { spec, .. } if spec.is_ecc() => KeyType::EC,
            Self::Wrap => KeyType::AES,
            _ => KeyType::GENERIC_SECRET,
        }
    }

    /// What the secret or private key may do. Everything else is refused by the token.
    ///
    /// A symmetric master key signs and does not verify, an HMAC key does both: that tells the two apart, and they
    /// have to be told apart, since whoever may ask for MACs under a symmetric master key can compute the keys of its
    /// ciphertexts.
    fn usage(self) -> Vec<Attribute> {
        let (mut sign, mut verify, mut decrypt, mut derive, mut wrap) = (false, false, false, false, false);
        match self {
            Self::Master { usage: KeyUsage::SignVerify, .. } | Self::Authenticate => sign = true,
            Self::Master { usage: KeyUsage::GenerateVerifyMac, .. } => (sign, verify) = (true, true),
            Self::Master { usage: KeyUsage::KeyAgreement, .. } => derive = true,
            Self::Master { spec: KeySpec::SymmetricDefault, derives, .. } => (sign, derive) = (true, derives),
            Self::Master { .. } => decrypt = true,
            Self::Wrap => wrap = true,
        }
        let mut attributes = vec![
            Attribute::Sign(sign),
            Attribute::Decrypt(decrypt),
            Attribute::Derive(derive),
            Attribute::Unwrap(wrap),
        ];
        if self.class() == ObjectClass::SECRET_KEY {
            attributes.extend([Attribute::Verify(verify), Attribute::Encrypt(false), Attribute::Wrap(wrap)]);
        }
        attributes
    }

    /// The mechanisms that serve the purpose. Empty: not restricted.
    fn mechanisms(self) -> Vec<MechanismType> {
        match self {
            Self::Master { usage: KeyUsage::KeyAgreement, .. } => vec![MechanismType::ECDH1_DERIVE],
            Self::Master { usage: KeyUsage::SignVerify, spec, .. } if spec.is_rsa() => {
                vec![MechanismType::RSA_PKCS_PSS, MechanismType::RSA_PKCS]
            }
            Self::Master { usage: KeyUsage::SignVerify, .. } => vec![MechanismType::ECDSA],
            Self::Master { spec: KeySpec::SymmetricDefault, derives: true, .. } => {
                vec![MechanismType::SHA256_HMAC, MechanismType::SP800_108_COUNTER_KDF]
            }
            Self::Master { spec: KeySpec::SymmetricDefault, .. } | Self::Authenticate => {
                vec![MechanismType::SHA256_HMAC]
            }
            Self::Master { usage: KeyUsage::GenerateVerifyMac, spec, .. } => vec![hmac(spec)],
            Self::Master { .. } => vec![MechanismType::RSA_PKCS_OAEP],
            // RFC 5649 has a mechanism without a name here.
            Self::Wrap => Vec::new(),
        }
    }

    /// The whole template of the secret or private key. `extractable` is for the moment between making a key and
    /// wrapping it.
    pub(crate) fn secret(self, name: Name<'_>, extractable: bool, optional: Optional) -> Vec<Attribute> {
        let mut attributes = name.attributes();
        attributes.extend([
            Attribute::Class(self.class()),
            Attribute::KeyType(self.key_type()),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(extractable),
        ]);
        attributes.extend(self.usage());
        if optional.copyable {
            attributes.push(Attribute::Copyable(false));
        }
        if optional.modifiable {
            attributes.push(Attribute::Modifiable(false));
        }
        let mechanisms = self.mechanisms();
        if optional.allowed_mechanisms && !mechanisms.is_empty() {
            attributes.push(Attribute::AllowedMechanisms(mechanisms));
        }
        attributes
    }

    /// The template of the public half. It can be made public: nothing here trusts it.
    pub(crate) fn public(self, name: Name<'_>) -> Result<Vec<Attribute>, Error> {
        let Self::Master { spec, usage, .. } = self else { return Err(Error::unsupported("no public half")) };
        let mut attributes = name.attributes();
        attributes.extend([
            Attribute::Private(false),
            Attribute::Verify(usage == KeyUsage::SignVerify),
            Attribute::Encrypt(usage == KeyUsage::EncryptDecrypt),
        ]);
        match (modulus_bits(spec), curve(spec)) {
            (Some(bits), _) => {
                attributes.extend([Attribute::ModulusBits(bits), Attribute::PublicExponent(vec![1, 0, 1])]);
            }
            (None, Some(curve)) => attributes.push(Attribute::EcParams(curve.to_vec())),
            (None, None) => return Err(Error::unsupported("no public half")),
        }
        Ok(attributes)
    }
}

/// The HMAC mechanism of an HMAC key.
pub(crate) const fn hmac(spec: KeySpec) -> MechanismType {
    match spec {
        KeySpec::Hmac224 => MechanismType::SHA224_HMAC,
        KeySpec::Hmac384 => MechanismType::SHA384_HMAC,
        KeySpec::Hmac512 => MechanismType::SHA512_HMAC,
        _ => MechanismType::SHA256_HMAC,
    }
}

pub(crate) fn modulus_bits(spec: KeySpec) -> Option<Ulong> {
    let bits: CK_ULONG = match spec {
        KeySpec::Rsa2048 => 2048,
        KeySpec::Rsa3072 => 3072,
        KeySpec::Rsa4096 => 4096,
        _ => return None,
    };
    Some(Ulong::from(bits))
}

/// CKA_EC_PARAMS: the curve's object identifier in DER (SEC 1, appendix C.2; RFC 5480, section 2.1.1.1).
pub(crate) const fn curve(spec: KeySpec) -> Option<&'static [u8]> {
    Some(match spec {
        KeySpec::EccNistP256 => &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        KeySpec::EccNistP384 => &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22],
        KeySpec::EccNistP521 => &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23],
        KeySpec::EccSecgP256k1 => &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a],
        _ => return None,
    })
}

pub(crate) fn spec_of_curve(params: &[u8]) -> Option<KeySpec> {
    KeySpec::ALL.iter().copied().find(|&spec| curve(spec) == Some(params))
}

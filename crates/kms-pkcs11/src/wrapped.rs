//! Master keys kept outside the token, wrapped under a root key that never leaves it.
//!
//! A token slows down with the number of its objects, and has room for few. So a master key is made in the token as an
//! object of one session, wrapped, and destroyed; the record with the wrapped key is kept by whoever runs the backend;
//! and to be used, the key is unwrapped into an object of the session that keeps the login, sensitive and not
//! extractable. **Losing the record is losing the key, and so is losing the token.**
//!
//! The root is two objects in the token: an AES key that wraps and unwraps and does nothing else, and an HMAC key that
//! authenticates records, since AES key wrap authenticates the key and not what it is for. Both were made there and
//! cannot be taken out.
//!
//! # A record
//!
//! Integers are big-endian, texts are UTF-8 behind a 16-bit length.
//!
//! ```text
//! "KMSW" 01 | root id 16 | key id 16 | generation u32 | spec: text | usage: text | origin u8 | seconds since 1970 u64
//! | label: text | wrapping u8 | attributes u8 | derives u8 | public key: u16 + SPKI | wrapped key: u16 + bytes | HMAC-SHA-256: 32 bytes
//!
//! origin    01 made in the token, 02 brought in
//! wrapping  01 CKM_AES_KEY_WRAP_KWP, 02 CKM_AES_KEY_WRAP_PAD as RFC 5649, 03 CKM_AES_KEY_WRAP
//! attributes, a sum: 01 CKA_COPYABLE, 02 CKA_MODIFIABLE, 04 CKA_ALLOWED_MECHANISMS are set when the key is unwrapped
//! derives   01 the key of a ciphertext is derived inside the token, 00 by an HMAC
//! ```

use std::collections::BTreeMap;
use std::sync::OnceLock;

use cryptoki::object::ObjectHandle;
use kms_core::parse::Reader;
use kms_core::{Error, ErrorKind, KeyId, KeySpec, KeyUsage, MacAlgorithm, MaterialId, RandomSource, SystemRandom};
use parking_lot::Mutex;

use crate::fault::{Fault, Remedy};
use crate::template::{Name, Optional, Purpose};
use crate::token::Attempt;
use crate::wrap::WrapMechanism;

const MAGIC: &[u8; 5] = b"KMSW\x01";
const MAC_LEN: usize = 32;
const ROOT_LABEL: &str = "kms root key";
const ROOT_MAC_LABEL: &str = "kms root MAC key";
/// The last byte of the CKA_ID of the root's two objects, which some tokens want to differ.
const WRAPS: u8 = 1;
const AUTHENTICATES: u8 = 2;

/// How a key came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyOrigin {
    /// It was made in the token, and has never been anywhere else.
    Token,
    /// It was made elsewhere and brought in.
    External,
}

/// What a record says of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) root: [u8; 16],
    pub(crate) id: MaterialId,
    pub(crate) spec: KeySpec,
    pub(crate) usage: KeyUsage,
    pub(crate) origin: KeyOrigin,
    /// Seconds since 1970.
    pub(crate) created: u64,
    pub(crate) label: String,
    pub(crate) wrap: WrapMechanism,
    pub(crate) attributes: Optional,
    pub(crate) derives: bool,
    pub(crate) public_key: Option<Vec<u8>>,
    pub(crate) wrapped: Vec<u8>,
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Error> {
    let len = u16::try_from(bytes.len()).map_err(|_| Error::invalid_input("a field is longer than 65,535 bytes"))?;
    out.extend(len.to_be_bytes());
    out.extend(bytes);
    Ok(())
}

impl Record {
    pub(crate) const fn purpose(&self) -> Purpose {
        Purpose::Master { spec: self.spec, usage: self.usage, derives: self.derives }
    }

    fn body(&self) -> Result<Vec<u8>, Error> {
        let mut out = MAGIC.to_vec();
        out.extend(self.root);
        out.extend(self.id.key.as_bytes());
        out.extend(self.id.generation.to_be_bytes());
        put(&mut out, self.spec.as_str().as_bytes())?;
        put(&mut out, self.usage.as_str().as_bytes())?;
        out.push(match self.origin {
            KeyOrigin::Token => 1,
            KeyOrigin::External => 2,
        });
        out.extend(self.created.to_be_bytes());
        put(&mut out, self.label.as_bytes())?;
        out.push(self.wrap.code());
        out.push(self.attributes.bits());
        out.push(u8::from(self.derives));
        put(&mut out, self.public_key.as_deref().unwrap_or_default())?;
        put(&mut out, &self.wrapped)?;
        Ok(out)
    }

    /// The record, not yet authenticated.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let (body, _) = split(bytes)?;
        Self::fields(body).ok_or_else(damaged)
    }

    fn fields(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        if reader.array().ok()? != *MAGIC {
            return None;
        }
        let record = Self {
            root: reader.array().ok()?,
            id: MaterialId { key: KeyId::from_bytes(reader.array().ok()?), generation: reader.u32().ok()? },
            spec: text(&mut reader)?.parse().ok()?,
            usage: text(&mut reader)?.parse().ok()?,
            origin: match reader.u8().ok()? {
                1 => KeyOrigin::Token,
                2 => KeyOrigin::External,
                _ => return None,
            },
            created: reader.u64().ok()?,
            label: text(&mut reader)?.to_owned(),
            wrap: WrapMechanism::from_code(reader.u8().ok()?)?,
            attributes: Optional::from_bits(reader.u8().ok()?)?,
            derives: match reader.u8().ok()? {
                0 => false,
                1 => true,
                _ => return None,
            },
            public_key: Some(reader.prefixed_u16().ok()?.to_vec()).filter(|key| !key.is_empty()),
            wrapped: reader.prefixed_u16().ok()?.to_vec(),
        };
        (reader.is_empty() && record.public_key.is_some() == record.spec.is_asymmetric()).then_some(record)
    }
}

fn text<'a>(reader: &mut Reader<'a>) -> Option<&'a str> {
    core::str::from_utf8(reader.prefixed_u16().ok()?).ok()
}

fn split(bytes: &[u8]) -> Result<(&[u8], &[u8; MAC_LEN]), Error> {
    bytes.split_last_chunk().ok_or_else(damaged)
}

fn damaged() -> Error {
    Error::with_detail(
        ErrorKind::KeyUnavailable,
        "the record of the wrapped key is damaged, or was changed by someone without the token: restore it from a copy",
    )
}

/// The root's objects, as found in one connection.
#[derive(Debug, Clone, Copy)]
struct Root {
    epoch: u64,
    wrap: ObjectHandle,
    mac: ObjectHandle,
}

/// The roots of a token. There is one, unless two processes made the first key at the same moment; each record names
/// its own.
#[derive(Debug, Default)]
pub(crate) struct Roots {
    found: Mutex<BTreeMap<[u8; 16], Root>>,
    /// The id of a root that is being made. It stays the same when an answer is lost, so that the next try finds what
    /// the first one made.
    next: OnceLock<[u8; 16]>,
}

fn object_id(root: &[u8; 16], which: u8) -> [u8; 17] {
    let mut id = [which; 17];
    id.iter_mut().zip(root).for_each(|(to, from)| *to = *from);
    id
}

impl Roots {
    fn find(&self, attempt: &Attempt<'_>, id: [u8; 16]) -> Result<Root, Fault> {
        if let Some(root) = self.found.lock().get(&id).filter(|root| root.epoch == attempt.connection.epoch) {
            return Ok(*root);
        }
        let missing = || {
            Error::with_detail(
                ErrorKind::KeyUnavailable,
                "the token does not hold the root key that this key is wrapped under: is it the right token?",
            )
        };
        let wrap = attempt.find_secret(&object_id(&id, WRAPS), None)?.ok_or_else(missing)?;
        let mac = attempt.find_secret(&object_id(&id, AUTHENTICATES), None)?.ok_or_else(missing)?;
        let root = Root { epoch: attempt.connection.epoch, wrap, mac };
        self.found.lock().insert(id, root);
        Ok(root)
    }

    /// The root to wrap new keys under; made if there is none.
    fn current(&self, attempt: &Attempt<'_>, optional: Optional) -> Result<[u8; 16], Fault> {
        if let Some(wrap) = attempt.find_secret(&[], Some(ROOT_LABEL))? {
            let id = attempt.id_of(wrap)?;
            if let Some((id, &[WRAPS])) = id.split_first_chunk::<16>() {
                return Ok(*id);
            }
        }
        let mut fresh = [0; 16];
        SystemRandom.fill(&mut fresh)?;
        let id = *self.next.get_or_init(|| fresh);
        // The one that is searched for comes last: when it is there, both are.
        for (purpose, which, label) in
            [(Purpose::Authenticate, AUTHENTICATES, ROOT_MAC_LABEL), (Purpose::Wrap, WRAPS, ROOT_LABEL)]
        {
            let object = object_id(&id, which);
            if attempt.find_secret(&object, None)?.is_none() {
                attempt.generate(purpose, Name { id: &object, label, token: true }, false, optional)?;
            }
        }
        Ok(id)
    }

    /// Forgets the handles when one of them turned out to be bad: the next try searches again.
    fn watched<T>(&self, outcome: Result<T, Fault>) -> Result<T, Fault> {
        if let Err(Fault { remedy: Remedy::Handle, .. }) = &outcome {
            self.found.lock().clear();
        }
        outcome
    }

    /// Wraps a key that was made extractable for it, and authenticates the record.
    pub(crate) fn seal(
        &self,
        attempt: &Attempt<'_>,
        optional: Optional,
        key: ObjectHandle,
        mut record: Record,
    ) -> Result<Vec<u8>, Fault> {
        record.root = self.current(attempt, optional)?;
        let root = self.find(attempt, record.root)?;
        record.wrapped = self.watched(attempt.wrap(record.wrap, root.wrap, key))?;
        let mut bytes = record.body()?;
        let mac = self.watched(attempt.mac(MacAlgorithm::HmacSha256, root.mac, &bytes))?;
        bytes.extend(mac.expose());
        Ok(bytes)
    }

    /// Authenticates a record, and that it is of the key asked for.
    pub(crate) fn verify(&self, attempt: &Attempt<'_>, bytes: &[u8], id: MaterialId) -> Result<Record, Fault> {
        let record = Record::parse(bytes)?;
        let root = self.find(attempt, record.root)?;
        let (body, mac) = split(bytes)?;
        let right = self.watched(attempt.mac(MacAlgorithm::HmacSha256, root.mac, body))?.ct_eq(mac);
        if right && record.id == id { Ok(record) } else { Err(damaged().into()) }
    }

    /// Unwraps a verified record's key into an object of `attempt`'s session.
    pub(crate) fn load(&self, attempt: &Attempt<'_>, record: &Record) -> Result<ObjectHandle, Fault> {
        let root = self.find(attempt, record.root)?;
        let template = record.purpose().secret(Name::NOBODY, false, record.attributes);
        self.watched(attempt.unwrap(record.wrap, root.wrap, &record.wrapped, &template))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            root: [1; 16],
            id: MaterialId { key: KeyId::from_bytes([2; 16]), generation: 3 },
            spec: KeySpec::Hmac384,
            usage: KeyUsage::GenerateVerifyMac,
            origin: KeyOrigin::External,
            created: 1_700_000_000,
            label: "invoices".into(),
            wrap: WrapMechanism::Kwp,
            attributes: Optional { modifiable: false, ..Optional::ALL },
            derives: false,
            public_key: None,
            wrapped: vec![9; 56],
        }
    }

    #[test]
    fn a_record_reads_back() {
        let mut bytes = record().body().unwrap();
        bytes.extend([0; MAC_LEN]);
        assert_eq!(Record::parse(&bytes).unwrap(), record());
    }

    #[test]
    fn every_cut_and_every_addition_is_damage() {
        let mut bytes = record().body().unwrap();
        bytes.extend([0; MAC_LEN]);
        for len in 0..bytes.len() {
            assert_eq!(Record::parse(&bytes[..len]).unwrap_err().kind(), ErrorKind::KeyUnavailable, "{len}");
        }
        bytes.push(0);
        assert!(Record::parse(&bytes).is_err());
    }
}

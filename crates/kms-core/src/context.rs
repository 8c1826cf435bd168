//! The encryption context: pairs of text that are authenticated with a ciphertext and stored in clear.
//!
//! Its canonical bytes are those of the AWS Encryption SDK message format, section "Encryption Context":
//! empty for no pairs; otherwise a 16-bit count, then for each pair a 16-bit length and the UTF-8 key, a 16-bit
//! length and the UTF-8 value, sorted by the bytes of the key.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::Error;
use crate::parse::Reader;

/// Keys that begin so belong to the message format.
pub(crate) const RESERVED_PREFIX: &str = "aws-crypto-";

/// Pairs of text bound to a ciphertext: whoever decrypts must present the same pairs.
///
/// Not secret: it is stored beside the ciphertext, logged, and matched by policies. At most 65,535 bytes in
/// canonical form. Keys that start with `aws-crypto-` are reserved for the message format.
///
/// ```
/// use kms_core::EncryptionContext;
/// let context = EncryptionContext::new([("tenant", "42"), ("purpose", "backup")])?;
/// assert_eq!(context.get("tenant"), Some("42"));
/// assert!(EncryptionContext::new([("aws-crypto-x", "")]).is_err());
/// # Ok::<(), kms_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct EncryptionContext {
    pairs: BTreeMap<String, String>,
    aad: Vec<u8>,
}

impl EncryptionContext {
    /// A context of the given pairs, in any order.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for a key given twice, a reserved key, or
    /// more than 65,535 bytes.
    pub fn new<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self, Error> {
        let context = Self::with_reserved(pairs)?;
        match context.pairs.keys().find(|key| key.starts_with(RESERVED_PREFIX)) {
            None => Ok(context),
            Some(key) => Err(Error::invalid_input(format!(
                "encryption context key {key:?}: the prefix {RESERVED_PREFIX:?} is reserved"
            ))),
        }
    }

    /// A context of any pairs, those too whose keys begin with `aws-crypto-`: as a service receives it. AWS KMS
    /// accepts such keys, and the AWS Encryption SDK sends one (`aws-crypto-public-key`) with signed messages.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for a key given twice, or more than 65,535 bytes.
    pub fn with_reserved<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, Error> {
        let mut map = BTreeMap::new();
        for (key, value) in pairs {
            if let Some(_twice) = map.insert(key.into(), value.into()) {
                return Err(Error::invalid_input("an encryption context key is given twice"));
            }
        }
        Self::from_map(map)
    }

    /// The empty context.
    #[must_use]
    pub const fn empty() -> Self {
        Self { pairs: BTreeMap::new(), aad: Vec::new() }
    }

    /// Any pairs, reserved ones too.
    pub(crate) fn from_map(pairs: BTreeMap<String, String>) -> Result<Self, Error> {
        let too_long = || Error::invalid_input("the encryption context is longer than 65,535 bytes");
        let mut aad = Vec::new();
        if !pairs.is_empty() {
            aad.extend(u16::try_from(pairs.len()).map_err(|_| too_long())?.to_be_bytes());
            for part in pairs.iter().flat_map(|(key, value)| [key, value]) {
                aad.extend(u16::try_from(part.len()).map_err(|_| too_long())?.to_be_bytes());
                aad.extend(part.as_bytes());
            }
        }
        if aad.len() > usize::from(u16::MAX) {
            return Err(too_long());
        }
        Ok(Self { pairs, aad })
    }

    /// Parses canonical bytes, as [`aad`](Self::aad) gives them.
    ///
    /// # Errors
    /// [`ErrorKind::Malformed`](crate::ErrorKind::Malformed) for anything but the one canonical form.
    pub fn parse(canonical: &[u8]) -> Result<Self, Error> {
        let pairs = Pairs::parse(canonical, PairOrder::Sorted)?.map(owned).collect();
        Ok(Self { pairs, aad: canonical.to_vec() })
    }

    /// The context of pairs in any order; none may be there twice.
    pub(crate) fn from_pairs(pairs: Pairs<'_>) -> Result<Self, Error> {
        let mut map = BTreeMap::new();
        for (key, value) in pairs.map(owned) {
            if let Some(_twice) = map.insert(key, value) {
                return Err(Error::malformed("encryption context: a key is there twice"));
            }
        }
        Self::from_map(map)
    }

    /// These pairs and those of `other`; where both have a key, the pair of `other`.
    pub(crate) fn merged(&self, other: &Self) -> Result<Self, Error> {
        let mut pairs = self.pairs.clone();
        pairs.extend(other.pairs.clone());
        Self::from_map(pairs)
    }

    /// These pairs and one more.
    pub(crate) fn with_pair(&self, key: &str, value: String) -> Result<Self, Error> {
        let mut pairs = self.pairs.clone();
        pairs.insert(key.to_owned(), value);
        Self::from_map(pairs)
    }

    /// Those pairs of this context that pass `keep`.
    pub(crate) fn filtered(&self, keep: impl Fn(&str) -> bool) -> Result<Self, Error> {
        Self::from_map(self.pairs.iter().filter(|(key, _)| keep(key)).map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs.get(key).map(String::as_str)
    }

    /// The pairs, sorted by key.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The canonical bytes, as they are authenticated.
    #[must_use]
    pub fn aad(&self) -> &[u8] {
        &self.aad
    }

    /// Whether there are no pairs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// Which orders of pairs are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PairOrder {
    /// The canonical one.
    Sorted,
    /// Any: some writers of old do not sort.
    Any,
}

/// The pairs of a serialised context that was found to be one.
#[derive(Debug, Clone)]
pub struct Pairs<'a> {
    reader: Reader<'a>,
}

impl<'a> Pairs<'a> {
    /// Checks every rule of the form, without allocation.
    pub(crate) fn parse(canonical: &'a [u8], order: PairOrder) -> Result<Self, Error> {
        const WHAT: &str = "encryption context";
        let mut reader = Reader::new(canonical);
        if canonical.is_empty() {
            return Ok(Self { reader });
        }
        let count = reader.u16().map_err(|_| Error::malformed(WHAT))?;
        if count == 0 {
            return Err(Error::malformed("encryption context: an empty one has no count"));
        }
        let pairs = Self { reader: reader.clone() };
        let mut last: Option<&str> = None;
        for _ in 0..count {
            let (key, _value) = pair(&mut reader).ok_or_else(|| Error::malformed(WHAT))?;
            if order == PairOrder::Sorted && last.is_some_and(|last| last >= key) {
                return Err(Error::malformed("encryption context: keys are not sorted, or not unique"));
            }
            last = Some(key);
        }
        if !reader.is_empty() {
            return Err(Error::malformed("encryption context: bytes left over"));
        }
        Ok(pairs)
    }
}

fn pair<'a>(reader: &mut Reader<'a>) -> Option<(&'a str, &'a str)> {
    let key = core::str::from_utf8(reader.prefixed_u16().ok()?).ok()?;
    let value = core::str::from_utf8(reader.prefixed_u16().ok()?).ok()?;
    Some((key, value))
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        pair(&mut self.reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_bytes() {
        let context = EncryptionContext::new([("b", "2"), ("a", "")]).unwrap();
        assert_eq!(context.aad(), b"\0\x02\0\x01a\0\0\0\x01b\0\x012");
        assert_eq!(EncryptionContext::parse(context.aad()).unwrap(), context);
        assert!(EncryptionContext::empty().aad().is_empty());
    }

    #[test]
    fn reserved_keys_need_their_own_constructor() {
        let pairs = || [("aws-crypto-public-key", "A"), ("tenant", "42")];
        assert!(EncryptionContext::new(pairs()).is_err());
        let context = EncryptionContext::with_reserved(pairs()).unwrap();
        assert_eq!(context.get("aws-crypto-public-key"), Some("A"));
        assert_eq!(EncryptionContext::parse(context.aad()).unwrap(), context);
        assert!(EncryptionContext::with_reserved([("a", "1"), ("a", "1")]).is_err());
    }

    #[test]
    fn only_the_canonical_form_is_read() {
        for bad in [
            &b"\0\0"[..],
            b"\0\x01\0\x01a\0\x01",
            b"\0\x02\0\x01b\0\0\0\x01a\0\0",
            b"\0\x02\0\x01a\0\0\0\x01a\0\0",
            b"\0\x01\0\x01a\0\0x",
            b"\0\x01\0\x01\xff\0\0",
        ] {
            assert!(EncryptionContext::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_length_limit_is_exact() {
        let fits = "v".repeat(65_535 - 7);
        assert_eq!(EncryptionContext::new([("k", fits.clone())]).unwrap().aad().len(), 65_535);
        assert!(EncryptionContext::new([("k", fits + "v")]).is_err());
    }
}

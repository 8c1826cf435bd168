//! Places in a log, and the anchor that somebody keeps elsewhere.

use core::fmt;
use core::str::FromStr;

use kms_core::Error;

use crate::audit::format::Link;

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Position {
    /// The sequence number of the record. The first of a log has 1.
    pub sequence: u64,
}

impl Position {
    pub(crate) const fn new(sequence: u64) -> Self {
        Self { sequence }
    }
}

/// The newest record of a log: an anchor. Whoever keeps it where the log's owner cannot reach it sees later whether
/// anything up to it was altered or cut off.
///
/// As text it is one word, `LOG/SEQUENCE/LINK`, in hexadecimal but for the number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Head {
    /// Which log.
    pub log: [u8; 16],
    /// The sequence number of the record; 0 in a log that has none.
    pub sequence: u64,
    /// The link of the record: a SHA-256 over everything up to it.
    pub link: Link,
}

impl Head {
    /// The anchor of a record.
    #[must_use]
    pub const fn new(log: [u8; 16], sequence: u64, link: Link) -> Self {
        Self { log, sequence, link }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = |f: &mut fmt::Formatter<'_>, bytes: &[u8]| bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"));
        hex(f, &self.log)?;
        write!(f, "/{}/", self.sequence)?;
        hex(f, &self.link)
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({self})")
    }
}

impl FromStr for Head {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts = || {
            let mut parts = text.splitn(3, '/');
            let (log, sequence, link) = (parts.next()?, parts.next()?, parts.next()?);
            Some(Self { log: from_hex(log)?, sequence: sequence.parse().ok()?, link: from_hex(link)? })
        };
        let canonical = parts().filter(|head| head.to_string() == text);
        canonical.ok_or_else(|| Error::invalid_input("the head of an audit log looks like LOG/SEQUENCE/LINK"))
    }
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_read_back() {
        let head = Head::new([0xa5; 16], 1234, [0x0f; 32]);
        let text = head.to_string();
        assert_eq!(text.parse::<Head>().unwrap(), head);
        let altered = [text.replace('/', ":"), text.replace('f', "F"), text.replace("/1234/", "/01234/"), "+".into()];
        for text in altered.iter().chain(&[text[1..].to_string()]) {
            assert!(text.parse::<Head>().is_err(), "{text}");
        }
    }
}

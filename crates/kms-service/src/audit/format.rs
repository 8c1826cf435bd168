//! The bytes of a segment: its header, and the head of each record. No I/O.

use kms_core::parse::Reader;
use kms_core::primitives::hash::Hasher;
use kms_core::{Error, HashAlgorithm};

use crate::Timestamp;

/// A link of the chain: a SHA-256.
pub type Link = [u8; 32];

/// What a segment begins with.
pub const MAGIC: &[u8; 10] = b"KMS audit\n";
/// The version that is written, and the only one that is read.
pub const VERSION: u16 = 1;
/// Length of a segment's header, in bytes.
pub const HEADER_LEN: usize = 100;
/// Length of what stands before a record's payload, in bytes.
pub const HEAD_LEN: usize = 26;
/// Length of the link behind a record's payload, in bytes.
pub const LINK_LEN: usize = 32;
/// The longest payload, in bytes. CloudTrail's limit for an event is the same.
pub const MAX_PAYLOAD: usize = 256 * 1024;
/// What every record begins with, before its kind. 0xFF is in no UTF-8, so this is not in the payload of an event.
const MARK: [u8; 3] = [0xff, b'K', b'A'];
/// The most records that are written before one sync.
pub const MAX_BATCH: u16 = 4096;

/// The link from `previous` over `bytes`.
pub(crate) fn link(previous: &[u8], bytes: &[u8]) -> Link {
    let mut hasher = Hasher::new(HashAlgorithm::Sha256);
    hasher.update(previous);
    hasher.update(bytes);
    let mut link = [0; LINK_LEN];
    for (to, from) in link.iter_mut().zip(hasher.finish()) {
        *to = from;
    }
    link
}

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the format is frozen")]
pub struct Header {
    /// Random, made with the log, the same in all its segments.
    pub log: [u8; 16],
    /// Sequence number of the first record. The first of a log is 1.
    pub first: u64,
    /// The link of the record before the first; zeros in a log's first segment.
    pub previous: Link,
}

impl Header {
    /// The bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut bytes = Vec::with_capacity(HEADER_LEN);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&self.log);
        bytes.extend_from_slice(&self.first.to_be_bytes());
        bytes.extend_from_slice(&self.previous);
        let checksum = link(&[], &bytes);
        bytes.extend_from_slice(&checksum);
        let mut header = [0; HEADER_LEN];
        for (to, from) in header.iter_mut().zip(bytes) {
            *to = from;
        }
        header
    }

    /// Reads a header.
    ///
    /// # Errors
    /// `Malformed` if it is not one, or damaged; `Unsupported` if a newer version wrote it.
    pub fn parse(bytes: &[u8; HEADER_LEN]) -> Result<Self, Error> {
        let damaged = |_| Error::malformed("the segment's header is damaged");
        let mut reader = Reader::new(bytes);
        if reader.chunk().map_err(damaged)? != MAGIC {
            return Err(Error::malformed("not a segment of an audit log"));
        }
        if reader.u16().map_err(damaged)? != VERSION {
            return Err(Error::unsupported("the segment was written by a newer version"));
        }
        let log = reader.array().map_err(damaged)?;
        let (first, previous) = (reader.u64().map_err(damaged)?, reader.array().map_err(damaged)?);
        let header = Self { log, first, previous };
        if header.to_bytes() == *bytes && first > 0 {
            return Ok(header);
        }
        Err(Error::malformed("the segment's header is damaged"))
    }

    /// What the first record continues from: the header's checksum.
    #[must_use]
    pub fn link(&self) -> Link {
        let bytes = self.to_bytes();
        bytes.last_chunk().copied().unwrap_or([0; LINK_LEN])
    }
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the format is frozen")]
pub enum Kind {
    /// Something that happened: JSON.
    Event,
    /// A signature over the chain up to here.
    Checkpoint,
}

impl Kind {
    const fn byte(self) -> u8 {
        match self {
            Self::Event => 1,
            Self::Checkpoint => 2,
        }
    }
}

/// What stands before a record's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the format is frozen")]
pub struct Head {
    /// Three bytes that are the same in every record, and one for what the record is: 1 or 2.
    pub mark: [u8; 4],
    /// Place in its batch, from 0. All records before the batch were on the disk before this one was written.
    pub place: u16,
    /// Sequence number: one more than the record before.
    pub sequence: u64,
    /// Length of the payload, in bytes.
    pub len: u32,
    /// When the record was written.
    pub time: Timestamp,
}

impl Head {
    /// The head of a record with this payload.
    ///
    /// # Errors
    /// `InvalidInput` if the payload has more than [`MAX_PAYLOAD`] bytes.
    pub(crate) fn new(kind: Kind, sequence: u64, place: u16, time: Timestamp, payload: &[u8]) -> Result<Self, Error> {
        let len = u32::try_from(payload.len()).ok().filter(|_| payload.len() <= MAX_PAYLOAD);
        let len = len.ok_or_else(|| Error::invalid_input("an audit record has at most 262,144 bytes"))?;
        let [first, second, third] = MARK;
        Ok(Self { mark: [first, second, third, kind.byte()], place, sequence, len, time })
    }

    /// Reads a head. Any bytes are one; whether it is right, the place it stands in says.
    #[must_use]
    pub fn parse(bytes: &[u8; HEAD_LEN]) -> Self {
        let mut reader = Reader::new(bytes);
        // Nothing is missing: the length is right.
        Self {
            mark: reader.array().unwrap_or_default(),
            place: reader.u16().unwrap_or_default(),
            sequence: reader.u64().unwrap_or_default(),
            len: reader.u32().unwrap_or_default(),
            time: Timestamp::from_millis(reader.u64().unwrap_or_default()),
        }
    }

    /// What the record is, if it is one that this version knows.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        match self.mark.split_last()? {
            (1, front) if front == MARK => Some(Kind::Event),
            (2, front) if front == MARK => Some(Kind::Checkpoint),
            _ => None,
        }
    }

    /// Length of the payload, in bytes, if it is one that a record can have.
    #[must_use]
    pub fn payload_len(&self) -> Option<usize> {
        usize::try_from(self.len).ok().filter(|&len| len <= MAX_PAYLOAD)
    }

    fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.mark);
        to.extend_from_slice(&self.place.to_be_bytes());
        to.extend_from_slice(&self.sequence.to_be_bytes());
        to.extend_from_slice(&self.len.to_be_bytes());
        to.extend_from_slice(&self.time.as_millis().to_be_bytes());
    }

    /// Puts the record at the end of `to`, and answers its link.
    pub(crate) fn write_record(&self, previous: &Link, payload: &[u8], to: &mut Vec<u8>) -> Link {
        let start = to.len();
        self.write(to);
        to.extend_from_slice(payload);
        let link = link(previous, to.get(start..).unwrap_or_default());
        to.extend_from_slice(&link);
        link
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_read_back_and_no_altered_one_does() {
        let header = Header { log: [7; 16], first: 42, previous: [9; 32] };
        let bytes = header.to_bytes();
        assert_eq!(Header::parse(&bytes).unwrap(), header);
        for at in 0..bytes.len() {
            let mut altered = bytes;
            altered[at] ^= 1;
            assert!(Header::parse(&altered).is_err(), "byte {at}");
        }
        assert!(Header::parse(&Header { first: 0, ..header }.to_bytes()).is_err());
    }

    #[test]
    fn a_record_is_drawn_as_documented() {
        let head = Head::new(Kind::Event, 0x0102, 3, Timestamp::from_millis(5), b"{}").unwrap();
        let mut bytes = Vec::new();
        let end = head.write_record(&[1; 32], b"{}", &mut bytes);
        let expected =
            [0xff, b'K', b'A', 1, 0, 3, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 5, b'{', b'}'];
        assert_eq!(bytes[..28], expected);
        assert_eq!(bytes[28..], end);
        assert_eq!(end, link(&[1; 32], &expected));
        assert_eq!(Head::parse(bytes.first_chunk().unwrap()), head);
        assert!(Head::new(Kind::Event, 1, 0, Timestamp::default(), &vec![0; MAX_PAYLOAD + 1]).is_err());
    }
}

//! Reads the records of one segment, in bounded memory.

use core::fmt;
use std::io::{self, Read};

use kms_core::Error;

use crate::Timestamp;
use crate::audit::format::{HEAD_LEN, HEADER_LEN, Head, Header, Kind, LINK_LEN, Link, MAX_BATCH, link};

/// What is wrong with a record.
#[derive(Debug)]
#[non_exhaustive]
pub enum Problem {
    /// The header is not one, is damaged, or of a newer version.
    Header(Error),
    /// The segment ends within the header or within a record.
    CutShort,
    /// The length is more than a record can have.
    Length(u32),
    /// Another record stands here: records are missing, or out of order.
    Sequence(u64),
    /// What begins here is neither an event nor a checkpoint.
    Mark,
    /// The place in the batch is not the next, nor the first.
    Place(u16),
    /// The record is not what was linked, or does not continue from the one before.
    Link,
    /// The file cannot be read.
    Unreadable(io::Error),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(error) => write!(f, "{error}"),
            Self::CutShort => f.write_str("the record is cut short"),
            Self::Length(len) => write!(f, "the length of the record is damaged ({len})"),
            Self::Sequence(found) => write!(f, "record {found} stands here"),
            Self::Mark => f.write_str("this is not the beginning of a record"),
            Self::Place(place) => write!(f, "the record's place in its batch is damaged ({place})"),
            Self::Link => f.write_str("the record was altered, or does not continue from the one before"),
            Self::Unreadable(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

/// A record that is not right, and where.
#[derive(Debug)]
#[non_exhaustive]
pub struct Defect {
    /// Where it begins, in bytes from the start of the segment.
    pub offset: u64,
    /// The sequence number of the record that belongs there.
    pub sequence: u64,
    /// What is wrong with it.
    pub problem: Problem,
}

/// Where the next record is, and what it has to continue from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) offset: u64,
    pub(crate) sequence: u64,
    pub(crate) link: Link,
    /// Place in its batch, if it is of the same batch as the record before.
    pub(crate) place: u16,
}

impl Cursor {
    /// At the first record of a segment.
    pub(crate) fn first(header: &Header) -> Self {
        let offset = u64::try_from(HEADER_LEN).unwrap_or(u64::MAX);
        Self { offset, sequence: header.first, link: header.link(), place: 0 }
    }
}

/// A record that is right: whole, and continued from the one before.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Record<'a> {
    /// Where it begins, in bytes from the start of the segment.
    pub offset: u64,
    /// Its sequence number.
    pub sequence: u64,
    /// Its place in its batch.
    pub place: u16,
    /// What it is.
    pub kind: Kind,
    /// When it was written.
    pub time: Timestamp,
    /// What it says: JSON, or a [`Checkpoint`](crate::audit::Checkpoint).
    pub payload: &'a [u8],
    /// The link it continues from.
    pub previous: Link,
    /// Its own link.
    pub link: Link,
}

/// Reads a segment, record by record.
#[derive(Debug)]
pub struct SegmentReader<R> {
    source: R,
    at: Cursor,
    /// The record that was read last, and what it continues from.
    current: Option<(Head, Cursor)>,
    /// After the record that was not right, if its frame is.
    beyond: Option<Cursor>,
    bytes: Vec<u8>,
}

impl<R: Read> SegmentReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(mut source: R) -> Result<(Header, Self), Defect> {
        let mut bytes = [0; HEADER_LEN];
        let defect = |problem| Defect { offset: 0, sequence: 0, problem };
        source.read_exact(&mut bytes).map_err(|error| defect(unread(error)))?;
        let header = Header::parse(&bytes).map_err(|error| defect(Problem::Header(error)))?;
        Ok((header, Self::resume(source, Cursor::first(&header))))
    }

    /// Goes on at a cursor; `source` stands there.
    pub(crate) const fn resume(source: R, at: Cursor) -> Self {
        Self { source, at, current: None, beyond: None, bytes: Vec::new() }
    }

    /// Where the next record is.
    pub(crate) const fn cursor(&self) -> Cursor {
        self.at
    }

    /// Where to go on after a record that was not right; `None` if its frame is not to be trusted. What follows is then
    /// read as continued from what stands there.
    pub(crate) const fn beyond(&self) -> Option<Cursor> {
        self.beyond
    }

    /// Goes to a cursor, where the source was brought.
    pub(crate) const fn go_to(&mut self, at: Cursor) {
        self.at = at;
    }

    pub(crate) const fn source_mut(&mut self) -> &mut R {
        &mut self.source
    }

    /// The next record; `None` at the end of the segment.
    ///
    /// # Errors
    /// What is wrong with the next record. Nothing after it can be read.
    #[expect(clippy::should_implement_trait, reason = "the record borrows from the reader")]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, Defect> {
        self.advance()?;
        Ok(self.record())
    }

    /// Reads the next record; `false` at the end of the segment.
    pub(crate) fn advance(&mut self) -> Result<bool, Defect> {
        (self.current, self.beyond) = (None, None);
        let Cursor { offset, sequence, link: previous, place: next_place } = self.at;
        let defect = |problem| Defect { offset, sequence, problem };
        let mut head = [0; HEAD_LEN];
        match fill(&mut self.source, &mut head) {
            Ok(0) => return Ok(false),
            Ok(HEAD_LEN) => {}
            Ok(_) => return Err(defect(Problem::CutShort)),
            Err(error) => return Err(defect(Problem::Unreadable(error))),
        }
        let parsed = Head::parse(&head);
        let payload_len = parsed.payload_len().ok_or_else(|| defect(Problem::Length(parsed.len)))?;
        self.bytes.clear();
        self.bytes.extend_from_slice(&head);
        self.bytes.resize(HEAD_LEN + payload_len + LINK_LEN, 0);
        let rest = self.bytes.get_mut(HEAD_LEN..).unwrap_or_default();
        self.source.read_exact(rest).map_err(|error| defect(unread(error)))?;

        let (covered, stored) = self.bytes.split_last_chunk::<LINK_LEN>().ok_or_else(|| defect(Problem::CutShort))?;
        let len = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        let after = Cursor {
            offset: offset.saturating_add(len),
            sequence: parsed.sequence.saturating_add(1),
            link: *stored,
            place: parsed.place.saturating_add(1),
        };
        let problem = if parsed.kind().is_none() {
            Some(Problem::Mark)
        } else if parsed.sequence != sequence {
            Some(Problem::Sequence(parsed.sequence))
        } else if (parsed.place != 0 && parsed.place != next_place) || parsed.place >= MAX_BATCH {
            Some(Problem::Place(parsed.place))
        } else if link(&previous, covered) != *stored {
            Some(Problem::Link)
        } else {
            None
        };
        if let Some(problem) = problem {
            self.beyond = parsed.kind().map(|_| after);
            return Err(defect(problem));
        }
        self.current = Some((parsed, self.at));
        self.at = after;
        Ok(true)
    }

    /// The record that was read last.
    pub(crate) fn record(&self) -> Option<Record<'_>> {
        let (head, before) = self.current?;
        let covered = self.bytes.len().checked_sub(LINK_LEN)?;
        Some(Record {
            offset: before.offset,
            sequence: head.sequence,
            place: head.place,
            kind: head.kind()?,
            time: head.time,
            payload: self.bytes.get(HEAD_LEN..covered)?,
            previous: before.link,
            link: self.at.link,
        })
    }
}

fn unread(error: io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Problem::CutShort,
        _ => Problem::Unreadable(error),
    }
}

/// Reads until `to` is full or the source ends; how many bytes there were.
fn fill(source: &mut impl Read, to: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = to.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

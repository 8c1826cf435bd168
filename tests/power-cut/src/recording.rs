//! What was recorded.

use std::path::Path;

use crate::image::{self, Cut};

/// One thing that a program did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    /// A new file, by the number of its inode, and its name.
    Create(u64, String),
    MakeDirectory(String),
    Link(String, String),
    Rename(String, String),
    Remove(String),
    Write(u64, usize, Vec<u8>),
    SetLength(u64, usize),
    /// A sync of a file that succeeded, and the record at which it began. Empty where a sync begins.
    Synced(u64, usize),
    /// The same of a directory.
    NamesSynced(usize),
    Acknowledge(String),
    Nothing,
}

/// What programs did to the files of a directory, in order.
#[derive(Debug)]
pub struct Recording {
    pub(crate) records: Vec<Record>,
}

impl Recording {
    pub(crate) fn parse(mut log: &[u8]) -> Self {
        let mut records = Vec::new();
        while let Some((head, rest)) = log.split_first_chunk::<21>() {
            let number = |at: usize, length: usize| {
                let bytes = head.get(at..at + length).unwrap();
                bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
            };
            let index = |number: u64| usize::try_from(number).unwrap();
            let (kind, file, number, length) = (head[0], number(1, 8), index(number(9, 8)), index(number(17, 4)));
            // The last record is cut short if the program was killed over it.
            let Some((bytes, rest)) = rest.split_at_checked(length) else { break };
            let text = || String::from_utf8(bytes.to_vec()).unwrap();
            let two = || {
                let text = text();
                let (from, to) = text.split_once('\0').unwrap();
                (from.to_owned(), to.to_owned())
            };
            records.push(match kind {
                b'C' => Record::Create(file, text()),
                b'M' => Record::MakeDirectory(text()),
                b'L' => {
                    let (from, to) = two();
                    Record::Link(from, to)
                }
                b'R' => {
                    let (from, to) = two();
                    Record::Rename(from, to)
                }
                b'U' => Record::Remove(text()),
                b'W' => Record::Write(file, number, bytes.to_vec()),
                b'T' => Record::SetLength(file, number),
                b'E' => Record::Synced(file, number),
                b'e' => Record::NamesSynced(number),
                b'A' => Record::Acknowledge(text()),
                b'B' | b'b' => Record::Nothing,
                other => panic!("a record of the kind {other}"),
            });
            log = rest;
        }
        Self { records }
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether the program did nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Everything that was acknowledged in the first so many records, in lines.
    #[must_use]
    pub fn acknowledged(&self, records: usize) -> Vec<&str> {
        let acknowledged = self.records.iter().take(records).filter_map(|record| match record {
            Record::Acknowledge(text) => Some(text.lines()),
            _ => None,
        });
        acknowledged.flatten().collect()
    }

    /// Builds the directory, in the empty directory `into`, as the cut leaves it.
    pub fn rebuild(&self, cut: Cut, into: &Path) {
        image::rebuild(&self.records, cut, into);
    }
}

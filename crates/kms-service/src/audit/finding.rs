//! What verification finds.

use core::fmt;
use std::path::PathBuf;

use crate::audit::head::Head;
use crate::audit::segment::Problem;

/// What is wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum Wrong {
    /// A record, or the header of a segment.
    Record(Problem),
    /// The segment is of another log.
    AnotherLog,
    /// The segment does not begin where its name says.
    Renamed(u64),
    /// The log begins with a later record than its first: segments are missing before.
    NoBeginning,
    /// The segment does not continue the one before, which ends before the record with this sequence number: records are
    /// missing between, or there twice.
    Gap(u64),
    /// The segment does not continue from the last record of the one before.
    Discontinued,
    /// The checkpoint is not one.
    Checkpoint,
    /// No trusted key signed the checkpoint: here is the id of the key that it names. What it covers may have been
    /// written anew.
    Signature(String),
    /// The anchor is of another log.
    AnchorOfAnotherLog,
    /// The record that the anchor names is another one: the log was written anew, from there or from before.
    NotTheAnchor,
    /// The log ends before the record that the anchor names.
    CutOff(Head),
    /// There is no segment.
    Empty,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(problem) => write!(f, "{problem}"),
            Self::AnotherLog => f.write_str("the segment is of another log"),
            Self::Renamed(first) => write!(f, "the segment was renamed: it begins at record {first}"),
            Self::NoBeginning => f.write_str("the segments before this one are missing"),
            Self::Gap(expected) => write!(f, "the segment does not follow: record {expected} belongs here"),
            Self::Discontinued => f.write_str("the segment does not continue from the record before"),
            Self::Checkpoint => f.write_str("the checkpoint is damaged"),
            Self::Signature(key) => write!(f, "no trusted key signed the checkpoint, which names the key {key:?}"),
            Self::AnchorOfAnotherLog => f.write_str("the anchor is of another log"),
            Self::NotTheAnchor => f.write_str("the record is not the one that the anchor names"),
            Self::CutOff(head) => write!(f, "the log was cut off: record {} was there", head.sequence),
            Self::Empty => f.write_str("there is no log"),
        }
    }
}

/// Something wrong, and where.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finding {
    /// The segment; the directory if it is about the whole log.
    pub path: PathBuf,
    /// Where, in bytes from the start of the segment.
    pub offset: u64,
    /// The sequence number of the record that is there or belongs there; 0 for a segment's header.
    pub sequence: u64,
    /// What is wrong.
    pub wrong: Wrong,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, offset, sequence, wrong } = self;
        write!(f, "{}, byte {offset}, record {sequence}: {wrong}", path.display())
    }
}

/// A log that is not as it was written: at least one finding, in the order of the log.
#[derive(Debug)]
#[non_exhaustive]
pub struct Broken {
    /// What is wrong, at most 1,000 times.
    pub findings: Vec<Finding>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the audit log is not as it was written")?;
        self.findings.iter().try_for_each(|finding| write!(f, "\n{finding}"))
    }
}

impl core::error::Error for Broken {}

//! Whether a log is as it was written.

use std::path::Path;

use kms_core::PublicKey;

use crate::Timestamp;
use crate::audit::checkpoint::{Checkpoint, Statement};
use crate::audit::directory::{segment_path, segments};
use crate::audit::finding::{Broken, Finding, Wrong};
use crate::audit::format::{Header, Kind, Link};
use crate::audit::head::Head;
use crate::audit::segment::{Problem, Record};
use crate::audit::walk::{Step, Walk};

/// More findings than anybody reads.
const MAX_FINDINGS: usize = 1000;

/// A log that is as it was written, as far as can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The newest record: all up to it are linked.
    pub head: Head,
    /// How many events there are.
    pub events: u64,
    /// How many checkpoints there are.
    pub checkpoints: u64,
    /// The sequence number of the newest record that a trusted key's signature covers; 0 if there is none. Whoever could
    /// write to the files could have written the records after it anew, unless there is an anchor.
    pub signed: u64,
    /// When that signature was made.
    pub signed_at: Option<Timestamp>,
    /// How many bytes follow the newest record: of a batch that is being written, or that was never acknowledged.
    pub unfinished: u64,
}

/// Reads the whole log, in bounded memory, and finds every record that was altered, dropped, or moved, and every
/// checkpoint that none of `keys` signed. Without keys, signatures are not looked at.
///
/// A log whose end was cut off, or that was written anew, is found by an `anchor`: a [`Head`] that was kept elsewhere.
/// Reads beside writers: a batch that is being written is no finding.
///
/// # Errors
/// All that was found, and what could not be read.
pub fn verify(directory: &Path, keys: &[PublicKey], anchor: Option<&Head>) -> Result<Verified, Broken> {
    let head = Head::new([0; 16], 0, [0; 32]);
    let verified = Verified { head, events: 0, checkpoints: 0, signed: 0, signed_at: None, unfinished: 0 };
    let mut verifier = Verifier { directory, keys, anchor, verified, next: None, findings: Vec::new() };
    match segments(directory) {
        Ok(listed) => verifier.run(&listed),
        Err(error) => verifier.find(directory, 0, 0, Wrong::Record(Problem::Unreadable(error))),
    }
    if verifier.findings.is_empty() {
        return Ok(verifier.verified);
    }
    Err(Broken { findings: verifier.findings })
}

struct Verifier<'a> {
    directory: &'a Path,
    keys: &'a [PublicKey],
    anchor: Option<&'a Head>,
    verified: Verified,
    /// What the next segment has to begin with; `None` if it is not known.
    next: Option<(u64, Link)>,
    findings: Vec<Finding>,
}

impl Verifier<'_> {
    fn find(&mut self, path: &Path, offset: u64, sequence: u64, wrong: Wrong) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(Finding { path: path.to_path_buf(), offset, sequence, wrong });
        }
    }

    fn run(&mut self, listed: &[u64]) {
        for (index, &first) in listed.iter().enumerate() {
            let path = segment_path(self.directory, first);
            let last = index + 1 == listed.len();
            match Walk::open(&path, last) {
                Ok((header, walk)) => {
                    self.check_header(&path, first, &header, index == 0);
                    self.read(&path, walk);
                }
                Err(problem) => {
                    self.find(&path, 0, 0, Wrong::Record(problem));
                    self.next = None;
                }
            }
        }
        if listed.is_empty() {
            self.find(self.directory, 0, 0, Wrong::Empty);
        }
        self.check_end();
    }

    fn check_header(&mut self, path: &Path, first: u64, header: &Header, begins: bool) {
        if begins {
            self.verified.head = Head::new(header.log, header.first.saturating_sub(1), header.previous);
            if header.first != 1 || header.previous != [0; 32] {
                self.find(path, 0, 0, Wrong::NoBeginning);
            }
            if self.anchor.is_some_and(|anchor| anchor.log != header.log) {
                self.find(path, 0, 0, Wrong::AnchorOfAnotherLog);
            }
        }
        if header.log != self.verified.head.log {
            self.find(path, 0, 0, Wrong::AnotherLog);
        }
        if header.first != first {
            self.find(path, 0, 0, Wrong::Renamed(header.first));
        }
        match self.next {
            Some((next, _)) if next != header.first => self.find(path, 0, 0, Wrong::Gap(next)),
            Some((_, link)) if link != header.previous => self.find(path, 0, 0, Wrong::Discontinued),
            _ => {}
        }
    }

    fn read(&mut self, path: &Path, mut walk: Walk) {
        self.next = loop {
            match walk.advance() {
                Ok(Step::Record) => {
                    if let Some(record) = walk.record() {
                        self.check(path, &record);
                    }
                }
                Ok(Step::End) => break Some((walk.cursor().sequence, walk.cursor().link)),
                Ok(Step::Unfinished(len)) => {
                    self.verified.unfinished = len;
                    break None;
                }
                Err(defect) => {
                    self.find(path, defect.offset, defect.sequence, Wrong::Record(defect.problem));
                    if !walk.skip() {
                        break None;
                    }
                }
            }
        };
    }

    fn check(&mut self, path: &Path, record: &Record<'_>) {
        let log = self.verified.head.log;
        match record.kind {
            Kind::Event => self.verified.events += 1,
            Kind::Checkpoint => {
                self.verified.checkpoints += 1;
                self.check_signature(path, record);
            }
        }
        let head = Head::new(log, record.sequence, record.link);
        if self.anchor.is_some_and(|anchor| anchor.sequence == head.sequence && anchor.link != head.link) {
            self.find(path, record.offset, record.sequence, Wrong::NotTheAnchor);
        }
        self.verified.head = head;
    }

    fn check_signature(&mut self, path: &Path, record: &Record<'_>) {
        let Ok(checkpoint) = Checkpoint::parse(record.payload) else {
            return self.find(path, record.offset, record.sequence, Wrong::Checkpoint);
        };
        if self.keys.is_empty() {
            return;
        }
        let (log, sequence) = (self.verified.head.log, record.sequence.saturating_sub(1));
        let (link, time, server) = (record.previous, record.time, checkpoint.server);
        if (Statement { log, sequence, link, time, server }).is_signed_by(self.keys, checkpoint.signature) {
            (self.verified.signed, self.verified.signed_at) = (sequence, Some(time));
        } else {
            self.find(path, record.offset, record.sequence, Wrong::Signature(checkpoint.key_id.to_owned()));
        }
    }

    fn check_end(&mut self) {
        let Some(&anchor) = self.anchor else { return };
        let head = self.verified.head;
        if anchor.sequence > head.sequence {
            self.find(self.directory, 0, anchor.sequence, Wrong::CutOff(anchor));
        }
        if anchor.sequence == 0 && anchor.link != [0; 32] {
            self.find(self.directory, 0, 0, Wrong::NotTheAnchor);
        }
    }
}

//! Reads a segment file to which others may be writing.

use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::Path;

use crate::audit::format::Header;
use crate::audit::segment::{Cursor, Defect, Problem, Record, SegmentReader};
use crate::audit::torn::later_batch;

/// What came next.
pub(crate) enum Step {
    /// A record.
    Record,
    /// The end.
    End,
    /// So many bytes of a batch that is being written, or that was never acknowledged, and the end.
    Unfinished(u64),
}

pub(crate) struct Walk {
    reader: SegmentReader<BufReader<File>>,
    /// Whether it is the last segment of its log.
    last: bool,
    /// Where a record was not right, and was read again.
    again: Option<u64>,
}

impl Walk {
    pub(crate) fn open(path: &Path, last: bool) -> Result<(Header, Self), Problem> {
        let file = File::open(path).map_err(Problem::Unreadable)?;
        let source = BufReader::with_capacity(1 << 18, file);
        let (header, reader) = SegmentReader::new(source).map_err(|defect| defect.problem)?;
        Ok((header, Self { reader, last, again: None }))
    }

    pub(crate) fn record(&self) -> Option<Record<'_>> {
        self.reader.record()
    }

    pub(crate) const fn cursor(&self) -> Cursor {
        self.reader.cursor()
    }

    /// Reads the next record.
    pub(crate) fn advance(&mut self) -> Result<Step, Defect> {
        loop {
            let defect = match self.reader.advance() {
                Ok(true) => return Ok(Step::Record),
                Ok(false) => return Ok(Step::End),
                Err(defect) => defect,
            };
            if !self.last || matches!(defect.problem, Problem::Unreadable(_)) {
                return Err(defect);
            }
            if let Some(len) = self.unfinished(&defect) {
                return Ok(Step::Unfinished(len));
            }
            // A writer may have gone on between the look at the record and that at what follows it.
            if self.again == Some(defect.offset) || !self.seek(self.reader.cursor()) {
                return Err(defect);
            }
            self.again = Some(defect.offset);
        }
    }

    /// Goes past a record that was not right; `false` if its frame is not to be trusted.
    pub(crate) fn skip(&mut self) -> bool {
        self.reader.beyond().is_some_and(|beyond| self.seek(beyond))
    }

    fn seek(&mut self, to: Cursor) -> bool {
        self.reader.go_to(to);
        self.reader.source_mut().seek(SeekFrom::Start(to.offset)).is_ok()
    }

    /// How many bytes follow, if the record may be one that was never acknowledged.
    fn unfinished(&mut self, defect: &Defect) -> Option<u64> {
        let source = self.reader.source_mut();
        source.seek(SeekFrom::Start(defect.offset)).ok()?;
        let later = later_batch(&mut *source, defect.sequence).ok()?;
        let len = source.get_ref().metadata().ok()?.len();
        later.is_none().then_some(len.saturating_sub(defect.offset))
    }
}

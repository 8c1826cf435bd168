//! Takes in what is in the log and was not written through this tail: all of the last segment when the log is opened,
//! and later what other processes wrote.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use kms_core::Error;

use super::{Cut, Tail, begin};
use crate::audit::directory::{self, has_name, io_error, segment_path};
use crate::audit::format::Kind;
use crate::audit::head::Head;
use crate::audit::segment::{Defect, Problem, SegmentReader};
use crate::audit::torn::later_batch;

impl Tail {
    /// Brings the tail to the end of the log. The lock is held.
    pub(super) fn catch_up(&mut self) -> Result<(), Error> {
        loop {
            let path = &self.segment.path;
            let metadata = self.segment.file.metadata().map_err(|error| io_error("cannot examine", path, error))?;
            if metadata.len() < self.at.offset || !has_name(&metadata) {
                return Err(Error::malformed(format!("{} was cut short or removed while in use", path.display())));
            }
            if metadata.len() > self.at.offset {
                self.adopt(metadata.len())?;
            }
            // A segment without records has the name that the next one would have.
            let next = self.at.sequence;
            if next == self.segment.first || !segment_path(&self.directory, next).exists() {
                return Ok(());
            }
            let (segment, at, head) = begin::enter(&self.directory, next)?;
            if head.log != self.head.log || head.link != self.head.link {
                return Err(Error::malformed(format!("{} is of another log", segment.path.display())));
            }
            (self.segment, self.at) = (segment, at);
        }
    }

    /// Reads what follows the end that is known, up to the end of the file.
    fn adopt(&mut self, file_len: u64) -> Result<(), Error> {
        let path = self.segment.path.clone();
        let cannot = |error| io_error("cannot read", &path, error);
        let mut file = &self.segment.file;
        file.seek(SeekFrom::Start(self.at.offset)).map_err(cannot)?;
        let mut reader = SegmentReader::resume(BufReader::with_capacity(1 << 18, file), self.at);
        let mut last_batch = self.at.offset;
        let mut read = self.head;
        let defect = loop {
            let record = match reader.next() {
                Ok(None) => break None,
                Err(defect) => break Some(defect),
                Ok(Some(record)) => record,
            };
            read = Head::new(self.head.log, record.sequence, record.link);
            self.unsigned = if record.kind == Kind::Checkpoint { 0 } else { self.unsigned + 1 };
            if record.place == 0 {
                last_batch = record.offset;
            }
        };
        let at = reader.cursor();
        if let Some(defect) = defect {
            self.cut_off(&defect, file_len)?;
        }
        (self.at, self.head) = (at, read);
        self.write_again(last_batch)
    }

    /// Cuts off a record that is not right, and what follows it, if it was never acknowledged.
    fn cut_off(&mut self, defect: &Defect, file_len: u64) -> Result<(), Error> {
        let Defect { offset, sequence, problem } = defect;
        let (path, mut file) = (&self.segment.path, &self.segment.file);
        let damaged = |why: &str| {
            let path = path.display();
            Err(Error::malformed(format!("{path}, byte {offset}, record {sequence}: {problem}, {why}")))
        };
        if matches!(problem, Problem::Unreadable(_)) {
            return damaged("so the log is not written to");
        }
        file.seek(SeekFrom::Start(*offset)).map_err(|error| io_error("cannot read", path, error))?;
        if later_batch(file, *sequence).map_err(|error| io_error("cannot read", path, error))?.is_some() {
            return damaged("although records of a later batch follow: verify the log");
        }
        let listed = directory::segments(&self.directory).map_err(|e| io_error("cannot list", &self.directory, e))?;
        if listed.last().is_some_and(|&last| last > self.segment.first) {
            return damaged("although another segment follows: verify the log");
        }
        let disk = &*self.settings.disk;
        let cut = disk.truncate(path, file, *offset).and_then(|()| disk.sync(path, file));
        cut.map_err(|error| io_error("cannot cut the torn end off", path, error))?;
        let (segment, offset, sequence) = (path.clone(), *offset, *sequence);
        self.cut = Some(Cut { segment, offset, sequence, len: file_len.saturating_sub(offset) });
        Ok(())
    }

    /// Writes the last batch that was read once more, and syncs it: whoever wrote it may have died before its sync, or
    /// survived one that failed, after which the system takes the pages for written although they are not.
    fn write_again(&self, offset: u64) -> Result<(), Error> {
        let (path, mut file): (_, &File) = (&self.segment.path, &self.segment.file);
        let mut bytes = Vec::new();
        let len = self.at.offset.saturating_sub(offset);
        let read = file.seek(SeekFrom::Start(offset)).and_then(|_| file.take(len).read_to_end(&mut bytes));
        read.map_err(|error| io_error("cannot read", path, error))?;
        let disk = &*self.settings.disk;
        let written = disk.write(path, file, offset, &bytes).and_then(|()| disk.sync(path, file));
        written.map_err(|error| io_error("cannot sync", path, error))
    }
}

//! Segments begin: the first of a log, the next one, and the last one of a log that is there.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use kms_core::{Error, RandomSource, SystemRandom};

use super::{Segment, Tail, Trouble};
use crate::audit::directory::{self, io_error, segment_path};
use crate::audit::disk::{Disk, is_full};
use crate::audit::format::{HEADER_LEN, Header};
use crate::audit::head::Head;
use crate::audit::segment::Cursor;

/// Where a segment stands when none of its records was read.
pub(super) type Entered = (Segment, Cursor, Head);

/// Makes the first segment of a new log.
pub(super) fn found(directory: &Path, disk: &dyn Disk) -> Result<Entered, Error> {
    let mut log = [0; 16];
    SystemRandom.fill(&mut log)?;
    create(directory, Header { log, first: 1, previous: [0; 32] }, disk).map_err(|trouble| match trouble {
        Trouble::Full(error) | Trouble::Fatal(error) => error,
    })
}

/// Opens a segment that is there.
pub(super) fn enter(directory: &Path, first: u64) -> Result<Entered, Error> {
    let path = segment_path(directory, first);
    let cannot = |error| io_error("cannot read", &path, error);
    let file = directory::open(&path).map_err(cannot)?;
    let mut bytes = [0; HEADER_LEN];
    (&file).read_exact(&mut bytes).map_err(cannot)?;
    let header = Header::parse(&bytes)?;
    if header.first != first {
        return Err(Error::malformed(format!("{} was renamed: it begins at record {}", path.display(), header.first)));
    }
    Ok(entered(directory, file, &header))
}

/// A segment has its name only when its header is on the disk.
fn create(directory: &Path, header: Header, disk: &dyn Disk) -> Result<Entered, Trouble> {
    let (temporary, path) = (directory.join("next.tmp"), segment_path(directory, header.first));
    let unmade = |error| {
        let full = is_full(&error);
        let error = io_error("cannot make", &path, error);
        if full { Trouble::Full(error) } else { Trouble::Fatal(error) }
    };
    let file = directory::open_or_create(&temporary, true).map_err(unmade)?;
    disk.write(&temporary, &file, 0, &header.to_bytes()).map_err(unmade)?;
    let fatal = |error| Trouble::Fatal(io_error("cannot make", &path, error));
    disk.sync(&temporary, &file).map_err(fatal)?;
    disk.rename(&temporary, &path).map_err(fatal)?;
    Ok(entered(directory, file, &header))
}

fn entered(directory: &Path, file: File, header: &Header) -> Entered {
    let segment = Segment { path: segment_path(directory, header.first), file, first: header.first };
    (segment, Cursor::first(header), Head::new(header.log, header.first.saturating_sub(1), header.previous))
}

impl Tail {
    /// Begins the segment after this one.
    pub(super) fn next_segment(&mut self) -> Result<(), Trouble> {
        let header = Header { log: self.head.log, first: self.at.sequence, previous: self.at.link };
        let disk = &*self.settings.disk;
        let (segment, at, _) = match create(&self.directory, header, disk) {
            Err(Trouble::Full(_)) if self.reserve.release(disk) => create(&self.directory, header, disk)?,
            made => made?,
        };
        (self.segment, self.at) = (segment, at);
        Ok(())
    }
}

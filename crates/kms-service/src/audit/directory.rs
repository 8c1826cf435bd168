//! The files of a log, and how they are opened.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use kms_core::{Error, ErrorKind};

const SUFFIX: &str = ".audit";

/// The segment whose first record has the sequence number `first`.
pub(crate) fn segment_path(directory: &Path, first: u64) -> PathBuf {
    directory.join(format!("{first:020}{SUFFIX}"))
}

/// The sequence numbers of the first records of all segments, in order.
pub(crate) fn segments(directory: &Path) -> io::Result<Vec<u64>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)).filter(|digits| digits.len() == 20);
        segments.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
    }
    segments.sort_unstable();
    Ok(segments)
}

/// Makes the directory, which only its owner can read, unless it is there.
pub(crate) fn make(directory: &Path) -> Result<(), Error> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(|error| io_error("cannot make the directory", directory, error))
}

/// Opens a file that is there, to read and write.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Opens a file that only its owner can read, and makes it if it is not there.
pub(crate) fn open_or_create(path: &Path, truncate: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(truncate).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Whether the open file still has a name.
pub(crate) fn has_name(metadata: &fs::Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::nlink(metadata) > 0;
    #[cfg(not(unix))]
    return metadata.is_file();
}

pub(crate) fn io_error(what: &str, path: &Path, error: io::Error) -> Error {
    Error::with_detail(ErrorKind::Io, format!("{what} {}: {error}", path.display())).with_source(error)
}

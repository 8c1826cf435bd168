//! Files and directories: who may write them, and how a new file gets its name.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind as IoKind, Read};
use std::path::{Path, PathBuf};

use kms_core::{Error, ErrorKind, RandomSource, SystemRandom};

use crate::sqlite::{file, format};

/// Sees to it that there is a store at `path`, in a directory that nobody else can write. Its full path.
pub(super) fn prepare(path: &Path) -> Result<PathBuf, Error> {
    let directory = directory_of(path);
    make_private(directory)?;
    let directory = fs::canonicalize(directory).map_err(|error| io("finding the directory", error))?;
    check_private(&directory, "directory")?;
    let name = path.file_name().ok_or_else(|| Error::invalid_input("the path of a store ends in a file's name"))?;
    let path = directory.join(name);
    if !exists(&path)? {
        for log in companions(&path) {
            // Another process may have made the file and its log just now.
            if exists(&log)? && !exists(&path)? {
                return Err(Error::malformed(format!("{} is there without the file it belongs to", log.display())));
            }
        }
        create(&path)?;
    }
    check_file(&path)?;
    Ok(path)
}

/// Whether the file at `path` is a store, and one that only its owner can write.
pub(super) fn check_file(path: &Path) -> Result<(), Error> {
    check_private(path, "file")?;
    let mut header = Vec::with_capacity(100);
    let mut file = File::open(path).map_err(|error| io("opening the store", error))?.take(100);
    file.read_to_end(&mut header).map_err(|error| io("reading the store", error))?;
    format::check_header(&header)
}

/// The files that SQLite keeps beside a database.
pub(super) fn companions(path: &Path) -> [PathBuf; 3] {
    ["-wal", "-shm", "-journal"].map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    })
}

/// A new store gets its name when it is complete, so that there is never a half-made one. Another process that is
/// faster is fine.
fn create(path: &Path) -> Result<(), Error> {
    let unfinished = Unfinished::beside(path)?;
    file::create(unfinished.path())?;
    match unfinished.finish(path) {
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        finished => finished,
    }
}

/// A file that is being made in a directory of its own, beside the place that it will have. Dropped, it is gone.
pub(super) struct Unfinished {
    directory: PathBuf,
    file: PathBuf,
}

impl Unfinished {
    /// For a file at `path`.
    pub(super) fn beside(path: &Path) -> Result<Self, Error> {
        let mut random = [0; 8];
        SystemRandom.fill(&mut random)?;
        let name = format!(".kms-store-{:016x}", u64::from_be_bytes(random));
        let directory = directory_of(path).join(name);
        private_directories().create(&directory).map_err(|error| io("making a directory", error))?;
        let file = directory.join("unfinished");
        Ok(Self { directory, file })
    }

    pub(super) fn path(&self) -> &Path {
        &self.file
    }

    /// Makes the file durable, and then gives it its name. Never takes the place of another file.
    ///
    /// # Errors
    /// `InvalidInput` if the name is taken; `Io`.
    pub(super) fn finish(self, path: &Path) -> Result<(), Error> {
        let file = File::open(&self.file).map_err(|error| io("opening a new file", error))?;
        file.sync_all().map_err(|error| io("syncing a new file", error))?;
        // A link fails where a name is taken; a rename would take its place.
        match fs::hard_link(&self.file, path) {
            Ok(()) => {}
            Err(error) if error.kind() == IoKind::AlreadyExists => return Err(taken(path)),
            // A file system without links: what a memory stick has.
            Err(_) if !exists(path)? => {
                fs::rename(&self.file, path).map_err(|error| io("naming a new file", error))?;
            }
            Err(_) => return Err(taken(path)),
        }
        sync_directory(directory_of(path))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // What stays behind is a directory with a name that nothing else uses.
        let _removed = fs::remove_dir_all(&self.directory);
    }
}

fn taken(path: &Path) -> Error {
    Error::invalid_input(format!("{} is there already, and is not replaced", path.display()))
}

/// `InvalidInput` if there is something at `path`, or a log that would be taken for its own.
pub(super) fn check_empty(path: &Path) -> Result<(), Error> {
    if exists(path)? {
        return Err(taken(path));
    }
    companions(path).iter().try_for_each(|log| if exists(log)? { Err(taken(log)) } else { Ok(()) })
}

pub(super) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Makes a directory that only its owner can use, and those above it, if they are not there.
pub(super) fn make_private(directory: &Path) -> Result<(), Error> {
    private_directories().recursive(true).create(directory).map_err(|error| io("making the directory", error))
}

/// Makes an empty file that only its owner can use: what SQLite puts beside it gets the same rights.
pub(super) fn make_private_file(path: &Path) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| io("making the file", error))?;
    Ok(())
}

fn private_directories() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there are no modes to set"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

fn exists(path: &Path) -> Result<bool, Error> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == IoKind::NotFound => Ok(false),
        Err(error) => Err(io("looking for a file", error)),
    }
}

#[cfg(unix)]
fn check_private(path: &Path, what: &str) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;

    let metadata = path.symlink_metadata().map_err(|error| io("looking at the store", error))?;
    let refused = |why: &str| {
        let detail = format!("the {what} {} {why}", path.display());
        Err(Error::with_detail(ErrorKind::Refused, detail))
    };
    if metadata.is_symlink() || metadata.is_dir() != (what == "directory") {
        return refused("is something else");
    }
    if metadata.mode() & 0o022 != 0 {
        return refused("can be written by others: take their right to write (chmod go-w)");
    }
    let me = rustix::process::geteuid().as_raw();
    if metadata.uid() != me && metadata.uid() != 0 && me != 0 {
        return refused("belongs to another user");
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_private(path: &Path, what: &str) -> Result<(), Error> {
    let metadata = path.symlink_metadata().map_err(|error| io("looking at the store", error))?;
    if metadata.is_symlink() || metadata.is_dir() != (what == "directory") {
        return Err(Error::with_detail(ErrorKind::Refused, format!("the {what} {} is something else", path.display())));
    }
    Ok(())
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> Result<(), Error> {
    let directory = File::open(directory).map_err(|error| io("opening the directory", error))?;
    directory.sync_all().map_err(|error| io("syncing the directory", error))
}

/// Other systems have no way to sync a directory, and do it by themselves.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> Result<(), Error> {
    Ok(())
}

pub(super) fn io(doing: &'static str, error: io::Error) -> Error {
    Error::with_detail(ErrorKind::Io, doing).with_source(error)
}

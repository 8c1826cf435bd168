//! Where results go: standard output, or a file that appears under its name only when it is complete.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::failure::{Failure, Status};
use crate::interrupt;

/// Where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    Stdout,
    File(PathBuf),
}

impl Destination {
    /// `-` is standard output.
    pub(crate) fn from_argument(path: &Path) -> Self {
        if path == Path::new("-") { Self::Stdout } else { Self::File(path.to_path_buf()) }
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Self::Stdout => "standard output".into(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// A result on its way.
pub(crate) enum Output {
    Stdout(io::Stdout),
    /// A device or pipe that has a name: nothing to replace.
    Special(File),
    Temporary {
        file: NamedTempFile,
        path: PathBuf,
        replace: bool,
    },
}

impl Output {
    /// Opens `to`. `mode` is the permission bits of a new file.
    pub(crate) fn create(to: &Destination, replace: bool, mode: u32) -> Result<Self, Failure> {
        let Destination::File(path) = to else { return Ok(Self::Stdout(io::stdout())) };
        let failed = |error: io::Error| Failure::from(error).about(path.display());
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(Failure::usage("is a directory").about(path.display())),
            Ok(found) if !found.is_file() => {
                return File::options().write(true).open(path).map(Self::Special).map_err(failed);
            }
            Ok(_) if !replace => return Err(exists(path)),
            _ => {}
        }
        // The file that a link leads to is replaced, not the link.
        let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        let folder = folder_of(path);
        let make = || {
            let mut builder = tempfile::Builder::new();
            builder.prefix(".kms-").suffix(".part");
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                builder.permissions(std::fs::Permissions::from_mode(mode));
            }
            let file = builder.tempfile_in(folder)?;
            let path = file.path().to_path_buf();
            Ok((file, path))
        };
        let _ = mode;
        let file = interrupt::begin(make).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Failure::new(Status::Failed, "no such folder").about(folder.display()),
            _ => failed(error),
        })?;
        Ok(Self::Temporary { file, path: path.clone(), replace })
    }

    /// Whether nobody has seen anything of it before it is committed.
    pub(crate) const fn can_be_taken_back(&self) -> bool {
        matches!(self, Self::Temporary { .. })
    }

    /// Gives the file its name, durably.
    pub(crate) fn commit(self) -> Result<(), Failure> {
        match self {
            Self::Stdout(mut stdout) => Ok(stdout.flush()?),
            Self::Special(mut file) => Ok(file.flush()?),
            Self::Temporary { file, path, replace } => {
                file.as_file().sync_all().map_err(|error| Failure::from(error).about(path.display()))?;
                let temporary = file.path().to_path_buf();
                let named = interrupt::finish(&temporary, || {
                    if replace { file.persist(&path) } else { file.persist_noclobber(&path) }
                });
                match named {
                    Ok(_) => {}
                    Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => return Err(exists(&path)),
                    Err(failed) => return Err(Failure::from(failed.error).about(path.display())),
                }
                // The name is in the folder: without this it can be gone after a power cut.
                #[cfg(unix)]
                File::open(folder_of(&path))?.sync_all()?;
                Ok(())
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write(bytes),
            Self::Special(file) => file.write(bytes),
            Self::Temporary { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::Special(file) => file.flush(),
            Self::Temporary { file, .. } => file.flush(),
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

fn exists(path: &Path) -> Failure {
    Failure::new(Status::Exists, "exists already; nothing was written")
        .about(path.display())
        .hint("Replace it with --force, or choose another name with -o.")
}

/// Binary data on a terminal helps nobody.
pub(crate) fn refuse_terminal(to: &Destination, explicit: bool) -> Result<(), Failure> {
    if *to == Destination::Stdout && !explicit && io::stdout().is_terminal() {
        return Err(Failure::usage("refusing to write binary data to the terminal")
            .hint("Name a file with -o FILE, or insist with -o -."));
    }
    Ok(())
}

/// Writes a whole small result: to standard output, or to a file.
pub(crate) fn write_small(to: &Destination, replace: bool, mode: u32, bytes: &[u8]) -> Result<(), Failure> {
    let mut output = Output::create(to, replace, mode)?;
    output.write_all(bytes)?;
    output.commit()
}

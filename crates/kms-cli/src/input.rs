//! Where payloads come from: files, or standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::failure::Failure;

/// Something to read, and what is known of it.
pub(crate) struct Input {
    source: Source,
    /// For messages.
    pub(crate) name: String,
    /// Bytes, if it is a file.
    pub(crate) len: Option<u64>,
    /// Permission bits, if it is a file.
    pub(crate) mode: Option<u32>,
}

enum Source {
    Stdin(io::Stdin),
    File(File),
}

impl Input {
    /// `-` is standard input.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            let source = Source::Stdin(io::stdin());
            return Ok(Self { source, name: "standard input".into(), len: None, mode: None });
        }
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| Failure::from(error).about(&name))?;
        let facts = file.metadata().map_err(|error| Failure::from(error).about(&name))?;
        if facts.is_dir() {
            return Err(Failure::usage("is a directory")
                .about(&name)
                .hint("Name files; tar makes one of a directory."));
        }
        let len = facts.is_file().then_some(facts.len());
        #[cfg(unix)]
        let mode = {
            use std::os::unix::fs::PermissionsExt;
            facts.is_file().then(|| facts.permissions().mode() & 0o777)
        };
        #[cfg(not(unix))]
        let mode = None;
        Ok(Self { source: Source::File(file), name, len, mode })
    }

    /// Whether there is something to open. Does not open it: a pipe can be opened only once.
    pub(crate) fn check(path: &Path) -> Result<(), Failure> {
        if path == Path::new("-") {
            return Ok(());
        }
        std::fs::metadata(path).map(drop).map_err(|error| Failure::from(error).about(path.display()))
    }

    /// Reads all of a small input, at most `max` bytes.
    pub(crate) fn read_small(mut self, max: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let capacity = usize::try_from(self.len.unwrap_or(max).min(max)).unwrap_or_default();
        let mut bytes = Zeroizing::new(Vec::with_capacity(capacity + 1));
        (&mut self).take(max + 1).read_to_end(&mut bytes).map_err(|error| Failure::from(error).about(&self.name))?;
        if bytes.len() as u64 > max {
            return Err(Failure::usage(format!("is longer than {max} bytes")).about(&self.name));
        }
        Ok(bytes)
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.source {
            Source::Stdin(stdin) => stdin.read(out),
            Source::File(file) => file.read(out),
        }
    }
}

/// What was read, if it is PEM and not DER.
pub(crate) fn as_pem(bytes: &[u8]) -> Option<&str> {
    core::str::from_utf8(bytes).ok().map(str::trim).filter(|text| text.starts_with("-----BEGIN"))
}

/// Fills as much of `out` as there is input for.
pub(crate) fn read_full(input: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(room) = out.get_mut(filled..).filter(|room| !room.is_empty()) {
        match input.read(room) {
            Ok(0) => break,
            Ok(len) => filled += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

//! The log of calls.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

pub(crate) struct Log(File);

impl Log {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(OpenOptions::new().create(true).append(true).open(path)?))
    }

    /// One line, in one write: lines of several threads do not mix.
    pub(crate) fn append(&self, function: &str, answer: &str, rules: &[u64]) -> io::Result<()> {
        let mut line = format!("{function} {answer}");
        for rule in rules {
            let _ = write!(line, " {rule}");
        }
        line.push('\n');
        (&self.0).write_all(line.as_bytes())
    }
}

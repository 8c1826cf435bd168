//! What is wrong with credentials, and where.

use core::fmt;
use std::path::{Path, PathBuf};

/// What is wrong with credentials, where, and what to do. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialsError {
    path: Option<PathBuf>,
    line: Option<usize>,
    problem: String,
}

impl CredentialsError {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self { path: None, line: None, problem: problem.into() }
    }

    /// The same, at a byte of the text.
    pub(super) fn at(mut self, text: &str, offset: usize) -> Self {
        let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
        self.line = Some(before.iter().filter(|&&byte| byte == b'\n').count() + 1);
        self
    }

    /// The same, in a file.
    pub(super) fn in_file(mut self, path: &Path) -> Self {
        self.path.get_or_insert_with(|| path.to_owned());
        self
    }

    /// The line, counted from one, where one is to blame.
    #[must_use]
    pub const fn line(&self) -> Option<usize> {
        self.line
    }

    /// What is wrong, and what to do.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}", path.display())?,
            None => f.write_str("credentials")?,
        }
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl core::error::Error for CredentialsError {}

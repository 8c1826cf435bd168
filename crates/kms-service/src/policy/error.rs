//! What is wrong with a policy, and where.

use core::fmt;
use std::borrow::Cow;

/// Why a text is not a policy: where, and what is wrong there.
///
/// The text itself is not in it, but names that it uses are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    path: String,
    problem: Cow<'static, str>,
}

impl PolicyError {
    /// Where: elements joined by dots, places in lists counted from 0 as in `Statement[2].Condition.StringEquals`. Empty
    /// for the document as a whole.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong there.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.problem),
            path => write!(f, "{path}: {}", self.problem),
        }
    }
}

impl core::error::Error for PolicyError {}

/// Where in the document the parser is. A list of borrowed steps: nothing is written down unless something is wrong.
#[derive(Clone, Copy)]
pub(super) struct Path<'a> {
    step: Step<'a>,
    before: Option<&'a Path<'a>>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Document,
    Member(&'a str),
    Place(usize),
}

impl<'a> Path<'a> {
    pub(super) const DOCUMENT: Path<'static> = Path { step: Step::Document, before: None };

    pub(super) const fn member(&'a self, name: &'a str) -> Self {
        Self { step: Step::Member(name), before: Some(self) }
    }

    pub(super) const fn place(&'a self, index: usize) -> Self {
        Self { step: Step::Place(index), before: Some(self) }
    }

    pub(super) fn error(&self, problem: impl Into<Cow<'static, str>>) -> PolicyError {
        let mut path = String::new();
        self.write(&mut path);
        PolicyError { path, problem: problem.into() }
    }

    fn write(&self, out: &mut String) {
        if let Some(before) = self.before {
            before.write(out);
        }
        match self.step {
            Step::Document => {}
            Step::Member(name) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(name);
            }
            Step::Place(index) => out.push_str(&format!("[{index}]")),
        }
    }
}

//! What came of a run.

use std::collections::BTreeMap;
use std::fmt;

/// What passed, what is absent and why, and all that failed.
///
/// `Display` shows everything, failures first.
#[derive(Debug)]
#[non_exhaustive]
#[must_use]
pub struct Report {
    /// What was put to the test.
    pub subject: String,
    /// What held.
    pub passed: Vec<Passed>,
    /// What the subject was said to lack, and was not tried.
    pub absent: Vec<Absent>,
    /// What did not hold.
    pub failures: Vec<Failure>,
}

/// A check that held.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Passed {
    /// The rule.
    pub check: &'static str,
    /// What it was tried on: a key spec and usage, an algorithm; empty for the backend as a whole.
    pub on: String,
}

/// Something the subject lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Absent {
    /// What.
    pub what: String,
    /// Why, in the words of whoever declared it.
    pub reason: String,
}

/// A check that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The rule.
    pub check: &'static str,
    /// What it was tried on; empty for the backend as a whole.
    pub on: String,
    /// What happened instead.
    pub what: String,
}

impl Report {
    pub(super) const fn new(subject: String) -> Self {
        Self { subject, passed: Vec::new(), absent: Vec::new(), failures: Vec::new() }
    }

    /// Whether nothing failed.
    #[must_use]
    pub fn is_pass(&self) -> bool {
        self.failures.is_empty()
    }

    /// Whether a check of this name failed, on anything.
    #[must_use]
    pub fn failed(&self, check: &str) -> bool {
        self.failures.iter().any(|failure| failure.check == check)
    }

    /// For tests: stops, with the whole report, unless everything passed.
    ///
    /// # Panics
    /// If anything failed.
    pub fn assert_passed(&self) {
        assert!(self.is_pass(), "\n{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (passed, failed) = (self.passed.len(), self.failures.len());
        writeln!(f, "{}: {passed} passed, {failed} failed, {} absent", self.subject, self.absent.len())?;
        for Failure { check, on, what } in &self.failures {
            writeln!(f, "  FAILED  {check}{}: {what}", On(on))?;
        }
        for Absent { what, reason } in &self.absent {
            writeln!(f, "  absent  {what}: {reason}")?;
        }
        let mut times: BTreeMap<_, usize> = BTreeMap::new();
        for one in &self.passed {
            *times.entry(one.check).or_default() += 1;
        }
        for (check, times) in times {
            match times {
                1 => writeln!(f, "  passed  {check}")?,
                _ => writeln!(f, "  passed  {check} ({times} times)")?,
            }
        }
        Ok(())
    }
}

struct On<'a>(&'a str);

impl fmt::Display for On<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " [{}]", self.0) }
    }
}

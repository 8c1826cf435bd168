//! What a command says of what it did: a line for people, or JSON for machines.

use std::io::{self, Write};

use clap::Args;
use serde_json::Value;

use crate::failure::Failure;

/// How to report.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Report {
    /// Print the result as JSON, for machines
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Say nothing unless something fails
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

impl Report {
    /// A line about what was done, on standard error: standard output is for data.
    pub(crate) fn done(self, line: &str) {
        if !self.quiet && !self.json {
            let _unread = writeln!(io::stderr(), "{line}");
        }
    }

    /// What the user should know even if the result is for machines.
    pub(crate) fn notice(self, text: &str) {
        if !self.quiet {
            let _unread = writeln!(io::stderr(), "{text}");
        }
    }

    /// A result on standard output.
    pub(crate) fn result(self, text: &str, json: impl FnOnce() -> Value) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{:#}", json())?;
        } else {
            writeln!(out, "{}", text.trim_end())?;
        }
        Ok(out.flush()?)
    }

    /// A result that only machines get on standard output.
    pub(crate) fn record(self, json: impl FnOnce() -> Value) -> Result<(), Failure> {
        if self.json { self.result("", json) } else { Ok(()) }
    }
}

/// Bytes for people.
pub(crate) fn bytes(count: u64) -> String {
    if count < 1024 { format!("{count} bytes") } else { indicatif::BinaryBytes(count).to_string() }
}

/// Columns for people: the widest cell decides, the last column is free.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

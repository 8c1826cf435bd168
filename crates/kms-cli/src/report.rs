//! What a command says of what it did: a line for people, or JSON for machines.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

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
            let _unread = writeln!(io::stderr(), "{}", printable(line));
        }
    }

    /// Why nothing happens for a while, to whoever sits before a terminal.
    pub(crate) fn waiting(self, line: &str) {
        if io::stderr().is_terminal() {
            self.done(line);
        }
    }

    /// What went wrong, on standard error; of one input among several also for machines.
    pub(crate) fn failed(self, input: Option<&Path>, failure: &Failure) {
        if failure.silent {
            return;
        }
        let _unread = writeln!(io::stderr(), "{failure}");
        if let Some(input) = input {
            let error = || json!({ "Status": failure.status as u8, "Message": failure.message() });
            let _unread = self.record(|| json!({ "Input": input.to_string_lossy(), "Error": error() }));
        }
    }

    /// What the user should know even if the result is for machines.
    pub(crate) fn notice(self, text: &str) {
        if !self.quiet {
            for line in text.lines() {
                let _unread = writeln!(io::stderr(), "{}", printable(line));
            }
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

    /// A result that only machines get on standard output: a line of JSON for each input.
    pub(crate) fn record(self, json: impl FnOnce() -> Value) -> Result<(), Failure> {
        if !self.json {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        writeln!(out, "{}", json())?;
        Ok(out.flush()?)
    }
}

/// Text from a stranger (a message, a file's name) without what could steer a terminal or look like other text.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| match c {
            '"' | '\'' => vec![c],
            c => c.escape_debug().collect(),
        })
        .collect()
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

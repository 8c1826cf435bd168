//! `kms completions` and `kms man`: made from the arguments, so that they cannot disagree with them.

use std::io::Write;

use clap::{Args, Command, CommandFactory};

use super::Arguments;
use crate::failure::{Failure, STATUSES};

/// Print completions for a shell
///
/// For bash: kms completions bash > ~/.local/share/bash-completion/completions/kms
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: clap_complete::Shell,
}

/// Print a man page
///
/// `kms man | man -l -` shows the page of kms itself, `kms man key create` that of a command.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The command; without one, kms itself
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

impl Completions {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let mut page = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "kms", &mut page);
        print(&page)
    }
}

impl Man {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let mut whole = Arguments::command().after_help("");
        whole.build();
        let mut command = &whole;
        for name in &self.command {
            command = command
                .find_subcommand(name)
                .ok_or_else(|| Failure::usage(format!("no command {name:?}")).hint("`kms help` lists the commands."))?;
        }
        print(&page(command.clone())?)
    }
}

fn page(command: Command) -> Result<Vec<u8>, Failure> {
    let man = clap_mangen::Man::new(command);
    let mut page = Vec::new();
    man.render(&mut page)?;
    writeln!(page, ".SH \"EXIT STATUS\"")?;
    for line in STATUSES.lines().skip(1) {
        let (status, meaning) = line.trim().split_once(' ').unwrap_or_default();
        writeln!(page, ".TP\n\\fB{status}\\fR\n{}", meaning.trim())?;
    }
    Ok(page)
}

fn print(page: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(page)?;
    Ok(out.flush()?)
}

//! The command `kms`.

#![expect(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a program with an operating system under it"
)]
#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic when nobody reads.

mod aws;
mod commands;
mod failure;
mod harden;
mod hsm;
mod input;
mod interrupt;
mod keyring;
mod keys;
mod message_keys;
mod output;
mod progress;
mod report;
mod serve;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::commands::Arguments;

/// Wipes memory when it is freed: the `rsa` crate, for one, leaves parts of private keys in what it frees.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    harden::process();
    let arguments = Arguments::parse();
    let watched = if arguments.is_server() { Ok(()) } else { interrupt::install() };
    match watched.and_then(|()| arguments.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.silent {
                // Nobody may be reading: that is no reason to end otherwise than said.
                let _unread = writeln!(std::io::stderr(), "{failure}");
            }
            ExitCode::from(failure.status as u8)
        }
    }
}

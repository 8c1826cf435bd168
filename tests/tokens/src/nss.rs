//! The software token of NSS ("softoken").

use std::ffi::CString;
use std::process::Command;
use std::sync::Arc;

use crate::programs;
use crate::token::{PIN, Token, fresh_label};

const PACKAGE: &str = "libnss3-tools";

/// A fresh NSS token. It refuses `C_Initialize` without the string in [`Token::reserved`], shows a second, read-only
/// token beside this one, and lets keys out that are marked as not extractable: a module that is hard to please.
///
/// # Panics
/// If NSS (Debian package `libnss3-tools`) is not installed, or fails.
#[must_use]
pub fn nss() -> Token {
    let directory = Arc::new(programs::fresh_directory());
    let database = format!("sql:{}", directory.path().display());
    let pin = directory.path().join("pin");
    programs::write(&pin, &format!("{PIN}\n"));
    programs::run(Command::new("certutil").args(["-N", "-d", &database, "-f"]).arg(&pin), PACKAGE);

    let label = fresh_label();
    let parameters = format!(
        "configdir='{database}' certPrefix='' keyPrefix='' secmod='secmod.db' flags= dbTokenDescription='{label}'"
    );
    let reserved = CString::new(parameters).unwrap_or_else(|error| panic!("the parameters of NSS: {error}"));
    Token::new(programs::module("libsoftokn3.so", "libnss3"), label, directory).with_reserved(reserved)
}

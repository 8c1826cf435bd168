//! Kryoptic, a software token in Rust, which `tests/kryoptic` builds.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crate::programs;
use crate::token::{PIN, SO_PIN, Token, fresh_label};

/// A fresh Kryoptic token: without Edwards and Montgomery curves, and without post-quantum algorithms, for which it
/// wants a newer OpenSSL than Debian 12 has.
///
/// # Panics
/// If `tests/kryoptic/build` has not been run, if `pkcs11-tool` (Debian package `opensc`) is not installed, or if
/// either fails.
#[must_use]
pub fn kryoptic() -> Token {
    let directory = Arc::new(programs::fresh_directory());
    let configuration = directory.path().join("kryoptic.conf");
    let database = directory.path().join("token.sql");
    programs::write(
        &configuration,
        &format!("[[slots]]\nslot = 1\ndbtype = \"sqlite\"\ndbargs = \"{}\"\n", database.display()),
    );

    let token = Token::new(module(), fresh_label(), directory).with_variable("KRYOPTIC_CONF", configuration);
    tool(&token, &["--init-token", "--label", token.label(), "--so-pin", SO_PIN]);
    tool(&token, &["--init-pin", "--login", "--login-type", "so", "--so-pin", SO_PIN, "--pin", PIN]);
    token
}

fn module() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let module = root.join(target).join("kryoptic/release/libkryoptic_pkcs11.so");
    assert!(module.is_file(), "{} is not there: run tests/kryoptic/build", module.display());
    module
}

/// `pkcs11-tool`, since Kryoptic comes without a program of its own.
fn tool(token: &Token, arguments: &[&str]) {
    let mut command = Command::new("pkcs11-tool");
    command.arg("--module").arg(token.module()).args(arguments).envs(token.environment());
    programs::run(&mut command, "opensc");
}

//! SoftHSM 2.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;

use crate::programs;
use crate::token::{PIN, SO_PIN, Token, fresh_label};

const PACKAGE: &str = "softhsm2";
const CONFIGURATION: &str = "softhsm2.conf";

/// A fresh SoftHSM token.
///
/// # Panics
/// If SoftHSM (Debian package `softhsm2`) is not installed, or fails.
#[must_use]
pub fn softhsm() -> Token {
    let directory = programs::fresh_directory();
    let tokens = directory.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap_or_else(|error| panic!("{}: {error}", tokens.display()));
    programs::write(
        &directory.path().join(CONFIGURATION),
        &format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", tokens.display()),
    );
    create(Arc::new(directory))
}

/// A second token under the same module and configuration as `token`, made by [`softhsm()`]. To be called before this
/// process initialises the module: SoftHSM looks for tokens only then.
///
/// # Panics
/// As [`softhsm()`], and if `token` is of another kind.
#[must_use]
pub fn softhsm_beside(token: &Token) -> Token {
    create(token.shared_directory())
}

fn create(directory: Arc<TempDir>) -> Token {
    let label = fresh_label();
    let configuration = directory.path().join(CONFIGURATION);
    assert!(configuration.is_file(), "not a SoftHSM token");
    initialise(&configuration, &label);
    Token::new(programs::module("libsofthsm2.so", PACKAGE), label, directory)
        .with_variable("SOFTHSM2_CONF", configuration)
}

fn initialise(configuration: &Path, label: &str) {
    let mut command = Command::new("softhsm2-util");
    command.args(["--init-token", "--free", "--label", label, "--so-pin", SO_PIN, "--pin", PIN]);
    programs::run(command.env("SOFTHSM2_CONF", configuration), PACKAGE);
}

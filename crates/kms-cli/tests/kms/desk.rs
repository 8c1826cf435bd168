//! A folder with a keyring's place and a SoftHSM token, and the command run with both.

use std::path::PathBuf;
use std::process::Command;

use test_tokens::{Token, softhsm};

use crate::{Home, Run, set_mode};

/// A folder, and a token beside it.
pub(crate) struct Desk {
    pub(crate) home: Home,
    pub(crate) token: Token,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(softhsm())
    }

    fn with(token: Token) -> Self {
        let home = Home::new();
        set_mode(&home.write("pin", token.pin()), 0o600);
        Self { home, token }
    }

    /// A URI of the token, with `path` after its label and all that is needed behind it.
    pub(crate) fn uri(&self, path: &str) -> String {
        let pin = self.home.path("pin");
        format!("{}&pin-source=file:{}", self.uri_without_pin(path), pin.display())
    }

    fn uri_without_pin(&self, path: &str) -> String {
        format!("pkcs11:token={}{path}?module-path={}", self.token.label(), self.token.module().display())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command(arguments);
        command.envs(self.token.environment());
        command
    }

    /// Runs with these arguments alone; the PIN must not be in what it says.
    pub(crate) fn bare(&self, arguments: &[&str]) -> Run {
        self.checked(self.command(arguments))
    }

    /// The same, with the keys of the HSM.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let mut command = self.command(arguments);
        command.env("KMS_BACKEND", self.uri(""));
        self.checked(command)
    }

    fn checked(&self, mut command: Command) -> Run {
        let run = Run::from(command.output().unwrap());
        let said = [run.stdout.as_slice(), run.stderr.as_bytes()].concat();
        let pin = self.token.pin().as_bytes();
        assert!(!said.windows(pin.len()).any(|window| window == pin), "the PIN is in the output of {command:?}");
        run
    }

    pub(crate) fn ok(&self, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.status, 0, "{arguments:?}: {}", run.stderr);
        run
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_slice(&self.ok(&[arguments, &["--json"]].concat()).stdout).unwrap()
    }

    /// It fails with this status, and says each of these.
    pub(crate) fn fails(&self, arguments: &[&str], status: i32, says: &[&str]) {
        said(&self.run(arguments), status, says);
    }

    /// As if it were unplugged.
    pub(crate) fn token_is_gone(&self) {
        std::fs::remove_dir_all(self.token.directory().join("tokens")).unwrap();
        std::fs::create_dir(self.token.directory().join("tokens")).unwrap();
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.home.path("wrapped").join(self.token.label())
    }
}

pub(crate) fn said(run: &Run, status: i32, says: &[&str]) {
    assert_eq!(run.status, status, "{}", run.stderr);
    for text in says {
        assert!(run.stderr.contains(text), "{text:?} is not in: {}", run.stderr);
    }
}

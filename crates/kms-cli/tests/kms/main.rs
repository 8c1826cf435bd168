//! The command as a user has it: a real process, real files, a keyring of its own for each test.

#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test stops at the first surprise, and has std"
)]

mod audit;
#[cfg(feature = "aws")]
mod aws;
mod credentials;
mod desk;
#[cfg(feature = "aws")]
#[path = "../../../kms-aws/tests/aws/endpoint.rs"]
#[expect(dead_code, reason = "shared with the tests of kms-aws, which use all of it")]
mod endpoint;
mod files;
mod first_use;
mod hostile;
mod hsm;
mod hsm_root;
mod keys;
mod kill;
mod life;
mod moving;
mod pages;
mod served;
#[cfg(feature = "aws")]
mod server;
mod signals;
#[cfg(target_os = "linux")]
mod soak;
mod store;
mod streams;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder with a keyring of its own.
struct Home(tempfile::TempDir);

/// What a run of the command left.
struct Run {
    status: i32,
    stdout: Vec<u8>,
    stderr: String,
}

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// One with a keyring and a default key in it.
    fn with_key() -> Self {
        let home = Self::new();
        home.ok(&["key", "create", "--alias", "default"]);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// The names of the files there, without those of the keyring.
    fn names(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !["audit", "keyring.lock", "root.key", "store"].contains(&name.as_str()));
        names.sort();
        names
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kms"));
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        for name in [
            "KMS_ROOT_KEY",
            "KMS_PASSPHRASE_FILE",
            "KMS_ROOT_HSM",
            "KMS_BACKEND",
            "KMS_PKCS11_MODULE",
            "KMS_PIN_FILE",
            "KMS_WRAPPED_KEYS",
        ] {
            command.env_remove(name);
        }
        command.env("KMS_KEYRING", self.path("keyring"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        Run::from(self.command(arguments).output().unwrap())
    }

    /// Runs with something on standard input.
    fn pipe(&self, arguments: &[&str], input: &[u8]) -> Run {
        let file = self.write("stdin", input);
        let run = self.command(arguments).stdin(std::fs::File::open(&file).unwrap()).output().unwrap();
        std::fs::remove_file(file).unwrap();
        Run::from(run)
    }

    /// Runs, and it has to go well.
    fn ok(&self, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.status, 0, "{arguments:?}: {}", run.stderr);
        run
    }

    /// Runs with --json, and it has to go well.
    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_slice(&self.ok(&[arguments, &["--json"]].concat()).stdout).unwrap()
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    fn text(&self) -> &str {
        core::str::from_utf8(&self.stdout).unwrap()
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

//! Programs and modules of the system, and what to install where they are missing.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs `command` to its end.
///
/// # Panics
/// If it is not there, which names the Debian package that it is in, or if it fails.
pub(crate) fn run(command: &mut Command, package: &str) {
    let program = command.get_program().display().to_string();
    match command.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!(
            "{program}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("{program} is not there: install the Debian package {package}")
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

/// The module with this file name, where Debian and its like put modules.
///
/// # Panics
/// If it is not there: with the name of the Debian package that it is in.
pub(crate) fn module(file: &str, package: &str) -> PathBuf {
    let multiarch = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let roots = ["/usr/lib", &multiarch, "/usr/lib64"];
    let places = roots.iter().flat_map(|root| ["", "softhsm", "nss", "pkcs11"].map(|sub| Path::new(root).join(sub)));
    places
        .map(|place| place.join(file))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{file} is not there: install the Debian package {package}"))
}

/// A directory of its own for a token.
pub(crate) fn fresh_directory() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("kms-token-")
        .tempdir()
        .unwrap_or_else(|error| panic!("a temporary directory: {error}"))
}

/// Writes a file of a token's configuration.
pub(crate) fn write(path: &Path, content: &str) {
    std::fs::write(path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

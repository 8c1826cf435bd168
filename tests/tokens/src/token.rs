//! What a program has to know of a token to use it.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::bare::Bare;
use crate::process;

/// The user's PIN of every token here: no word of a text or a name, so that a test can look for it where it must not be.
pub(crate) const PIN: &str = "pin-8d2f61c4";

/// The security officer's PIN of every token here.
pub(crate) const SO_PIN: &str = "so-pin-47a90b3e";

/// A token, and the directory that it lies in. The directory is deleted with the last `Token` in it.
#[derive(Debug)]
pub struct Token {
    module: PathBuf,
    label: String,
    reserved: Option<CString>,
    environment: Vec<(&'static str, OsString)>,
    directory: Arc<TempDir>,
}

impl Token {
    pub(crate) fn new(module: PathBuf, label: String, directory: Arc<TempDir>) -> Self {
        Self { module, label, reserved: None, environment: Vec::new(), directory }
    }

    /// The same token, behind another module that has a directory of its own.
    pub(crate) fn behind(&self, module: PathBuf, directory: TempDir) -> Self {
        Self {
            module,
            label: self.label.clone(),
            reserved: self.reserved.clone(),
            environment: self.environment.clone(),
            directory: Arc::new(directory),
        }
    }

    pub(crate) fn with_variable(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    pub(crate) fn with_reserved(mut self, reserved: CString) -> Self {
        self.reserved = Some(reserved);
        self
    }

    pub(crate) fn shared_directory(&self) -> Arc<TempDir> {
        Arc::clone(&self.directory)
    }

    /// The shared object of the PKCS#11 module.
    #[must_use]
    pub fn module(&self) -> &Path {
        &self.module
    }

    /// The label, unique among all tokens of this process and, with its process number, on this machine.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The PIN of the user (`CKU_USER`).
    #[must_use]
    pub fn pin(&self) -> &str {
        PIN
    }

    /// What `C_Initialize` needs in `pReserved`: a string for NSS, nothing for the others.
    #[must_use]
    pub fn reserved(&self) -> Option<&CStr> {
        self.reserved.as_deref()
    }

    /// The variables that a process needs to see this token, for [`Command::envs`](std::process::Command::envs).
    pub fn environment(&self) -> impl Iterator<Item = (&'static str, &OsStr)> {
        self.environment.iter().map(|(name, value)| (*name, value.as_os_str()))
    }

    /// The directory that is deleted with the token.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Sets the [environment](Self::environment) in this process, before anything loads the module. Entering a token
    /// again changes nothing.
    ///
    /// # Panics
    /// If this process has entered another token of the same kind.
    pub fn enter(&self) {
        process::enter(self);
    }

    /// [Enters](Self::enter) the token and opens it through bare `cryptoki`: a read-write session, logged in. If the
    /// module is initialised already, in this process, it stays as it is.
    ///
    /// # Panics
    /// As [`enter`](Self::enter), and if a call fails.
    #[must_use]
    pub fn open(&self) -> Bare {
        Bare::open(self)
    }
}

/// A label that no other token has.
pub(crate) fn fresh_label() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("kms-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

//! What a power cut leaves of a directory that a program writes.
//!
//! A [`Recorder`] starts the program under a library that records each write, length, name and sync of the files in one
//! directory, and what the program says it has acknowledged: lines that it writes to the file `.acknowledged` there. A
//! [`Recording`] then builds the directory as a disk would have it had the power failed at any instant:
//!
//! - what was synced is there;
//! - what was written since, in pieces of 4 KiB, is there or not, each by the throw of a die, so that later writes may
//!   be there and earlier ones not; some pieces are torn at 512 bytes;
//! - names and lengths are there up to some point in their order. A name is certain once a directory is synced.
//!
//! The program never waits for a real disk. The recorder can also fill the disk, and let writes and syncs fail. Linux only, 64 bits;
//! what goes around the C library is not seen, see `record.c`.

#![forbid(unsafe_code)]
#![expect(clippy::std_instead_of_alloc, reason = "never built without std")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "runs in tests, and stops at the first surprise"
)]

mod chance;
mod image;
mod recording;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub use crate::image::Cut;
pub use crate::recording::Recording;

/// Starts programs whose writes are recorded.
#[derive(Debug)]
pub struct Recorder {
    library: PathBuf,
    log: PathBuf,
    control: PathBuf,
    directory: PathBuf,
}

impl Recorder {
    /// Keeps what it needs in the directory `home`, which is there and empty.
    #[must_use]
    pub fn new(home: &Path) -> Self {
        let home = fs::canonicalize(home).unwrap();
        let [directory, control] = ["disk", "control"].map(|name| {
            let path = home.join(name);
            fs::create_dir(&path).unwrap();
            path
        });
        let (source, library) = (home.join("record.c"), home.join("record.so"));
        fs::write(&source, include_str!("record.c")).unwrap();
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let compiled =
            Command::new(compiler).args(["-O2", "-shared", "-fPIC", "-o"]).args([&library, &source]).status().unwrap();
        assert!(compiled.success(), "the compiler: {compiled}");
        Self { library, log: home.join("log"), control, directory }
    }

    /// The directory whose files are followed. Empty at first.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Makes a program one that is recorded. A second one goes on where the first one ended.
    pub fn attach<'a>(&self, program: &'a mut Command) -> &'a mut Command {
        program
            .env("LD_PRELOAD", &self.library)
            .env("POWER_CUT_DIR", &self.directory)
            .env("POWER_CUT_LOG", &self.log)
            .env("POWER_CUT_CONTROL", &self.control)
    }

    /// Whether there is no room on the disk.
    pub fn fill_disk(&self, full: bool) {
        self.control("full", full);
    }

    /// Whether writes fail.
    pub fn fail_writes(&self, fail: bool) {
        self.control("fail-write", fail);
    }

    /// Whether syncs fail, and make nothing durable.
    pub fn fail_syncs(&self, fail: bool) {
        self.control("fail-sync", fail);
    }

    fn control(&self, name: &str, on: bool) {
        let path = self.control.join(name);
        if on {
            fs::write(path, "").unwrap();
        } else if let Err(error) = fs::remove_file(path) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
        }
    }

    /// What was recorded until now.
    #[must_use]
    pub fn recording(&self) -> Recording {
        Recording::parse(&fs::read(&self.log).unwrap())
    }
}

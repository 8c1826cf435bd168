//! Ctrl-C and termination: nothing half-written stays behind.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::failure::{Failure, Status};

/// The files that are being written under a temporary name.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From here on SIGINT, SIGTERM and SIGHUP remove what is unfinished and end the process.
pub(crate) fn install() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        // Held to the end: no output becomes complete, and no new one begins, while this runs.
        let unfinished = unfinished();
        for path in unfinished.iter() {
            let _gone = std::fs::remove_file(path);
        }
        // Not through the lock that the interrupted thread may hold, and whether or not anybody reads.
        say("kms: interrupted; nothing half-written stays behind\n");
        std::process::exit(Status::Interrupted as i32);
    })
    .map_err(|error| Failure::new(Status::Failed, format!("cannot watch for signals: {error}")))
}

fn say(text: &str) {
    #[cfg(unix)]
    let _unread = rustix::io::write(rustix::stdio::stderr(), text.as_bytes());
    #[cfg(not(unix))]
    let _unread = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
}

/// `path` is unfinished until `work`, which gives it its name, is done.
pub(crate) fn finish<T>(path: &Path, work: impl FnOnce() -> T) -> T {
    let mut unfinished = unfinished();
    let result = work();
    unfinished.retain(|other| other != path);
    result
}

/// Makes an unfinished file: `make` returns it with its path.
pub(crate) fn begin<T>(make: impl FnOnce() -> std::io::Result<(T, PathBuf)>) -> std::io::Result<T> {
    let mut unfinished = unfinished();
    let (file, path) = make()?;
    unfinished.push(path);
    Ok(file)
}

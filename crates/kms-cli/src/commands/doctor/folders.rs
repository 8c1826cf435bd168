//! Whether folders are closed to others, and their disks have room.

use std::path::Path;

use super::Finding;

/// Less room than this is worth a word, in bytes.
const ROOM: u64 = 1 << 30;

pub(super) fn look_at(about: &'static str, folder: &Path, found: &mut Vec<Finding>) {
    let name = folder.display();
    let metadata = match std::fs::metadata(folder) {
        Ok(metadata) => metadata,
        Err(error) => {
            found.push(Finding::doubtful(
                about,
                format!("{name}: {error}"),
                "The server makes it when it first starts. If it is there, run this as the server's user.",
            ));
            return;
        }
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            found.push(Finding::wrong(
                about,
                format!("{name} is open to others (mode {mode:04o})"),
                format!("chmod 700 {name}, and consider whether someone has read or changed it."),
            ));
        }
        match rustix::fs::statvfs(folder) {
            Ok(disk) => {
                let free = disk.f_bavail.saturating_mul(disk.f_frsize);
                let message = format!("{name} has {} free", crate::report::bytes(free));
                found.push(match free {
                    0..ROOM => {
                        Finding::doubtful(about, message, "On a full disk nothing is recorded, and nothing served.")
                    }
                    _ => Finding::well(about, message),
                });
            }
            Err(error) => found.push(Finding::doubtful(about, format!("{name}: {error}"), "How full is the disk?")),
        }
    }
    let _ = metadata;
}

//! The ways a keyring file can be damaged.

use core::fmt;

use kms_core::{Error, ErrorKind};

/// Why bytes are not a keyring file that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Damage {
    /// It verifies under nobody's key: whoever changed it, or put it together, does not hold the root key.
    Altered,
    /// The checksum is wrong: bytes changed by accident.
    Checksum,
    /// The checksum is right, but a field is not what the format allows.
    Field(&'static str),
    /// A version, key spec, usage or kind of root that this version of the software does not know.
    Newer,
    /// It does not begin like a keyring file.
    NotAKeyring,
    /// Bytes follow after the end.
    TrailingBytes,
    /// The end is missing.
    Truncated,
}

impl Damage {
    /// The kind of error this is to a caller.
    ///
    /// A keyring that does not verify is [`ErrorKind::Malformed`], with its reason, and not the silent
    /// [`ErrorKind::Rejected`]: whoever opens it has the file and the key, and needs to know which of them to mend.
    #[must_use]
    pub const fn kind(self) -> ErrorKind {
        match self {
            Self::Newer => ErrorKind::Unsupported,
            _ => ErrorKind::Malformed,
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered => f.write_str(
                "the keyring was changed by something that does not hold its root key, or put together from parts of \
                 others: do not trust it, restore a copy",
            ),
            Self::Checksum => f.write_str("the keyring is damaged (its checksum is wrong): restore a copy"),
            Self::Field(what) => write!(f, "the keyring is damaged ({what}): restore a copy"),
            Self::Newer => f.write_str("the keyring was written by a newer version of this software"),
            Self::NotAKeyring => f.write_str("this is not a keyring file"),
            Self::TrailingBytes => f.write_str("the keyring is damaged (something follows its end): restore a copy"),
            Self::Truncated => f.write_str("the keyring is cut short: restore a copy"),
        }
    }
}

impl core::error::Error for Damage {}

impl From<Damage> for Error {
    fn from(damage: Damage) -> Self {
        Self::with_detail(damage.kind(), alloc::format!("{damage}"))
    }
}

//! Messages over `std::io`.

mod reader;
mod writer;

pub use self::reader::DecryptReader;
pub use self::writer::EncryptWriter;

use std::io;

use crate::{Error, ErrorKind};

/// About how many bytes are read and written at once: enough that system calls do not count.
const CHUNK: usize = 128 * 1024;

/// An error of this crate on its way through `std::io`; `io::Error::downcast` gets it back.
fn to_io(error: Error) -> io::Error {
    let kind = match error.kind() {
        ErrorKind::Malformed | ErrorKind::Rejected | ErrorKind::Refused => io::ErrorKind::InvalidData,
        ErrorKind::InvalidInput => io::ErrorKind::InvalidInput,
        ErrorKind::Unsupported => io::ErrorKind::Unsupported,
        ErrorKind::TimedOut => io::ErrorKind::TimedOut,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

impl From<io::Error> for Error {
    /// What the message codec put into an `io::Error` comes back as it was; any other is [`ErrorKind::Io`].
    fn from(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(|error| Self::new(ErrorKind::Io).with_source(error))
    }
}

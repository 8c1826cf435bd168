//! Why there is no socket.

use core::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why something cannot be listened on.
#[derive(Debug)]
#[non_exhaustive]
pub enum ListenError {
    /// Plain HTTP on an address that other machines reach.
    NotLoopback(SocketAddr),
    /// The system refuses.
    Bind {
        /// What was to be listened on.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A certificate or key cannot be used.
    Tls {
        /// The file.
        file: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLoopback(address) => write!(
                f,
                "{address} is reached by other machines, and plain HTTP shows them plaintext keys: give a certificate, or \
                 allow it if something in front of the server does TLS"
            ),
            Self::Bind { address, source } => write!(f, "cannot listen on {address}: {source}"),
            Self::Tls { file, problem } => write!(f, "{}: {problem}", file.display()),
        }
    }
}

impl core::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Bind { source, .. } => Some(source),
            Self::NotLoopback(_) | Self::Tls { .. } => None,
        }
    }
}

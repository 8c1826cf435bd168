//! How much clients may take.

use core::time::Duration;

/// How much clients may take of the server. What a body may take is [`BodyLimits`](crate::app::BodyLimits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at once. Those beyond wait in the system's own queue until one is closed. Default: 1,024.
    pub connections: usize,
    /// Bytes of the head of a request: 431 beyond. At least 8,192. Default: 16,384; a session token of AWS has a few
    /// thousand.
    pub header_bytes: usize,
    /// From the connection, or the end of the TLS handshake, to the end of the head of its first request. Default: 10
    /// seconds.
    pub header: Duration,
    /// From one answer to the end of the next request's head. Default: 75 seconds.
    pub idle: Duration,
    /// The TLS handshake. Default: 10 seconds.
    pub handshake: Duration,
    /// Requests at once over one HTTP/2 connection. Default: 128.
    pub streams: u32,
    /// How long what was begun may take to end after a shutdown. Default: 30 seconds.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            header_bytes: 16 * 1024,
            header: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            handshake: Duration::from_secs(10),
            streams: 128,
            drain: Duration::from_secs(30),
        }
    }
}

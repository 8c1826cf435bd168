//! Sockets, TLS, limits, and a shutdown that finishes what it began.

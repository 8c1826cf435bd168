//! Properties of messages, over random suites, frame lengths, plaintexts, contexts and sizes of reads and writes.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "never built without std")]

mod forgery;
mod frames;
mod parsing;
mod round_trip;
mod sample;

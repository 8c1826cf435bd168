//! The audit log: one record for each call, allowed or not, that nobody alters, drops or reorders unseen.
//!
//! A [`Log`] takes records from many threads, links each to the one before by SHA-256, and answers when they are on the
//! disk. All that wait share one sync. Now and then it signs what there is. [`verify`] finds what is not as it was
//! written, [`lookup`] finds events, and [`Event`] makes records in the shape that CloudTrail gives them.
//!
//! # The files
//!
//! A log is a directory of *segments*, each a file with the sequence number of its first record as name: 20 digits, then
//! `.audit`. Integers are big-endian; text is UTF-8 behind a 16-bit length.
//!
//! ```text
//!  segment = header, records
//!
//!  0             10        12        28             36                   68                100
//!  +-------------+---------+---------+--------------+--------------------+-----------------+
//!  | "KMS audit" | 00 01   | log id  | sequence of  | link of the record | SHA-256 of all  |
//!  |  0A         | version | random  | first record | before that one    | before: 32 bytes|
//!  +-------------+---------+---------+--------------+--------------------+-----------------+
//!
//!  record:
//!  0              3      4           6         14       18              26         26 + n            58 + n
//!  +--------------+------+-----------+----------+--------+---------------+----------+-----------------+
//!  | FF "KA"      | kind | place in  | sequence | n: u32 | milliseconds  | payload  | link: 32 bytes  |
//!  |              | u8   | batch u16 | u64      |        | since 1970 u64| n bytes  |                 |
//!  +--------------+------+-----------+----------+--------+---------------+----------+-----------------+
//!
//!  link    = SHA-256(link of the record before, or of the header || all of the record before its link)
//!  payload = JSON                                          kind 01: event
//!          | server: text, key id: text, signature: u16 + DER  kind 02: checkpoint
//! ```
//!
//! The signature of a checkpoint is ECDSA on P-256 with SHA-256 over `"KMS audit checkpoint" 0A 00 01`, the log id, the
//! sequence number of the record before and the link that the checkpoint continues from, its own time, and the server.
//! `docs/FORMAT-audit.md` says all of it.
//!
//! # Crashes
//!
//! A batch is written only when the one before is on the disk, and a record tells its place in its batch. So after a crash
//! it can be told what was never acknowledged, which is cut off, from what was damaged later, for which the log does not
//! open. One thing cannot be told: damage to the very last batch looks like a torn one. [`Log::cut`] says what was cut,
//! and an anchor shows whether it had been acknowledged.
//!
//! After a failed sync the log stops for good, since what the system then has in memory need not be what is on the disk.
//! On a full disk it takes back what was written of the batch, gives up its reserve, and goes on with a warning in its
//! [health](Log::health); without room it refuses, acknowledges nothing, and goes on when there is room again.
//!
//! # What a log cannot do
//!
//! Whoever can write to the files can cut off the end, or write everything since the last checkpoint anew, or since any
//! checkpoint and leave the later ones out. Only an anchor, a [`Head`] kept elsewhere, shows that; [`Verified::signed`]
//! says how far the signatures reach.

mod checkpoint;
mod directory;
pub mod disk;
mod event;
mod finding;
pub mod format;
mod head;
mod log;
mod lookup;
mod options;
mod queue;
mod reserve;
pub mod segment;
mod tail;
mod torn;
mod verify;
mod walk;

pub use checkpoint::{Checkpoint, Signer};
pub use disk::{Disk, SystemDisk};
pub use event::{Event, EventResource, EventType, SessionContext, SessionIssuer, TlsDetails, UserIdentity};
pub use finding::{Broken, Finding, Wrong};
pub use head::{Head, Position};
pub use log::Log;
pub use lookup::{CallResult, Entry, Filter, lookup};
pub use options::Options;
pub use queue::Pending;
pub use tail::Cut;
pub use verify::{Verified, verify};

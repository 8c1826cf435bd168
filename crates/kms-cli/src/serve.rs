//! What a server is made of: the store, the root key, and the backends that keys live in.

mod late;
mod parts;

pub(crate) use parts::{in_memory, parts, root};

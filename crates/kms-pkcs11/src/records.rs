//! Records as files, for programs without a store.

use kms_core::{Error, MaterialId};

mod directory;

pub use directory::Directory;

fn occupied(id: MaterialId) -> Error {
    Error::invalid_input(format!("another key has the id {id}"))
}

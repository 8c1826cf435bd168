//! Importing key material: how it is wrapped on its way here, and the token that ties it to its key.
//!
//! The token carries everything, sealed: the service keeps nothing between `GetParametersForImport` and
//! `ImportKeyMaterial`.

mod token;
mod unwrap;

pub(crate) use token::{Token, fingerprint_of_generated, material_id};
pub(crate) use unwrap::{check_wrapping, unwrap};

#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backend;
mod capability;
mod derive;
mod fault;
mod import;
mod key;
mod module;
mod nonces;
mod object;
mod operation;
mod pin;
mod point;
mod raw;
mod records;
mod session;
mod template;
mod token;
mod uri;
mod workers;
mod wrap;
mod wrapped;

pub use crate::backend::{ListedKey, Pkcs11Backend, Residency};
pub use crate::capability::{Capabilities, GcmBehaviour, Lack};
pub use crate::key::Pkcs11Key;
pub use crate::module::Module;
pub use crate::pin::{AskPin, PinSource};
pub use crate::records::Directory;
pub use crate::token::{Token, TokenOptions};
pub use crate::uri::Uri;
pub use crate::wrapped::KeyOrigin;

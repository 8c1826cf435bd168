//! Generations of key material, and how one follows another.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::api::{KeyMaterialState, RotationType};
use crate::record::FirstSeen;
use crate::text;

/// One generation of a key's material.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Generation {
    /// What ciphertexts name. Counts from 0.
    pub(crate) number: u32,
    /// `KeyMaterialId`: 64 hexadecimal digits.
    pub(crate) material_id: String,
    #[serde(with = "text::millis")]
    pub(crate) created: Timestamp,
    #[serde(with = "text")]
    pub(crate) state: KeyMaterialState,
    /// How it became the current one. `None` for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rotated: Option<Rotated>,
    /// What is known of imported material.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) import: Option<Import>,
}

/// When and why a generation became the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rotated {
    #[serde(with = "text::millis")]
    pub(crate) date: Timestamp,
    #[serde(with = "text")]
    pub(crate) kind: RotationType,
}

/// Imported material.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Import {
    /// Whether the material is here: it may have been deleted, or have expired.
    pub(crate) present: bool,
    #[serde(default)]
    pub(crate) description: String,
    /// When it expires.
    #[serde(default, with = "text::millis::option", skip_serializing_if = "Option::is_none")]
    pub(crate) valid_to: Option<Timestamp>,
    /// When it was first seen to have expired: the clock may have been wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seen_expired: Option<FirstSeen>,
    /// Since when the material is being destroyed, if it is. It is not imported again before that is over.
    #[serde(default, with = "text::millis::option", skip_serializing_if = "Option::is_none")]
    pub(crate) destroyed_since: Option<Timestamp>,
    /// Recognises the same material when it is imported again: an HMAC under a key of the store.
    #[serde(with = "text::hex")]
    pub(crate) fingerprint: Vec<u8>,
}

/// How a key's material is rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Rotation {
    /// The period of automatic rotation, in days, while that is on.
    pub(crate) period_days: Option<u32>,
    /// When the next automatic rotation is due.
    #[serde(default, with = "text::millis::option", skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<Timestamp>,
    /// How many rotations on demand there have been.
    #[serde(default)]
    pub(crate) on_demand: u32,
}

//! What the store keeps of keys, aliases, grants and custom key stores.
//!
//! Records are JSON before they are sealed. A member that a later version adds has a default, so that it reads what this
//! version wrote; a record that this version cannot read is refused, never half-read.

use std::collections::{BTreeMap, BTreeSet};

use kms_core::{KeySpec, KeyUsage};
use serde::{Deserialize, Serialize};

use crate::api::{KeyMaterialState, KeyState, OriginType};
use crate::name::Resource;
use crate::text;
use crate::{AccountId, AliasName, Arn, KmsKeyId, Region, Timestamp};

mod generation;
mod grant;

pub(crate) use generation::{Generation, Import, Rotated, Rotation};
pub(crate) use grant::{Constraint, GrantRecord};

/// A KMS key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    /// Counts the changes. The entry in the account's list has the same number: one put back alone is noticed.
    pub(crate) revision: u64,
    #[serde(with = "text")]
    pub(crate) account: AccountId,
    #[serde(with = "text")]
    pub(crate) region: Region,
    #[serde(with = "text")]
    pub(crate) id: KmsKeyId,
    #[serde(with = "text::millis")]
    pub(crate) created: Timestamp,
    pub(crate) description: String,
    #[serde(with = "text")]
    pub(crate) spec: KeySpec,
    #[serde(with = "text")]
    pub(crate) usage: KeyUsage,
    #[serde(with = "text")]
    pub(crate) origin: OriginType,
    /// The custom key store, if the key is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) custom_key_store: Option<String>,
    /// The service's own key for another service, `alias/aws/…`: users may use it and not change it.
    #[serde(default)]
    pub(crate) aws_managed: bool,
    #[serde(with = "text")]
    pub(crate) state: KeyState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deletion: Option<Deletion>,
    pub(crate) policy: String,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    /// The aliases of the key. An alias that is not here is not one, whatever its own record says.
    #[serde(default)]
    pub(crate) aliases: BTreeSet<String>,
    /// How many grants there are.
    #[serde(default)]
    pub(crate) grants: u64,
    /// The exclusive or of the grants' fingerprints: one put back, or taken away, is noticed.
    #[serde(default, with = "text::hex")]
    pub(crate) grants_digest: Vec<u8>,
    /// All generations of the key material, by number.
    pub(crate) generations: Vec<Generation>,
    /// The number of the one that encrypts.
    pub(crate) current: u32,
    #[serde(default)]
    pub(crate) rotation: Rotation,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) multi_region: Option<MultiRegion>,
}

/// When a key will be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deletion {
    /// How long it waits, in days.
    pub(crate) window_days: u32,
    /// When it ends. A primary key waits for its replicas first, and has none.
    #[serde(default, with = "text::millis::option", skip_serializing_if = "Option::is_none")]
    pub(crate) date: Option<Timestamp>,
    /// When it was first seen to be due: the clock may have been wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seen_due: Option<FirstSeen>,
    /// It has begun, and can no longer be called off.
    #[serde(default)]
    pub(crate) begun: bool,
}

/// When something was first seen to be due, in the time that the service has run: see [`crate::jobs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FirstSeen {
    /// For how many milliseconds the service had run.
    pub(crate) ran: u64,
    /// How often its clock had been set back.
    pub(crate) set_back: u64,
}

/// The regions of a multi-region key. The same in all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MultiRegion {
    #[serde(with = "text")]
    pub(crate) primary: Region,
    pub(crate) replicas: BTreeSet<String>,
}

impl KeyRecord {
    pub(crate) fn arn(&self) -> Arn {
        Arn::new(self.region.clone(), self.account, Resource::Key(self.id))
    }

    /// The generation that encrypts. `None` before the first import.
    pub(crate) fn current(&self) -> Option<&Generation> {
        self.generation(self.current)
    }

    pub(crate) fn generation(&self, number: u32) -> Option<&Generation> {
        self.generations.iter().find(|one| one.number == number)
    }

    pub(crate) fn is_primary(&self) -> bool {
        self.multi_region.as_ref().is_some_and(|regions| regions.primary == self.region)
    }

    pub(crate) fn is_replica(&self) -> bool {
        self.multi_region.is_some() && !self.is_primary()
    }

    /// The state, with imported material that has expired taken for gone.
    pub(crate) fn state_at(&self, now: Timestamp) -> KeyState {
        let expired = |one: &Generation| {
            let end = one.import.as_ref().filter(|import| import.present).and_then(|import| import.valid_to);
            one.state != KeyMaterialState::PendingRotation && end.is_some_and(|end| end <= now)
        };
        match self.state {
            KeyState::Enabled | KeyState::Disabled if self.generations.iter().any(expired) => KeyState::PendingImport,
            state => state,
        }
    }

    /// Whether material is missing: not imported yet, deleted, or expired.
    pub(crate) fn lacks_material(&self) -> bool {
        let missing = |one: &Generation| one.import.as_ref().is_some_and(|import| !import.present);
        let used = |one: &&Generation| one.state != KeyMaterialState::PendingRotation;
        self.origin == OriginType::External
            && (self.current().is_none() || self.generations.iter().filter(used).any(missing))
    }
}

/// What an alias points to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AliasRecord {
    #[serde(with = "text")]
    pub(crate) name: AliasName,
    #[serde(with = "text")]
    pub(crate) target: KmsKeyId,
    #[serde(with = "text::millis")]
    pub(crate) created: Timestamp,
    #[serde(with = "text::millis")]
    pub(crate) updated: Timestamp,
}

/// An entry of the list of an account's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listed {
    /// The revision of the key's record.
    pub(crate) revision: u64,
}

/// How many things an account has in a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) keys: u64,
    #[serde(default)]
    pub(crate) custom_key_stores: u64,
}

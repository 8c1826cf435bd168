//! Keys that were made elsewhere, and keep their ids.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use kms_core::{ErrorKind, KeyId, KeyMaterial, KeySpec, KeyUsage, MaterialId};

use crate::api::{KeyMaterialState, KeyState, Operation, OriginType, RotationType};
use crate::caller::Caller;
use crate::edit::Edit;
use crate::facts::{Facts, NewKeyFacts};
use crate::import::{fingerprint_of_generated, material_id};
use crate::ops::{default_policy, import};
use crate::quota::Class;
use crate::record::{AliasRecord, Generation, Import, KeyRecord, Rotated, Rotation};
use crate::service::Service;
use crate::step::{Step, not_found};
use crate::{AliasName, Exception, KmsError, KmsKeyId, Timestamp, trail};

/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 8192;
/// How many aliases one transaction gives a key: it has 64 steps.
const ALIASES_AT_ONCE: usize = 16;

/// A key that was made elsewhere.
///
/// `Debug` shows no material.
#[non_exhaustive]
pub struct Adopted {
    /// The id that its ciphertexts name.
    pub id: KeyId,
    /// Type and size of every generation.
    pub spec: KeySpec,
    /// The one kind of operation it is for.
    pub usage: KeyUsage,
    /// Whether the material came from elsewhere before: the key's origin is then `EXTERNAL`, else `AWS_KMS`.
    pub imported: bool,
    /// Text about it, at most 8,192 characters.
    pub description: String,
    /// Its aliases. None is reserved (`alias/aws/…`), and none is another key's.
    pub aliases: BTreeSet<AliasName>,
    /// The generations of its material by number, at least one. The last is the current one.
    pub generations: BTreeMap<u32, AdoptedGeneration>,
}

/// One generation of an adopted key's material.
#[expect(clippy::exhaustive_structs, reason = "this is all that is known of it")]
pub struct AdoptedGeneration {
    /// When it was made.
    pub created: Timestamp,
    /// The material itself. Wiped on drop.
    pub material: KeyMaterial,
}

impl Adopted {
    /// A key without aliases and description.
    #[must_use]
    pub const fn new(id: KeyId, spec: KeySpec, usage: KeyUsage, imported: bool) -> Self {
        Self {
            id,
            spec,
            usage,
            imported,
            description: String::new(),
            aliases: BTreeSet::new(),
            generations: BTreeMap::new(),
        }
    }

    fn check(&self) -> Result<(), KmsError> {
        self.spec.check_usage(self.usage).map_err(|error| KmsError::validation(error.to_string()))?;
        if self.generations.is_empty() {
            return Err(KmsError::validation("A key that is adopted has material."));
        }
        if self.generations.len() > 1 && self.spec != KeySpec::SymmetricDefault {
            return Err(KmsError::validation("Only symmetric encryption keys have several generations."));
        }
        if self.description.chars().count() > MAX_DESCRIPTION {
            return Err(KmsError::validation("A description has at most 8,192 characters."));
        }
        match self.aliases.iter().find(|alias| alias.is_reserved()) {
            None => Ok(()),
            Some(alias) => Err(KmsError::with(Exception::InvalidAliasName, format!("{alias} is reserved."))),
        }
    }
}

impl Service {
    /// Takes in a key that was made elsewhere: its material goes into the backend, and the key into the account and region
    /// of `caller`, who has to be allowed to `kms:CreateKey`, with the default policy. Answers whether it is new: a key
    /// that is there already stays as it is, but for aliases that it has not yet. So after a crash the same is asked again.
    ///
    /// Recorded as `AdoptKey`, an event of the service, before the key can be used.
    ///
    /// # Errors
    /// `ValidationException` if the parts do not fit together or the material is not of the spec;
    /// `AlreadyExistsException` if another key has an alias, or the id with another spec or usage;
    /// `InvalidAliasNameException`, `AccessDeniedException`, `LimitExceededException`, `UnsupportedOperationException`; the
    /// faults of store, backend and audit log.
    pub fn adopt(&self, caller: &Caller, key: Adopted) -> Result<bool, KmsError> {
        key.check()?;
        let service = &*self.inner;
        let step = Step::new(service, caller, Operation::CreateKey);
        if !service.regions.contains(&caller.region) {
            return Err(KmsError::validation(format!("The region {} is not served here.", caller.region)));
        }
        let origin = if key.imported { OriginType::External } else { OriginType::AwsKms };
        let facts = NewKeyFacts {
            spec: key.spec.as_str(),
            usage: key.usage.as_str(),
            origin: origin.as_str(),
            multi_region: false,
        };
        let class = Class::Operation(step.operation);
        let admitted = step.account("kms:CreateKey", "*", &Facts::default(), Some(facts), class)?;
        if !service.home.has(key.spec, key.usage) {
            let text = format!("Keys of {} for {} cannot be kept here.", key.spec, key.usage);
            return Err(KmsError::with(Exception::UnsupportedOperation, text));
        }
        let (id, aliases) = (key.id, key.aliases.clone());
        let record = KeyRecord {
            revision: 0,
            account: admitted.account,
            region: caller.region.clone(),
            id: KmsKeyId::new(id, false),
            created: key.generations.values().next().map_or(step.now, |first| first.created),
            description: key.description.clone(),
            spec: key.spec,
            usage: key.usage,
            origin,
            custom_key_store: None,
            aws_managed: false,
            state: KeyState::Enabled,
            deletion: None,
            policy: default_policy(admitted.account),
            tags: BTreeMap::new(),
            aliases: BTreeSet::new(),
            grants: 0,
            grants_digest: Vec::new(),
            generations: Vec::new(),
            current: key.generations.keys().next_back().copied().unwrap_or_default(),
            rotation: Rotation::default(),
            multi_region: None,
        };
        let is_new = self.add_adopted(record.clone(), key)?;
        let aliases: Vec<_> = aliases.into_iter().collect();
        for some in aliases.chunks(ALIASES_AT_ONCE) {
            service.edit(|edit| name(edit, &record, some, step.now))?;
        }
        Ok(is_new)
    }

    /// `false`: it is there.
    fn add_adopted(&self, mut record: KeyRecord, key: Adopted) -> Result<bool, KmsError> {
        let service = &*self.inner;
        if is_there(service.store.get(&crate::place::key(&record.region, key.id))?.map(|found| found.record), &record)?
        {
            return Ok(false);
        }
        // Before the record, as for a key that is made: material without a record is nothing.
        for (number, generation) in key.generations {
            let print = import::fingerprint(&service.store, key.id, key.spec, &generation.material)
                .map_err(|error| KmsError::validation(error.to_string()))?;
            self.put_material(&record, number, generation.material)?;
            record.generations.push(Generation {
                number,
                material_id: match key.imported {
                    true => material_id(key.id, &print),
                    false => material_id(key.id, &fingerprint_of_generated(number)),
                },
                created: generation.created,
                state: if number == record.current { KeyMaterialState::Current } else { KeyMaterialState::NonCurrent },
                rotated: (!record.generations.is_empty())
                    .then_some(Rotated { date: generation.created, kind: RotationType::OnDemand }),
                import: key.imported.then(|| Import {
                    present: true,
                    description: String::new(),
                    valid_to: None,
                    seen_expired: None,
                    destroyed_since: None,
                    fingerprint: print,
                }),
            });
        }
        // Before the key is there: asked again after a crash, nothing would be recorded.
        trail::record_own(service, "AdoptKey", &record, service.clock.now())?;
        let most = service.limits.keys;
        service.edit(|edit| {
            if is_there(edit.key(&record.region, key.id)?.map(|found| found.record), &record)? {
                return Ok(false);
            }
            edit.count(record.account, &record.region, |counts| {
                if counts.keys >= most {
                    let text = format!("The account has {most} keys in this region, which is its limit.");
                    return Err(KmsError::with(Exception::LimitExceeded, text));
                }
                counts.keys += 1;
                Ok(())
            })?;
            edit.add_key(&record)?;
            Ok(true)
        })
    }

    /// Puts material in its place.
    fn put_material(&self, record: &KeyRecord, generation: u32, material: KeyMaterial) -> Result<(), KmsError> {
        let home = &self.inner.home;
        let at = MaterialId { key: record.id.id(), generation };
        // What is in the place of a key that has no record was left there by a crash.
        if home.open(at, &home.call()).is_ok() {
            home.destroy(at)?;
        }
        match home.import(at, record.spec, record.usage, material) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::InvalidInput => Err(KmsError::validation(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }
}

fn is_there(found: Option<KeyRecord>, wanted: &KeyRecord) -> Result<bool, KmsError> {
    let Some(found) = found else { return Ok(false) };
    let facts = |key: &KeyRecord| (key.account, key.spec, key.usage);
    if facts(&found) == facts(wanted) {
        return Ok(true);
    }
    Err(KmsError::with(Exception::AlreadyExists, format!("Another key has the id {}.", found.id)))
}

/// Gives a key the aliases that it has not yet.
fn name(edit: &mut Edit<'_>, record: &KeyRecord, aliases: &[AliasName], now: Timestamp) -> Result<(), KmsError> {
    let found = edit.key(&record.region, record.id.id())?;
    let found = found.ok_or_else(|| not_found(format!("Key '{}' does not exist", record.arn())))?;
    let (mut key, read) = (found.record, found.version);
    let before = key.aliases.len();
    for alias in aliases {
        match edit.alias(key.account, &key.region, alias)? {
            Some(taken) if taken.record.target == key.id => {}
            Some(taken) => {
                let text = format!("{alias} names the key {}.", taken.record.target);
                return Err(KmsError::with(Exception::AlreadyExists, text));
            }
            None => {
                let one = AliasRecord { name: alias.clone(), target: key.id, created: now, updated: now };
                edit.put_alias(key.account, &key.region, &one, None)?;
                key.aliases.insert(alias.to_string());
            }
        }
    }
    if key.aliases.len() == before { Ok(()) } else { edit.put_key(&mut key, read) }
}

impl fmt::Debug for Adopted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adopted")
            .field("id", &self.id)
            .field("spec", &self.spec)
            .field("usage", &self.usage)
            .field("imported", &self.imported)
            .field("aliases", &self.aliases)
            .field("generations", &self.generations.keys())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AdoptedGeneration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdoptedGeneration").field("created", &self.created).finish_non_exhaustive()
    }
}

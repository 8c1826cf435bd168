//! Multi-region keys: one key, in several regions.

use std::collections::BTreeSet;

use super::keys::{metadata, tags};
use super::policies::{check_new_policy, default_policy};
use super::{Sealed, room};
use crate::api::{
    self, KeyMaterialState, KeyState, Operation, OriginType, ReplicateKeyRequest, ReplicateKeyResponse, Tag,
    UpdatePrimaryRegionRequest,
};
use crate::edit::Edit;
use crate::facts::{Fact, Facts, NewKeyFacts};
use crate::name::Resource;
use crate::quota::Class;
use crate::record::{Generation, Import, KeyRecord};
use crate::step::{Names, Step};
use crate::{Arn, Exception, KmsError, Region};

fn is_primary(key: &KeyRecord) -> Result<(), KmsError> {
    if key.is_primary() {
        return Ok(());
    }
    let text = format!("{} is not a multi-region primary key.", key.arn());
    Err(KmsError::with(Exception::UnsupportedOperation, text))
}

fn served(step: &Step<'_>, region: &str) -> Result<Region, KmsError> {
    let served = region.parse().ok().filter(|region| step.service.regions.contains(region));
    served.ok_or_else(|| KmsError::validation(format!("The region {region} is not served here.")))
}

impl Sealed for ReplicateKeyRequest {
    fn perform(&self, step: &Step<'_>) -> Result<ReplicateKeyResponse, KmsError> {
        let more = [("replicaregion", Fact::Text(&self.replica_region))];
        let bypass = self.bypass_policy_lockout_safety_check;
        let facts = Facts {
            more: &more,
            tags: Some(&self.tags),
            bypass_lockout_check: Some(bypass == Some(true)),
            ..Facts::default()
        };
        let found = step.find(&self.key_id, Names::Keys)?;
        let allowed = step.authorise(found, "kms:ReplicateKey", &facts, &[])?;
        // The replica is a key that is made in its own region.
        let new_key = {
            let (spec, usage) = (api::KeySpec::try_from(allowed.record().spec)?, allowed.record().usage);
            let (usage, origin) = (api::KeyUsageType::try_from(usage)?.as_str(), allowed.record().origin.as_str());
            Some(NewKeyFacts { spec: spec.as_str(), usage, origin, multi_region: true })
        };
        let there = self.replica_region.parse().ok();
        let facts_there = Facts { more: &[], requested_region: there.as_ref(), ..facts };
        step.allowed_in_account("kms:CreateKey", "*", &facts_there, new_key)?;
        if !self.tags.is_empty() {
            step.allowed_in_account("kms:TagResource", "*", &facts_there, new_key)?;
        }
        let admitted = allowed.admit(Class::Operation(step.operation))?;
        is_primary(admitted.record())?;
        admitted.check_state()?;
        let region = served(step, &self.replica_region)?;
        // As AWS counts it.
        step.count_in(&region, Operation::CreateKey)?;
        step.count_in(&region, Operation::CreateKey)?;
        let (account, id) = (admitted.record().account, admitted.record().id);
        let arn = Arn::new(region.clone(), account, Resource::Key(id));
        let policy = self.policy.clone().unwrap_or_else(|| default_policy(account));
        // A replica of the key as it is.
        let replica_of = |key: &KeyRecord| KeyRecord {
            revision: 0,
            region: region.clone(),
            created: step.now,
            description: self.description.clone().unwrap_or_default(),
            state: if key.origin == OriginType::External { KeyState::PendingImport } else { KeyState::Enabled },
            deletion: None,
            policy: policy.clone(),
            tags: tags(&self.tags),
            aliases: BTreeSet::new(),
            grants: 0,
            grants_digest: Vec::new(),
            generations: key.generations.iter().map(in_another_region).collect(),
            ..key.clone()
        };
        check_new_policy(step, &replica_of(admitted.record()), bypass)?;
        let most = step.service.limits.keys;
        let replica = admitted.change(|key, edit| {
            is_primary(key)?;
            let exists = || KmsError::with(Exception::AlreadyExists, format!("{arn} already exists."));
            if region == key.region || edit.key(&region, id.id())?.is_some() {
                return Err(exists());
            }
            if let Some(regions) = &mut key.multi_region {
                regions.replicas.insert(region.to_string());
            }
            let replica = replica_of(key);
            have_room(edit, key, &replica)?;
            edit.add_key(&replica)?;
            edit.count(account, &region, |counts| {
                if counts.keys >= most {
                    let text = format!("The account has {most} keys in {region}, which is its limit.");
                    return Err(KmsError::with(Exception::LimitExceeded, text));
                }
                counts.keys += 1;
                Ok(())
            })?;
            super::rotation::follow(edit, key)?;
            Ok(replica)
        })?;
        // AWS answers before the replica is ready; here it is.
        let creating = KeyRecord { state: KeyState::Creating, ..replica };
        let tags = creating.tags.iter().map(|(key, value)| Tag::new(key.as_str(), value.as_str()));
        Ok(ReplicateKeyResponse {
            replica_tags: tags.collect::<Vec<_>>().into(),
            replica_policy: Some(creating.policy.clone()),
            replica_key_metadata: metadata(&creating, true, None, step.now)?,
        })
    }
}

/// That all regions of a key, of which there is one more, still fit into a transaction.
///
/// # Errors
/// `LimitExceededException`; the store's faults.
fn have_room(edit: &Edit<'_>, key: &KeyRecord, replica: &KeyRecord) -> Result<(), KmsError> {
    let Some(regions) = &key.multi_region else { return Ok(()) };
    let replicas = regions.replicas.len();
    room::fits(key, replicas, 0)?;
    room::fits(replica, replicas, 0)?;
    for region in regions.replicas.iter().filter_map(|region| region.parse::<Region>().ok()) {
        if let Some(other) = edit.key(&region, key.id.id())? {
            room::fits(&other.record, replicas, 0)?;
        }
    }
    Ok(())
}

/// A generation as a new replica has it: imported material is imported once more there.
fn in_another_region(generation: &Generation) -> Generation {
    let import = generation.import.clone().map(|import| Import {
        present: false,
        description: String::new(),
        valid_to: None,
        seen_expired: None,
        destroyed_since: None,
        ..import
    });
    Generation { import, ..generation.clone() }
}

impl Sealed for UpdatePrimaryRegionRequest {
    fn perform(&self, step: &Step<'_>) -> Result<(), KmsError> {
        let more = [("primaryregion", Fact::Text(&self.primary_region))];
        let facts = Facts { more: &more, ..Facts::default() };
        let found = step.find(&self.key_id, Names::Keys)?;
        let id = found.snapshot.record.id.id();
        let allowed = step.authorise(found, "kms:UpdatePrimaryRegion", &facts, &[])?;
        // Both keys change, and each has a policy of its own.
        let there = self.primary_region.parse().ok();
        if let Some(replica) = there.map_or(Ok(None), |there| step.find_in(&there, id))? {
            let _replica_allowed = step.authorise(replica, "kms:UpdatePrimaryRegion", &facts, &[])?;
        }
        let admitted = allowed.admit(Class::Operation(step.operation))?;
        is_primary(admitted.record())?;
        admitted.check_state()?;
        let region = served(step, &self.primary_region)?;
        step.count_in(&region, step.operation)?;
        admitted.change(|key, edit| {
            is_primary(key)?;
            if region == key.region {
                return Ok(());
            }
            let no_replica = || {
                let arn = Arn::new(region.clone(), key.account, Resource::Key(key.id));
                KmsError::with(Exception::NotFound, format!("Key '{arn}' does not exist"))
            };
            let waiting = |one: &Generation| one.state == KeyMaterialState::PendingRotation;
            let found = edit.key(&region, key.id.id())?.ok_or_else(no_replica)?;
            crate::state::check(step.operation, &found.record, true, step.now)?;
            if key.generations.iter().any(waiting) {
                let text = format!("{} has key material that is pending rotation.", key.arn());
                return Err(KmsError::with(Exception::KMSInvalidState, text));
            }
            let old = key.region.to_string();
            if let Some(regions) = &mut key.multi_region {
                regions.replicas.remove(region.as_str());
                regions.replicas.insert(old);
                regions.primary = region.clone();
            }
            // All others, and not itself: its own record is put by whoever called.
            let itself = key.region.clone();
            let regions = key.multi_region.clone();
            let others = regions.iter().flat_map(|all| all.replicas.iter().chain([&self.primary_region as &String]));
            for other in others.filter_map(|other| other.parse::<Region>().ok()).filter(|other| *other != itself) {
                let Some(found) = edit.key(&other, key.id.id())? else { continue };
                let (mut record, read) = (found.record, found.version);
                record.multi_region.clone_from(&regions);
                if other == region {
                    record.rotation = key.rotation;
                    if let Some(next) = record.rotation.next {
                        edit.note_due(next, super::rotation::DUE, &record)?;
                    }
                }
                edit.put_key(&mut record, read)?;
            }
            Ok(())
        })
    }
}

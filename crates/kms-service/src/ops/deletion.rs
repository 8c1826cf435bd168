//! The end of keys: waiting for it, calling it off, and the end itself.

use core::time::Duration;

use kms_core::MaterialId;

use super::Sealed;
use crate::KmsError;
use crate::api::{
    CancelKeyDeletionRequest, CancelKeyDeletionResponse, KeyState, OriginType, ScheduleKeyDeletionRequest,
    ScheduleKeyDeletionResponse,
};
use crate::edit::Edit;
use crate::facts::{Fact, Facts};
use crate::record::{Deletion, GrantRecord, KeyRecord};
use crate::service::Inner;
use crate::step::Step;
use crate::store::MAX_PAGE;
use crate::time::DAY;
use crate::{Timestamp, place};

/// How long a key waits when nobody says, in days.
const DEFAULT_WINDOW: u32 = 30;
/// What the list of what is due calls it.
pub(crate) const DUE: &str = "delete";

impl Sealed for ScheduleKeyDeletionRequest {
    fn perform(&self, step: &Step<'_>) -> Result<ScheduleKeyDeletionResponse, KmsError> {
        let days = self.pending_window_in_days.and_then(|days| u32::try_from(days).ok()).unwrap_or(DEFAULT_WINDOW);
        let more = [("schedulekeydeletionpendingwindowindays", Fact::Number(days.into()))];
        let facts = Facts { more: &more, ..Facts::default() };
        let admitted = step.admitted(&self.key_id, "kms:ScheduleKeyDeletion", &facts)?;
        let now = step.now;
        let deletion = admitted.change(|key, edit| {
            let waits = key.is_primary() && key.multi_region.as_ref().is_some_and(|all| !all.replicas.is_empty());
            let date = (!waits).then(|| now + DAY * days);
            let deletion = Deletion { window_days: days, date, seen_due: None };
            key.deletion = Some(deletion);
            key.state = if waits { KeyState::PendingReplicaDeletion } else { KeyState::PendingDeletion };
            if let Some(date) = date {
                edit.note_due(date, DUE, key)?;
            }
            Ok((deletion, key.state))
        })?;
        let (deletion, state) = deletion;
        Ok(ScheduleKeyDeletionResponse {
            key_id: admitted.arn().to_string(),
            deletion_date: deletion.date,
            key_state: Some(state),
            pending_window_in_days: i32::try_from(days).ok(),
        })
    }
}

impl Sealed for CancelKeyDeletionRequest {
    fn perform(&self, step: &Step<'_>) -> Result<CancelKeyDeletionResponse, KmsError> {
        let admitted = step.admitted(&self.key_id, "kms:CancelKeyDeletion", &Facts::default())?;
        admitted.change(|key, _| {
            key.deletion = None;
            key.state = if key.lacks_material() { KeyState::PendingImport } else { KeyState::Disabled };
            Ok(())
        })?;
        Ok(CancelKeyDeletionResponse { key_id: admitted.arn().to_string() })
    }
}

/// Deletes a key that is due, unless that has changed. `true`: it is gone.
///
/// It is deleted only if it was seen to be due before, at least `grace` ago: whoever sees it first notes the time. A time
/// before the date clears the note, since then the clock was wrong.
pub(crate) fn destroy_key(
    service: &Inner,
    region: &crate::Region,
    id: kms_core::KeyId,
    now: Timestamp,
    grace: Duration,
) -> Result<Option<KeyRecord>, KmsError> {
    let doomed = service.edit(|edit| {
        let Some(found) = edit.key(region, id)? else { return Ok(None) };
        let (mut key, read) = (found.record, found.version);
        let Some(deletion) = key.deletion.as_mut().filter(|_| key.state == KeyState::PendingDeletion) else {
            return Ok(None);
        };
        let Some(date) = deletion.date else { return Ok(None) };
        match deletion.seen_due {
            None if now < date => Ok(None),
            Some(_) if now < date => {
                deletion.seen_due = None;
                edit.put_key(&mut key, read)?;
                Ok(None)
            }
            None => {
                deletion.seen_due = Some(now);
                edit.put_key(&mut key, read)?;
                Ok((grace == Duration::ZERO).then_some(key))
            }
            Some(seen) => Ok((now.since(seen) >= grace).then_some(key)),
        }
    })?;
    let Some(doomed) = doomed else { return Ok(None) };
    service.bill_deleted(&doomed, now)?;
    // Step by step, each of which may be done again: grants first, since a transaction holds so many.
    while delete_some_grants(service, &doomed)? {}
    let gone = service.edit(|edit| {
        let Some(found) = edit.key(region, id)? else { return Ok(None) };
        let (mut key, read) = (found.record, found.version);
        if key.state != KeyState::PendingDeletion || key.deletion != doomed.deletion {
            return Ok(None);
        }
        for alias in core::mem::take(&mut key.aliases) {
            if let Ok(name) = alias.parse() {
                edit.delete_alias(key.account, &key.region, &name);
            }
        }
        edit.delete_key(&key, read);
        edit.count(key.account, &key.region, |counts| {
            counts.keys = counts.keys.saturating_sub(1);
            Ok(())
        })?;
        release_primary(edit, &key, now)?;
        count_in_store(edit, &key, false)?;
        Ok(Some(key))
    })?;
    if let Some(key) = &gone {
        // After the record: material that is left behind by a crash is found by a check of the store.
        destroy_material(service, key)?;
    }
    Ok(gone)
}

/// Counts a key into the custom key store that it is in, or out of it.
pub(crate) fn count_in_store(edit: &mut Edit<'_>, key: &KeyRecord, into: bool) -> Result<(), KmsError> {
    let Some(id) = &key.custom_key_store else { return Ok(()) };
    let Some(found) = edit.service().custom_key_store(key.account, &key.region, id)? else { return Ok(()) };
    let (mut store, read) = (found.record, found.version);
    store.keys = if into { store.keys + 1 } else { store.keys.saturating_sub(1) };
    edit.put(place::custom_key_store(key.account, &key.region, id), &store, Some(read))
}

/// Takes a deleted replica off the list of its primary, whose own time begins when the last is gone.
fn release_primary(edit: &mut Edit<'_>, gone: &KeyRecord, now: Timestamp) -> Result<(), KmsError> {
    let Some(regions) = gone.multi_region.as_ref().filter(|_| gone.is_replica()) else { return Ok(()) };
    let others = regions.replicas.iter().chain([&regions.primary.to_string()]).cloned().collect::<Vec<_>>();
    for region in others.iter().filter_map(|region| region.parse().ok()).filter(|region| *region != gone.region) {
        let Some(found) = edit.key(&region, gone.id.id())? else { continue };
        let (mut key, read) = (found.record, found.version);
        if let Some(regions) = &mut key.multi_region {
            regions.replicas.remove(gone.region.as_str());
        }
        let last = key.multi_region.as_ref().is_some_and(|regions| regions.replicas.is_empty());
        if key.state == KeyState::PendingReplicaDeletion && last {
            key.state = KeyState::PendingDeletion;
            if let Some(deletion) = &mut key.deletion {
                let date = now + DAY * deletion.window_days;
                deletion.date = Some(date);
                edit.note_due(date, DUE, &key)?;
            }
        }
        edit.put_key(&mut key, read)?;
    }
    Ok(())
}

/// Destroys the material of a key that is gone, unless the same key lives in another region.
pub(crate) fn destroy_material(service: &Inner, gone: &KeyRecord) -> Result<(), KmsError> {
    if let Some(regions) = &gone.multi_region {
        let others = regions.replicas.iter().chain([&regions.primary.to_string()]).cloned().collect::<Vec<_>>();
        for region in others.iter().filter_map(|region| region.parse().ok()).filter(|region| *region != gone.region) {
            if service.store.get::<KeyRecord>(&place::key(&region, gone.id.id()))?.is_some() {
                return Ok(());
            }
        }
    }
    let home = match gone.origin {
        OriginType::AwsCloudhsm => service.home_of(gone)?.0,
        _ => service.home.clone(),
    };
    for generation in &gone.generations {
        home.destroy(MaterialId { key: gone.id.id(), generation: generation.number })?;
    }
    Ok(())
}

/// Whether there are more.
fn delete_some_grants(service: &Inner, doomed: &KeyRecord) -> Result<bool, KmsError> {
    const SOME: usize = 20;
    let prefix = place::grants_of(&doomed.region, doomed.id.id());
    let grants = service.store.list::<GrantRecord>(&prefix, None, SOME.min(MAX_PAGE))?;
    if grants.is_empty() {
        return Ok(false);
    }
    service.edit(|edit| {
        let Some(found) = edit.key(&doomed.region, doomed.id.id())? else { return Ok(()) };
        let (mut key, read) = (found.record, found.version);
        if key.deletion != doomed.deletion {
            return Ok(());
        }
        for (_, grant) in &grants {
            edit.delete_grant(&mut key, &grant.record)?;
        }
        edit.put_key(&mut key, read)
    })?;
    // A key whose deletion was called off meanwhile keeps what is left.
    let still = service.store.get::<KeyRecord>(&place::key(&doomed.region, doomed.id.id()))?;
    Ok(still.is_some_and(|still| still.record.deletion == doomed.deletion))
}

//! The end of keys: waiting for it, calling it off, and the end itself.

use core::time::Duration;

use kms_core::MaterialId;
use serde::{Deserialize, Serialize};

use super::Sealed;
use crate::api::{
    CancelKeyDeletionRequest, CancelKeyDeletionResponse, KeyState, OriginType, ScheduleKeyDeletionRequest,
    ScheduleKeyDeletionResponse,
};
use crate::edit::Edit;
use crate::facts::{Fact, Facts};
use crate::jobs::Moment;
use crate::record::{Deletion, GrantRecord, KeyRecord};
use crate::service::Inner;
use crate::step::Step;
use crate::store::Revision;
use crate::time::DAY;
use crate::{Exception, KmsError, Timestamp, jobs, place};

/// How many grants or aliases are deleted in one transaction.
const SOME: usize = 20;
/// How long a key waits when nobody says, in days.
const DEFAULT_WINDOW: u32 = 30;
/// What the list of what is due calls it.
pub(crate) const DUE: &str = "delete";
/// What it calls key material that is left of a deleted key.
pub(crate) const DESTROY: &str = "destroy";

impl Sealed for ScheduleKeyDeletionRequest {
    fn perform(&self, step: &Step<'_>) -> Result<ScheduleKeyDeletionResponse, KmsError> {
        let days = self.pending_window_in_days.and_then(|days| u32::try_from(days).ok()).unwrap_or(DEFAULT_WINDOW);
        let more = [("schedulekeydeletionpendingwindowindays", Fact::Number(days.into()))];
        let facts = Facts { more: &more, ..Facts::default() };
        let admitted = step.admitted(&self.key_id, "kms:ScheduleKeyDeletion", &facts)?;
        let now = step.now;
        let deletion = admitted.change(|key, edit| {
            // A clock that is behind would have the window end too early.
            jobs::is_not_behind(step.service, now, key.created)?;
            let waits = key.is_primary() && key.multi_region.as_ref().is_some_and(|all| !all.replicas.is_empty());
            let date = (!waits).then(|| now + DAY * days);
            let deletion = Deletion { window_days: days, date, seen_due: None, begun: false };
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
            if key.deletion.is_some_and(|deletion| deletion.begun) {
                let text = format!("{} is being deleted.", key.arn());
                return Err(KmsError::with(Exception::KMSInvalidState, text));
            }
            key.deletion = None;
            key.state = if key.lacks_material() { KeyState::PendingImport } else { KeyState::Disabled };
            Ok(())
        })?;
        Ok(CancelKeyDeletionResponse { key_id: admitted.arn().to_string() })
    }
}

/// Deletes a key that is due, unless that has changed. Answers the key that is gone, and the note of what is left of it:
/// see [`destroy_remains`].
///
/// It is deleted only if it was seen to be due before, at least `grace` ago: whoever sees it first notes that. From the
/// time on that it begins, it can no longer be called off.
pub(crate) fn delete_key(
    service: &Inner,
    region: &crate::Region,
    id: kms_core::KeyId,
    moment: Moment,
    grace: Duration,
) -> Result<Option<(KeyRecord, Vec<u8>)>, KmsError> {
    let now = moment.now;
    let doomed = service.edit(|edit| {
        let Some(found) = edit.key(region, id)? else { return Ok(None) };
        let (mut key, read) = (found.record, found.version);
        let Some(deletion) = key.deletion.as_mut().filter(|_| key.state == KeyState::PendingDeletion) else {
            return Ok(None);
        };
        if deletion.begun {
            return Ok(Some(key));
        }
        if deletion.date.is_none_or(|date| now < date) {
            return Ok(None);
        }
        match deletion.seen_due {
            Some(first) if moment.is_past(first, grace) => deletion.begun = true,
            Some(first) if moment.goes_on_from(first) => return Ok(None),
            _ => {
                deletion.seen_due = Some(moment.first_seen());
                deletion.begun = grace.is_zero();
            }
        }
        let begun = deletion.begun;
        edit.put_key(&mut key, read)?;
        Ok(begun.then_some(key))
    })?;
    let Some(doomed) = doomed else { return Ok(None) };
    service.bill_deleted(&doomed, now)?;
    // Step by step, each of which may be done again: a transaction holds so many.
    while delete_some_grants(service, &doomed)? {}
    while delete_some_aliases(service, &doomed)? {}
    let note = place::due(now, DESTROY, region, id);
    let gone = service.edit(|edit| {
        let Some((key, read)) = still_there(edit, &doomed)? else { return Ok(None) };
        let cluster = match &key.custom_key_store {
            None => None,
            Some(id) => service.custom_key_store(key.account, &key.region, id)?.map(|found| found.record.cluster),
        };
        edit.put(note.clone(), &Remains { key: key.clone(), cluster }, None)?;
        edit.delete_key(&key, read);
        edit.count(key.account, &key.region, |counts| {
            counts.keys = counts.keys.saturating_sub(1);
            Ok(())
        })?;
        release_primary(edit, &key, now)?;
        super::custom_key_stores::count_out(edit, &key)?;
        Ok(Some(key))
    })?;
    Ok(gone.map(|gone| (gone, note)))
}

/// A key that is gone, and whose material may still be there.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Remains {
    key: KeyRecord,
    /// The HSM that it was in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
}

/// Destroys the material of a key that is gone, which the note at `place` tells of.
///
/// # Errors
/// The store's and the backend's faults; `KeyUnavailableException` if the operator took the HSM away that it is in.
pub(crate) fn destroy_remains(service: &Inner, place: &[u8]) -> Result<(), KmsError> {
    let Some(remains) = service.store.get::<Remains>(place)? else { return Ok(()) };
    let Remains { key: gone, cluster } = remains.record;
    let home = match cluster {
        None => &service.home,
        Some(cluster) => service.clusters.get(&cluster).ok_or_else(|| KmsError::new(Exception::KeyUnavailable))?,
    };
    if gone.origin == OriginType::External {
        // Each region has imported for itself: what none has any more goes, whatever other regions there are.
        let last = gone.generations.iter().map(|one| one.number).max().unwrap_or_default();
        return (0..=last.saturating_add(super::import::SPARE))
            .try_for_each(|number| super::import::destruction::destroy(service, &gone, number));
    }
    if other_regions(service, &gone)? {
        return Ok(());
    }
    // With the one that a rotation which did not come to its end may have made.
    let numbers = gone.generations.iter().map(|one| one.number);
    let next = numbers.clone().max().map_or(0, |last| last.saturating_add(1));
    numbers.chain([next]).try_for_each(|generation| home.destroy(MaterialId { key: gone.id.id(), generation }))?;
    Ok(())
}

/// Destroys what is left of a key that is gone, and takes the note of it away. Where that fails, the note has it tried
/// again.
///
/// # Errors
/// As [`destroy_remains`].
pub(crate) fn clear_remains(service: &Inner, note: &[u8]) -> Result<(), KmsError> {
    destroy_remains(service, note)?;
    service.edit(|edit| {
        edit.delete(note.to_vec());
        Ok(())
    })
}

/// Whether the same key lives in another region.
fn other_regions(service: &Inner, gone: &KeyRecord) -> Result<bool, KmsError> {
    let Some(regions) = &gone.multi_region else { return Ok(false) };
    let others = regions.replicas.iter().filter_map(|region| region.parse().ok()).chain([regions.primary.clone()]);
    for region in others.filter(|region| *region != gone.region) {
        if service.store.get::<KeyRecord>(&place::key(&region, gone.id.id()))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
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

/// Whether there are more.
fn delete_some_grants(service: &Inner, doomed: &KeyRecord) -> Result<bool, KmsError> {
    service.edit(|edit| {
        let Some((mut key, read)) = still_there(edit, doomed)? else { return Ok(false) };
        let prefix = place::grants_of(&doomed.region, doomed.id.id());
        let grants = service.store.list::<GrantRecord>(&prefix, None, SOME)?;
        if grants.is_empty() {
            return Ok(false);
        }
        for (_, grant) in &grants {
            edit.delete_grant(&mut key, &grant.record)?;
        }
        edit.put_key(&mut key, read)?;
        Ok(true)
    })
}

/// Whether there are more.
fn delete_some_aliases(service: &Inner, doomed: &KeyRecord) -> Result<bool, KmsError> {
    service.edit(|edit| {
        let Some((mut key, read)) = still_there(edit, doomed)? else { return Ok(false) };
        let names: Vec<_> = key.aliases.iter().take(SOME).cloned().collect();
        if names.is_empty() {
            return Ok(false);
        }
        for name in &names {
            key.aliases.remove(name);
            if let Ok(name) = name.parse() {
                edit.delete_alias(key.account, &key.region, &name);
            }
        }
        edit.put_key(&mut key, read)?;
        Ok(true)
    })
}

/// The key, unless another server has deleted it meanwhile.
fn still_there(edit: &Edit<'_>, doomed: &KeyRecord) -> Result<Option<(KeyRecord, Revision)>, KmsError> {
    let found = edit.key(&doomed.region, doomed.id.id())?;
    Ok(found.map(|found| (found.record, found.version)))
}

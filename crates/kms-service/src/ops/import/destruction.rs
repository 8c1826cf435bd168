//! The end of imported material: deleted or expired, and destroyed before it can be imported again.
//!
//! The record says that material is being destroyed before that begins, and no more once it is over. Meanwhile nobody
//! imports the same again: it would be destroyed as well, and the record would say that it is there.

use core::time::Duration;

use kms_core::{KeyId, KeySpec, MaterialId};

use super::is_imported;
use crate::api::{DeleteImportedKeyMaterialRequest, DeleteImportedKeyMaterialResponse, KeyState};
use crate::edit::Edit;
use crate::facts::Facts;
use crate::jobs::Moment;
use crate::ops::Sealed;
use crate::record::{Import, KeyRecord};
use crate::service::Inner;
use crate::step::Step;
use crate::store::Revision;
use crate::{Exception, KmsError, Region, Timestamp, place};

/// After so long a destruction that has not come to its end is done over: whoever began it has failed. It is more than
/// an operation of a backend takes.
const GIVEN_UP: Duration = Duration::from_secs(3600);
/// What the list of what is due calls a destruction that may have to be done over.
pub(crate) const RESUME: &str = "unimport";

impl Sealed for DeleteImportedKeyMaterialRequest {
    fn perform(&self, step: &Step<'_>) -> Result<DeleteImportedKeyMaterialResponse, KmsError> {
        let admitted = step.admitted(&self.key_id, "kms:DeleteImportedKeyMaterial", &Facts::default())?;
        is_imported(admitted.record())?;
        admitted.check_state()?;
        let wanted = match &self.key_material_id {
            Some(id) => admitted.record().generations.iter().find(|one| one.material_id == *id),
            None => admitted.record().current(),
        };
        let wanted = match (wanted, &self.key_material_id) {
            (Some(one), _) => Some((one.number, one.material_id.clone())),
            (None, Some(_)) => return Err(KmsError::new(Exception::IncorrectKeyMaterial)),
            (None, None) => None,
        };
        if let Some((number, _)) = wanted {
            // Where somebody else is at it, it is no less gone, and theirs to destroy.
            let mine = admitted.change(|key, edit| lose(edit, key, number, step.now))?;
            if mine {
                destroy_lost(step.service, admitted.record(), &[number], step.now)?;
            }
        }
        let symmetric = admitted.record().spec == KeySpec::SymmetricDefault;
        Ok(DeleteImportedKeyMaterialResponse {
            key_id: admitted.arn().to_string(),
            key_material_id: wanted.map(|(_, id)| id).filter(|_| symmetric),
        })
    }
}

fn imports_of(key: &mut KeyRecord, number: u32) -> impl Iterator<Item = &mut Import> {
    key.generations.iter_mut().filter(move |one| one.number == number).filter_map(|one| one.import.as_mut())
}

/// The key no longer has that material. `true`: it is for the caller to [destroy](destroy_lost) it.
fn lose(edit: &mut Edit<'_>, key: &mut KeyRecord, number: u32, now: Timestamp) -> Result<bool, KmsError> {
    let mut mine = false;
    for import in imports_of(key, number) {
        (import.present, import.valid_to, import.seen_expired) = (false, None, None);
        if import.destroyed_since.is_none_or(|since| now >= since + GIVEN_UP) {
            (import.destroyed_since, mine) = (Some(now), true);
        }
    }
    if matches!(key.state, KeyState::Enabled | KeyState::Disabled) && key.lacks_material() {
        key.state = KeyState::PendingImport;
    }
    if mine {
        edit.note_due(now + GIVEN_UP, RESUME, key)?;
    }
    Ok(mine)
}

/// Destroys material that a key has lost at `since`, and says in its record that this is over.
///
/// # Errors
/// The store's and the backend's faults. What is left is [done over](resume).
pub(crate) fn destroy_lost(
    service: &Inner,
    key: &KeyRecord,
    numbers: &[u32],
    since: Timestamp,
) -> Result<(), KmsError> {
    numbers.iter().try_for_each(|&number| destroy(service, key, number))?;
    let (region, id) = (&key.region, key.id.id());
    service.edit(|edit| {
        let Some(found) = edit.key(region, id)? else { return Ok(()) };
        let (mut key, read) = (found.record, found.version);
        let mut over = false;
        for &number in numbers {
            for import in imports_of(&mut key, number).filter(|import| import.destroyed_since == Some(since)) {
                (import.destroyed_since, over) = (None, true);
            }
        }
        if over {
            if key.generations.iter().filter_map(|one| one.import.as_ref()).all(|one| one.destroyed_since.is_none()) {
                edit.delete(place::due(since + GIVEN_UP, RESUME, region, id));
            }
            edit.put_key(&mut key, read)?;
        }
        Ok(())
    })
}

/// Does over what has not come to its end: the process was stopped, or the backend failed.
pub(crate) fn resume(service: &Inner, region: &Region, id: KeyId, now: Timestamp) -> Result<(), KmsError> {
    let left = service.edit(|edit| {
        let Some(found) = edit.key(region, id)? else { return Ok(None) };
        let (mut key, read) = (found.record, found.version);
        let is_left = |import: &Import| import.destroyed_since.is_some_and(|since| now >= since + GIVEN_UP);
        let numbers: Vec<u32> = key
            .generations
            .iter()
            .filter(|one| one.import.as_ref().is_some_and(is_left))
            .map(|one| one.number)
            .collect();
        if numbers.is_empty() {
            return Ok(None);
        }
        for &number in &numbers {
            imports_of(&mut key, number).for_each(|import| import.destroyed_since = Some(now));
        }
        edit.note_due(now + GIVEN_UP, RESUME, &key)?;
        edit.put_key(&mut key, read)?;
        Ok(Some((key, numbers)))
    })?;
    left.map_or(Ok(()), |(key, numbers)| destroy_lost(service, &key, &numbers, now))
}

/// All regions of a key.
fn regions(key: &KeyRecord) -> impl Iterator<Item = Region> {
    let others = key.multi_region.iter().flat_map(|all| {
        all.replicas.iter().filter_map(|region| region.parse::<Region>().ok()).chain([all.primary.clone()])
    });
    others.filter(|region| *region != key.region).chain([key.region.clone()])
}

/// Destroys material that a region has no more, unless another has it.
pub(crate) fn destroy(service: &Inner, key: &KeyRecord, number: u32) -> Result<(), KmsError> {
    for region in regions(key).filter(|region| *region != key.region) {
        let other = service.store.get::<KeyRecord>(&place::key(&region, key.id.id()))?;
        let other = other.as_ref().and_then(|other| other.record.generation(number)?.import.as_ref());
        if other.is_some_and(|import| import.present) {
            return Ok(());
        }
    }
    Ok(service.home.destroy(MaterialId { key: key.id.id(), generation: number })?)
}

/// The key's record in each region, and its version.
pub(super) type Seen = Vec<(Region, Option<Revision>)>;

/// That nobody is about to destroy the material of a generation, in any region, by records as they are now.
///
/// # Errors
/// `KMSInvalidStateException` if somebody is; the store's faults.
pub(super) fn none_goes_on(service: &Inner, key: &KeyRecord, number: u32) -> Result<Seen, KmsError> {
    let mut seen = Vec::new();
    for region in regions(key) {
        let found = service.store.get::<KeyRecord>(&place::key(&region, key.id.id()))?;
        let import = found.as_ref().and_then(|found| found.record.generation(number)?.import.as_ref());
        if import.is_some_and(|import| import.destroyed_since.is_some()) {
            let text = format!("The key material of {} is being deleted.", key.arn());
            return Err(KmsError::with(Exception::KMSInvalidState, text));
        }
        seen.push((region, found.map(|found| found.version)));
    }
    Ok(seen)
}

/// That the records are those that were seen, when the change is made.
///
/// # Errors
/// `DependencyTimeoutException` if one has changed: material that was imported meanwhile may have been destroyed.
pub(super) fn is_as_seen(
    edit: &mut Edit<'_>,
    key: &KeyRecord,
    seen: &[(Region, Option<Revision>)],
) -> Result<(), KmsError> {
    for (region, version) in seen {
        let found = edit.service().store.get::<KeyRecord>(&place::key(region, key.id.id()))?;
        if found.map(|found| found.version) != *version {
            return Err(KmsError::with(Exception::DependencyTimeout, "The key was changed meanwhile: try again."));
        }
        // Where the change puts the record itself, it does so only if that is what it was.
        let puts = *region == key.region || key.is_primary();
        if let Some(version) = version.filter(|_| !puts) {
            edit.only_if_unchanged(region, key.id.id(), version);
        }
    }
    Ok(())
}

/// Takes imported material away that has expired: as with keys, only if it was seen to have expired at least `grace` ago.
/// From its end on it is of no use anyway. Answers what the caller is to [destroy](destroy_lost).
pub(crate) fn expire(
    service: &Inner,
    region: &Region,
    id: KeyId,
    moment: Moment,
    grace: Duration,
) -> Result<Option<(KeyRecord, Vec<u32>)>, KmsError> {
    service.edit(|edit| {
        let Some(found) = edit.key(region, id)? else { return Ok(None) };
        let (mut key, read) = (found.record, found.version);
        let (mut changed, mut expired) = (false, Vec::new());
        for one in &mut key.generations {
            let number = one.number;
            let Some(import) = one.import.as_mut().filter(|import| import.present) else { continue };
            if import.valid_to.is_none_or(|end| moment.now < end) {
                continue;
            }
            match import.seen_expired {
                Some(first) if moment.is_past(first, grace) => expired.push(number),
                Some(first) if moment.goes_on_from(first) => {}
                _ if grace.is_zero() => expired.push(number),
                _ => (import.seen_expired, changed) = (Some(moment.first_seen()), true),
            }
        }
        let mut mine = Vec::new();
        for &number in &expired {
            if lose(edit, &mut key, number, moment.now)? {
                mine.push(number);
            }
        }
        if changed || !expired.is_empty() {
            edit.put_key(&mut key, read)?;
        }
        Ok((!expired.is_empty()).then_some((key, mine)))
    })
}

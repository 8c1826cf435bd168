//! Rotation: new material for a key, under which it encrypts from then on. The old decrypts for ever.

use core::time::Duration;

use kms_core::{KeySpec, MaterialId};

use super::Sealed;
use super::pages::{LONG, Page};
use crate::api::{
    DisableKeyRotationRequest, EnableKeyRotationRequest, ExpirationModelType, GetKeyRotationStatusRequest,
    GetKeyRotationStatusResponse, ImportState, IncludeKeyMaterial, KeyMaterialState, KeyState, ListKeyRotationsRequest,
    ListKeyRotationsResponse, Named, OriginType, RotateKeyOnDemandRequest, RotateKeyOnDemandResponse, RotationType,
    RotationsListEntry,
};
use crate::edit::Edit;
use crate::facts::{Fact, Facts};
use crate::import::{fingerprint_of_generated, material_id};
use crate::record::{Generation, Import, KeyRecord, Rotated};
use crate::service::Inner;
use crate::step::Step;
use crate::time::DAY;
use crate::{Exception, KmsError, Region, Timestamp, place};

/// The period when nobody says, in days.
const DEFAULT_PERIOD: u32 = 365;
/// What the list of what is due calls it.
pub(crate) const DUE: &str = "rotate";
/// How long after an automatic rotation none is made on demand.
const APART: Duration = Duration::from_secs(20 * 60);

/// That the key is of a kind whose material rotates.
fn rotates(key: &KeyRecord, automatic: bool) -> Result<(), KmsError> {
    if key.spec != KeySpec::SymmetricDefault {
        return Err(KmsError::new(Exception::UnsupportedOperation));
    }
    let rotates = key.origin == OriginType::AwsKms || (key.origin == OriginType::External && !automatic);
    if rotates {
        return Ok(());
    }
    let text = format!("{} origin is {} which is not valid for this operation.", key.arn(), key.origin);
    Err(KmsError::with(Exception::UnsupportedOperation, text))
}

/// That the key is the one of its kind whose rotation can be changed.
fn is_no_replica(key: &KeyRecord) -> Result<(), KmsError> {
    if !key.is_replica() {
        return Ok(());
    }
    let text = format!("{} is not a multi-region primary key.", key.arn());
    Err(KmsError::with(Exception::UnsupportedOperation, text))
}

impl Sealed for EnableKeyRotationRequest {
    fn perform(&self, step: &Step<'_>) -> Result<(), KmsError> {
        let days = self.rotation_period_in_days.and_then(|days| u32::try_from(days).ok());
        let days = days.unwrap_or(DEFAULT_PERIOD);
        let more = [("rotationperiodindays", Fact::Number(days.into()))];
        let facts = Facts { more: &more, ..Facts::default() };
        let admitted = step.admitted(&self.key_id, "kms:EnableKeyRotation", &facts)?;
        rotates(admitted.record(), true)?;
        is_no_replica(admitted.record())?;
        admitted.change(|key, edit| {
            if key.rotation.period_days != Some(days) {
                // Counted from the last rotation, or from now if that would be over already.
                let next = last_rotation(key) + DAY * days;
                let next = if next <= step.now { step.now + DAY * days } else { next };
                key.rotation.period_days = Some(days);
                key.rotation.next = Some(next);
                edit.note_due(next, DUE, key)?;
            }
            follow(edit, key)
        })
    }
}

fn last_rotation(key: &KeyRecord) -> Timestamp {
    let rotations = key.generations.iter().filter_map(|one| one.rotated.map(|rotated| rotated.date));
    rotations.max().unwrap_or(key.created)
}

impl Sealed for DisableKeyRotationRequest {
    fn perform(&self, step: &Step<'_>) -> Result<(), KmsError> {
        let admitted = step.admitted(&self.key_id, "kms:DisableKeyRotation", &Facts::default())?;
        rotates(admitted.record(), true)?;
        is_no_replica(admitted.record())?;
        admitted.change(|key, edit| {
            key.rotation.period_days = None;
            key.rotation.next = None;
            follow(edit, key)
        })
    }
}

impl Sealed for GetKeyRotationStatusRequest {
    fn perform(&self, step: &Step<'_>) -> Result<GetKeyRotationStatusResponse, KmsError> {
        let admitted = step.admitted(&self.key_id, "kms:GetKeyRotationStatus", &Facts::default())?;
        let key = admitted.record();
        // AWS says of asymmetric and HMAC keys that their rotation is off, and refuses to say anything of where other
        // material comes from.
        if key.spec == KeySpec::SymmetricDefault {
            rotates(key, true)?;
        }
        let runs = !matches!(key.state, KeyState::PendingDeletion | KeyState::PendingReplicaDeletion);
        Ok(GetKeyRotationStatusResponse {
            key_rotation_enabled: key.rotation.period_days.is_some() && runs,
            key_id: Some(admitted.arn().to_string()),
            rotation_period_in_days: key.rotation.period_days.and_then(|days| i32::try_from(days).ok()),
            next_rotation_date: key.rotation.next.filter(|_| runs),
            // A rotation on demand is over before it is answered.
            on_demand_rotation_start_date: None,
        })
    }
}

impl Sealed for RotateKeyOnDemandRequest {
    fn perform(&self, step: &Step<'_>) -> Result<RotateKeyOnDemandResponse, KmsError> {
        let admitted = step.admitted(&self.key_id, "kms:RotateKeyOnDemand", &Facts::default())?;
        rotates(admitted.record(), false)?;
        is_no_replica(admitted.record())?;
        let arn = admitted.arn().clone();
        let most = step.service.limits.on_demand_rotations;
        admitted.change(|key, edit| {
            if key.rotation.on_demand >= most {
                return Err(KmsError::with(
                    Exception::LimitExceeded,
                    format!(
                        "The on-demand rotations limit has been reached for the given keyId. No more on-demand \
                         rotations can be performed for this key: {arn}"
                    ),
                ));
            }
            let automatic = key.generations.iter().filter_map(|one| one.rotated);
            let automatic = automatic.filter(|rotated| rotated.kind == RotationType::Automatic).map(|one| one.date);
            if automatic.max().is_some_and(|last| step.now.since(last) < APART) {
                return Err(KmsError::with(Exception::Conflict, format!("{arn} was rotated a short time ago.")));
            }
            key.rotation.on_demand += 1;
            advance(edit, key, RotationType::OnDemand, step.now)
        })?;
        Ok(RotateKeyOnDemandResponse { key_id: arn.to_string() })
    }
}

/// Makes the next generation the current one: the imported one that waits for it, or a fresh one.
fn advance(edit: &mut Edit<'_>, key: &mut KeyRecord, kind: RotationType, now: Timestamp) -> Result<(), KmsError> {
    let waiting = key.generations.iter().find(|one| one.state == KeyMaterialState::PendingRotation);
    let number = match waiting {
        Some(waiting) if waiting.import.as_ref().is_none_or(|import| import.present) => waiting.number,
        _ if key.origin == OriginType::External => {
            let text = format!("No available key material pending rotation for the key: {}.", key.arn());
            return Err(KmsError::with(Exception::KMSInvalidState, text));
        }
        _ => {
            let last = key.generations.iter().map(|one| one.number).max();
            let number = last.map_or(0, |last| last.saturating_add(1));
            // Asked for again, it is there already.
            edit.service().home.create(MaterialId { key: key.id.id(), generation: number }, key.spec, key.usage)?;
            key.generations.push(Generation {
                number,
                material_id: material_id(key.id.id(), &fingerprint_of_generated(number)),
                created: now,
                state: KeyMaterialState::PendingRotation,
                rotated: None,
                import: None,
            });
            number
        }
    };
    everywhere(edit, key, number)?;
    for one in &mut key.generations {
        if one.state == KeyMaterialState::Current {
            one.state = KeyMaterialState::NonCurrent;
        }
        if one.number == number {
            one.state = KeyMaterialState::Current;
            one.rotated = Some(Rotated { date: now, kind });
        }
    }
    key.current = number;
    follow(edit, key)
}

/// Puts what all regions of a primary key share into the records of its replicas. Of a replica nobody takes anything.
pub(super) fn follow(edit: &mut Edit<'_>, key: &KeyRecord) -> Result<(), KmsError> {
    let Some(regions) = key.multi_region.as_ref().filter(|_| key.is_primary()) else { return Ok(()) };
    for region in regions.replicas.iter().filter_map(|region| region.parse::<Region>().ok()) {
        let Some(found) = edit.key(&region, key.id.id())? else { continue };
        let (mut replica, read) = (found.record, found.version);
        if key.origin == OriginType::External {
            follow_imports(&mut replica, key);
        } else {
            replica.generations.clone_from(&key.generations);
        }
        replica.current = key.current;
        replica.rotation = key.rotation;
        replica.multi_region.clone_from(&key.multi_region);
        edit.put_key(&mut replica, read)?;
    }
    Ok(())
}

/// Each region has its own imports of the one material.
fn follow_imports(replica: &mut KeyRecord, key: &KeyRecord) {
    for one in &key.generations {
        match replica.generations.iter_mut().find(|own| own.number == one.number) {
            Some(own) => (own.state, own.rotated) = (one.state, one.rotated),
            None => {
                let import = one.import.clone().map(|import| Import {
                    present: false,
                    description: String::new(),
                    valid_to: None,
                    seen_expired: None,
                    destroyed_since: None,
                    ..import
                });
                replica.generations.push(Generation { import, ..one.clone() });
            }
        }
    }
}

/// That every region has imported the material that a rotation makes the current one.
fn everywhere(edit: &Edit<'_>, key: &KeyRecord, number: u32) -> Result<(), KmsError> {
    match lacking(edit.service(), key, number)? {
        None => Ok(()),
        Some(region) => {
            let text = format!("The new key material of {} is not imported in {region}.", key.arn());
            Err(KmsError::with(Exception::KMSInvalidState, text))
        }
    }
}

/// A region that has not imported the material of a generation.
fn lacking(service: &Inner, key: &KeyRecord, number: u32) -> Result<Option<Region>, KmsError> {
    let Some(all) = key.multi_region.as_ref().filter(|_| key.origin == OriginType::External) else { return Ok(None) };
    for region in all.replicas.iter().filter_map(|region| region.parse::<Region>().ok()).chain([all.primary.clone()]) {
        let there = service.store.get::<KeyRecord>(&place::key(&region, key.id.id()))?;
        let import = there.as_ref().and_then(|there| there.record.generation(number)?.import.as_ref());
        if !import.is_some_and(|import| import.present) {
            return Ok(Some(region));
        }
    }
    Ok(None)
}

/// Rotates a key whose time has come, unless that has changed. Answers the key as it then is.
pub(crate) fn rotate(
    service: &Inner,
    region: &Region,
    id: kms_core::KeyId,
    now: Timestamp,
) -> Result<Option<KeyRecord>, KmsError> {
    service.edit(|edit| {
        let Some(found) = edit.key(region, id)? else { return Ok(None) };
        let (mut key, read) = (found.record, found.version);
        let (Some(days), Some(next)) = (key.rotation.period_days, key.rotation.next) else { return Ok(None) };
        if now < next || key.is_replica() {
            return Ok(None);
        }
        // A key that is disabled, or on its way out, is not rotated before it is enabled again, and then at once.
        if key.state != KeyState::Enabled {
            return Ok(None);
        }
        let due_again = now + DAY * days;
        key.rotation.next = Some(due_again);
        edit.note_due(due_again, DUE, &key)?;
        advance(edit, &mut key, RotationType::Automatic, now)?;
        edit.put_key(&mut key, read)?;
        Ok(Some(key))
    })
}

impl Sealed for ListKeyRotationsRequest {
    fn perform(&self, step: &Step<'_>) -> Result<ListKeyRotationsResponse, KmsError> {
        let admitted = step.admitted(&self.key_id, "kms:ListKeyRotations", &Facts::default())?;
        let key = admitted.record();
        rotates(key, false)?;
        let all = self.include_key_material.as_ref().map_or(Ok(IncludeKeyMaterial::RotationsOnly), Named::get)?
            == IncludeKeyMaterial::AllKeyMaterial;
        let prefix = format!("rotations of {}", admitted.arn()).into_bytes();
        let page = Page::new(step, prefix, self.limit, self.marker.as_deref(), LONG)?;
        let after = page.after.as_deref().and_then(|after| Some(u32::from_be_bytes(after.try_into().ok()?)));
        let wanted = |one: &&Generation| (all || one.rotated.is_some()) && after.is_none_or(|after| one.number > after);
        let mut found: Vec<&Generation> = key.generations.iter().filter(wanted).take(page.limit + 1).collect();
        let next = page.cut(step, &mut found, |one| one.number.to_be_bytes().to_vec())?;
        let mut rotations = Vec::new();
        for one in found {
            let waits = one.state == KeyMaterialState::PendingRotation;
            let state = if waits && lacking(step.service, key, one.number)?.is_some() {
                KeyMaterialState::PendingMultiRegionImportAndRotation
            } else {
                one.state
            };
            rotations.push(entry(key, one, all.then_some(state)));
        }
        Ok(ListKeyRotationsResponse { rotations: rotations.into(), truncated: next.is_some(), next_marker: next })
    }
}

fn entry(key: &KeyRecord, generation: &Generation, state: Option<KeyMaterialState>) -> RotationsListEntry {
    let import = generation.import.as_ref();
    RotationsListEntry {
        key_id: key.arn().to_string(),
        key_material_id: Some(generation.material_id.clone()),
        key_material_description: import.map(|import| import.description.clone()).filter(|text| !text.is_empty()),
        import_state: import
            .map(|import| if import.present { ImportState::Imported } else { ImportState::PendingImport }),
        key_material_state: state,
        expiration_model: import.filter(|import| import.present).map(|import| match import.valid_to {
            Some(_) => ExpirationModelType::KeyMaterialExpires,
            None => ExpirationModelType::KeyMaterialDoesNotExpire,
        }),
        valid_to: import.and_then(|import| import.valid_to),
        rotation_date: generation.rotated.map(|rotated| rotated.date),
        rotation_type: generation.rotated.map(|rotated| rotated.kind),
    }
}

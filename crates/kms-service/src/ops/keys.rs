//! Making, describing, listing, enabling and disabling keys.

use std::collections::{BTreeMap, BTreeSet};

use kms_core::{Algorithm, AlgorithmSet, KeySpec, KeyUsage, MaterialId};

use super::Sealed;
use super::pages::{LONG, Page};
use super::policies::{check_new_policy, default_policy};
use crate::api::{
    self, CreateKeyRequest, CreateKeyResponse, DescribeKeyRequest, DescribeKeyResponse, DisableKeyRequest,
    EnableKeyRequest, EncryptionAlgorithmSpec, ExpirationModelType, KeyAgreementAlgorithmSpec, KeyListEntry,
    KeyManagerType, KeyMaterialState, KeyMetadata, KeyState, ListKeysRequest, ListKeysResponse, MacAlgorithmSpec,
    MultiRegionConfiguration, MultiRegionKey, MultiRegionKeyType, OriginType, SigningAlgorithmSpec,
    UpdateKeyDescriptionRequest,
};
use crate::facts::{Facts, NewKeyFacts};
use crate::import::{fingerprint_of_generated, material_id};
use crate::name::Resource;
use crate::quota::Class;
use crate::record::{Generation, KeyRecord, Listed, MultiRegion, Rotation};
use crate::step::{Names, Step};
use crate::{Arn, Exception, KmsError, KmsKeyId, Timestamp, place};

impl Sealed for CreateKeyRequest {
    fn perform(&self, step: &Step<'_>) -> Result<CreateKeyResponse, KmsError> {
        self.make(step, None)
    }
}

impl CreateKeyRequest {
    /// Makes the key; with the id that its operator has chosen, if there is one.
    pub(crate) fn make(&self, step: &Step<'_>, chosen: Option<KmsKeyId>) -> Result<CreateKeyResponse, KmsError> {
        let (spec, usage) = (self.spec()?, self.usage()?);
        let origin = self.origin.as_ref().map_or(Ok(OriginType::AwsKms), api::Named::get)?;
        let multi_region = self.multi_region == Some(true);
        let new_key = NewKeyFacts { spec: spec.as_str(), usage: usage.as_str(), origin: origin.as_str(), multi_region };
        let facts = Facts {
            tags: Some(&self.tags),
            bypass_lockout_check: Some(self.bypass_policy_lockout_safety_check == Some(true)),
            ..Facts::default()
        };
        if !self.tags.is_empty() {
            step.allowed_in_account("kms:TagResource", "*", &facts, Some(new_key))?;
        }
        let class = Class::Operation(step.operation);
        let admitted = step.account("kms:CreateKey", "*", &facts, Some(new_key), class)?;
        let (spec, usage) = (KeySpec::try_from(spec)?, KeyUsage::try_from(usage)?);
        let in_store = self.in_store(origin, spec, multi_region)?;
        let (home, cluster) = match in_store {
            Some(id) => step.connected_store(&admitted, id)?,
            None => (step.service.home.clone(), String::new()),
        };
        if origin != OriginType::External && !home.has(spec, usage) {
            let text = format!("Keys of {spec} for {usage} cannot be made here.");
            return Err(KmsError::with(Exception::UnsupportedOperation, text));
        }
        let account = admitted.account;
        let policy = match &self.policy {
            Some(policy) => policy.clone(),
            None => default_policy(account),
        };
        let id = match chosen {
            Some(id) => id,
            None => KmsKeyId::random(multi_region, &step.service.random)?,
        };
        let region = &step.caller.region;
        let mut record = KeyRecord {
            revision: 0,
            account,
            region: region.clone(),
            id,
            created: step.now,
            description: self.description.clone().unwrap_or_default(),
            spec,
            usage,
            origin,
            custom_key_store: in_store.map(str::to_owned),
            aws_managed: false,
            state: KeyState::PendingImport,
            deletion: None,
            policy,
            tags: tags(&self.tags),
            aliases: BTreeSet::new(),
            grants: 0,
            grants_digest: Vec::new(),
            generations: Vec::new(),
            current: 0,
            rotation: Rotation::default(),
            multi_region: multi_region.then(|| MultiRegion { primary: region.clone(), replicas: BTreeSet::new() }),
        };
        check_new_policy(step, &record, self.bypass_policy_lockout_safety_check)?;
        // A random id is nobody's. Material in the place of a chosen one may be another key's, which is not to be touched.
        if chosen.is_some() && home.open(MaterialId::from(id.id()), &home.call()).is_ok() {
            return Err(taken(id));
        }
        if origin != OriginType::External {
            // Before the record: material without a record is nothing, a record without material would be half a key.
            home.create(MaterialId::from(id.id()), spec, usage)?;
            record.generations.push(first_generation(&record));
            record.state = KeyState::Enabled;
        }
        let most = step.service.limits.keys;
        let added = step.service.edit(|edit| {
            if chosen.is_some() && edit.key(region, id.id())?.is_some() {
                return Err(taken(id));
            }
            edit.count(account, region, |counts| {
                if counts.keys >= most {
                    return Err(KmsError::with(
                        Exception::LimitExceeded,
                        format!("The account has {most} keys in this region, which is its limit."),
                    ));
                }
                counts.keys += 1;
                Ok(())
            })?;
            super::custom_key_stores::count_in(edit, &record, &cluster)?;
            edit.add_key(&record)
        });
        if let Err(error) = &added
            && error.is_certain()
            && error.exception() != Exception::AlreadyExists
            && origin != OriginType::External
        {
            home.destroy(MaterialId::from(id.id()))?;
        }
        added?;
        step.made(&record)?;
        let cluster = in_store.map(|_| cluster);
        Ok(CreateKeyResponse { key_metadata: metadata(&record, true, cluster, step.now)? })
    }

    /// The custom key store that the key is to be in.
    fn in_store(&self, origin: OriginType, spec: KeySpec, multi_region: bool) -> Result<Option<&str>, KmsError> {
        let unsupported = |text: &'static str| Err(KmsError::with(Exception::UnsupportedOperation, text));
        match (origin, &self.custom_key_store_id) {
            (OriginType::ExternalKeyStore, _) => unsupported("External key stores are not supported by this service."),
            _ if self.xks_key_id.is_some() => {
                Err(KmsError::validation("XksKeyId is valid only for keys with the Origin EXTERNAL_KEY_STORE."))
            }
            (OriginType::AwsCloudhsm, None) => {
                Err(KmsError::validation("A CustomKeyStoreId is required for the Origin AWS_CLOUDHSM."))
            }
            (OriginType::AwsCloudhsm, Some(_)) if spec != KeySpec::SymmetricDefault => {
                unsupported("Custom key stores hold symmetric encryption keys only.")
            }
            (OriginType::AwsCloudhsm, Some(_)) if multi_region => {
                unsupported("Custom key stores hold no multi-Region keys.")
            }
            (OriginType::AwsCloudhsm, Some(id)) => Ok(Some(id)),
            (_, Some(_)) => {
                Err(KmsError::validation("CustomKeyStoreId is valid only for keys with the Origin AWS_CLOUDHSM."))
            }
            (_, None) => Ok(None),
        }
    }
}

fn taken(id: KmsKeyId) -> KmsError {
    KmsError::with(Exception::AlreadyExists, format!("A key has the id {id}."))
}

/// The first generation of a key that the service has made.
pub(crate) fn first_generation(record: &KeyRecord) -> Generation {
    Generation {
        number: 0,
        material_id: material_id(record.id.id(), &fingerprint_of_generated(0)),
        created: record.created,
        state: KeyMaterialState::Current,
        rotated: None,
        import: None,
    }
}

impl Sealed for DescribeKeyRequest {
    fn perform(&self, step: &Step<'_>) -> Result<DescribeKeyResponse, KmsError> {
        let found = step.find(&self.key_id, Names::All)?;
        let allowed = step.authorise(found, "kms:DescribeKey", &Facts::default(), &self.grant_tokens)?;
        let admitted = allowed.admit(Class::Operation(step.operation))?;
        let cluster = step.cluster_of(admitted.record())?;
        let connected = admitted.snapshot().connected;
        Ok(DescribeKeyResponse { key_metadata: metadata(admitted.record(), connected, cluster, step.now)? })
    }
}

impl Sealed for ListKeysRequest {
    fn perform(&self, step: &Step<'_>) -> Result<ListKeysResponse, KmsError> {
        let admitted = step.account("kms:ListKeys", "*", &Facts::default(), None, Class::Operation(step.operation))?;
        let (account, region) = (admitted.account, &step.caller.region);
        let page = Page::new(step, place::listed_in(account, region), self.limit, self.marker.as_deref(), LONG)?;
        let mut places = Vec::new();
        for (place, _) in step.service.store.list::<Listed>(page.prefix(), page.after.as_deref(), page.limit + 1)? {
            places.push(place);
        }
        let next = page.cut(step, &mut places, Clone::clone)?;
        let keys = places.iter().filter_map(|place| place::listed_id(place)).map(|id| KeyListEntry {
            key_id: id.to_string(),
            key_arn: Arn::new(region.clone(), account, Resource::Key(id)).to_string(),
        });
        Ok(ListKeysResponse { keys: keys.collect::<Vec<_>>().into(), truncated: next.is_some(), next_marker: next })
    }
}

impl Sealed for UpdateKeyDescriptionRequest {
    fn perform(&self, step: &Step<'_>) -> Result<(), KmsError> {
        let admitted = step.admitted(&self.key_id, "kms:UpdateKeyDescription", &Facts::default())?;
        admitted.change(|key, _| {
            key.description.clone_from(&self.description);
            Ok(())
        })
    }
}

impl Sealed for EnableKeyRequest {
    fn perform(&self, step: &Step<'_>) -> Result<(), KmsError> {
        let admitted = step.admitted(&self.key_id, "kms:EnableKey", &Facts::default())?;
        admitted.change(|key, edit| {
            key.state = KeyState::Enabled;
            // A rotation that the key has missed while it was disabled is made up for.
            match key.rotation.next.filter(|next| *next <= step.now && !key.is_replica()) {
                Some(_) => edit.note_due(step.now, super::rotation::DUE, key),
                None => Ok(()),
            }
        })
    }
}

impl Sealed for DisableKeyRequest {
    fn perform(&self, step: &Step<'_>) -> Result<(), KmsError> {
        let admitted = step.admitted(&self.key_id, "kms:DisableKey", &Facts::default())?;
        admitted.change(|key, _| {
            key.state = KeyState::Disabled;
            Ok(())
        })
    }
}

/// The algorithms of a key, by kind.
#[derive(Default)]
pub(super) struct Algorithms {
    pub(super) encryption: Vec<EncryptionAlgorithmSpec>,
    pub(super) signing: Vec<SigningAlgorithmSpec>,
    pub(super) mac: Vec<MacAlgorithmSpec>,
    pub(super) agreement: Vec<KeyAgreementAlgorithmSpec>,
}

impl Algorithms {
    pub(super) fn of(record: &KeyRecord) -> Result<Self, KmsError> {
        let mut all = Self::default();
        for algorithm in AlgorithmSet::of(record.spec, record.usage).iter() {
            match algorithm {
                Algorithm::Encryption(one) => all.encryption.push(one.try_into()?),
                Algorithm::Signing(one) => all.signing.push(one.try_into()?),
                Algorithm::Mac(one) => all.mac.push(one.try_into()?),
                Algorithm::KeyAgreement(one) => all.agreement.push(one.try_into()?),
                _ => {}
            }
        }
        Ok(all)
    }
}

/// What callers are told of a key.
pub(crate) fn metadata(
    record: &KeyRecord,
    connected: bool,
    cluster: Option<String>,
    now: Timestamp,
) -> Result<KeyMetadata, KmsError> {
    let spec = api::KeySpec::try_from(record.spec)?;
    let algorithms = Algorithms::of(record)?;
    let import = record
        .current()
        .and_then(|current| current.import.as_ref())
        .filter(|import| import.present && import.valid_to.is_none_or(|end| end > now));
    // AWS leaves the current material's id out for keys that have none of their own to show.
    let shows_material = record.spec == KeySpec::SymmetricDefault && record.origin != OriginType::AwsCloudhsm;
    let state = crate::state::shown(record, connected, now);
    Ok(KeyMetadata {
        aws_account_id: Some(record.account.to_string()),
        key_id: record.id.to_string(),
        arn: record.arn().to_string(),
        creation_date: Some(record.created),
        enabled: state == KeyState::Enabled,
        description: Some(record.description.clone()),
        key_usage: Some(record.usage.try_into()?),
        key_state: Some(state),
        deletion_date: record.deletion.and_then(|deletion| deletion.date),
        valid_to: import.and_then(|import| import.valid_to),
        origin: Some(record.origin),
        custom_key_store_id: record.custom_key_store.clone(),
        cloud_hsm_cluster_id: cluster,
        expiration_model: import.map(|import| match import.valid_to {
            Some(_) => ExpirationModelType::KeyMaterialExpires,
            None => ExpirationModelType::KeyMaterialDoesNotExpire,
        }),
        key_manager: Some(if record.aws_managed { KeyManagerType::Aws } else { KeyManagerType::Customer }),
        customer_master_key_spec: spec.try_into().ok(),
        key_spec: Some(spec),
        encryption_algorithms: algorithms.encryption,
        signing_algorithms: algorithms.signing,
        key_agreement_algorithms: algorithms.agreement,
        encapsulation_algorithms: Vec::new(),
        multi_region: Some(record.multi_region.is_some()),
        multi_region_configuration: record.multi_region.as_ref().map(|regions| configuration(record, regions)),
        pending_deletion_window_in_days: match record.state {
            KeyState::PendingReplicaDeletion => {
                record.deletion.and_then(|deletion| i32::try_from(deletion.window_days).ok())
            }
            _ => None,
        },
        mac_algorithms: algorithms.mac,
        xks_key_configuration: None,
        current_key_material_id: record.current().filter(|_| shows_material).map(|current| current.material_id.clone()),
    })
}

fn configuration(record: &KeyRecord, regions: &MultiRegion) -> MultiRegionConfiguration {
    let key = |region: &str| {
        let region = region.parse().unwrap_or_else(|_| record.region.clone());
        MultiRegionKey {
            arn: Arn::new(region.clone(), record.account, Resource::Key(record.id)).to_string(),
            region: region.to_string(),
        }
    };
    MultiRegionConfiguration {
        multi_region_key_type: Some(if record.is_primary() {
            MultiRegionKeyType::Primary
        } else {
            MultiRegionKeyType::Replica
        }),
        primary_key: Some(key(regions.primary.as_str())),
        replica_keys: regions.replicas.iter().map(|region| key(region)).collect(),
    }
}

/// The tags of a request as a record keeps them.
pub(super) fn tags(tags: &[api::Tag]) -> BTreeMap<String, String> {
    tags.iter().map(|tag| (tag.tag_key.to_string(), tag.tag_value.to_string())).collect()
}

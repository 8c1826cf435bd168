//! Custom key stores: keys whose material is in an HSM that the operator has configured.

use std::sync::Arc;

use kms_core::RandomSource;
use serde::{Deserialize, Serialize};

use super::pages::{LONG, Page};
use super::{Sealed, not_here};
use crate::api::{
    ConnectCustomKeyStoreRequest, ConnectCustomKeyStoreResponse, ConnectionErrorCodeType, ConnectionStateType,
    CreateCustomKeyStoreRequest, CreateCustomKeyStoreResponse, CustomKeyStoreType, CustomKeyStoresListEntry,
    DeleteCustomKeyStoreRequest, DeleteCustomKeyStoreResponse, DescribeCustomKeyStoresRequest,
    DescribeCustomKeyStoresResponse, DisconnectCustomKeyStoreRequest, DisconnectCustomKeyStoreResponse, Named,
    UpdateCustomKeyStoreRequest, UpdateCustomKeyStoreResponse,
};
use crate::authorise::AdmittedAccount;
use crate::backends::Home;
use crate::edit::Edit;
use crate::facts::Facts;
use crate::quota::Class;
use crate::record::KeyRecord;
use crate::sealed::Versioned;
use crate::service::Inner;
use crate::step::Step;
use crate::{AccountId, Exception, KmsError, Region, Timestamp, place, text};

/// A custom key store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CustomKeyStoreRecord {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The HSM, as the operator calls it.
    pub(crate) cluster: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trust_anchor: Option<String>,
    pub(crate) connected: bool,
    /// The last attempt to connect failed.
    #[serde(default)]
    pub(crate) failed: bool,
    /// How many keys are in it.
    #[serde(default)]
    pub(crate) keys: u64,
    #[serde(with = "text::millis")]
    pub(crate) created: Timestamp,
}

impl CustomKeyStoreRecord {
    const fn connection_state(&self) -> ConnectionStateType {
        match (self.connected, self.failed) {
            (true, _) => ConnectionStateType::Connected,
            (false, true) => ConnectionStateType::Failed,
            (false, false) => ConnectionStateType::Disconnected,
        }
    }
}

impl Inner {
    pub(crate) fn custom_key_store(
        &self,
        account: AccountId,
        region: &Region,
        id: &str,
    ) -> Result<Option<Versioned<CustomKeyStoreRecord>>, KmsError> {
        Ok(self.store.get(&place::custom_key_store(account, region, id))?)
    }
}

fn unknown(id: &str) -> KmsError {
    KmsError::with(Exception::CustomKeyStoreNotFound, format!("Custom key store {id} does not exist."))
}

fn state(store: &CustomKeyStoreRecord, wanted: &str) -> KmsError {
    let text = format!("Custom key store {} is {}. It has to be {wanted}.", store.id, store.connection_state());
    KmsError::with(Exception::CustomKeyStoreInvalidState, text)
}

impl Step<'_> {
    /// The HSM behind a custom key store of the caller's account, which has to be connected, and what the operator calls it.
    pub(crate) fn connected_store(
        &self,
        admitted: &AdmittedAccount,
        id: &str,
    ) -> Result<(Arc<Home>, String), KmsError> {
        let found = self.service.custom_key_store(admitted.account, &self.caller.region, id)?;
        let store = found.ok_or_else(|| unknown(id))?.record;
        match self.service.clusters.get(&store.cluster).filter(|_| store.connected) {
            Some(home) => Ok((home.clone(), store.cluster)),
            None => Err(state(&store, "CONNECTED")),
        }
    }

    /// The HSM that a key is in, as the operator calls it.
    pub(crate) fn cluster_of(&self, key: &KeyRecord) -> Result<Option<String>, KmsError> {
        let Some(id) = &key.custom_key_store else { return Ok(None) };
        Ok(self.service.custom_key_store(key.account, &key.region, id)?.map(|found| found.record.cluster))
    }

    fn store_request(&self, action: &'static str) -> Result<AdmittedAccount, KmsError> {
        self.account(action, "*", &Facts::default(), None, Class::Operation(self.operation))
    }

    /// Changes a custom key store of the caller's account, whose keys may become available, or unavailable.
    fn change_store<T>(
        &self,
        admitted: &AdmittedAccount,
        id: &str,
        mut work: impl FnMut(&mut CustomKeyStoreRecord, &mut Edit<'_>) -> Result<T, KmsError>,
    ) -> Result<T, KmsError> {
        let (account, region) = (admitted.account, &self.caller.region);
        self.service.edit(|edit| {
            let found = self.service.custom_key_store(account, region, id)?.ok_or_else(|| unknown(id))?;
            let mut store = found.record;
            let done = work(&mut store, edit)?;
            edit.put(place::custom_key_store(account, region, id), &store, Some(found.version))?;
            edit.changes_everything();
            Ok(done)
        })
    }

    /// All custom key stores of the caller's account.
    fn all_stores(&self, account: AccountId) -> Result<Vec<CustomKeyStoreRecord>, KmsError> {
        let prefix = place::custom_key_stores_in(account, &self.caller.region);
        let found = self.service.store.list(&prefix, None, crate::store::MAX_PAGE)?;
        Ok(found.into_iter().map(|(_, found)| found.record).collect())
    }

    /// That no other custom key store has the name, and none the HSM, which becomes that of this one.
    ///
    /// Whoever changes the names of an account changes its counts as well, so that two of them do not miss each other.
    fn claim(
        &self,
        edit: &mut Edit<'_>,
        account: AccountId,
        id: &str,
        name: &str,
        cluster: &str,
    ) -> Result<(), KmsError> {
        if !self.service.clusters.contains_key(cluster) {
            let text = format!("No HSM is configured as {cluster}.");
            return Err(KmsError::with(Exception::CloudHsmClusterNotFound, text));
        }
        let others = self.all_stores(account)?;
        if others.iter().any(|other| other.id != id && other.name == name) {
            let text = format!("A custom key store has the name {name}.");
            return Err(KmsError::with(Exception::CustomKeyStoreNameInUse, text));
        }
        let holder = self.service.store.get::<String>(&place::cluster(cluster))?;
        match holder {
            Some(holder) if holder.record != id => {
                let text = format!("A custom key store is in front of {cluster}.");
                Err(KmsError::with(Exception::CloudHsmClusterInUse, text))
            }
            Some(_) => Ok(()),
            None => edit.put(place::cluster(cluster), &id, None),
        }
    }

    /// The HSM is free for other custom key stores.
    fn release(&self, edit: &mut Edit<'_>, cluster: &str) -> Result<(), KmsError> {
        if let Some(holder) = self.service.store.get::<String>(&place::cluster(cluster))? {
            edit.delete_unchanged(place::cluster(cluster), holder.version);
        }
        Ok(())
    }
}

/// Counts a key that was made in the HSM `cluster` into its custom key store.
///
/// # Errors
/// `CustomKeyStoreNotFoundException` and `CustomKeyStoreInvalidStateException` if the custom key store was deleted,
/// disconnected, or put in front of another HSM meanwhile; the store's faults.
pub(super) fn count_in(edit: &mut Edit<'_>, key: &KeyRecord, cluster: &str) -> Result<(), KmsError> {
    let Some(id) = &key.custom_key_store else { return Ok(()) };
    let found = edit.service().custom_key_store(key.account, &key.region, id)?.ok_or_else(|| unknown(id))?;
    let (mut store, read) = (found.record, found.version);
    if !store.connected {
        return Err(state(&store, "CONNECTED"));
    }
    if store.cluster != cluster {
        let text = format!("Custom key store {id} was put in front of another HSM meanwhile.");
        return Err(KmsError::with(Exception::CustomKeyStoreInvalidState, text));
    }
    store.keys += 1;
    edit.put(place::custom_key_store(key.account, &key.region, id), &store, Some(read))
}

/// Counts a key out of the custom key store that it was in.
///
/// # Errors
/// The store's faults.
pub(super) fn count_out(edit: &mut Edit<'_>, key: &KeyRecord) -> Result<(), KmsError> {
    let Some(id) = &key.custom_key_store else { return Ok(()) };
    let Some(found) = edit.service().custom_key_store(key.account, &key.region, id)? else { return Ok(()) };
    let (mut store, read) = (found.record, found.version);
    store.keys = store.keys.saturating_sub(1);
    edit.put(place::custom_key_store(key.account, &key.region, id), &store, Some(read))
}

impl Sealed for CreateCustomKeyStoreRequest {
    fn perform(&self, step: &Step<'_>) -> Result<CreateCustomKeyStoreResponse, KmsError> {
        let kind = self.custom_key_store_type.as_ref();
        let kind = kind.map_or(Ok(CustomKeyStoreType::AwsCloudhsm), Named::get)?;
        let admitted = step.store_request("kms:CreateCustomKeyStore")?;
        if kind != CustomKeyStoreType::AwsCloudhsm {
            return Err(not_here());
        }
        let cluster = self.cloud_hsm_cluster_id.clone();
        let cluster = cluster.ok_or_else(|| KmsError::validation("A CloudHsmClusterId is required."))?;
        let (account, region) = (admitted.account, &step.caller.region);
        let name = self.custom_key_store_name.to_string();
        let mut random = [0; 8];
        step.service.random.fill(&mut random)?;
        let id = format!("cks-{:017x}", u64::from_be_bytes(random));
        let record = CustomKeyStoreRecord {
            id: id.clone(),
            name: name.clone(),
            cluster: cluster.clone(),
            trust_anchor: self.trust_anchor_certificate.clone(),
            connected: false,
            failed: false,
            keys: 0,
            created: step.now,
        };
        let most = step.service.limits.custom_key_stores;
        step.service.edit(|edit| {
            edit.count(account, region, |counts| {
                if counts.custom_key_stores >= most {
                    let text = format!("The account has {most} custom key stores, which is its limit.");
                    return Err(KmsError::with(Exception::LimitExceeded, text));
                }
                counts.custom_key_stores += 1;
                Ok(())
            })?;
            step.claim(edit, account, &id, &record.name, &record.cluster)?;
            edit.put(place::custom_key_store(account, region, &id), &record, None)
        })?;
        Ok(CreateCustomKeyStoreResponse { custom_key_store_id: id })
    }
}

impl Sealed for UpdateCustomKeyStoreRequest {
    fn perform(&self, step: &Step<'_>) -> Result<UpdateCustomKeyStoreResponse, KmsError> {
        let admitted = step.store_request("kms:UpdateCustomKeyStore")?;
        let external = self.xks_proxy_uri_endpoint.is_some() || self.xks_proxy_connectivity.is_some();
        if external {
            return Err(not_here());
        }
        let id = &self.custom_key_store_id;
        step.change_store(&admitted, id, |store, edit| {
            if store.connected {
                return Err(state(store, "DISCONNECTED"));
            }
            let name = self.new_custom_key_store_name.as_ref().unwrap_or(&store.name).clone();
            let cluster = self.cloud_hsm_cluster_id.as_ref().unwrap_or(&store.cluster).clone();
            if cluster != store.cluster {
                if store.keys > 0 {
                    let text =
                        format!("Custom key store {} holds {} keys, which are in its HSM.", store.id, store.keys);
                    return Err(KmsError::with(Exception::CloudHsmClusterNotRelated, text));
                }
                step.release(edit, &store.cluster)?;
            }
            step.claim(edit, admitted.account, id, &name, &cluster)?;
            (store.name, store.cluster) = (name, cluster);
            Ok(())
        })?;
        Ok(UpdateCustomKeyStoreResponse::default())
    }
}

impl Sealed for ConnectCustomKeyStoreRequest {
    fn perform(&self, step: &Step<'_>) -> Result<ConnectCustomKeyStoreResponse, KmsError> {
        let admitted = step.store_request("kms:ConnectCustomKeyStore")?;
        let answers = step.change_store(&admitted, &self.custom_key_store_id, |store, _| {
            // A store that is connected stays so. One whose last attempt failed has to be disconnected first.
            if store.failed {
                return Err(state(store, "DISCONNECTED"));
            }
            let home = step.service.clusters.get(&store.cluster);
            let answers = home.is_some_and(|home| home.health().is_ok());
            (store.connected, store.failed) = (answers, !answers);
            Ok(answers)
        })?;
        if answers {
            return Ok(ConnectCustomKeyStoreResponse::default());
        }
        Err(KmsError::with(Exception::CloudHsmClusterNotActive, "The HSM does not answer."))
    }
}

impl Sealed for DisconnectCustomKeyStoreRequest {
    fn perform(&self, step: &Step<'_>) -> Result<DisconnectCustomKeyStoreResponse, KmsError> {
        let admitted = step.store_request("kms:DisconnectCustomKeyStore")?;
        step.change_store(&admitted, &self.custom_key_store_id, |store, _| {
            if store.connection_state() == ConnectionStateType::Disconnected {
                return Err(state(store, "CONNECTED or FAILED"));
            }
            (store.connected, store.failed) = (false, false);
            Ok(())
        })?;
        Ok(DisconnectCustomKeyStoreResponse::default())
    }
}

impl Sealed for DeleteCustomKeyStoreRequest {
    fn perform(&self, step: &Step<'_>) -> Result<DeleteCustomKeyStoreResponse, KmsError> {
        let admitted = step.store_request("kms:DeleteCustomKeyStore")?;
        let (account, region, id) = (admitted.account, &step.caller.region, &self.custom_key_store_id);
        step.service.edit(|edit| {
            let found = step.service.custom_key_store(account, region, id)?.ok_or_else(|| unknown(id))?;
            if found.record.keys > 0 {
                let text = format!("Custom key store {} holds {} keys.", found.record.id, found.record.keys);
                return Err(KmsError::with(Exception::CustomKeyStoreHasCMKs, text));
            }
            if found.record.connected {
                return Err(state(&found.record, "DISCONNECTED"));
            }
            edit.count(account, region, |counts| {
                counts.custom_key_stores = counts.custom_key_stores.saturating_sub(1);
                Ok(())
            })?;
            step.release(edit, &found.record.cluster)?;
            edit.delete_unchanged(place::custom_key_store(account, region, id), found.version);
            Ok(())
        })?;
        Ok(DeleteCustomKeyStoreResponse::default())
    }
}

impl Sealed for DescribeCustomKeyStoresRequest {
    fn perform(&self, step: &Step<'_>) -> Result<DescribeCustomKeyStoresResponse, KmsError> {
        let admitted = step.store_request("kms:DescribeCustomKeyStores")?;
        let prefix = place::custom_key_stores_in(admitted.account, &step.caller.region);
        let page = Page::new(step, prefix, self.limit, self.marker.as_deref(), LONG)?;
        let place =
            |one: &CustomKeyStoreRecord| place::custom_key_store(admitted.account, &step.caller.region, &one.id);
        let wanted = |one: &CustomKeyStoreRecord| {
            self.custom_key_store_id.as_ref().is_none_or(|id| one.id == *id)
                && self.custom_key_store_name.as_ref().is_none_or(|name| one.name == *name)
                && page.after.as_ref().is_none_or(|after| place(one) > *after)
        };
        let mut stores: Vec<_> = step.all_stores(admitted.account)?.into_iter().filter(wanted).collect();
        if let Some(named) = self.custom_key_store_id.as_ref().or(self.custom_key_store_name.as_ref())
            && stores.is_empty()
        {
            return Err(unknown(named));
        }
        let next = page.cut(step, &mut stores, place)?;
        let entries = stores.into_iter().map(|one| CustomKeyStoresListEntry {
            connection_state: Some(one.connection_state()),
            custom_key_store_id: one.id,
            custom_key_store_name: one.name,
            cloud_hsm_cluster_id: Some(one.cluster),
            trust_anchor_certificate: one.trust_anchor,
            connection_error_code: one.failed.then_some(ConnectionErrorCodeType::NetworkErrors),
            creation_date: Some(one.created),
            custom_key_store_type: Some(CustomKeyStoreType::AwsCloudhsm),
            xks_proxy_configuration: None,
        });
        let entries: Vec<_> = entries.collect();
        Ok(DescribeCustomKeyStoresResponse {
            custom_key_stores: entries.into(),
            truncated: next.is_some(),
            next_marker: next,
        })
    }
}

impl Home {
    /// Random bytes from the system. PKCS#11 has no way to say which key's token they are of.
    pub(crate) fn fill_random(&self, out: &mut [u8]) -> Result<(), kms_core::Error> {
        kms_core::SystemRandom.fill(out)
    }
}

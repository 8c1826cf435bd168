//! A request on its way through the service.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use kms_core::KeyId;

use crate::api::Operation;
use crate::caller::Caller;
use crate::name::Resource;
use crate::quota::Class;
use crate::record::KeyRecord;
use crate::service::Inner;
use crate::snapshot::Snapshot;
use crate::trail;
use crate::{AccountId, AliasName, Arn, Exception, KmsError, KmsKeyId, Timestamp};

/// One request, while it is worked on.
pub(crate) struct Step<'a> {
    pub(crate) service: &'a Inner,
    pub(crate) caller: &'a Caller,
    pub(crate) operation: Operation,
    pub(crate) now: Timestamp,
    /// The keys that the request is about, for the trail.
    seen: RefCell<Vec<Arc<Snapshot>>>,
    event_id: OnceCell<String>,
}

/// A key that was found by its name.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) snapshot: Arc<Snapshot>,
    /// The alias that it was found by.
    pub(crate) alias: Option<AliasName>,
    /// Whether a ciphertext or a token named it, and not the caller.
    pub(crate) by_ciphertext: bool,
}

/// The names that an operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// Key ids, key ARNs, alias names, alias ARNs.
    All,
    /// Key ids and key ARNs.
    Keys,
}

impl<'a> Step<'a> {
    pub(crate) fn new(service: &'a Inner, caller: &'a Caller, operation: Operation) -> Self {
        Self {
            service,
            caller,
            operation,
            now: service.clock.now(),
            seen: RefCell::default(),
            event_id: OnceCell::new(),
        }
    }

    /// The id of the request's record.
    pub(crate) fn event_id(&self) -> String {
        self.event_id.get_or_init(|| trail::event_id().to_string()).clone()
    }

    /// A key that the request has made.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn made(&self, record: &KeyRecord) -> Result<(), KmsError> {
        if let Some(snapshot) = self.service.key(&record.region, record.id.id())? {
            self.see(&snapshot);
        }
        Ok(())
    }

    /// The keys that the request was found to be about.
    pub(crate) fn seen(&self) -> Vec<Arc<Snapshot>> {
        self.seen.borrow().clone()
    }

    fn see(&self, snapshot: &Arc<Snapshot>) {
        let mut seen = self.seen.borrow_mut();
        if !seen.iter().any(|known| known.arn_text == snapshot.arn_text) {
            seen.push(snapshot.clone());
        }
    }

    /// The key of that name, in the caller's region.
    ///
    /// # Errors
    /// `NotFoundException` with AWS's texts, `InvalidArnException`; `AccessDeniedException` for a key of another account
    /// that does not exist, as for one that does.
    pub(crate) fn find(&self, name: &str, names: Names) -> Result<Found, KmsError> {
        let invalid = || not_found(format!("Invalid keyId '{name}'"));
        let (region, mine) = (&self.caller.region, self.caller.account());
        let (account, resource) = if name.starts_with("arn:") {
            let Ok(arn) = name.parse::<Arn>() else {
                return Err(KmsError::with(Exception::InvalidArn, format!("Invalid arn {name}")));
            };
            if arn.region != *region {
                return Err(not_found(format!("Invalid arn {}", arn.region)));
            }
            (arn.account, arn.resource)
        } else if name.starts_with(AliasName::PREFIX) {
            (mine, Resource::Alias(name.parse().map_err(|_| invalid())?))
        } else {
            (mine, Resource::Key(name.parse().map_err(|_| invalid())?))
        };
        let (id, alias) = match resource {
            Resource::Key(id) => (id, None),
            Resource::Alias(_) if names == Names::Keys => return Err(invalid()),
            Resource::Alias(alias) => (self.target(account, &alias)?, Some(alias)),
        };
        let snapshot = self.service.key(region, id.id())?;
        match snapshot.filter(|found| found.record.id == id && found.record.account == account) {
            Some(snapshot) => Ok(self.found(snapshot, alias)),
            None => Err(self.absent(account, id)),
        }
    }

    /// The key that a ciphertext names, in the caller's region.
    ///
    /// # Errors
    /// `AccessDeniedException` if there is none, as if the caller might not use it.
    pub(crate) fn find_by_ciphertext(&self, id: KeyId) -> Result<Found, KmsError> {
        let found = self.service.key(&self.caller.region, id)?;
        let found = self.found(found.ok_or_else(|| self.denied_by_ciphertext(self.operation.as_str()))?, None);
        Ok(Found { by_ciphertext: true, ..found })
    }

    fn found(&self, snapshot: Arc<Snapshot>, alias: Option<AliasName>) -> Found {
        self.see(&snapshot);
        Found { snapshot, alias, by_ciphertext: false }
    }

    fn absent(&self, account: AccountId, id: KmsKeyId) -> KmsError {
        let arn = Arn::new(self.caller.region.clone(), account, Resource::Key(id));
        if account == self.caller.account() {
            not_found(format!("Key '{arn}' does not exist"))
        } else {
            self.denied(self.operation.as_str(), &arn.to_string(), "no resource-based policy allows")
        }
    }

    /// The key that an alias points to.
    fn target(&self, account: AccountId, alias: &AliasName) -> Result<KmsKeyId, KmsError> {
        let region = &self.caller.region;
        if let Some(target) = self.service.alias(account, region, alias)? {
            return Ok(target);
        }
        let service = alias.as_str().strip_prefix(AliasName::RESERVED).unwrap_or_default();
        let has_default = self.service.default_keys.contains(service);
        if has_default && self.caller.principal.account_id() == Some(account) {
            // The service's own keys are made when they are first used.
            self.count(Class::Operation(Operation::CreateKey), None)?;
            return self.service.make_aws_managed(account, region, alias, self.now);
        }
        let arn = Arn::new(region.clone(), account, Resource::Alias(alias.clone()));
        Err(not_found(format!("Alias {arn} is not found.")))
    }

    /// Counts the request against the quota of a class, and of the custom key store that the key is in.
    pub(crate) fn count(&self, class: Class, key: Option<&Snapshot>) -> Result<(), KmsError> {
        let (admission, running) = (&self.service.admission, self.service.clock.running());
        let principal = &self.caller.principal;
        admission.forced().check(principal, key.map(|key| &*key.arn_text), self.operation)?;
        let (account, region) = (self.caller.account(), &self.caller.region);
        admission.count(account, region, class, None, running)?;
        match key.and_then(|key| key.custom_key_store.as_ref()) {
            Some(store) => admission.count(account, region, Class::CustomKeyStore, Some(store), running),
            None => Ok(()),
        }
    }

    /// What is answered when the request is not allowed.
    pub(crate) fn denied(&self, action: &str, resource: &str, why: &str) -> KmsError {
        let principal = &self.caller.principal;
        let action = action.strip_prefix("kms:").unwrap_or(action);
        KmsError::with(
            Exception::AccessDenied,
            format!(
                "User: {principal} is not authorized to perform: kms:{action} on resource: {resource} because {why} the \
                 kms:{action} action"
            ),
        )
    }

    /// What is answered about a key of another account, or of none, that a ciphertext names.
    pub(crate) fn denied_by_ciphertext(&self, action: &str) -> KmsError {
        let principal = &self.caller.principal;
        let action = action.strip_prefix("kms:").unwrap_or(action);
        KmsError::with(
            Exception::AccessDenied,
            format!(
                "User: {principal} is not authorized to perform: kms:{action} on the resource associated with this \
                 ciphertext because the resource does not exist in this Region, no resource-based policies allow access, \
                 or a resource-based policy explicitly denies access"
            ),
        )
    }

    /// The last check of a request that has `DryRun`.
    ///
    /// # Errors
    /// `DryRunOperationException`, if it has.
    pub(crate) fn dry_run(&self, dry_run: Option<bool>) -> Result<(), KmsError> {
        const TEXT: &str = "The request would have succeeded, but the DryRun option is set.";
        if dry_run == Some(true) { Err(KmsError::with(Exception::DryRunOperation, TEXT)) } else { Ok(()) }
    }
}

pub(crate) fn not_found(text: impl Into<std::borrow::Cow<'static, str>>) -> KmsError {
    KmsError::with(Exception::NotFound, text)
}

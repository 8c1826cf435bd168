//! A request on its way through the service.

use std::cell::{Cell, OnceCell, Ref, RefCell};
use std::sync::Arc;

use kms_core::KeyId;

use crate::api::Operation;
use crate::authorise::{BY_RESOURCE, crosses_accounts};
use crate::cache::Lent;
use crate::caller::Caller;
use crate::explain::Explanation;
use crate::name::Resource;
use crate::quota::Class;
use crate::record::KeyRecord;
use crate::service::Inner;
use crate::snapshot::Snapshot;
use crate::trail;
use crate::{AccountId, AliasName, Arn, Exception, KmsError, KmsKeyId, Region, Timestamp};

/// One request, while it is worked on.
pub(crate) struct Step<'a> {
    pub(crate) service: &'a Inner,
    pub(crate) caller: &'a Caller,
    pub(crate) operation: Operation,
    pub(crate) now: Timestamp,
    /// The keys that the request is about, for the trail.
    seen: RefCell<Vec<Arc<Snapshot>>>,
    /// The first of them, for whoever logs the request.
    first_seen: Cell<Option<KmsKeyId>>,
    event_id: OnceCell<KeyId>,
    /// Whether the request was counted against a quota.
    is_counted: Cell<bool>,
    /// For a request that may not wait: whether it would have had to.
    would_wait: Option<Cell<bool>>,
    /// Where explanations are noted, if the request is only looked at: nothing is done then.
    noted: Option<RefCell<Vec<Explanation>>>,
}

/// A key that was found by its name.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) snapshot: Lent,
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
            first_seen: Cell::new(None),
            event_id: OnceCell::new(),
            is_counted: Cell::new(false),
            would_wait: None,
            noted: None,
        }
    }

    /// A request that is only looked at: it goes no further than to its quotas.
    pub(crate) fn looking(service: &'a Inner, caller: &'a Caller, operation: Operation) -> Self {
        Self { noted: Some(RefCell::default()), ..Self::new(service, caller, operation) }
    }

    /// A request that may not wait. `None`: what the operation needs is more than that.
    pub(crate) fn at_hand(service: &'a Inner, caller: &'a Caller, operation: Operation) -> Option<Self> {
        use Operation as O;
        let is_quick = matches!(
            operation,
            O::Decrypt
                | O::DescribeKey
                | O::Encrypt
                | O::GenerateDataKey
                | O::GenerateDataKeyWithoutPlaintext
                | O::GenerateMac
                | O::ReEncrypt
                | O::VerifyMac
        );
        is_quick.then(|| Self { would_wait: Some(Cell::new(false)), ..Self::new(service, caller, operation) })
    }

    /// Whether the request would have had to wait: then it was given up, with nothing done.
    pub(crate) fn would_wait(&self) -> bool {
        self.would_wait.as_ref().is_some_and(Cell::get)
    }

    /// What a request that may not wait needs, if it is at hand.
    fn unless_waiting<T>(&self, found: Option<T>) -> Result<T, KmsError> {
        found.ok_or_else(|| {
            if let Some(would_wait) = &self.would_wait {
                would_wait.set(true);
            }
            KmsError::new(Exception::DependencyTimeout)
        })
    }

    /// That a request that may not wait does not have to for one generation of a key.
    ///
    /// # Errors
    /// One that nobody sees, if it has to.
    pub(crate) fn needs(&self, key: &Snapshot, generation: u32) -> Result<(), KmsError> {
        if self.would_wait.is_none() || key.record.generation(generation).is_none() {
            return Ok(());
        }
        self.unless_waiting(key.is_at_hand(Some(generation)).then_some(()))
    }

    /// A key of a region, whoever it belongs to.
    fn key(&self, region: &Region, id: KeyId) -> Result<Option<Lent>, KmsError> {
        if self.would_wait.is_none() {
            return self.service.key(region, id);
        }
        self.unless_waiting(self.service.key_at_hand(region, id)).map(Some)
    }

    /// Notes why something is allowed or not, if that was asked for.
    pub(crate) fn note(&self, explanation: impl FnOnce() -> Explanation) {
        if let Some(noted) = &self.noted {
            noted.borrow_mut().push(explanation());
        }
    }

    /// What was noted.
    pub(crate) fn into_explanations(self) -> Vec<Explanation> {
        self.noted.map(RefCell::into_inner).unwrap_or_default()
    }

    /// Whether the key is of another account, and the operation does not go across accounts.
    pub(crate) fn is_foreign_to(&self, key: &Snapshot) -> bool {
        self.is_stranger_to(&key.record) && !crosses_accounts(self.operation)
    }

    /// The id of the request's record.
    pub(crate) fn event_id(&self) -> KeyId {
        *self.event_id.get_or_init(trail::event_id)
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
    pub(crate) fn seen(&self) -> Ref<'_, Vec<Arc<Snapshot>>> {
        self.seen.borrow()
    }

    /// The first key that the request was found to be about.
    pub(crate) const fn first_seen(&self) -> Option<KmsKeyId> {
        self.first_seen.get()
    }

    fn see(&self, snapshot: &Lent) {
        if self.first_seen.get().is_none() {
            self.first_seen.set(Some(snapshot.record.id));
        }
        // The rest is for the trail alone.
        if self.service.audit.is_none() {
            return;
        }
        let mut seen = self.seen.borrow_mut();
        if !seen.iter().any(|known| known.arn_text == snapshot.arn_text) {
            seen.push(snapshot.to_arc());
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
        let snapshot = self.key(region, id.id())?;
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
        let found = self.find_by_id(id)?.ok_or_else(|| self.denied_by_ciphertext(self.operation.as_str()))?;
        Ok(Found { by_ciphertext: true, ..found })
    }

    /// The key with this id, in the caller's region, whosesoever it is.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn find_by_id(&self, id: KeyId) -> Result<Option<Found>, KmsError> {
        self.find_in(&self.caller.region, id)
    }

    /// The key with this id, in any region.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn find_in(&self, region: &Region, id: KeyId) -> Result<Option<Found>, KmsError> {
        Ok(self.key(region, id)?.map(|found| self.found(found, None)))
    }

    fn found(&self, snapshot: Lent, alias: Option<AliasName>) -> Found {
        self.see(&snapshot);
        Found { snapshot, alias, by_ciphertext: false }
    }

    fn absent(&self, account: AccountId, id: KmsKeyId) -> KmsError {
        let arn = Arn::new(self.caller.region.clone(), account, Resource::Key(id));
        if account == self.caller.account() {
            not_found(format!("Key '{arn}' does not exist"))
        } else {
            self.denied(self.operation.as_str(), &arn.to_string(), BY_RESOURCE)
        }
    }

    /// The key that an alias points to.
    fn target(&self, account: AccountId, alias: &AliasName) -> Result<KmsKeyId, KmsError> {
        let region = &self.caller.region;
        if self.would_wait.is_some() {
            return self.unless_waiting(self.service.alias_at_hand(account, region, alias));
        }
        if let Some(target) = self.service.alias(account, region, alias)? {
            return Ok(target);
        }
        let service = alias.as_str().strip_prefix(AliasName::RESERVED).unwrap_or_default();
        let has_default = self.service.default_keys.contains(service);
        if has_default && self.caller.principal.account_id() == Some(account) && self.noted.is_none() {
            // The service's own keys are made when they are first used.
            self.count(Class::Operation(Operation::CreateKey), None)?;
            return self.service.make_aws_managed(account, region, alias, self.now);
        }
        let arn = Arn::new(region.clone(), account, Resource::Alias(alias.clone()));
        if account == self.caller.account() {
            Err(not_found(format!("Alias {arn} is not found.")))
        } else {
            // As of one that there is.
            Err(self.denied(self.operation.as_str(), &arn.to_string(), BY_RESOURCE))
        }
    }

    /// Counts the request against the quota of a class, and a cryptographic operation against that of the custom key store
    /// that the key is in.
    ///
    /// # Errors
    /// `ThrottlingException`; any, for a request that is only looked at.
    pub(crate) fn count(&self, class: Class, key: Option<&Snapshot>) -> Result<(), KmsError> {
        if self.noted.is_some() {
            return Err(KmsError::new(Exception::DryRunOperation));
        }
        self.is_counted.set(true);
        let (admission, running) = (&self.service.admission, self.service.clock.running());
        let principal = &self.caller.principal;
        admission.forced().check(principal, key.map(|key| &*key.arn_text), self.operation)?;
        let (account, region) = (self.caller.account(), &self.caller.region);
        admission.count(account, region, class, None, running)?;
        match key {
            Some(key) if !matches!(class, Class::Operation(_)) => self.count_in_store(key),
            _ => Ok(()),
        }
    }

    /// That not too many of the account's requests were refused before.
    ///
    /// # Errors
    /// `ThrottlingException`.
    pub(crate) fn check_refused(&self) -> Result<(), KmsError> {
        if self.noted.is_some() {
            return Ok(());
        }
        let running = || self.service.clock.running();
        self.service.admission.check_refused(self.caller.account(), &self.caller.region, running)
    }

    /// Counts the request if it was refused before it was counted.
    ///
    /// # Errors
    /// `ThrottlingException`, in the place of the refusal.
    pub(crate) fn count_refused(&self, refusal: &KmsError) -> Result<(), KmsError> {
        let is_refused = matches!(refusal.exception(), Exception::AccessDenied | Exception::NotFound);
        if !is_refused || self.is_counted.get() || self.noted.is_some() {
            return Ok(());
        }
        let running = self.service.clock.running();
        self.service.admission.count_refused(self.caller.account(), &self.caller.region, running)
    }

    /// Counts a cryptographic operation against the quota of the custom key store that the key is in, whoever asks.
    ///
    /// # Errors
    /// `ThrottlingException`.
    pub(crate) fn count_in_store(&self, key: &Snapshot) -> Result<(), KmsError> {
        let Some(store) = &key.custom_key_store else { return Ok(()) };
        let (record, running) = (&key.record, self.service.clock.running());
        self.service.admission.count(record.account, &record.region, Class::CustomKeyStore, Some(store), running)
    }

    /// Counts what the request does in another region.
    ///
    /// # Errors
    /// `ThrottlingException`.
    pub(crate) fn count_in(&self, region: &Region, operation: Operation) -> Result<(), KmsError> {
        let (account, running) = (self.caller.account(), self.service.clock.running());
        self.service.admission.count(account, region, Class::Operation(operation), None, running)
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

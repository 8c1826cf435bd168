//! The steps of a request as types: no key is used or changed without having gone through all of them.
//!
//! [`Authorized`] is made by the policy engine alone, [`Admitted`] of it by the quotas alone, [`Ready`] of that by the
//! key's state alone; a key's material is to be had for a `Ready`, and nothing else.

use std::sync::Arc;

use kms_core::{Algorithm, Call, Error, Key, KeyUsage};

use crate::edit::Edit;
use crate::ops::room;
use crate::quota::Class;
use crate::record::KeyRecord;
use crate::snapshot::Snapshot;
use crate::state;
use crate::step::{Found, Step};
use crate::{AccountId, Exception, KmsError};

/// A request on a key that policies or a grant allow.
pub(crate) struct Authorized<'a> {
    step: &'a Step<'a>,
    found: Found,
}

/// An authorized request that is within its quotas.
pub(crate) struct Admitted<'a>(Authorized<'a>);

/// An admitted request on a key whose state allows it.
pub(crate) struct Ready<'a>(Admitted<'a>);

impl<'a> Authorized<'a> {
    /// Only for the module that decides: see [`Step::authorise`].
    pub(super) const fn decided(step: &'a Step<'a>, found: Found) -> Self {
        Self { step, found }
    }

    pub(crate) fn record(&self) -> &KeyRecord {
        &self.found.snapshot.record
    }

    /// Counts the request against the quota of its class, and of the custom key store that the key is in.
    ///
    /// # Errors
    /// `ThrottlingException`, with nothing done.
    pub(crate) fn admit(self, class: Class) -> Result<Admitted<'a>, KmsError> {
        self.step.count(class, Some(&self.found.snapshot))?;
        Ok(Admitted(self))
    }

    /// The second key of a request that was counted with its first; but its custom key store has as much to do.
    ///
    /// # Errors
    /// `ThrottlingException`, with nothing done.
    pub(crate) fn admit_with(self, _first: &Ready<'_>) -> Result<Admitted<'a>, KmsError> {
        self.step.count_in_store(&self.found.snapshot)?;
        Ok(Admitted(self))
    }
}

impl<'a> Admitted<'a> {
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.0.found.snapshot
    }

    pub(crate) fn record(&self) -> &KeyRecord {
        &self.0.found.snapshot.record
    }

    pub(crate) fn arn(&self) -> &Arc<str> {
        &self.0.found.snapshot.arn_text
    }

    /// That the key's state, as it was read, allows the operation.
    ///
    /// # Errors
    /// `DisabledException`, `KMSInvalidStateException`.
    pub(crate) fn check_state(&self) -> Result<(), KmsError> {
        state::check(self.0.step.operation, self.record(), self.snapshot().connected, self.0.step.now)
    }

    /// Changes the key: `work` gets it as it is now, after its state was found to allow the operation.
    ///
    /// # Errors
    /// Those of [`check_state`](Self::check_state) and of `work`; `NotFoundException` if the key is gone.
    pub(crate) fn change<T>(
        &self,
        mut work: impl FnMut(&mut KeyRecord, &mut Edit<'_>) -> Result<T, KmsError>,
    ) -> Result<T, KmsError> {
        let (step, read) = (self.0.step, self.record());
        step.service.edit(|edit| {
            let found = edit.key(&read.region, read.id.id())?;
            let gone = || crate::step::not_found(format!("Key '{}' does not exist", self.arn()));
            let found = found.filter(|found| found.record.account == read.account).ok_or_else(gone)?;
            let (mut key, version) = (found.record, found.version);
            state::check(step.operation, &key, self.snapshot().connected, step.now)?;
            let before = room::taken(&key);
            let done = work(&mut key, edit)?;
            room::still_fits(&key, before)?;
            edit.put_key(&mut key, version)?;
            Ok(done)
        })
    }

    /// Whether the key's state allows the operation.
    ///
    /// # Errors
    /// `DisabledException`, `KMSInvalidStateException`.
    pub(crate) fn ready(self) -> Result<Ready<'a>, KmsError> {
        self.check_state()?;
        Ok(Ready(self))
    }
}

impl<'a> Ready<'a> {
    pub(crate) fn record(&self) -> &KeyRecord {
        self.0.record()
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        self.0.snapshot()
    }

    pub(crate) fn arn(&self) -> &Arc<str> {
        self.0.arn()
    }

    /// That the key is for what the operation does.
    ///
    /// # Errors
    /// `InvalidKeyUsageException`.
    pub(crate) fn for_usage(self, usage: KeyUsage) -> Result<Self, KmsError> {
        let (record, operation) = (self.record(), self.0.0.step.operation);
        if record.usage == usage {
            return Ok(self);
        }
        let (arn, is) = (self.arn(), record.usage);
        let text = format!("{arn} key usage is {is} which is not valid for {}.", operation.as_str());
        Err(KmsError::with(Exception::InvalidKeyUsage, text))
    }

    /// That the key has the algorithm.
    ///
    /// # Errors
    /// `InvalidKeyUsageException`.
    pub(crate) fn with_algorithm(self, algorithm: impl Into<Algorithm>) -> Result<Self, KmsError> {
        let (record, algorithm) = (self.record(), algorithm.into());
        if kms_core::AlgorithmSet::of(record.spec, record.usage).contains(algorithm) {
            return Ok(self);
        }
        let text = format!("Algorithm {algorithm} is incompatible with key spec {}.", record.spec);
        Err(KmsError::with(Exception::InvalidKeyUsage, text))
    }

    /// The generation that encrypts and signs.
    pub(crate) fn current(&self) -> u32 {
        self.record().current
    }

    /// One generation of the key.
    ///
    /// # Errors
    /// What the backend says.
    pub(crate) fn key(&self, generation: u32) -> Result<&Key, Error> {
        self.snapshot().material(self, generation, &self.call())
    }

    /// Counts a use of a generation, which has succeeded.
    pub(crate) fn used(&self, generation: u32) {
        self.snapshot().used(generation, self.0.0.step);
    }

    /// What travels with calls to the backend.
    pub(crate) fn call(&self) -> Call {
        self.snapshot().home().call()
    }

    /// `KeyMaterialId` of a generation.
    pub(crate) fn material_id(&self, generation: u32) -> Option<String> {
        Some(self.record().generation(generation)?.material_id.clone())
    }
}

/// A request that is about no key that exists, allowed and within its quotas.
pub(crate) struct AdmittedAccount {
    pub(crate) account: AccountId,
    _decided: (),
}

impl AdmittedAccount {
    /// Only for the module that decides: see [`Step::account`].
    pub(super) const fn decided(account: AccountId) -> Self {
        Self { account, _decided: () }
    }
}

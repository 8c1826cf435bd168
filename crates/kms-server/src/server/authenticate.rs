//! Who made a request: signatures against credentials.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::request::Parts;
use kms_service::{AccountId, Clock, KmsError, Region, SystemClock};

use crate::app::{Authenticate, Authenticated};
use crate::credentials::{Credentials, KMS};
use crate::metrics::Metrics;
use crate::sigv4;

/// Checks the signatures of requests of the KMS API.
pub(super) struct Authenticator {
    pub(super) credentials: Arc<Credentials>,
    /// The accounts that are served; empty for all.
    pub(super) accounts: BTreeSet<AccountId>,
    /// The regions that are served.
    pub(super) regions: BTreeSet<Region>,
    pub(super) metrics: Metrics,
}

impl Authenticator {
    fn check(&self, head: &Parts, body: &[u8]) -> Result<Authenticated, sigv4::Refusal> {
        let signed = sigv4::verify(head, body, KMS, &self.credentials, SystemClock.now())?;
        let credential = &signed.credential;
        let account = credential.principal().account_id();
        if !self.accounts.is_empty() && !account.is_some_and(|account| self.accounts.contains(&account)) {
            // As for an access key that is not known.
            return Err(sigv4::Refusal::unrecognized());
        }
        if !self.regions.contains(&signed.region) {
            return Err(sigv4::Refusal::other_region());
        }
        Ok(Authenticated {
            principal: credential.principal().clone(),
            policies: credential.policies().clone(),
            access_key_id: credential.access_key_id().to_owned(),
            region: signed.region,
        })
    }
}

impl Authenticate for Authenticator {
    fn authenticate(&self, head: &Parts, body: &[u8]) -> Result<Authenticated, KmsError> {
        self.check(head, body).map_err(|refusal| {
            self.metrics.refused_signature(refusal.exception().as_str());
            refusal.into()
        })
    }
}

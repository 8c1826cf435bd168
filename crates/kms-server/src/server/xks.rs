//! Who may call the proxy of external key stores: AWS KMS, with access keys of its own.

use std::sync::Arc;
use std::time::Instant;

use http::request::Parts;
use kms_service::{AccountId, Clock, KmsError, Region, Service, SystemClock};
use zeroize::Zeroizing;

use crate::app::{Authenticated, Xks};
use crate::config::{Complaint, Config};
use crate::credentials::{Credentials, XKS_PROXY};
use crate::metrics::Metrics;
use crate::sigv4::{self, Refusal};
use crate::xks::{Answer, Proxy};

/// The proxy over the keys of one account in one region.
pub(super) struct AuthenticatedProxy {
    proxy: Proxy,
    credentials: Arc<Credentials>,
    account: AccountId,
    region: Region,
    metrics: Metrics,
}

impl AuthenticatedProxy {
    /// The proxy that a configuration asks for, if it does.
    ///
    /// # Errors
    /// If it does not say whose keys are offered.
    pub(super) fn new(
        config: &Config,
        service: Service,
        credentials: Arc<Credentials>,
        metrics: Metrics,
    ) -> Result<Option<Self>, Complaint> {
        let xks = &config.xks;
        if !xks.enabled {
            return Ok(None);
        }
        let missing = |place: &str| Complaint::new(place, "is not set", "It says whose keys are offered.");
        let account = xks.account.as_ref().ok_or_else(|| missing("xks.account"))?.0;
        let region = xks.region.as_ref().ok_or_else(|| missing("xks.region"))?.0.clone();
        let proxy = Proxy::new(service).prefix(&xks.path_prefix);
        Ok(Some(Self { proxy, credentials, account, region, metrics }))
    }

    /// Who calls. AWS KMS signs for the region of its own key; which one that is, is no concern of the keys here.
    fn authenticate(&self, head: &Parts, body: &[u8]) -> Result<Authenticated, Refusal> {
        let signed = sigv4::verify(head, body, XKS_PROXY, &self.credentials, SystemClock.now())?;
        let credential = &signed.credential;
        if credential.principal().account_id() != Some(self.account) {
            // As for an access key that is not known.
            return Err(Refusal::unrecognized());
        }
        Ok(Authenticated {
            principal: credential.principal().clone(),
            policies: credential.policies().clone(),
            access_key_id: credential.access_key_id().to_owned(),
            region: self.region.clone(),
        })
    }
}

impl Xks for AuthenticatedProxy {
    fn answer(&self, head: &Parts, body: &[u8]) -> (u16, Zeroizing<Vec<u8>>) {
        let (begun, path) = (Instant::now(), head.uri.path());
        let mut access_key_id = None;
        let answer = match self.authenticate(head, body) {
            Ok(authenticated) => {
                access_key_id = Some(authenticated.access_key_id.clone());
                self.proxy.answer(path, body, &authenticated.caller(head))
            }
            Err(refusal) => {
                self.metrics.refused_signature(refusal.exception().as_str());
                Proxy::refuse(&refusal)
            }
        };
        let call = self.proxy.operation(path).unwrap_or("Unknown");
        let took = begun.elapsed();
        self.metrics.observe_xks(call, answer.status, took);
        tracing::info!(
            call,
            status = answer.status,
            access_key_id,
            // A path may be anything before it was signed.
            path = access_key_id.is_some().then_some(path),
            took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "call of the external key store proxy"
        );
        parts(answer)
    }

    fn refusal(&self, error: &KmsError) -> (u16, Zeroizing<Vec<u8>>) {
        parts(Proxy::unserved(error))
    }
}

fn parts(answer: Answer) -> (u16, Zeroizing<Vec<u8>>) {
    (answer.status, Zeroizing::new(answer.body))
}

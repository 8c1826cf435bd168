//! Who asks, and from where.

use std::net::IpAddr;
use std::sync::Arc;

use crate::policy::{Policy, Principal};
use crate::{AccountId, Region};

/// Who makes a request, and what is known of how it came.
///
/// The service believes all of it: whoever makes a `Caller` has authenticated it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Caller {
    /// The principal, with its tags.
    pub principal: Principal,
    /// Its identity policies.
    pub policies: Arc<[Arc<Policy>]>,
    /// The region that the request is for.
    pub region: Region,
    /// The access key that signed the request.
    pub access_key_id: Option<String>,
    /// Where the request came from.
    pub source_ip: Option<IpAddr>,
    /// What sent it.
    pub user_agent: Option<String>,
    /// The id that its answer has. Without one, the service makes one.
    pub request_id: Option<String>,
    /// The service that asks on the principal's behalf, such as `s3.eu-central-1.amazonaws.com`.
    pub via_service: Option<String>,
    /// The resource that a service asks for.
    pub source_arn: Option<String>,
    /// Whether the request came over TLS. `None` in the same process.
    pub secure_transport: Option<bool>,
}

impl Caller {
    /// A principal without identity policies.
    #[must_use]
    pub fn new(principal: Principal, region: Region) -> Self {
        Self {
            principal,
            policies: Arc::default(),
            region,
            access_key_id: None,
            source_ip: None,
            user_agent: None,
            request_id: None,
            via_service: None,
            source_arn: None,
            secure_transport: None,
        }
    }

    /// The root user of an account, who may do everything there that key policies leave to the account.
    #[must_use]
    pub fn root(account: AccountId, region: Region) -> Self {
        Self::new(Principal::account(account), region)
    }

    /// The same with identity policies.
    #[must_use]
    pub fn with_policies(mut self, policies: impl IntoIterator<Item = Arc<Policy>>) -> Self {
        self.policies = policies.into_iter().collect();
        self
    }

    /// The account whose quotas the request counts against, and whose keys a name without an ARN means.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.principal.account_id().unwrap_or(AccountId::LOCAL)
    }
}

//! What an app is made of besides the service: who may ask, and who wants to know how it goes.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use http::header::USER_AGENT;
use http::request::Parts;
use kms_service::{Caller, KmsError, Policy, Principal, Region};
use zeroize::Zeroizing;

use crate::listen::Peer;

/// Who signed a request, and for which region.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "whoever authenticates makes it")]
pub struct Authenticated {
    /// The principal, with its tags.
    pub principal: Principal,
    /// Its identity policies.
    pub policies: Arc<[Arc<Policy>]>,
    /// The access key that signed.
    pub access_key_id: String,
    /// The region of the credential scope.
    pub region: Region,
}

impl Authenticated {
    /// The caller, with what policies and the trail ask of its request.
    pub(crate) fn caller(self, head: &Parts) -> Caller {
        let mut caller = Caller::new(self.principal, self.region);
        caller.policies = self.policies;
        caller.access_key_id = Some(self.access_key_id);
        let agent = head.headers.get(USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned());
        caller.user_agent = agent;
        if let Some(peer) = head.extensions.get::<Peer>() {
            caller.source_ip = Some(peer.address.ip().to_canonical());
            caller.secure_transport = Some(peer.is_secure);
        }
        caller
    }
}

/// Tells who made a request. Must not block.
pub trait Authenticate: Send + Sync {
    /// Who made the request with this head and body.
    ///
    /// # Errors
    /// The exception that AWS answers to a request without a right signature.
    fn authenticate(&self, head: &Parts, body: &[u8]) -> Result<Authenticated, KmsError>;
}

impl<F> Authenticate for F
where
    F: Fn(&Parts, &[u8]) -> Result<Authenticated, KmsError> + Send + Sync,
{
    fn authenticate(&self, head: &Parts, body: &[u8]) -> Result<Authenticated, KmsError> {
        self(head, body)
    }
}

/// Counts requests. Must not block.
pub trait Observe: Send + Sync {
    /// A request of the KMS API has arrived.
    fn begun(&self);

    /// It was answered. `operation` is the operation's name, or `Unknown`; `result` is `Success`, the exception's name, or
    /// `Aborted` if the client went away.
    fn ended(&self, operation: &str, result: &str, took: Duration);

    /// All that was counted, in the text format of `OpenMetrics` 1.0.
    fn text(&self) -> String;
}

/// Whether the server can do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "whoever looks makes it")]
pub struct Readiness {
    /// Whether requests should be sent here: `/readyz` answers 200 or 503.
    pub is_ready: bool,
    /// What was found, in JSON.
    pub report: String,
}

/// Looks whether the server can do its work. May block.
pub trait Ready: Send + Sync {
    /// What is found now.
    fn readiness(&self) -> Readiness;
}

impl<F: Fn() -> Readiness + Send + Sync> Ready for F {
    fn readiness(&self) -> Readiness {
        self()
    }
}

/// The proxy API of external key stores.
pub trait Xks: Send + Sync {
    /// Answers a request with a status and a body in JSON. May block.
    fn answer(&self, head: &Parts, body: &[u8]) -> (u16, Zeroizing<Vec<u8>>);

    /// The answer to a request that could not be read, or for which there is no room.
    fn refusal(&self, error: &KmsError) -> (u16, Zeroizing<Vec<u8>>);
}

/// Empties a server for tests, and says what went wrong if it could not be. May block.
pub trait Reset: Send + Sync {
    /// Empties it.
    ///
    /// # Errors
    /// What went wrong, for the one who runs the tests.
    fn reset(&self) -> Result<(), String>;
}

impl<F: Fn() -> Result<(), String> + Send + Sync> Reset for F {
    fn reset(&self) -> Result<(), String> {
        self()
    }
}

/// `None`, or that there is something: what is behind a seam has nothing to show.
pub(super) struct Opaque(pub(super) bool);

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "Some(..)" } else { "None" })
    }
}

//! `POST /`: the KMS API.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::response::Response;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http::request::Parts as Head;
use kms_service::api::Operation;
use kms_service::{Caller, Exception, KmsError, event_id};

use super::seams::Authenticated;
use super::{Observe, Parts, respond};
use crate::wire::{self, Reply, Submission};

/// What the log and the counters say of a request. If it is dropped before it was answered, the client went away.
struct Seen {
    observe: Option<Arc<dyn Observe>>,
    begun: Instant,
    operation: &'static str,
    result: &'static str,
}

pub(super) async fn answer(State(parts): State<Arc<Parts>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if !is_aws_json(&head.headers) {
        return respond::unknown();
    }
    let mut seen = Seen::new(parts.observe.clone());
    let id = event_id().to_string();
    let mut who = None;
    let reply = match perform(&parts, head, body, &id, &mut seen, &mut who).await {
        Ok(reply) => reply,
        Err(error) => Reply::refusal(&error),
    };
    seen.result = reply.exception().map_or("Success", Exception::as_str);
    seen.log(&id, who.as_ref(), &reply);
    respond::kms(reply, &id)
}

async fn perform(
    parts: &Arc<Parts>,
    head: Head,
    body: axum::body::Body,
    id: &str,
    seen: &mut Seen,
    who: &mut Option<Caller>,
) -> Result<Reply, KmsError> {
    let operation = operation(&head.headers)?;
    seen.operation = operation.as_str();
    let body = parts.bodies.read(&head, body).await?;
    let authenticated = parts.authenticate.authenticate(&head, &body)?;
    let caller = caller(&head, authenticated, id);
    // For its line, if there is to be one.
    *who = tracing::enabled!(tracing::Level::DEBUG).then(|| caller.clone());
    // Held until the answer is known: what waits for the audit log is bounded as well.
    let place = parts.lanes.of(operation).enter()?;
    match wire::submit(&parts.service, caller, operation, &body)? {
        Submission::Made(answer) => Ok(answer.await),
        // The one place where requests leave the runtime's threads.
        Submission::MayWait(make) => Ok(place.run(make).await?.await),
    }
}

/// The operation that the head names, once.
fn operation(headers: &HeaderMap) -> Result<Operation, KmsError> {
    let mut targets = headers.get_all("x-amz-target").iter();
    match (targets.next().and_then(|target| target.to_str().ok()), targets.next()) {
        (Some(target), None) => wire::operation(target),
        _ => Err(KmsError::new(Exception::UnknownOperation)),
    }
}

/// Whether the request is one of AWS JSON 1.1. Version 1.0 differs in nothing that this service has.
fn is_aws_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    ["application/x-amz-json-1.1", "application/x-amz-json-1.0"].iter().any(|known| kind.eq_ignore_ascii_case(known))
}

fn caller(head: &Head, authenticated: Authenticated, id: &str) -> Caller {
    let mut caller = authenticated.caller(head);
    caller.request_id = Some(id.to_owned());
    caller
}

impl Seen {
    fn new(observe: Option<Arc<dyn Observe>>) -> Self {
        if let Some(observe) = &observe {
            observe.begun();
        }
        Self { observe, begun: Instant::now(), operation: "Unknown", result: "Aborted" }
    }

    /// One line for each request: no body, no signature, no secret. The audit log has it all, and on the disk: a line here
    /// costs as much as a signature, and is for those who ask for it.
    fn log(&self, request_id: &str, caller: Option<&Caller>, reply: &Reply) {
        let took = self.begun.elapsed();
        tracing::debug!(
            request_id,
            operation = self.operation,
            result = self.result,
            status = reply.status(),
            key_id = reply.key_id().map(tracing::field::display),
            principal = caller.and_then(|caller| caller.principal.arn()),
            access_key_id = caller.and_then(|caller| caller.access_key_id.as_deref()),
            region = caller.map(|caller| caller.region.as_str()),
            source_ip = caller.and_then(|caller| caller.source_ip).map(tracing::field::display),
            took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "request"
        );
        // What the server is to blame for, its operator has to see.
        if reply.status() >= 500 {
            tracing::warn!(request_id, operation = self.operation, result = self.result, "a request failed");
        }
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        if let Some(observe) = &self.observe {
            observe.ended(self.operation, self.result, self.begun.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http::header::USER_AGENT;
    use kms_service::{AccountId, Principal};

    use super::*;
    use crate::listen::Peer;

    #[test]
    fn a_caller_has_what_policies_and_the_trail_ask_for() {
        let (mut head, ()) = Request::post("/").header(USER_AGENT, "aws-cli/2").body(()).unwrap().into_parts();
        // An IPv4 client of a socket for both: policies compare it with IPv4 networks.
        let peer = Peer { address: "[::ffff:192.0.2.7]:4711".parse().unwrap(), is_secure: true, certificate: None };
        head.extensions.insert(peer);
        let authenticated = Authenticated {
            principal: Principal::account(AccountId::LOCAL),
            policies: Arc::default(),
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            region: "eu-central-1".parse().unwrap(),
        };
        let caller = caller(&head, authenticated, "an id");
        assert_eq!(caller.source_ip, Some("192.0.2.7".parse().unwrap()));
        assert_eq!(caller.secure_transport, Some(true));
        assert_eq!(caller.user_agent.as_deref(), Some("aws-cli/2"));
        assert_eq!(caller.request_id.as_deref(), Some("an id"));
        assert_eq!(caller.access_key_id.as_deref(), Some("AKIAIOSFODNN7EXAMPLE"));
        assert_eq!(caller.region.as_str(), "eu-central-1");
    }
}

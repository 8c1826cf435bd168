//! The record of a call: CloudTrail's, made before the answer leaves.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use kms_core::{Error, KeyId, RandomSource, SystemRandom};

use crate::api::{Request, Response};
use crate::audit::{Event, EventResource, EventType, Log, Pending, SessionContext, SessionIssuer, UserIdentity};
use crate::policy::Principal;
use crate::record::KeyRecord;
use crate::service::Inner;
use crate::snapshot::Snapshot;
use crate::step::Step;
use crate::{Exception, KmsError, Timestamp};

/// What stands where CloudTrail has the address of a request that did not come over a network.
const INTERNAL: &str = "kms.amazonaws.com";

/// What CloudTrail calls a service that acts of its own accord.
const OWN: &str = "AWS Internal";

/// How many ids a thread takes at a time.
const IDS: u64 = 1024;

/// A fresh id of a record or of a request: a UUID (RFC 9562, version 8) of this process's own, counted, since asking the
/// system for randomness takes longer than all the rest. It can be guessed.
#[must_use]
pub fn event_id() -> KeyId {
    static PROCESS: OnceLock<[u8; 8]> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    thread_local!(static NEXT: Cell<u64> = const { Cell::new(0) });
    let process = PROCESS.get_or_init(|| {
        let mut bytes = [0; 8];
        // Without randomness nothing else works here; an id that is not unique does no harm.
        let _nothing_else_works = SystemRandom.fill(&mut bytes);
        bytes[6] = (bytes[6] & 0x0f) | 0x80;
        bytes
    });
    let count = NEXT.with(|next| {
        let mut count = next.get();
        if count % IDS == 0 {
            count = COUNT.fetch_add(1, Ordering::Relaxed).wrapping_mul(IDS);
        }
        next.set(count.wrapping_add(1));
        count
    });
    let count = count.to_be_bytes();
    let mut id = [0; 16];
    let (head, tail) = id.split_at_mut(8);
    head.copy_from_slice(process);
    tail.copy_from_slice(&count);
    id[8] = (id[8] & 0x3f) | 0x80;
    KeyId::from_bytes(id)
}

fn identity<'a>(step: &'a Step<'_>) -> UserIdentity<'a> {
    let caller = step.caller;
    let mut identity = UserIdentity::new(match &caller.principal {
        Principal::Account(_) => "Root",
        Principal::User(_) => "IAMUser",
        Principal::Role(_) => "AssumedRole",
        Principal::Service(_) => "AWSService",
        _ => "Unknown",
    });
    identity.arn = caller.principal.arn();
    identity.principal_id = identity.arn;
    identity.account_id = caller.principal.account_id();
    identity.access_key_id = caller.access_key_id.as_deref();
    identity.invoked_by = caller.via_service.as_deref();
    match &caller.principal {
        // CloudTrail has the account there.
        Principal::Account(_) => identity.principal_id = identity.arn.and_then(|arn| arn.split(':').nth(4)),
        Principal::User(user) => identity.user_name = Some(user.name()),
        Principal::Role(role) => {
            identity.session_context = Some(SessionContext {
                session_issuer: SessionIssuer {
                    kind: "Role",
                    principal_id: role.role_arn(),
                    arn: role.role_arn(),
                    account_id: step.caller.account(),
                    user_name: role.role_arn().rsplit('/').next().unwrap_or_default(),
                },
            });
        }
        Principal::Service(name) => identity.invoked_by = Some(name),
        _ => {}
    }
    identity
}

/// Hands the record of a call to the log. The answer must not leave before it is on the disk.
///
/// # Errors
/// `KMSInternalException` if that cannot be done.
pub(crate) fn submit<R: Request>(
    log: &Log,
    step: &Step<'_>,
    request: &R,
    outcome: &Result<R::Response, KmsError>,
) -> Result<Pending, KmsError> {
    let error = outcome.as_ref().err();
    let source = step.caller.source_ip.map(|ip| ip.to_string());
    let seen = step.seen();
    let resources: Vec<_> = seen.iter().map(resource).collect();
    let event_id = step.event_id().to_string();
    let mut event = Event::new(R::OPERATION.as_str(), identity(step), step.now);
    event.region = step.caller.region.as_str();
    event.source_ip_address = source.as_deref().or(step.caller.via_service.as_deref()).unwrap_or(INTERNAL);
    event.user_agent = step.caller.user_agent.as_deref().unwrap_or("kms");
    event.error_code = error.map(|error| error.exception().trail_code());
    event.error_message = error.and_then(KmsError::message);
    event.request_id = step.caller.request_id.as_deref().unwrap_or(&event_id);
    event.event_id = &event_id;
    event.read_only = R::OPERATION.is_read_only();
    event.resources = &resources;
    event.recipient_account_id = step.caller.account();
    let json = event.written(
        |out| request.trail(out),
        |out| match outcome {
            Ok(response) => response.trail(out),
            Err(_) => null(out),
        },
    );
    log.submit(json).map_err(unrecorded)
}

/// What is answered when a call could not be recorded.
pub(crate) fn unrecorded(error: Error) -> KmsError {
    KmsError::with(Exception::KMSInternal, "The call could not be recorded.").because(error)
}

fn resource(snapshot: &Arc<Snapshot>) -> EventResource<'_> {
    EventResource::key(snapshot.record.account, &snapshot.arn_text)
}

fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

/// Records what the service does of its own accord: `RotateKey`, `DeleteKey`, `DeleteExpiredKeyMaterial`.
///
/// # Errors
/// `KMSInternalException` if that cannot be done.
pub(crate) fn record_own(service: &Inner, name: &str, key: &KeyRecord, now: Timestamp) -> Result<(), KmsError> {
    let Some(log) = &service.audit else { return Ok(()) };
    let (arn, id) = (key.arn().to_string(), event_id().to_string());
    let resources = [EventResource::key(key.account, &arn)];
    let mut identity = UserIdentity::new("AWSService");
    identity.account_id = Some(key.account);
    identity.invoked_by = Some(OWN);
    let mut event = Event::new(name, identity, now);
    event.region = key.region.as_str();
    event.source_ip_address = OWN;
    event.user_agent = OWN;
    event.request_id = &id;
    event.event_id = &id;
    event.resources = &resources;
    event.event_type = EventType::AwsServiceEvent;
    event.recipient_account_id = key.account;
    log.append(event.written(null, null)).map(drop).map_err(unrecorded)
}

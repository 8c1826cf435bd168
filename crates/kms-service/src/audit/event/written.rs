//! The record written by hand: one is on the way of every request, and the derived form takes as long as the operation.

use super::{Event, EventResource, EventType, SessionContext, USUAL, UserIdentity, digits};
use crate::api::trail::text;
use crate::{AccountId, Timestamp};

impl Event<'_> {
    /// The record, as [`to_json`](Event::to_json) has it, with what `request` and `response` append as
    /// `requestParameters` and `responseElements`: JSON without white space.
    pub(crate) fn written(&self, request: impl FnOnce(&mut Vec<u8>), response: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::with_capacity(USUAL);
        out.extend_from_slice(b"{\"eventVersion\":");
        text(&mut out, self.event_version);
        out.extend_from_slice(b",\"userIdentity\":");
        identity(&mut out, &self.user_identity);
        out.extend_from_slice(b",\"eventTime\":\"");
        time(&mut out, self.time);
        out.extend_from_slice(b"\",\"eventSource\":");
        text(&mut out, self.event_source);
        member(&mut out, b",\"eventName\":", self.operation);
        member(&mut out, b",\"awsRegion\":", self.region);
        member(&mut out, b",\"sourceIPAddress\":", self.source_ip_address);
        member(&mut out, b",\"userAgent\":", self.user_agent);
        optional(&mut out, b",\"errorCode\":", self.error_code);
        optional(&mut out, b",\"errorMessage\":", self.error_message);
        out.extend_from_slice(b",\"requestParameters\":");
        request(&mut out);
        out.extend_from_slice(b",\"responseElements\":");
        response(&mut out);
        member(&mut out, b",\"requestID\":", self.request_id);
        member(&mut out, b",\"eventID\":", self.event_id);
        out.extend_from_slice(if self.read_only { b",\"readOnly\":true" } else { b",\"readOnly\":false" });
        out.extend_from_slice(b",\"resources\":[");
        resources(&mut out, self.resources);
        out.extend_from_slice(b"],\"eventType\":");
        out.extend_from_slice(match self.event_type {
            EventType::AwsApiCall => b"\"AwsApiCall\"",
            EventType::AwsServiceEvent => b"\"AwsServiceEvent\"",
        });
        out.extend_from_slice(if self.management_event {
            b",\"managementEvent\":true"
        } else {
            b",\"managementEvent\":false"
        });
        out.extend_from_slice(b",\"recipientAccountId\":");
        account(&mut out, self.recipient_account_id);
        optional(&mut out, b",\"sharedEventID\":", self.shared_event_id);
        member(&mut out, b",\"eventCategory\":", self.event_category);
        if let Some(tls) = &self.tls_details {
            member(&mut out, b",\"tlsDetails\":{\"tlsVersion\":", tls.tls_version);
            member(&mut out, b",\"cipherSuite\":", tls.cipher_suite);
            member(&mut out, b",\"clientProvidedHostHeader\":", tls.client_provided_host_header);
            out.push(b'}');
        }
        out.push(b'}');
        out
    }
}

fn member(out: &mut Vec<u8>, name: &[u8], value: &str) {
    out.extend_from_slice(name);
    text(out, value);
}

fn optional(out: &mut Vec<u8>, name: &[u8], value: Option<&str>) {
    if let Some(value) = value {
        member(out, name, value);
    }
}

fn account(out: &mut Vec<u8>, id: AccountId) {
    let mut number = [b'0'; 12];
    digits(&mut number, id.number());
    out.push(b'"');
    out.extend_from_slice(&number);
    out.push(b'"');
}

/// As [`Timestamp`] shows itself; the calls of one second have the date from the one before.
fn time(out: &mut Vec<u8>, time: Timestamp) {
    use std::cell::Cell;
    const LEN: usize = "2026-11-25T09:23:40Z".len();
    thread_local! {
        static BEFORE: Cell<(u64, [u8; LEN])> = const { Cell::new((u64::MAX, [0; LEN])) };
    }
    let second = time.as_millis() / 1000;
    let (known, bytes) = BEFORE.get();
    if known == second {
        return out.extend_from_slice(&bytes);
    }
    let shown = time.to_string();
    // A year of five digits is not kept.
    if let Ok(bytes) = shown.as_bytes().try_into() {
        BEFORE.set((second, bytes));
    }
    out.extend_from_slice(shown.as_bytes());
}

fn identity(out: &mut Vec<u8>, identity: &UserIdentity<'_>) {
    member(out, b"{\"type\":", identity.kind);
    optional(out, b",\"principalId\":", identity.principal_id);
    optional(out, b",\"arn\":", identity.arn);
    if let Some(id) = identity.account_id {
        out.extend_from_slice(b",\"accountId\":");
        account(out, id);
    }
    optional(out, b",\"accessKeyId\":", identity.access_key_id);
    optional(out, b",\"userName\":", identity.user_name);
    if let Some(SessionContext { session_issuer: issuer }) = &identity.session_context {
        member(out, b",\"sessionContext\":{\"sessionIssuer\":{\"type\":", issuer.kind);
        member(out, b",\"principalId\":", issuer.principal_id);
        member(out, b",\"arn\":", issuer.arn);
        out.extend_from_slice(b",\"accountId\":");
        account(out, issuer.account_id);
        member(out, b",\"userName\":", issuer.user_name);
        out.extend_from_slice(b"}}");
    }
    optional(out, b",\"invokedBy\":", identity.invoked_by);
    out.push(b'}');
}

fn resources(out: &mut Vec<u8>, resources: &[EventResource<'_>]) {
    for (index, resource) in resources.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"accountId\":");
        account(out, resource.account_id);
        member(out, b",\"type\":", resource.kind);
        member(out, b",\"ARN\":", resource.arn);
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SessionIssuer, TlsDetails};
    use super::*;

    #[test]
    fn both_forms_are_the_same() {
        let account: AccountId = "000055556666".parse().unwrap();
        let mut plain = Event::new("Decrypt", UserIdentity::new("Root"), Timestamp::from_millis(1_700_000_000_999));
        let null = |out: &mut Vec<u8>| out.extend_from_slice(b"null");
        assert_eq!(plain.written(null, null), plain.to_json().unwrap());
        plain.read_only = true;
        plain.user_identity = UserIdentity {
            kind: "AssumedRole",
            principal_id: Some("AROA:one"),
            arn: Some("arn:\"odd\"\n"),
            account_id: Some(account),
            access_key_id: Some("AKIA"),
            user_name: Some("alice"),
            session_context: Some(SessionContext {
                session_issuer: SessionIssuer {
                    kind: "Role",
                    principal_id: "AROA",
                    arn: "arn:role",
                    account_id: account,
                    user_name: "app",
                },
            }),
            invoked_by: Some("s3"),
        };
        (plain.region, plain.source_ip_address, plain.user_agent) = ("r", "::1", "agent \\ \u{1}");
        (plain.error_code, plain.error_message) = (Some("AccessDenied"), Some("no \"way\""));
        (plain.request_id, plain.event_id, plain.shared_event_id) = ("a", "b", Some("c"));
        plain.event_type = EventType::AwsServiceEvent;
        plain.recipient_account_id = account;
        plain.tls_details =
            Some(TlsDetails { tls_version: "TLSv1.3", cipher_suite: "suite", client_provided_host_header: "host" });
        let keys = [EventResource::key(account, "arn:1"), EventResource::key(account, "arn:2")];
        for count in 0..=keys.len() {
            plain.resources = keys.get(..count).unwrap();
            for millis in [1_700_000_000_999, 1_700_000_000_000, 1_700_000_001_000, 300_000_000_000_000] {
                plain.time = Timestamp::from_millis(millis);
                assert_eq!(
                    String::from_utf8(plain.written(null, null)).unwrap(),
                    String::from_utf8(plain.to_json().unwrap()).unwrap()
                );
            }
        }
    }
}

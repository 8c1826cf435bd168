//! What is recorded of a call: CloudTrail's event record, version 1.11.

use kms_core::{Error, ErrorKind};
use serde::{Serialize, Serializer};

use crate::{AccountId, Timestamp};

mod written;

/// The version of CloudTrail's event record.
const VERSION: &str = "1.11";

/// Room for an event of usual size, in bytes.
const USUAL: usize = 1536;

/// Who called.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UserIdentity<'a> {
    /// `IAMUser`, `AssumedRole`, `Root`, `AWSAccount`, `AWSService`, `Unknown`, …
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// The unique id of the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<&'a str>,
    /// The ARN of the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<&'a str>,
    /// The account of the caller.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_account")]
    pub account_id: Option<AccountId>,
    /// The id of the access key that signed the request. It is not secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<&'a str>,
    /// The name of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<&'a str>,
    /// The role whose temporary credentials were used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_context: Option<SessionContext<'a>>,
    /// The service that called, for itself or for somebody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoked_by: Option<&'a str>,
}

impl<'a> UserIdentity<'a> {
    /// A caller of this type, of whom nothing else is known.
    #[must_use]
    pub fn new(kind: &'a str) -> Self {
        Self { kind, ..Self::default() }
    }
}

/// Temporary credentials.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_structs, reason = "made by its members; more would be more to say")]
pub struct SessionContext<'a> {
    /// Whose credentials they are for.
    pub session_issuer: SessionIssuer<'a>,
}

/// What temporary credentials are for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_structs, reason = "made by its members; more would be more to say")]
pub struct SessionIssuer<'a> {
    /// `Role`, for the most part.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// The unique id of the role.
    pub principal_id: &'a str,
    /// The ARN of the role.
    pub arn: &'a str,
    /// The account of the role.
    #[serde(serialize_with = "account")]
    pub account_id: AccountId,
    /// The name of the role.
    pub user_name: &'a str,
}

/// A key that the call was about.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EventResource<'a> {
    /// The account of the key.
    #[serde(serialize_with = "account")]
    pub account_id: AccountId,
    #[serde(rename = "type")]
    kind: &'a str,
    /// The ARN of the key.
    #[serde(rename = "ARN")]
    pub arn: &'a str,
}

impl<'a> EventResource<'a> {
    /// A KMS key.
    #[must_use]
    pub const fn key(account_id: AccountId, arn: &'a str) -> Self {
        Self { account_id, kind: "AWS::KMS::Key", arn }
    }
}

/// How the connection was secured.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_structs, reason = "made by its members; more would be more to say")]
pub struct TlsDetails<'a> {
    /// Such as `TLSv1.3`.
    pub tls_version: &'a str,
    /// Such as `TLS_AES_128_GCM_SHA256`.
    pub cipher_suite: &'a str,
    /// The host name that the client asked for.
    pub client_provided_host_header: &'a str,
}

/// Whose act it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "management events of KMS are of these two")]
pub enum EventType {
    /// A request.
    AwsApiCall,
    /// The service's own, such as `RotateKey` and `DeleteKey`.
    AwsServiceEvent,
}

/// A record of one call. Its members are those of CloudTrail, in their order.
///
/// `P`, `R` and `A` are what the request asked for, what was answered and what else there is to say, in any form that
/// serialises to an object; `()` stands for `null`. **No plaintext, no key material and no data key belongs there**; the
/// encryption context does.
///
/// ```
/// use kms_service::audit::{Event, EventResource, UserIdentity};
/// use kms_service::{AccountId, Timestamp};
/// let mut event = Event::new("Decrypt", UserIdentity::new("IAMUser"), Timestamp::from_millis(1_700_000_000_000));
/// event.region = "eu-central-1";
/// event.error_code = Some("AccessDenied");
/// let arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
/// let resources = [EventResource::key("111122223333".parse()?, arn)];
/// event.resources = &resources;
/// let json = String::from_utf8(event.to_json()?).unwrap();
/// assert!(json.contains(r#""eventTime":"2023-11-14T22:13:20Z""#));
/// assert!(json.contains(r#""errorCode":"AccessDenied""#) && json.contains(r#""requestParameters":null"#));
/// # Ok::<(), kms_core::Error>(())
/// ```
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Event<'a, P = (), R = (), A = ()> {
    event_version: &'static str,
    /// Who called.
    pub user_identity: UserIdentity<'a>,
    /// When the request came.
    #[serde(rename = "eventTime", serialize_with = "second")]
    pub time: Timestamp,
    event_source: &'static str,
    /// The operation, such as `Decrypt`.
    #[serde(rename = "eventName")]
    pub operation: &'a str,
    /// The region that the request was made to.
    #[serde(rename = "awsRegion")]
    pub region: &'a str,
    /// Where the request came from; the name of a service if one made it.
    #[serde(rename = "sourceIPAddress")]
    pub source_ip_address: &'a str,
    /// What made the request.
    pub user_agent: &'a str,
    /// The exception, as [`trail_code`](crate::Exception::trail_code) has it; `None` for a call that went well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<&'a str>,
    /// The exception's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<&'a str>,
    /// What the request asked for, without what is secret.
    pub request_parameters: P,
    /// What was answered, without what is secret. `null` for operations that change nothing.
    pub response_elements: R,
    /// What else there is to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_event_data: Option<A>,
    /// The id of the request, as in its answer.
    #[serde(rename = "requestID")]
    pub request_id: &'a str,
    /// The id of this record: a UUID.
    #[serde(rename = "eventID")]
    pub event_id: &'a str,
    /// Whether the operation changes nothing.
    pub read_only: bool,
    /// The keys that it was about.
    pub resources: &'a [EventResource<'a>],
    /// Whose act it was.
    pub event_type: EventType,
    management_event: bool,
    /// The account whose trail this is in.
    #[serde(serialize_with = "account")]
    pub recipient_account_id: AccountId,
    /// Ties together the records that several accounts get of one call: a UUID.
    #[serde(rename = "sharedEventID", skip_serializing_if = "Option::is_none")]
    pub shared_event_id: Option<&'a str>,
    event_category: &'static str,
    /// How the connection was secured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_details: Option<TlsDetails<'a>>,
}

impl<'a> Event<'a> {
    /// The record of a call that went well, of which nothing else is said yet: all texts are empty.
    #[must_use]
    pub const fn new(operation: &'a str, user_identity: UserIdentity<'a>, time: Timestamp) -> Self {
        Self {
            event_version: VERSION,
            user_identity,
            time,
            event_source: "kms.amazonaws.com",
            operation,
            region: "",
            source_ip_address: "",
            user_agent: "",
            error_code: None,
            error_message: None,
            request_parameters: (),
            response_elements: (),
            additional_event_data: None,
            request_id: "",
            event_id: "",
            read_only: false,
            resources: &[],
            event_type: EventType::AwsApiCall,
            management_event: true,
            recipient_account_id: AccountId::LOCAL,
            shared_event_id: None,
            event_category: "Management",
            tls_details: None,
        }
    }

    /// The same with what was asked, what was answered, and what else there is to say.
    #[must_use]
    pub fn with_details<P, R, A>(self, request: P, response: R, additional: Option<A>) -> Event<'a, P, R, A> {
        Event {
            event_version: self.event_version,
            user_identity: self.user_identity,
            time: self.time,
            event_source: self.event_source,
            operation: self.operation,
            region: self.region,
            source_ip_address: self.source_ip_address,
            user_agent: self.user_agent,
            error_code: self.error_code,
            error_message: self.error_message,
            request_parameters: request,
            response_elements: response,
            additional_event_data: additional,
            request_id: self.request_id,
            event_id: self.event_id,
            read_only: self.read_only,
            resources: self.resources,
            event_type: self.event_type,
            management_event: self.management_event,
            recipient_account_id: self.recipient_account_id,
            shared_event_id: self.shared_event_id,
            event_category: self.event_category,
            tls_details: self.tls_details,
        }
    }
}

impl<P: Serialize, R: Serialize, A: Serialize> Event<'_, P, R, A> {
    /// The record: JSON without white space.
    ///
    /// # Errors
    /// `Internal` if a detail does not serialise.
    pub fn to_json(&self) -> Result<Vec<u8>, Error> {
        let mut json = Vec::with_capacity(USUAL);
        serde_json::to_writer(&mut json, self)
            .map_err(|e| Error::with_detail(ErrorKind::Internal, "an audit event does not serialise").with_source(e))?;
        Ok(json)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn account<S: Serializer>(account: &AccountId, serializer: S) -> Result<S::Ok, S::Error> {
    let mut text = [b'0'; 12];
    digits(&mut text, account.number());
    serializer.serialize_str(core::str::from_utf8(&text).unwrap_or_default())
}

fn optional_account<S: Serializer>(id: &Option<AccountId>, serializer: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => account(id, serializer),
        None => serializer.serialize_none(),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn second<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// Writes a number with leading zeros.
fn digits(to: &mut [u8], mut number: u64) {
    for digit in to.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

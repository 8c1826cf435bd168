//! Answers as AWS sends them.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};
use zeroize::Zeroizing;

use crate::metrics::MEDIA_TYPE;
use crate::wire::Reply;

const AWS_JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const XML: HeaderValue = HeaderValue::from_static("application/xml");
const OPEN_METRICS: HeaderValue = HeaderValue::from_static(MEDIA_TYPE);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
/// Data keys are no business of anything in between.
const NEVER: HeaderValue = HeaderValue::from_static("no-cache, no-store, must-revalidate, private");

fn respond(status: u16, kind: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response.headers_mut().insert(CACHE_CONTROL, NEVER);
    response
}

/// The answer of the KMS API. The body is wiped when it was written.
pub(super) fn kms(reply: Reply, request_id: &str) -> Response {
    let status = reply.status();
    let body = reply.into_body();
    // No body at all: one that knows it is empty is not announced in chunks.
    let body = if body.is_empty() { Body::empty() } else { Body::from(Bytes::from_owner(body)) };
    let mut response = respond(status, AWS_JSON, body);
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

pub(super) fn json(status: u16, body: impl Into<Zeroizing<Vec<u8>>>) -> Response {
    respond(status, JSON, Body::from(Bytes::from_owner(body.into())))
}

pub(super) fn metrics(text: String) -> Response {
    respond(200, OPEN_METRICS, text)
}

/// What the proxy API answers to any other method (specification, "HTTP method").
pub(super) fn only_post() -> Response {
    let mut response = respond(405, JSON, Body::empty());
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

/// What AWS answers to what is no request of a protocol that the service speaks.
pub(super) fn unknown() -> Response {
    respond(404, XML, "<UnknownOperationException/>\n")
}

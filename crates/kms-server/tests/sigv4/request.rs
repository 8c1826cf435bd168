//! Requests, signed by somebody else.

use base64ct::{Base64, Encoding};
use http::request::Parts;
use kms_core::Secret;
use kms_server::credentials::{Credential, Credentials};
use kms_server::sigv4::{Refusal, Signed, verify};
use kms_service::Timestamp;

/// One of `botocore.json`.
#[derive(Debug, Clone, serde::Deserialize)]
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) region: String,
    pub(crate) token: Option<String>,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// 2026-11-25T09:23:40Z.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_598_620_000);

pub(crate) fn all() -> Vec<Request> {
    serde_json::from_str(include_str!("botocore.json")).unwrap()
}

pub(crate) fn one(name: &str) -> Request {
    all().into_iter().find(|request| request.name == name).unwrap()
}

pub(crate) fn credential(id: &str, secret: &str, token: Option<&str>, service: &str) -> Credential {
    let principal = "arn:aws:iam::111122223333:user/Alice".parse().unwrap();
    let credential = Credential::new(id, Secret::copy_from(secret.as_bytes()), principal).for_service(service);
    match token {
        Some(token) => credential.with_session_token(Secret::copy_from(token.as_bytes())),
        None => credential,
    }
}

impl Request {
    pub(crate) fn credentials(&self) -> Credentials {
        let token = self.token.as_deref();
        Credentials::new([
            credential("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", token, "kms"),
            credential(
                "BETWEEN2TEN3AND4THIRTY5CHARS6",
                "PleaseReplaceThisWithSomeSecretOfMoreLength+/=",
                token,
                "kms-xks-proxy",
            ),
        ])
        .unwrap()
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        Base64::decode_vec(&self.body).unwrap()
    }

    pub(crate) fn head(&self) -> Parts {
        let mut builder = http::Request::builder().method(self.method.as_str()).uri(&self.target);
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(has, _)| !has.eq_ignore_ascii_case(name));
        self.headers.push((name.into(), value.into()));
    }

    pub(crate) fn get(&self, name: &str) -> &str {
        &self.headers.iter().find(|(has, _)| has.eq_ignore_ascii_case(name)).unwrap().1
    }

    pub(crate) fn at(&self, now: Timestamp) -> Result<Signed, Refusal> {
        verify(&self.head(), &self.body(), &self.service, &self.credentials(), now)
    }

    pub(crate) fn verify(&self) -> Result<Signed, Refusal> {
        self.at(NOW)
    }
}

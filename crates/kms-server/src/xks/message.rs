//! The messages of the proxy API.

use base64ct::{Base64, Encoding};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use super::{Answer, MAX_ADDITIONAL_DATA, XksException, XksRefusal};

/// Longest ARN that AWS has.
const MAX_ARN: usize = 2048;

/// What AWS KMS says of the request to it. Members that are not known are left alone.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    aws_principal_arn: Option<String>,
    pub(super) kms_key_arn: Option<String>,
    kms_operation: String,
    pub(super) kms_request_id: String,
    pub(super) kms_via_service: Option<String>,
}

/// What has to be there beside operation and request id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    /// The principal.
    Principal,
    /// The principal and the KMS key.
    Key,
}

impl Metadata {
    pub(super) fn check(&self, needs: Needs) -> Result<(), XksRefusal> {
        let missing = |name| Err(XksRefusal::validation(format!("requestMetadata.{name} is missing or empty.")));
        let is_missing = |text: &Option<String>| text.as_ref().is_none_or(String::is_empty);
        if self.kms_operation.is_empty() {
            return missing("kmsOperation");
        }
        if self.kms_request_id.is_empty() {
            return missing("kmsRequestId");
        }
        if needs != Needs::Nothing && is_missing(&self.aws_principal_arn) {
            return missing("awsPrincipalArn");
        }
        if needs == Needs::Key && is_missing(&self.kms_key_arn) {
            return missing("kmsKeyArn");
        }
        let arns = [&self.aws_principal_arn, &self.kms_key_arn];
        if arns.into_iter().flatten().any(|arn| arn.len() > MAX_ARN) {
            return Err(XksRefusal::validation("An ARN has at most 2,048 characters."));
        }
        tracing::debug!(
            kms_request_id = self.kms_request_id,
            kms_operation = self.kms_operation,
            aws_principal_arn = self.aws_principal_arn,
            kms_key_arn = self.kms_key_arn,
            "a call of AWS KMS"
        );
        Ok(())
    }
}

/// A text in base64, wiped when it is dropped: it may be a plaintext.
pub(super) struct Text(Zeroizing<String>);

impl core::ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HealthRequest {
    pub(super) request_metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetadataRequest {
    pub(super) request_metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EncryptRequest {
    pub(super) request_metadata: Metadata,
    pub(super) plaintext: Text,
    pub(super) encryption_algorithm: String,
    pub(super) additional_authenticated_data: Option<String>,
    pub(super) ciphertext_data_integrity_value_algorithm: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DecryptRequest {
    pub(super) request_metadata: Metadata,
    pub(super) ciphertext: String,
    pub(super) ciphertext_metadata: Option<String>,
    pub(super) encryption_algorithm: String,
    pub(super) additional_authenticated_data: Option<String>,
    pub(super) initialization_vector: String,
    pub(super) authentication_tag: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HealthAnswer {
    pub(super) xks_proxy_fleet_size: u32,
    pub(super) xks_proxy_vendor: &'static str,
    pub(super) xks_proxy_model: &'static str,
    pub(super) ekm_vendor: &'static str,
    pub(super) ekm_fleet_details: [Fleet; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fleet {
    pub(super) id: &'static str,
    pub(super) model: &'static str,
    pub(super) health_status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetadataAnswer {
    pub(super) key_spec: String,
    pub(super) key_usage: &'static [&'static str],
    pub(super) key_status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EncryptAnswer {
    pub(super) ciphertext: Text,
    pub(super) ciphertext_metadata: Text,
    pub(super) initialization_vector: Text,
    pub(super) authentication_tag: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ciphertext_data_integrity_value: Option<Text>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DecryptAnswer {
    pub(super) plaintext: Text,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorAnswer<'a> {
    pub(super) error_name: &'static str,
    pub(super) error_message: &'a str,
}

/// Reads a body. What is wrong is told by its place: its own message could show a plaintext.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, XksRefusal> {
    serde_json::from_slice(body).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "lacks a member, or has one twice or of the wrong type",
            _ => "is not JSON",
        };
        XksRefusal::validation(format!("The body {what} (line {}, column {}).", error.line(), error.column()))
    })
}

pub(super) fn write<T: Serialize>(answer: &T) -> Answer {
    match serde_json::to_vec(answer) {
        Ok(body) => Answer { status: 200, body },
        // Texts and numbers can always be written.
        Err(_) => Answer { status: 500, body: br#"{"errorName":"InternalException"}"#.to_vec() },
    }
}

pub(super) fn encode(bytes: &[u8]) -> Text {
    Text(Zeroizing::new(Base64::encode_string(bytes)))
}

pub(super) fn decode(member: &str, text: &str) -> Result<Vec<u8>, XksRefusal> {
    Base64::decode_vec(text).map_err(|_| XksRefusal::validation(format!("{member} is not base64.")))
}

pub(super) fn check_algorithm(algorithm: &str) -> Result<(), XksRefusal> {
    if algorithm == "AES_GCM" { Ok(()) } else { Err(XksRefusal::validation("encryptionAlgorithm must be AES_GCM.")) }
}

pub(super) fn check_len(member: &str, len: usize, most: usize) -> Result<(), XksRefusal> {
    if len <= most {
        return Ok(());
    }
    Err(XksRefusal::new(XksException::UnsupportedOperation, format!("{member} has at most {most} bytes here.")))
}

pub(super) fn additional_data(text: Option<&str>) -> Result<Vec<u8>, XksRefusal> {
    const MEMBER: &str = "additionalAuthenticatedData";
    let data = decode(MEMBER, text.unwrap_or_default())?;
    check_len(MEMBER, data.len(), MAX_ADDITIONAL_DATA)?;
    Ok(data)
}

//! The proxy API of AWS KMS external key stores, version 1 (AWS KMS External Key Store Proxy API Specification): what AWS
//! KMS calls, to use a key that is here.
//!
//! # Keys
//!
//! An external key is a KMS key with key spec `HMAC_256`, in memory or in an HSM, and its key id is the external key id.
//! AWS KMS wants an initialization vector of 16 bytes at most, a tag of 16, metadata of 20, and a ciphertext as long as the
//! plaintext: what `Encrypt` makes of a symmetric key has no room there. So each message has a key of its own, which the
//! HMAC key gives, and which never serves twice:
//!
//! ```text
//! initializationVector  16 random bytes
//! derived               HKDF-SHA-256(GenerateMac(key, "kms xks v1" || 00 || initializationVector), "kms xks v1"), 51 bytes
//! ciphertextMetadata    01 || derived[32..51]
//! ciphertext, tag       AES-256-GCM under derived[..32], nonce 0, with the associated data of the specification:
//!                       u16 length || additionalAuthenticatedData || u8 length || ciphertextMetadata
//! ```
//!
//! The metadata commit to the key: no ciphertext opens under two. Whoever may call `GenerateMac` on an external key can
//! decrypt what is encrypted under it; `kms:GenerateMac` on it is for the proxy's principals alone.
//!
//! # Who may
//!
//! The principal of the access key needs `kms:GenerateMac`, and `kms:DescribeKey` for metadata, by the policies of the
//! key and of the principal. What AWS KMS says of its own caller is there for conditions: `aws:SourceArn` and
//! `aws:SourceAccount` are of the KMS key in AWS (`kmsKeyArn`), `kms:ViaService` is `kmsViaService`. A condition on
//! `aws:SourceArn` ties an external key to one KMS key.

mod exception;
mod message;
mod sealing;

use core::fmt;

use kms_core::primitives::hash::hash;
use kms_core::{HashAlgorithm, RandomSource, Secret, SystemRandom};
use kms_service::api::{
    DescribeKeyRequest, GenerateMacRequest, GenerateRandomRequest, KeySpec, KeyState, KeyUsageType, MacAlgorithmSpec,
};
use kms_service::{Caller, KmsError, KmsKeyId, Service};

pub use self::exception::{XksException, XksRefusal};

use self::message::{
    DecryptAnswer, DecryptRequest, EncryptAnswer, EncryptRequest, Fleet, HealthAnswer, HealthRequest, Metadata,
    MetadataAnswer, MetadataRequest,
};
use self::sealing::{IV_LEN, MessageKey, TAG_LEN};
use crate::sigv4::Refusal;

/// Longest plaintext in bytes: what the specification asks for.
pub const MAX_PLAINTEXT: usize = 4300;
/// Longest additional authenticated data in bytes: what the specification asks for.
pub const MAX_ADDITIONAL_DATA: usize = 8192;

/// The proxy, over the keys of a service.
#[derive(Clone)]
pub struct Proxy {
    service: Service,
    prefix: String,
    health_key: Option<String>,
    fleet_size: u32,
}

/// What the proxy answers; always JSON.
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "an HTTP answer has a status and a body")]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, `application/json`. That of `Decrypt` holds a plaintext.
    pub body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

/// One of the four calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target<'a> {
    Health,
    Metadata(&'a str),
    Encrypt(&'a str),
    Decrypt(&'a str),
}

impl Target<'_> {
    const fn name(&self) -> &'static str {
        match self {
            Self::Health => "GetHealthStatus",
            Self::Metadata(_) => "GetKeyMetadata",
            Self::Encrypt(_) => "Encrypt",
            Self::Decrypt(_) => "Decrypt",
        }
    }
}

impl Proxy {
    /// A proxy whose paths begin with `/kms/xks/v1`, and that is one of one.
    #[must_use]
    pub const fn new(service: Service) -> Self {
        Self { service, prefix: String::new(), health_key: None, fleet_size: 1 }
    }

    /// What stands before `/kms/xks/v1` in paths, such as `/acme`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// A key of the same kind as external keys, that the health check uses, and nothing else should. Without it, the health
    /// check asks where keys live for random bytes.
    #[must_use]
    pub fn health_key(mut self, key_id: impl Into<String>) -> Self {
        self.health_key = Some(key_id.into());
        self
    }

    /// How many proxies there are. At least one.
    #[must_use]
    pub fn fleet_size(mut self, size: u32) -> Self {
        self.fleet_size = size.max(1);
        self
    }

    /// The name of the call at a path, for metrics and logs; `None` if the proxy has none there.
    #[must_use]
    pub fn operation(&self, path: &str) -> Option<&'static str> {
        self.target(path).map(|target| target.name())
    }

    fn target<'a>(&self, path: &'a str) -> Option<Target<'a>> {
        let rest = path.strip_prefix(self.prefix.as_str())?.strip_prefix("/kms/xks/v1/")?;
        if rest == "health" {
            return Some(Target::Health);
        }
        let (id, operation) = rest.strip_prefix("keys/")?.split_once('/')?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if !(1..=128).contains(&id.len()) || !id.bytes().all(fits) {
            return None;
        }
        match operation {
            "metadata" => Some(Target::Metadata(id)),
            "encrypt" => Some(Target::Encrypt(id)),
            "decrypt" => Some(Target::Decrypt(id)),
            _ => None,
        }
    }

    /// Answers a `POST` that is authenticated. The caller's region is the one that keys are in here, whatever region the
    /// request was signed for.
    #[must_use]
    pub fn answer(&self, path: &str, body: &[u8], caller: &Caller) -> Answer {
        let Some(target) = self.target(path) else {
            return XksRefusal::new(XksException::InvalidUriPath, "There is nothing at this path.").answer();
        };
        let outcome = match target {
            Target::Health => self.health(body, caller),
            Target::Metadata(id) => self.metadata(id, body, caller),
            Target::Encrypt(id) => self.encrypt(id, body, caller),
            Target::Decrypt(id) => self.decrypt(id, body, caller),
        };
        outcome.unwrap_or_else(|refusal| refusal.answer())
    }

    /// What a request is answered that could not be read, or for which there is no room.
    #[must_use]
    pub fn unserved(error: &KmsError) -> Answer {
        XksRefusal::from(error.clone()).answer()
    }

    /// What a request is answered whose signature was refused.
    #[must_use]
    pub fn refuse(refusal: &Refusal) -> Answer {
        XksRefusal::new(XksException::AuthenticationFailed, refusal.message().to_owned()).answer()
    }

    fn health(&self, body: &[u8], caller: &Caller) -> Result<Answer, XksRefusal> {
        let request: HealthRequest = message::read(body)?;
        request.request_metadata.check(message::Needs::Nothing)?;
        // Policies do not decide on health: the account itself asks.
        let account = Caller::root(caller.account(), caller.region.clone());
        let account = request.request_metadata.caller(&account);
        if let Some(key) = &self.health_key {
            let mut iv = [0; IV_LEN];
            SystemRandom.fill(&mut iv).map_err(XksRefusal::internal)?;
            let key = self.message_key(key, &iv, &account)?;
            let mut text = *b"health";
            let tag = key.seal(b"", &mut text)?;
            if key.open(b"", &text, &tag)?.expose() != b"health" {
                return Err(XksRefusal::internal("the health key does not open what it sealed"));
            }
        } else {
            let request = GenerateRandomRequest { number_of_bytes: Some(1), ..Default::default() };
            self.service.call(&account, &request)?;
        }
        let version = concat!("kms ", env!("CARGO_PKG_VERSION"));
        Ok(message::write(&HealthAnswer {
            xks_proxy_fleet_size: self.fleet_size,
            xks_proxy_vendor: "kms",
            xks_proxy_model: version,
            ekm_vendor: "kms",
            ekm_fleet_details: [Fleet { id: "kms", model: version, health_status: "ACTIVE" }],
        }))
    }

    fn metadata(&self, id: &str, body: &[u8], caller: &Caller) -> Result<Answer, XksRefusal> {
        let request: MetadataRequest = message::read(body)?;
        request.request_metadata.check(message::Needs::Principal)?;
        let request_caller = request.request_metadata.caller(caller);
        let describe = DescribeKeyRequest { key_id: key_id(id)?.into(), ..Default::default() };
        let key = self.service.call(&request_caller, &describe)?.key_metadata;
        let is_external =
            key.key_spec == Some(KeySpec::Hmac256) && key.key_usage == Some(KeyUsageType::GenerateVerifyMac);
        let spec = key.key_spec.map_or_else(|| "UNKNOWN".to_owned(), |spec| spec.as_str().to_owned());
        Ok(message::write(&MetadataAnswer {
            key_spec: if is_external { "AES_256".into() } else { spec },
            key_usage: if is_external { &["ENCRYPT", "DECRYPT"] } else { &[] },
            key_status: if key.key_state == Some(KeyState::Enabled) { "ENABLED" } else { "DISABLED" },
        }))
    }

    fn encrypt(&self, id: &str, body: &[u8], caller: &Caller) -> Result<Answer, XksRefusal> {
        let request: EncryptRequest = message::read(body)?;
        request.request_metadata.check(message::Needs::Key)?;
        message::check_algorithm(&request.encryption_algorithm)?;
        let with_cdiv = match request.ciphertext_data_integrity_value_algorithm.as_deref() {
            None => false,
            Some("SHA_256") => true,
            Some(_) => {
                return Err(XksRefusal::validation("ciphertextDataIntegrityValueAlgorithm must be SHA_256."));
            }
        };
        let additional = message::additional_data(request.additional_authenticated_data.as_deref())?;
        let plaintext = Secret::from(message::decode("plaintext", &request.plaintext)?);
        message::check_len("plaintext", plaintext.len(), MAX_PLAINTEXT)?;
        let mut iv = [0; IV_LEN];
        SystemRandom.fill(&mut iv).map_err(XksRefusal::internal)?;
        let key = self.message_key(key_id(id)?, &iv, &request.request_metadata.caller(caller))?;
        let metadata = key.metadata();
        let bound = sealing::associated_data(&additional, &metadata)?;
        let mut ciphertext = plaintext.expose().to_vec();
        let tag = key.seal(&bound, &mut ciphertext)?;
        let cdiv = if with_cdiv {
            // The value first, and then the check: so it speaks for the bytes that were found to open.
            let parts = [additional.as_slice(), &metadata, &iv, &ciphertext, &tag].concat();
            let cdiv = hash(HashAlgorithm::Sha256, &parts);
            if !key.open(&bound, &ciphertext, &tag)?.ct_eq(plaintext.expose()) {
                return Err(XksRefusal::internal("a ciphertext does not open to its plaintext"));
            }
            Some(message::encode(&cdiv))
        } else {
            None
        };
        Ok(message::write(&EncryptAnswer {
            ciphertext: message::encode(&ciphertext),
            ciphertext_metadata: message::encode(&metadata),
            initialization_vector: message::encode(&iv),
            authentication_tag: message::encode(&tag),
            ciphertext_data_integrity_value: cdiv,
        }))
    }

    fn decrypt(&self, id: &str, body: &[u8], caller: &Caller) -> Result<Answer, XksRefusal> {
        let request: DecryptRequest = message::read(body)?;
        request.request_metadata.check(message::Needs::Key)?;
        message::check_algorithm(&request.encryption_algorithm)?;
        let additional = message::additional_data(request.additional_authenticated_data.as_deref())?;
        let ciphertext = message::decode("ciphertext", &request.ciphertext)?;
        message::check_len("ciphertext", ciphertext.len(), MAX_PLAINTEXT)?;
        let iv = message::decode("initializationVector", &request.initialization_vector)?;
        let tag = message::decode("authenticationTag", &request.authentication_tag)?;
        let metadata = request.ciphertext_metadata.as_deref().unwrap_or_default();
        let metadata = message::decode("ciphertextMetadata", metadata)?;
        let key_id = key_id(id)?;
        let (Ok(iv), Ok(tag)) = (<[u8; IV_LEN]>::try_from(iv), <[u8; TAG_LEN]>::try_from(tag)) else {
            return Err(XksRefusal::invalid_ciphertext());
        };
        let key = self.message_key(key_id, &iv, &request.request_metadata.caller(caller))?;
        let bound = sealing::associated_data(&additional, &metadata)?;
        let opened = key.open(&bound, &ciphertext, &tag)?;
        if !key.is_of(&metadata) {
            return Err(XksRefusal::invalid_ciphertext());
        }
        Ok(message::write(&DecryptAnswer { plaintext: message::encode(opened.expose()) }))
    }

    /// The key of one message.
    fn message_key(&self, key_id: &str, iv: &[u8; IV_LEN], caller: &Caller) -> Result<MessageKey, XksRefusal> {
        let request = GenerateMacRequest {
            message: Secret::from(sealing::mac_input(iv)).into(),
            key_id: key_id.into(),
            mac_algorithm: MacAlgorithmSpec::HmacSha256.into(),
            ..Default::default()
        };
        let mac = Secret::from(self.service.call(caller, &request)?.mac.into_vec());
        MessageKey::derive(&mac)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({}/kms/xks/v1)", self.prefix)
    }
}

/// The key that an external key id names: never an alias, which could mean another key tomorrow.
fn key_id(external: &str) -> Result<&str, XksRefusal> {
    match external.parse::<KmsKeyId>() {
        Ok(_) => Ok(external),
        Err(_) => Err(XksRefusal::new(XksException::KeyNotFound, "There is no such key: the id is that of a KMS key.")),
    }
}

/// What AWS KMS says of its own caller, for those who look at policies.
impl Metadata {
    fn caller(&self, caller: &Caller) -> Caller {
        let mut caller = caller.clone();
        caller.via_service.clone_from(&self.kms_via_service);
        caller.source_arn.clone_from(&self.kms_key_arn);
        // The trail then names the request as CloudTrail does.
        let is_id = |id: &&String| id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_graphic());
        if let Some(id) = Some(&self.kms_request_id).filter(is_id) {
            caller.request_id = Some(id.clone());
        }
        caller
    }
}

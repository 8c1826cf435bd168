//! A connection to AWS KMS, or to another endpoint that speaks its API.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_kms::Client;
use aws_sdk_kms::config::http::HttpResponse;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::operation::describe_key::DescribeKeyError;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::KeyMetadata;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use kms_core::{Call, Error, ErrorKind, RandomSource, Secret, SystemRandom};

use crate::arn::Arn;
use crate::fault::{error_of, is};
use crate::http::Http;
use crate::io::{Deadline, Io};
use crate::key::AwsKey;

/// How long to try to connect, and how long one attempt of a request may take. A call without a budget ends by these.
const CONNECT: Duration = Duration::from_secs(4);
const ATTEMPT: Duration = Duration::from_secs(30);
/// How often a request is sent that was throttled, or that failed on the way.
const ATTEMPTS: u32 = 5;
/// The longest pause before the second attempt; the bound doubles with each, and the pause is random below it.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The most that GenerateRandom answers at once, in bytes.
const RANDOM: usize = 1024;

/// Which endpoint, in which region, as whom. What is not said is looked up where every AWS tool looks.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct AwsOptions {
    region: Option<String>,
    endpoint_url: Option<String>,
    profile: Option<String>,
    ca_bundle: Option<PathBuf>,
    credentials: Option<Credentials>,
    max_attempts: Option<u32>,
}

impl AwsOptions {
    /// Everything from the environment and the files of the user: `AWS_REGION`, `AWS_PROFILE`, `AWS_ENDPOINT_URL_KMS`,
    /// `AWS_CA_BUNDLE`, and the chain of credentials (environment, profiles with roles, SSO and processes, web identity,
    /// containers, instance metadata).
    pub fn new() -> Self {
        Self::default()
    }

    /// In this region.
    pub fn with_region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// At this URL, in every region.
    pub fn with_endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.endpoint_url = Some(url.into());
        self
    }

    /// With this profile of the user's files.
    pub fn with_profile(mut self, profile: impl Into<String>) -> Self {
        self.profile = Some(profile.into());
        self
    }

    /// Trusting the certificates in this PEM file, and no others.
    pub fn with_ca_bundle(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_bundle = Some(path.into());
        self
    }

    /// With this access key, and nothing of the chain of credentials.
    pub fn with_access_key(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.credentials = Some(Credentials::new(id, secret, None, None, "kms-aws"));
        self
    }

    /// How often a request is sent at most, the first time included [default: 5]. At least once.
    pub const fn with_max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(if attempts == 0 { 1 } else { attempts });
        self
    }

    /// What was given or is set in the environment; an empty variable is none.
    fn or_env(given: Option<&String>, names: &[&str]) -> Option<String> {
        let env = || names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        given.cloned().or_else(env)
    }
}

/// A connection to AWS KMS, or to another endpoint that speaks its API. Clones share it.
///
/// A thread of its own does the talking, so that its methods and those of its keys can be called from anywhere, the
/// tasks of an async runtime included. They block until the answer is there: a task should call them in tokio's
/// `spawn_blocking`, lest its thread do nothing else meanwhile.
///
/// Requests that are throttled or fail on the way are sent again, at most five times, after a random pause below a
/// bound that doubles each time from 100 ms (exponential back-off with full jitter, and the SDK's quota on retries),
/// all within the call's budget.
#[derive(Clone)]
pub struct AwsClient {
    pub(crate) kms: Client,
    io: Arc<Io>,
    config: Arc<SdkConfig>,
    region: String,
    /// A text for errors: which profile and files are looked at.
    profile: Option<String>,
}

impl AwsClient {
    /// Reads the configuration. Credentials are looked up by the first request.
    ///
    /// # Errors
    /// `InvalidInput` if there is no region; `Io` or `Malformed` if the certificates cannot be read.
    pub fn new(options: &AwsOptions) -> Result<Self, Error> {
        let io = Arc::new(Io::start()?);
        let bundle = AwsOptions::or_env(None, &["AWS_CA_BUNDLE"]).map(PathBuf::from);
        let http = Http::new(options.ca_bundle.as_ref().or(bundle.as_ref()).map(PathBuf::as_path))?;
        let profile = AwsOptions::or_env(options.profile.as_ref(), &["AWS_PROFILE"]);
        let attempts = options.max_attempts.unwrap_or(ATTEMPTS);
        let retry = RetryConfig::standard()
            .with_max_attempts(attempts)
            .with_initial_backoff(FIRST_PAUSE)
            .with_max_backoff(LONGEST_PAUSE);
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(SharedHttpClient::new(http))
            .retry_config(retry)
            .timeout_config(timeouts);
        // Boto and the AWS CLI know AWS_DEFAULT_REGION, too.
        if let Some(region) = AwsOptions::or_env(options.region.as_ref(), &["AWS_REGION", "AWS_DEFAULT_REGION"]) {
            loader = loader.region(Region::new(region));
        }
        if let Some(url) = &options.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some(profile) = &options.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(credentials) = &options.credentials {
            loader = loader.credentials_provider(credentials.clone());
        }
        let config = io.wait(Deadline::of(&Call::default()), async move { Ok(loader.load().await) })?;
        let region = config.region().map(ToString::to_string).ok_or_else(|| {
            Error::invalid_input(
                "no AWS region: name the key by its ARN, which has one, or set AWS_REGION, or region in the profile",
            )
        })?;
        Ok(Self { kms: Client::new(&config), io, config: Arc::new(config), region, profile })
    }

    /// The region that requests go to.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The same endpoint and credentials in another region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        if region == self.region {
            return self.clone();
        }
        let there = aws_sdk_kms::config::Builder::from(&*self.config).region(Region::new(region.to_owned()));
        Self { kms: Client::from_conf(there.build()), region: region.into(), ..self.clone() }
    }

    /// A key by its id, ARN, alias name (`alias/…`) or alias ARN; an ARN of another region is asked for there. Needs
    /// the permissions kms:DescribeKey and, for keys with a public half, kms:GetPublicKey.
    ///
    /// # Errors
    /// `KeyUnavailable` if there is none, or its state forbids to use it; `Unsupported` if it is of a spec that this
    /// version does not know; `Unauthorized`; transport faults.
    pub fn key(&self, name: &str, call: &Call) -> Result<AwsKey, Error> {
        AwsKey::named(self, name, Deadline::of(call))
    }

    /// The symmetric key with this ARN. Nothing is asked: whether there is such a key shows when it is used, which
    /// needs no permission but for that use (kms:GenerateDataKey, kms:Encrypt, kms:Decrypt).
    ///
    /// # Errors
    /// `InvalidInput` if the ARN is an alias's: which key that means is for the endpoint to say.
    pub fn symmetric_key(&self, arn: &Arn) -> Result<AwsKey, Error> {
        AwsKey::symmetric(self, arn)
    }

    /// The ids of some of the account's keys in the region, at most `most` (1 to 1,000). Needs the permission
    /// kms:ListKeys.
    ///
    /// # Errors
    /// `Unauthorized`; transport faults.
    pub fn key_ids(&self, most: i32, call: &Call) -> Result<Vec<String>, Error> {
        let asked = self.kms.list_keys().limit(most).send();
        let keys = self.ask(Deadline::of(call), &self.region, asked)?.keys.unwrap_or_default();
        Ok(keys.into_iter().filter_map(|key| key.key_id).collect())
    }

    /// Fills `out` with random bytes of the endpoint.
    pub(crate) fn fill_random(&self, out: &mut [u8], deadline: Deadline) -> Result<(), Error> {
        for part in out.chunks_mut(RANDOM) {
            let len = i32::try_from(part.len()).map_err(|_| ErrorKind::Internal)?;
            let asked = self.kms.generate_random().number_of_bytes(len).send();
            let random = secret(self.ask(deadline, &self.region, asked)?.plaintext)?;
            if random.len() != part.len() {
                return Err(bad_answer("as many random bytes as were asked for"));
            }
            part.copy_from_slice(random.expose());
        }
        Ok(())
    }

    /// What the endpoint says of a key; `None`: there is no such key.
    pub(crate) fn describe(&self, name: &str, deadline: Deadline) -> Result<Option<KeyMetadata>, Error> {
        let asked = self.kms.describe_key().key_id(name).send();
        match self.try_ask(deadline, asked)? {
            Ok(answer) => answer.key_metadata.map(Some).ok_or_else(|| bad_answer("a description of the key")),
            Err(failed) if is::<DescribeKeyError>(&failed, "NotFoundException") => Ok(None),
            Err(failed) => Err(self.error(*failed, name)),
        }
    }

    /// Sends a request and waits for the answer. `subject` is the key it is about.
    pub(crate) fn ask<T, E>(
        &self,
        deadline: Deadline,
        subject: &str,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send + 'static,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.try_ask(deadline, request)?.map_err(|failed| self.error(*failed, subject))
    }

    /// The same, with the exception still one.
    pub(crate) fn try_ask<T, E>(
        &self,
        deadline: Deadline,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send + 'static,
    ) -> Result<Result<T, Box<SdkError<E, HttpResponse>>>, Error>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        self.io.wait(deadline, async move { Ok(request.await.map_err(Box::new)) })
    }

    /// The error of a failed request, with what to do about credentials that are missing.
    pub(crate) fn error<E>(&self, failed: SdkError<E, HttpResponse>, subject: &str) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let no_answer = !matches!(failed, SdkError::ServiceError(_));
        let error = error_of(failed, subject);
        if error.kind() != ErrorKind::Unauthorized || !no_answer {
            return error;
        }
        let profile = self.profile.as_deref().unwrap_or("default");
        Error::with_detail(
            ErrorKind::Unauthorized,
            format!(
                "{}; looked at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the profile {profile:?} (AWS_PROFILE) in \
                 ~/.aws/credentials and ~/.aws/config (AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE), \
                 AWS_WEB_IDENTITY_TOKEN_FILE, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, and the instance's metadata",
                error.detail().unwrap_or("no AWS credentials")
            ),
        )
    }
}

/// The bytes of an answer that are secret.
pub(crate) fn secret(bytes: Option<Blob>) -> Result<Secret, Error> {
    Ok(Secret::from(bytes.ok_or_else(|| bad_answer("what was asked for"))?.into_inner()))
}

/// The bytes of an answer.
pub(crate) fn bytes(bytes: Option<Blob>) -> Result<Vec<u8>, Error> {
    Ok(bytes.ok_or_else(|| bad_answer("what was asked for"))?.into_inner())
}

pub(crate) fn bad_answer(lacks: &str) -> Error {
    Error::with_detail(ErrorKind::Internal, format!("the endpoint gave a bad answer: it lacks {lacks}"))
}

/// Randomness of this process, for what is wrapped on the way there.
pub(crate) fn random(len: usize) -> Result<Secret, Error> {
    let mut secret = Secret::zeroed(len);
    SystemRandom.fill(secret.expose_mut())?;
    Ok(secret)
}

impl fmt::Debug for AwsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsClient").field("region", &self.region).finish_non_exhaustive()
    }
}

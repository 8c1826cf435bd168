//! Access keys, and the principals whose they are.
//!
//! They come from a TOML file, one `[[principal]]` for each access key:
//!
//! ```toml
//! [[principal]]
//! access_key_id = "AKIAIOSFODNN7EXAMPLE"
//! secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
//! arn = "arn:aws:iam::111122223333:user/Alice"
//! tags = { team = "blue" }
//! policies = [
//!     '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}',
//!     { Version = "2012-10-17", Statement = [{ Effect = "Deny", Action = "kms:PutKeyPolicy", Resource = "*" }] },
//! ]
//! ```
//!
//! | member | |
//! |---|---|
//! | `access_key_id` | 1 to 128 letters, digits and underscores |
//! | `secret_access_key` | the secret in clear; or |
//! | `secret_access_key_sealed` | the same, sealed under the root key by [`seal`] |
//! | `arn` | of a user, a role, a role's session or an account's root |
//! | `session_token` | for temporary credentials: requests have to carry it |
//! | `policies` | identity policies, as JSON text or as tables; a principal without any has none |
//! | `tags` | what `aws:PrincipalTag/KEY` reads; only users and roles have them |
//! | `service` | `kms`, or `kms-xks-proxy` for the proxy of external key stores; `kms` if it is left out |

mod edit;
mod error;
mod file;
mod seal;
mod watch;

use core::fmt;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use kms_core::{Key, Secret};
use kms_service::{Policy, Principal};

pub use self::edit::{NewAccessKey, add, remove, seal_all};
pub use self::error::CredentialsError;
pub(crate) use self::file::OTHERS;
pub use self::seal::seal;
pub use self::watch::watch;

use self::watch::Seen;
use crate::sigv4::SigningKeys;

/// The service that the KMS API is signed for.
pub const KMS: &str = "kms";
/// The service that the proxy API of external key stores is signed for.
pub const XKS_PROXY: &str = "kms-xks-proxy";

/// An access key, and whose it is.
///
/// The secret is wiped when this is dropped, and is never shown.
pub struct Credential {
    access_key_id: Box<str>,
    secret: Secret,
    session_token: Option<Secret>,
    principal: Principal,
    policies: Arc<[Arc<Policy>]>,
    service: Box<str>,
    signing_keys: SigningKeys,
}

impl Credential {
    /// An access key for the KMS API, of a principal without policies.
    #[must_use]
    pub fn new(access_key_id: impl Into<Box<str>>, secret_access_key: Secret, principal: Principal) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            secret: secret_access_key,
            session_token: None,
            principal,
            policies: Arc::default(),
            service: KMS.into(),
            signing_keys: SigningKeys::default(),
        }
    }

    /// The same with identity policies.
    #[must_use]
    pub fn with_policies(mut self, policies: impl IntoIterator<Item = Arc<Policy>>) -> Self {
        self.policies = policies.into_iter().collect();
        self
    }

    /// The same, and requests have to carry this token.
    #[must_use]
    pub fn with_session_token(mut self, token: Secret) -> Self {
        self.session_token = Some(token);
        self
    }

    /// The same for another service than [`KMS`].
    #[must_use]
    pub fn for_service(mut self, service: impl Into<Box<str>>) -> Self {
        self.service = service.into();
        self
    }

    /// The access key id, which is public.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// Whose it is, with tags.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The principal's identity policies.
    #[must_use]
    pub const fn policies(&self) -> &Arc<[Arc<Policy>]> {
        &self.policies
    }

    /// The service that it signs requests for.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    pub(crate) const fn secret(&self) -> &Secret {
        &self.secret
    }

    pub(crate) const fn signing_keys(&self) -> &SigningKeys {
        &self.signing_keys
    }

    /// Whether the request's token is the one that this has; in constant time for tokens of the same length.
    pub(crate) fn has_token(&self, token: Option<&[u8]>) -> bool {
        match (&self.session_token, token) {
            (None, None) => true,
            (Some(own), Some(given)) => own.ct_eq(given),
            _ => false,
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({} of {} for {})", self.access_key_id, self.principal, self.service)
    }
}

/// All access keys that the server knows; replaced as a whole.
pub struct Credentials {
    table: ArcSwap<Table>,
    source: Option<Source>,
}

/// Where the access keys come from.
struct Source {
    path: PathBuf,
    options: CredentialsOptions,
}

struct Table {
    by_id: HashMap<Box<str>, Arc<Credential>>,
    /// What requests of unknown access keys are checked against, so that they take as long as the others.
    stranger: Arc<Credential>,
    /// The file as it was when it was read.
    seen: Option<Seen>,
}

/// How a file of credentials is read.
#[derive(Clone, Default)]
pub struct CredentialsOptions {
    root: Option<Key>,
    readable_by_others: bool,
    sealed_as_they_are: bool,
}

impl CredentialsOptions {
    /// Without root key, and only from files that nobody else can read.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The root key, which opens secrets that are sealed.
    #[must_use]
    pub fn root(mut self, root: Key) -> Self {
        self.root = Some(root);
        self
    }

    /// Whether to read a file that others can read as well, as in tests and in containers whose volumes have no modes.
    #[must_use]
    pub const fn readable_by_others(mut self, allowed: bool) -> Self {
        self.readable_by_others = allowed;
        self
    }

    /// Whether to leave sealed secrets closed: for looking at the file, since nothing verifies with them.
    #[must_use]
    pub const fn sealed_as_they_are(mut self) -> Self {
        self.sealed_as_they_are = true;
        self
    }

    const fn opener(&self) -> file::Opener<'_> {
        match (&self.root, self.sealed_as_they_are) {
            (_, true) => file::Opener::Closed,
            (Some(root), false) => file::Opener::Root(root),
            (None, false) => file::Opener::None,
        }
    }

    /// Reads access keys from a text.
    ///
    /// # Errors
    /// What is wrong with it, in which line, and what to do.
    pub fn parse(&self, text: &str) -> Result<Credentials, CredentialsError> {
        let table = Table::new(file::parse(text, self.opener())?)?;
        Ok(Credentials { table: ArcSwap::from_pointee(table), source: None })
    }

    /// Reads access keys from a file, which [`Credentials::reload`] reads again.
    ///
    /// # Errors
    /// What is wrong with the file, in which line, and what to do.
    pub fn load(self, path: &Path) -> Result<Credentials, CredentialsError> {
        let source = Source { path: path.to_owned(), options: self };
        let table = source.read()?;
        Ok(Credentials { table: ArcSwap::from_pointee(table), source: Some(source) })
    }
}

impl fmt::Debug for CredentialsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialsOptions")
            .field("root", &self.root)
            .field("readable_by_others", &self.readable_by_others)
            .field("sealed_as_they_are", &self.sealed_as_they_are)
            .finish()
    }
}

impl Source {
    fn read(&self) -> Result<Table, CredentialsError> {
        let about = |error: CredentialsError| error.in_file(&self.path);
        let (text, seen) = file::read(&self.path, self.options.readable_by_others).map_err(about)?;
        let credentials = file::parse(&text, self.options.opener()).map_err(about)?;
        let mut table = Table::new(credentials).map_err(about)?;
        table.seen = Some(seen);
        Ok(table)
    }
}

impl Table {
    fn new(credentials: Vec<Credential>) -> Result<Self, CredentialsError> {
        let mut by_id = HashMap::with_capacity(credentials.len());
        for credential in credentials {
            let id = credential.access_key_id.clone();
            if let Some(_twice) = by_id.insert(id.clone(), Arc::new(credential)) {
                return Err(CredentialsError::new(format!(
                    "the access key {id} is there twice: remove one, or generate another id"
                )));
            }
        }
        let stranger = Arc::new(Credential::new("", file::random_secret()?, Principal::Anonymous));
        Ok(Self { by_id, stranger, seen: None })
    }
}

impl Credentials {
    /// A table of access keys that no file has.
    ///
    /// # Errors
    /// If one is there twice.
    pub fn new(credentials: impl IntoIterator<Item = Credential>) -> Result<Self, CredentialsError> {
        let table = Table::new(credentials.into_iter().collect())?;
        Ok(Self { table: ArcSwap::from_pointee(table), source: None })
    }

    /// Reads access keys from a text. None of the secrets in it is sealed.
    ///
    /// # Errors
    /// What is wrong with it, in which line, and what to do.
    pub fn from_toml(text: &str) -> Result<Self, CredentialsError> {
        CredentialsOptions::new().parse(text)
    }

    /// Reads access keys from a file that nobody else can read. None of the secrets in it is sealed.
    ///
    /// # Errors
    /// What is wrong with the file, in which line, and what to do.
    pub fn load(path: &Path) -> Result<Self, CredentialsError> {
        CredentialsOptions::new().load(path)
    }

    /// The access key of that id.
    #[must_use]
    pub fn get(&self, access_key_id: &str) -> Option<Arc<Credential>> {
        self.table.load().by_id.get(access_key_id).map(Arc::clone)
    }

    /// All of them, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Credential>> {
        self.table.load().by_id.values().map(Arc::clone).collect()
    }

    /// What stands in for an access key that is not there.
    pub(crate) fn stranger(&self) -> Arc<Credential> {
        Arc::clone(&self.table.load().stranger)
    }

    /// The file that they are from, if any.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.source.as_ref().map(|source| source.path.as_path())
    }

    /// Reads the file again. What was there before stays when anything is wrong with it. Without a file, nothing happens.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn reload(&self) -> Result<(), CredentialsError> {
        if let Some(source) = &self.source {
            self.table.store(Arc::new(source.read()?));
        }
        Ok(())
    }

    /// The file as it is now, if it is not as it was when the table was read.
    fn changed(&self) -> Option<Option<Seen>> {
        let now = Seen::at(&self.source.as_ref()?.path);
        (now != self.table.load().seen).then_some(now)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} access keys)", self.table.load().by_id.len())
    }
}

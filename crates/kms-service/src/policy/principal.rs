//! Who makes a request.

use core::fmt;
use core::str::FromStr;
use std::borrow::Cow;
use std::sync::Arc;

use kms_core::Error;

use super::context::Values;
use crate::name::AccountId;

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Principal {
    /// The root of an account.
    Account(Account),
    /// A user.
    User(User),
    /// A session of a role, or in a simulation the role as such.
    Role(Role),
    /// A service, such as `s3.amazonaws.com`.
    Service(Arc<str>),
    /// Nobody in particular.
    Anonymous,
}

/// The root of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    arn: Arc<str>,
    id: AccountId,
}

/// A user of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    arn: Arc<str>,
    account: AccountId,
    tags: Tags,
}

/// A session of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Of the session.
    arn: Arc<str>,
    /// Of the role.
    role: Arc<str>,
    account: AccountId,
    tags: Tags,
}

type Tags = Arc<[(Arc<str>, Arc<str>)]>;

impl Account {
    /// The number.
    #[must_use]
    pub const fn id(&self) -> AccountId {
        self.id
    }
}

impl User {
    /// The user's name, without its path: the value of `aws:username`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }
}

impl Role {
    /// The ARN of the session.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The ARN of the role, path included: the value of `aws:PrincipalArn`.
    #[must_use]
    pub fn role_arn(&self) -> &str {
        &self.role
    }
}

impl Principal {
    /// The root of an account, in the partition `aws`.
    #[must_use]
    pub fn account(id: AccountId) -> Self {
        Self::Account(Account { arn: format!("arn:aws:iam::{id}:root").into(), id })
    }

    /// A session of a role. This knows the role's path, which the ARN of a session does not say.
    ///
    /// # Errors
    /// `InvalidInput` if `role_arn` is not that of a role, or no session can have that name.
    pub fn role_session(role_arn: &str, session: &str) -> Result<Self, Error> {
        let bad = || Error::invalid_input(format!("no session {session:?} of a role {role_arn:?}"));
        let arn = PrincipalArn::parse(role_arn).ok_or_else(bad)?;
        let (PrincipalArn { partition, account, .. }, Some(role)) = (arn, role_arn.rsplit('/').next()) else {
            return Err(bad());
        };
        let session = format!("arn:{partition}:sts::{account}:assumed-role/{role}/{session}");
        let fits = arn.kind == Kind::Role && PrincipalArn::parse(&session).is_some_and(|arn| arn.kind == Kind::Session);
        if !fits {
            return Err(bad());
        }
        Ok(Self::Role(Role { arn: session.into(), role: role_arn.into(), account, tags: Tags::default() }))
    }

    /// The same with tags: what `aws:PrincipalTag/KEY` reads. Only users and sessions have them.
    #[must_use]
    pub fn with_tags<K: Into<Arc<str>>, V: Into<Arc<str>>>(mut self, tags: impl IntoIterator<Item = (K, V)>) -> Self {
        let list = || tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        match &mut self {
            Self::User(User { tags, .. }) | Self::Role(Role { tags, .. }) => *tags = list(),
            Self::Account(_) | Self::Service(_) | Self::Anonymous => {}
        }
        self
    }

    /// The account that the principal is of.
    #[must_use]
    pub const fn account_id(&self) -> Option<AccountId> {
        match self {
            Self::Account(Account { id, .. }) => Some(*id),
            Self::User(User { account, .. }) | Self::Role(Role { account, .. }) => Some(*account),
            Self::Service(_) | Self::Anonymous => None,
        }
    }

    /// The ARN; that of the session, where there is one.
    #[must_use]
    pub fn arn(&self) -> Option<&str> {
        match self {
            Self::Account(Account { arn, .. }) | Self::User(User { arn, .. }) | Self::Role(Role { arn, .. }) => {
                Some(arn)
            }
            Self::Service(_) | Self::Anonymous => None,
        }
    }

    /// Whether this is the root of an account.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        matches!(self, Self::Account(_))
    }

    /// The value of a condition key that is about the principal; `None` if the key is not, and `Some(None)` if the principal
    /// has none. `key` is in lower case.
    pub(super) fn values(&self, key: &str) -> Option<Option<Values<'_>>> {
        let account = || self.account_id().map(|id| Values::from(id.to_string()));
        let Some(name) = key.strip_prefix("aws:") else {
            return (key == "kms:calleraccount").then(account);
        };
        if let Some(wanted) = name.strip_prefix("principaltag/") {
            return Some(self.tag(wanted).map(Values::from));
        }
        Some(match (name, self) {
            ("principalarn", Self::Role(role)) => Some(role.role_arn().into()),
            ("principalarn", _) => self.arn().map(Values::from),
            ("principalaccount", _) => account(),
            ("username", Self::User(user)) => Some(user.name().into()),
            ("username", _) => None,
            ("principalisawsservice", _) => Some(matches!(self, Self::Service(_)).into()),
            ("principalservicename", Self::Service(service)) => Some(Values::One(Cow::Borrowed(service))),
            ("principalservicename", _) => None,
            ("principaltype", Self::Account(_)) => Some("Account".into()),
            ("principaltype", Self::User(_)) => Some("User".into()),
            ("principaltype", Self::Role(_)) => Some("AssumedRole".into()),
            ("principaltype", Self::Anonymous) => Some("Anonymous".into()),
            ("principaltype", Self::Service(_)) => None,
            _ => return None,
        })
    }

    fn tag(&self, wanted: &str) -> Option<&str> {
        match self {
            Self::User(User { tags, .. }) | Self::Role(Role { tags, .. }) => {
                tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(wanted)).map(|(_, value)| &**value)
            }
            Self::Account(_) | Self::Service(_) | Self::Anonymous => None,
        }
    }
}

/// Reads the ARN of an account's root, a user, a role or a role's session, or the name of a service. The role of a session
/// is taken to have no path.
impl FromStr for Principal {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if is_service(text) {
            return Ok(Self::Service(text.into()));
        }
        let bad =
            || Error::invalid_input(format!("neither the ARN of a principal nor the name of a service: {text:?}"));
        let PrincipalArn { partition, account, kind, name } = PrincipalArn::parse(text).ok_or_else(bad)?;
        let arn: Arc<str> = text.into();
        Ok(match kind {
            Kind::Root => Self::Account(Account { arn, id: account }),
            Kind::User => Self::User(User { arn, account, tags: Tags::default() }),
            Kind::Role => Self::Role(Role { role: Arc::clone(&arn), arn, account, tags: Tags::default() }),
            Kind::Session => {
                let role = name.split('/').next().ok_or_else(bad)?;
                let role = format!("arn:{partition}:iam::{account}:role/{role}").into();
                Self::Role(Role { arn, role, account, tags: Tags::default() })
            }
            Kind::FederatedUser => return Err(bad()),
        })
    }
}

/// The ARN, the service's name, or `anonymous`.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service(name) => name,
            _ => self.arn().unwrap_or("anonymous"),
        })
    }
}

/// An ARN that can stand in a `Principal` element, taken apart.
#[derive(Clone, Copy)]
pub(super) struct PrincipalArn<'a> {
    pub(super) partition: &'a str,
    pub(super) account: AccountId,
    pub(super) kind: Kind,
    /// What is after the kind; paths included.
    pub(super) name: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Root,
    User,
    Role,
    Session,
    FederatedUser,
}

impl<'a> PrincipalArn<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next();
        let (arn, partition, service) = (next()?, next()?, next()?);
        let (region, account, resource) = (next()?, next()?.parse().ok()?, next()?);
        let known = arn == "arn" && (partition == "aws" || partition.starts_with("aws-")) && region.is_empty();
        let (kind, name) = match (service, resource.split_once('/')) {
            ("iam", None) if resource == "root" => (Kind::Root, ""),
            ("iam", Some(("user", name))) => (Kind::User, name),
            ("iam", Some(("role", name))) => (Kind::Role, name),
            ("sts", Some(("assumed-role", name))) if name.split('/').count() == 2 => (Kind::Session, name),
            ("sts", Some(("federated-user", name))) if !name.contains('/') => (Kind::FederatedUser, name),
            _ => return None,
        };
        let named = kind == Kind::Root || name.split('/').all(|part| !part.is_empty());
        let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'*' | b'?' | b'"' | b'\\');
        (known && named && name.bytes().all(fits)).then_some(Self { partition, account, kind, name })
    }
}

/// Whether that is the name of a service: labels joined by dots.
pub(super) fn is_service(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    text.contains('.') && text.split('.').all(label)
}

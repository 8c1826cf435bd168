//! All policies and grants of a request, together.

use core::fmt;
use std::sync::Arc;

use super::statement::StatementRef;
use super::{Policy, PolicyKind, Request, Verdict};

/// A grant that allows a request: its grantee is the principal, and its operations and constraints fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "only named in explanations")]
pub struct GrantMatch<'a> {
    /// The grant's id.
    pub id: &'a str,
}

/// Whether a request may be done, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two answers")]
#[must_use]
pub enum Decision<'a> {
    /// It may be done.
    Allowed(Allowed<'a>),
    /// It may not.
    Denied(Denied<'a>),
}

/// Why a request is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Allowed<'a> {
    /// This statement of the key policy names the principal, or everyone.
    KeyPolicy(StatementRef<'a>),
    /// The grant with this id.
    Grant(&'a str),
    /// An identity policy.
    IdentityPolicy {
        /// Its place among the policies of the principal, from 0.
        policy: usize,
        /// The statement.
        statement: StatementRef<'a>,
        /// The statement of the key policy that lets it. `None` for a request without a key.
        key_policy: Option<StatementRef<'a>>,
    },
    /// The principal is the root of the account, and the request has no key.
    Root,
}

/// Why a request is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied<'a> {
    /// This statement of the key policy says so.
    KeyPolicy(StatementRef<'a>),
    /// A statement of an identity policy says so.
    IdentityPolicy {
        /// The policy's place among the policies of the principal, from 0.
        policy: usize,
        /// The statement.
        statement: StatementRef<'a>,
    },
    /// No statement of any policy allows it, and no grant.
    NoStatement,
    /// An identity policy allows it, but the key policy allows it neither to the principal nor to its account.
    NotDelegated {
        /// The policy's place among the policies of the principal, from 0.
        policy: usize,
        /// The statement.
        statement: StatementRef<'a>,
    },
    /// The key policy allows it to the principal's account, or to a principal of another account; no identity policy does.
    NoIdentityPolicy(StatementRef<'a>),
    /// The request has no key, and is made in another account than the principal's.
    OtherAccount,
}

/// Decides about a request.
///
/// `key_policy` is the policy of the key, `None` for operations without a key such as `ListKeys`; `identity_policies` are
/// those of the principal: of the user and its groups, or of the role. A policy of the other kind allows nothing.
///
/// 1. A `Deny` of any policy wins, over grants too.
/// 2. A statement of the key policy that names the principal, or everyone, allows it, in the key's own account. (Services
///    and the anonymous have no account, and need nothing else either.)
/// 3. A grant allows it, to principals of other accounts too: AWS has them use a key by an identity policy of their account
///    *or* by a grant (AWS KMS Developer Guide, "Allowing users in other accounts to use a KMS key"). Whoever made the grant
///    was let by the key policy.
/// 4. An identity policy allows it, if the key policy allows it to the principal's account, or in another account than
///    the key's to the principal itself. Roots of accounts have no identity policies and need none: it is enough that the
///    key policy names their account. It is not enough to be root of the key's account: a key policy can lock the root out.
/// 5. Without a key: the root of an account may do everything in it, all others what an identity policy allows.
pub fn decide<'a>(
    request: &Request<'_>,
    key_policy: Option<&'a Policy>,
    identity_policies: &'a [Arc<Policy>],
    grant: Option<&GrantMatch<'a>>,
) -> Decision<'a> {
    let key = key_policy.map(|policy| match policy.kind() {
        PolicyKind::Key => policy.evaluate(request),
        PolicyKind::Identity => Verdict::NoMatch,
    });
    if let Some(Verdict::Deny(statement)) = key {
        return Decision::Denied(Denied::KeyPolicy(statement));
    }
    let mut identity = None;
    for (policy, document) in identity_policies.iter().enumerate() {
        match document.evaluate(request) {
            Verdict::Deny(statement) => return Decision::Denied(Denied::IdentityPolicy { policy, statement }),
            Verdict::Allow(statement) if document.kind() == PolicyKind::Identity => {
                identity = identity.or(Some((policy, statement)));
            }
            Verdict::Allow(_) | Verdict::Delegate(_) | Verdict::NoMatch => {}
        }
    }
    // What has no account has no identity policies, whatever the caller says.
    let account = request.principal.account_id();
    let identity = identity.filter(|_| account.is_some());
    let own = account.is_none_or(|account| account == request.resource_account);
    let by_identity = |key_policy: Option<StatementRef<'a>>| match (identity, key_policy) {
        (Some((policy, statement)), _) => Decision::Allowed(Allowed::IdentityPolicy { policy, statement, key_policy }),
        (None, Some(statement)) => Decision::Denied(Denied::NoIdentityPolicy(statement)),
        (None, None) => Decision::Denied(Denied::NoStatement),
    };
    match key {
        None if !own => Decision::Denied(Denied::OtherAccount),
        None if request.principal.is_root() => Decision::Allowed(Allowed::Root),
        None => by_identity(None),
        Some(Verdict::Allow(statement)) if own || request.principal.is_root() => {
            Decision::Allowed(Allowed::KeyPolicy(statement))
        }
        Some(verdict) => match (grant, verdict) {
            (Some(grant), _) => Decision::Allowed(Allowed::Grant(grant.id)),
            (None, Verdict::Allow(statement) | Verdict::Delegate(statement)) => by_identity(Some(statement)),
            (None, Verdict::NoMatch | Verdict::Deny(_)) => Decision::Denied(match identity {
                Some((policy, statement)) => Denied::NotDelegated { policy, statement },
                None => Denied::NoStatement,
            }),
        },
    }
}

impl Decision<'_> {
    /// Whether the request may be done.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

/// A sentence, such as `allowed by the key policy, Statement[1] "Allow use of the key"`.
impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed(reason) => reason.fmt(f),
            Self::Denied(reason) => reason.fmt(f),
        }
    }
}

impl fmt::Display for Allowed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyPolicy(statement) => write!(f, "allowed by the key policy, {statement}"),
            Self::Grant(id) => write!(f, "allowed by the grant {id}"),
            Self::IdentityPolicy { policy, statement, key_policy } => {
                write!(f, "allowed by identity policy {policy}, {statement}")?;
                match key_policy {
                    Some(key) => write!(f, ", as {key} of the key policy lets it"),
                    None => Ok(()),
                }
            }
            Self::Root => f.write_str("allowed to the root of the account"),
        }
    }
}

impl fmt::Display for Denied<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyPolicy(statement) => write!(f, "denied explicitly by the key policy, {statement}"),
            Self::IdentityPolicy { policy, statement } => {
                write!(f, "denied explicitly by identity policy {policy}, {statement}")
            }
            Self::NoStatement => f.write_str("denied because no statement and no grant allows it"),
            Self::NotDelegated { policy, statement } => write!(
                f,
                "denied because the key policy allows it neither to the principal nor to its account, although identity \
                 policy {policy}, {statement}, does"
            ),
            Self::NoIdentityPolicy(statement) => {
                write!(
                    f,
                    "denied because no identity policy allows it, to which {statement} of the key policy leaves it"
                )
            }
            Self::OtherAccount => f.write_str("denied because the principal is of another account"),
        }
    }
}

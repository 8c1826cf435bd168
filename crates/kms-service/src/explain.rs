//! Why a request is allowed or not, in a form to keep and to show: the policy and the statement that decided.

use core::fmt;

use serde::Serialize;

use crate::policy::{Allowed, Decision, Denied, Request, StatementRef};

/// Why a principal may do something, or may not.
///
/// Serialises to JSON with names in `camelCase`. Shown, it is one sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Explanation {
    /// Whether the principal may.
    pub allowed: bool,
    /// Who: an ARN, or the name of a service.
    pub principal: String,
    /// What, such as `kms:ReEncryptFrom`.
    pub action: String,
    /// On what: the ARN of a key or an alias, or `*`.
    pub resource: String,
    /// Why.
    pub reason: Reason,
    /// What decided. `None` if nothing is about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<DecidedBy>,
    /// The statement of the key policy that leaves it to identity policies, if that is how it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegated_by: Option<DecidingStatement>,
    /// The reason in words.
    pub sentence: String,
}

/// The kinds of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Reason {
    /// A statement or a grant allows it, or the principal is the account's root.
    Allowed,
    /// A statement denies it.
    ExplicitDeny,
    /// No statement of any policy allows it, and no grant.
    NoStatement,
    /// An identity policy allows it, but the key policy does not leave it to the account's identity policies.
    NotDelegated,
    /// The key policy leaves it to the account's identity policies, and none allows it.
    NoIdentityPolicy,
    /// The request is about no key, and made in another account than the principal's.
    OtherAccount,
    /// The key is of another account, and the operation only goes with the keys of one's own.
    NotAcrossAccounts,
}

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
#[non_exhaustive]
pub enum DecidedBy {
    /// A statement of the key policy.
    KeyPolicy {
        /// The statement.
        statement: DecidingStatement,
    },
    /// A statement of an identity policy.
    IdentityPolicy {
        /// The policy's place among those of the principal, from 0.
        policy: usize,
        /// The statement.
        statement: DecidingStatement,
    },
    /// A grant.
    Grant {
        /// Its id.
        id: String,
    },
    /// The principal is the root of the account, and the request is about no key.
    Root,
}

/// A statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DecidingStatement {
    /// Its place in the policy, from 0.
    pub index: usize,
    /// Its `Sid`, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}

impl From<StatementRef<'_>> for DecidingStatement {
    fn from(statement: StatementRef<'_>) -> Self {
        Self { index: statement.index, sid: statement.sid.map(str::to_owned) }
    }
}

/// What was asked: who, what, and on what.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) principal: &'a crate::Principal,
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
}

impl Explanation {
    /// Why [`decide`](crate::policy::decide) decided as it did about a request.
    #[must_use]
    pub fn of(request: &Request<'_>, decision: &Decision<'_>) -> Self {
        let Request { principal, action, resource, .. } = *request;
        Self::new(Question { principal, action, resource }, decision)
    }

    pub(crate) fn new(question: Question<'_>, decision: &Decision<'_>) -> Self {
        let (reason, decided_by, delegated_by) = match *decision {
            Decision::Allowed(allowed) => {
                let (by, delegated) = of_allowed(allowed);
                (Reason::Allowed, by, delegated)
            }
            Decision::Denied(denied) => of_denied(denied),
        };
        Self::put(question, reason, decided_by, delegated_by.map(Into::into), decision.to_string())
    }

    /// For an operation that goes with keys of the own account alone.
    pub(crate) fn not_across_accounts(question: Question<'_>) -> Self {
        let sentence = "denied because the key is of another account, and the operation is only for keys of one's own";
        Self::put(question, Reason::NotAcrossAccounts, None, None, sentence.into())
    }

    fn put(
        question: Question<'_>,
        reason: Reason,
        decided_by: Option<DecidedBy>,
        delegated_by: Option<DecidingStatement>,
        sentence: String,
    ) -> Self {
        Self {
            allowed: reason == Reason::Allowed,
            principal: question.principal.to_string(),
            action: question.action.to_owned(),
            resource: question.resource.to_owned(),
            reason,
            decided_by,
            delegated_by,
            sentence,
        }
    }
}

fn of_allowed(allowed: Allowed<'_>) -> (Option<DecidedBy>, Option<StatementRef<'_>>) {
    match allowed {
        Allowed::KeyPolicy(statement) => (Some(DecidedBy::KeyPolicy { statement: statement.into() }), None),
        Allowed::Grant(id) => (Some(DecidedBy::Grant { id: id.to_owned() }), None),
        Allowed::IdentityPolicy { policy, statement, key_policy } => {
            (Some(DecidedBy::IdentityPolicy { policy, statement: statement.into() }), key_policy)
        }
        Allowed::Root => (Some(DecidedBy::Root), None),
    }
}

fn of_denied(denied: Denied<'_>) -> (Reason, Option<DecidedBy>, Option<StatementRef<'_>>) {
    let identity =
        |policy, statement: StatementRef<'_>| Some(DecidedBy::IdentityPolicy { policy, statement: statement.into() });
    match denied {
        Denied::KeyPolicy(statement) => {
            (Reason::ExplicitDeny, Some(DecidedBy::KeyPolicy { statement: statement.into() }), None)
        }
        Denied::IdentityPolicy { policy, statement } => (Reason::ExplicitDeny, identity(policy, statement), None),
        Denied::NoStatement => (Reason::NoStatement, None, None),
        Denied::NotDelegated { policy, statement } => (Reason::NotDelegated, identity(policy, statement), None),
        Denied::NoIdentityPolicy(statement) => (Reason::NoIdentityPolicy, None, Some(statement)),
        Denied::OtherAccount => (Reason::OtherAccount, None, None),
    }
}

/// A sentence, such as `kms:Decrypt on arn:… by arn:…: allowed by the key policy, Statement[1] "Allow use of the key"`.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} by {}: {}", self.action, self.resource, self.principal, self.sentence)
    }
}

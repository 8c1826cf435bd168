//! The policy language: who may do what, and which statement said so.
//!
//! [`Policy`] is one document, [`decide`] puts the documents and grants of a request together. Neither does any I/O nor
//! knows the time: what there is to know about a request comes from its [`Context`].
//!
//! The language is that of AWS (IAM User Guide, "IAM JSON policy reference"), as key policies and identity policies have
//! it. Where AWS leaves open what happens, the answer here is the one that allows less:
//!
//! - A variable without value matches nothing. Neither does it make an `Allow` apply by a negated operator or a
//!   `NotResource`.
//! - A value that is not of the operator's type (a number that is none) is treated alike.
//! - An `Allow` with `NotPrincipal` does not reach those of whom a part is named: the session of a named role, the users of a
//!   named account. A `Deny` with `NotPrincipal` exempts only those of whom everything is named: the session, the role
//!   and the account.
//! - An operator without `ForAnyValue` or `ForAllValues` on a key with several values matches if any of them does, and a
//!   negated one if none does.
//!
//! ```
//! use std::sync::Arc;
//!
//! use kms_service::policy::{ContextMap, Policy, PolicyKind, Principal, Request, decide};
//!
//! let key_policy = Policy::parse(
//!     PolicyKind::Key,
//!     r#"{"Version": "2012-10-17", "Statement": [
//!         {"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
//!             "Action": "kms:*", "Resource": "*"},
//!         {"Sid": "Not from outside", "Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*",
//!             "Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}]}"#,
//! )?;
//! let identity_policies = [Arc::new(Policy::parse(
//!     PolicyKind::Identity,
//!     r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:*crypt", "Resource": "*"}}"#,
//! )?)];
//! let alice: Principal = "arn:aws:iam::111122223333:user/Alice".parse()?;
//! let context = ContextMap::new().with("aws:SourceIp", "203.0.113.7");
//! let request = Request {
//!     principal: &alice,
//!     action: "kms:Decrypt",
//!     resource: "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
//!     resource_account: "111122223333".parse()?,
//!     context: &context,
//! };
//! let decision = decide(&request, Some(&key_policy), &identity_policies, None);
//! assert_eq!(decision.to_string(), r#"denied explicitly by the key policy, Statement[1] "Not from outside""#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arn;
mod condition;
mod context;
mod decide;
mod error;
mod json;
mod named;
mod operator;
mod pattern;
mod principal;
mod scalar;
mod statement;

use core::fmt;

pub use self::context::{Context, ContextMap, Values};
pub use self::decide::{Allowed, Decision, Denied, GrantMatch, decide};
pub use self::error::PolicyError;
pub use self::principal::{Account, Principal, Role, User};
pub use self::statement::StatementRef;

use self::error::Path;
use self::json::Json;
use self::named::Reach;
use self::statement::{Effect, Statement};
use crate::name::AccountId;

/// The largest key policy, in bytes. For the caller to check: a larger one is a `LimitExceededException`.
pub const MAX_KEY_POLICY: usize = 32_768;

/// What a policy belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the service knows two")]
pub enum PolicyKind {
    /// A key. Every statement has a `Principal` or `NotPrincipal`. A statement without action or resource is taken, and has
    /// no effect.
    Key,
    /// A user or role. No statement has a `Principal`, every one has an action and a resource, and no two have the same
    /// `Sid`.
    Identity,
}

/// A policy, compiled.
pub struct Policy {
    text: Box<str>,
    kind: PolicyKind,
    id: Option<Box<str>>,
    statements: Box<[Statement]>,
}

/// What a request asks for, and who asks.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "this is all that the language looks at")]
pub struct Request<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// What for: `kms:Encrypt`, in any case.
    pub action: &'a str,
    /// On what: the ARN of a key or an alias, or `*` where there is no resource.
    pub resource: &'a str,
    /// The account that the resource is of; without a resource, the account that the request is made in.
    pub resource_account: AccountId,
    /// What else is known.
    pub context: &'a dyn Context,
}

impl Request<'_> {
    /// The value of a condition key: what is about the principal, the principal says.
    fn values(&self, key: &str) -> Option<Values<'_>> {
        match self.principal.values(key) {
            Some(values) => values,
            None => self.context.values(key),
        }
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} by {} on {})", self.action, self.principal, self.resource)
    }
}

/// What one policy says about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller has to treat each of them")]
pub enum Verdict<'a> {
    /// This statement denies it.
    Deny(StatementRef<'a>),
    /// This statement allows it to the principal itself, or to everyone; and none denies it.
    Allow(StatementRef<'a>),
    /// This statement of a key policy allows it to the principal's account, whose identity policies decide; none allows it
    /// to the principal, and none denies it.
    Delegate(StatementRef<'a>),
    /// No statement is about it.
    NoMatch,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// What is wrong with the text, and where.
    pub fn parse(kind: PolicyKind, text: &str) -> Result<Self, PolicyError> {
        let json = Json::parse(text)?;
        let document = Path::DOCUMENT;
        let (mut id, mut variables, mut read) = (None, false, None);
        for (name, value) in json.members(&document)? {
            let path = document.member(name);
            match name.as_str() {
                "Version" => {
                    variables = match value.string(&path)? {
                        "2012-10-17" => true,
                        "2008-10-17" => false,
                        _ => return Err(path.error("neither 2012-10-17 nor 2008-10-17")),
                    }
                }
                "Id" => id = Some(value.string(&path)?.into()),
                "Statement" => read = Some(value),
                _ => return Err(path.error("a policy has no such element")),
            }
        }
        let path = document.member("Statement");
        let json = read.ok_or_else(|| path.error("is missing"))?;
        let mut statements: Vec<Statement> = Vec::new();
        json.each(&path, |json, path| {
            let statement = Statement::read(json, kind, variables, path)?;
            let same = |before: &Statement| before.sid().is_some() && before.sid() == statement.sid();
            if kind == PolicyKind::Identity && statements.iter().any(same) {
                return Err(path.member("Sid").error("another statement has it"));
            }
            statements.push(statement);
            Ok(())
        })?;
        if statements.is_empty() {
            return Err(path.error("there is no statement"));
        }
        Ok(Self { text: text.into(), kind, id, statements: statements.into() })
    }

    /// The text that it was read from, unchanged.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it belongs to.
    #[must_use]
    pub const fn kind(&self) -> PolicyKind {
        self.kind
    }

    /// Its `Id`.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The ARNs of the users, roles and sessions that its statements name, as they name them: for a check that there are such.
    pub fn principals(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().flat_map(Statement::principals)
    }

    /// What the policy says about a request. An identity policy is taken to be one of the principal's.
    #[must_use]
    pub fn evaluate(&self, request: &Request<'_>) -> Verdict<'_> {
        let (mut allow, mut delegate) = (None, None);
        for (index, statement) in self.statements.iter().enumerate() {
            // Once something is allowed, only a denial matters.
            if statement.effect == Effect::Allow && allow.is_some() {
                continue;
            }
            let Some(reach) = statement.applies(request) else { continue };
            match (statement.effect, reach) {
                (Effect::Deny, _) => return Verdict::Deny(statement.at(index)),
                (Effect::Allow, Reach::Itself) => allow = Some(statement.at(index)),
                (Effect::Allow, Reach::Account) => delegate = delegate.or_else(|| Some(statement.at(index))),
            }
        }
        match (allow, delegate) {
            (Some(statement), _) => Verdict::Allow(statement),
            (None, Some(statement)) => Verdict::Delegate(statement),
            (None, None) => Verdict::NoMatch,
        }
    }
}

/// The text is not shown: it may be long.
impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({:?}, {} statements)", self.kind, self.statements.len())
    }
}

//! The `Principal` and `NotPrincipal` elements: whom a statement is about.

use super::error::{Path, PolicyError};
use super::json::Json;
use super::principal::{Kind, Principal, PrincipalArn, is_service};
use crate::name::AccountId;

/// Whom an element names.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// `*`
    everyone: bool,
    accounts: Vec<AccountId>,
    /// Of users, roles and sessions.
    arns: Vec<Box<str>>,
    services: Vec<Box<str>>,
}

/// How an element reaches a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// It names the principal, or everyone.
    Itself,
    /// It names the principal's account.
    Account,
}

impl Named {
    /// Reads an element.
    pub(super) fn read(json: &Json, path: &Path<'_>) -> Result<Self, PolicyError> {
        let mut named = Self::default();
        if let Json::String(text) = json {
            if text != "*" {
                return Err(path.error("either \"*\" or an object is wanted here"));
            }
            named.everyone = true;
            return Ok(named);
        }
        for (kind, names) in json.members(path)? {
            let path = path.member(kind);
            match kind.as_str() {
                "AWS" => names.each(&path, |name, path| named.aws(name.string(path)?, path))?,
                "Service" => names.each(&path, |name, path| {
                    let name = name.string(path)?;
                    if !is_service(name) {
                        return Err(path.error("a service is named like s3.amazonaws.com, without wildcards"));
                    }
                    named.services.push(name.into());
                    Ok(())
                })?,
                // Nobody comes to this service that way; the names are read, and match no one.
                "Federated" | "CanonicalUser" => names.each(&path, |name, path| name.string(path).map(drop))?,
                _ => return Err(path.error("there is no such kind of principal")),
            }
        }
        Ok(named)
    }

    fn aws(&mut self, name: &str, path: &Path<'_>) -> Result<(), PolicyError> {
        if name == "*" {
            self.everyone = true;
        } else if let Ok(account) = name.parse() {
            self.accounts.push(account);
        } else if name.contains(['*', '?']) {
            return Err(path.error("the ARN of a principal has no wildcards"));
        } else {
            match PrincipalArn::parse(name) {
                Some(PrincipalArn { kind: Kind::Root, account, .. }) => self.accounts.push(account),
                Some(_) => self.arns.push(name.into()),
                None => {
                    return Err(
                        path.error("not *, an account or the ARN of an account's root, a user, a role or a session")
                    );
                }
            }
        }
        Ok(())
    }

    /// Whether it names no one at all.
    pub(super) const fn is_empty(&self) -> bool {
        !self.everyone && self.accounts.is_empty() && self.arns.is_empty() && self.services.is_empty()
    }

    /// The users, roles and sessions that it names.
    pub(super) fn arns(&self) -> impl Iterator<Item = &str> {
        self.arns.iter().map(|arn| &**arn)
    }

    fn has_account(&self, account: AccountId) -> bool {
        self.accounts.contains(&account)
    }

    fn has_arn(&self, arn: &str) -> bool {
        self.arns.iter().any(|named| **named == *arn)
    }

    fn has_service(&self, service: &str) -> bool {
        self.services.iter().any(|named| **named == *service)
    }

    /// How it reaches a principal. Naming a role names its sessions.
    pub(super) fn reach(&self, principal: &Principal) -> Option<Reach> {
        let itself = self.everyone
            || match principal {
                Principal::Account(account) => self.has_account(account.id()),
                Principal::User(_) => principal.arn().is_some_and(|arn| self.has_arn(arn)),
                Principal::Role(role) => self.has_arn(role.arn()) || self.has_arn(role.role_arn()),
                Principal::Service(service) => self.has_service(service),
                Principal::Anonymous => false,
            };
        if itself {
            return Some(Reach::Itself);
        }
        principal.account_id().filter(|&account| self.has_account(account)).map(|_| Reach::Account)
    }

    /// Whether it names the principal and all that stands above it: the user and the account; the session, the role and the
    /// account. Only that exempts from a `Deny` with `NotPrincipal`.
    pub(super) fn exempts(&self, principal: &Principal) -> bool {
        let account = || principal.account_id().is_some_and(|account| self.has_account(account));
        self.everyone
            || match principal {
                Principal::Account(_) => account(),
                Principal::User(_) => principal.arn().is_some_and(|arn| self.has_arn(arn)) && account(),
                Principal::Role(role) => self.has_arn(role.arn()) && self.has_arn(role.role_arn()) && account(),
                Principal::Service(service) => self.has_service(service),
                Principal::Anonymous => false,
            }
    }
}

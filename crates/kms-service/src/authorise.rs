//! Whether a caller may do what they ask: the key's policy, their identity policies, and grants.

use std::sync::Arc;

mod admit;

pub(crate) use admit::{Admitted, AdmittedAccount, Authorized, Ready};

use crate::explain::{Explanation, Question};
use crate::facts::{Asked, Facts, NewKeyFacts};
use crate::grants;
use crate::name::Resource;
use crate::policy::{self, Allowed, Decision, Denied, GrantMatch};
use crate::quota::Class;
use crate::record::{GrantRecord, KeyRecord};
use crate::step::{Found, Names, Step};
use crate::{AccountId, Arn, Exception, KmsError};

impl<'a> Step<'a> {
    /// Asks whether the caller may do `action`, such as `kms:ReEncryptFrom`, with a key.
    ///
    /// # Errors
    /// `AccessDeniedException` that says why; `InvalidGrantTokenException`.
    pub(crate) fn authorise(
        &'a self,
        found: Found,
        action: &'static str,
        facts: &Facts<'_>,
        tokens: &[String],
    ) -> Result<Authorized<'a>, KmsError> {
        if self.is_foreign_to(&found.snapshot) {
            let resource = &*self.resource_of(&found);
            let question = Question { principal: &self.caller.principal, action, resource };
            self.note(|| Explanation::not_across_accounts(question));
            return Err(self.denied(self.operation.as_str(), resource, BY_RESOURCE));
        }
        self.with_decision(&found, action, facts, |decision| match decision {
            Decision::Allowed(_) => Ok(()),
            Decision::Denied(denied) => Err(match self.because(denied, &found.snapshot.record) {
                // As of a key that does not exist, of which nobody knows the part that the action would have had.
                BY_RESOURCE if self.is_stranger_to(&found.snapshot.record) => {
                    let action = self.operation.as_str();
                    if found.by_ciphertext {
                        self.denied_by_ciphertext(action)
                    } else {
                        self.denied(action, &self.resource_of(&found), BY_RESOURCE)
                    }
                }
                why => self.denied(action, &found.snapshot.arn_text, why),
            }),
        })?;
        // Not before: whether a token is looked at would tell strangers whether there is such a key.
        for token in tokens {
            grants::check_token(&self.service.store, token)?;
        }
        Ok(Authorized::decided(self, found))
    }

    /// The decision alone.
    fn with_decision<T>(
        &self,
        found: &Found,
        action: &str,
        facts: &Facts<'_>,
        then: impl FnOnce(&Decision<'_>) -> T,
    ) -> T {
        let snapshot = &found.snapshot;
        let facts = Facts { alias: found.alias.as_ref(), ..*facts };
        let asked =
            Asked { caller: self.caller, key: Some(&snapshot.record), new_key: None, facts: &facts, now: self.now };
        let request = policy::Request {
            principal: &self.caller.principal,
            action,
            resource: &snapshot.arn_text,
            resource_account: snapshot.record.account,
            context: &asked,
        };
        let grant = grants::allowing(snapshot, self.caller, action, &facts);
        let matched = grant.as_ref().map(|grant| GrantMatch { id: &grant.id });
        let decision = policy::decide(&request, Some(&snapshot.policy), &self.caller.policies, matched.as_ref());
        self.note(|| Explanation::new(question(&request), &decision));
        then(&decision)
    }

    /// A caller whom the grant itself lets retire it: no policy is asked, except that none may deny it.
    ///
    /// # Errors
    /// `AccessDeniedException` for an explicit denial.
    pub(crate) fn authorise_by_grant(
        &'a self,
        found: Found,
        action: &'static str,
        grant: &GrantRecord,
    ) -> Result<Authorized<'a>, KmsError> {
        let (snapshot, facts) = (&found.snapshot, Facts::default());
        let asked =
            Asked { caller: self.caller, key: Some(&snapshot.record), new_key: None, facts: &facts, now: self.now };
        let request = policy::Request {
            principal: &self.caller.principal,
            action,
            resource: &snapshot.arn_text,
            resource_account: snapshot.record.account,
            context: &asked,
        };
        let decision = policy::decide(&request, Some(&snapshot.policy), &self.caller.policies, None);
        if let Decision::Denied(denied @ (Denied::KeyPolicy(_) | Denied::IdentityPolicy { .. })) = &decision {
            self.note(|| Explanation::new(question(&request), &decision));
            return Err(self.denied(action, &snapshot.arn_text, self.because(denied, &snapshot.record)));
        }
        self.note(|| Explanation::new(question(&request), &Decision::Allowed(Allowed::Grant(&grant.id))));
        Ok(Authorized::decided(self, found))
    }

    /// Finds a key by its id or ARN, asks whether the caller may do `action` with it, and counts that.
    ///
    /// # Errors
    /// Those of the three steps.
    pub(crate) fn admitted(
        &'a self,
        name: &str,
        action: &'static str,
        facts: &Facts<'_>,
    ) -> Result<Admitted<'a>, KmsError> {
        self.authorise(self.find(name, Names::Keys)?, action, facts, &[])?.admit(Class::Operation(self.operation))
    }

    /// Asks whether the caller may use a key that was found, counts that, and checks the key's state.
    ///
    /// # Errors
    /// Those of the three steps.
    pub(crate) fn ready(
        &'a self,
        found: Found,
        action: &'static str,
        facts: &Facts<'_>,
        tokens: &[String],
    ) -> Result<Ready<'a>, KmsError> {
        let class = Class::of_key(found.snapshot.record.spec);
        self.authorise(found, action, facts, tokens)?.admit(class)?.ready()
    }

    /// Asks whether the caller may do `action` in their account: requests that are about no key that exists. Counts it.
    ///
    /// # Errors
    /// `AccessDeniedException` that says why; `ThrottlingException`.
    pub(crate) fn account(
        &self,
        action: &'static str,
        resource: &str,
        facts: &Facts<'_>,
        new_key: Option<NewKeyFacts<'_>>,
        class: Class,
    ) -> Result<AdmittedAccount, KmsError> {
        let account = self.allowed_in_account(action, resource, facts, new_key)?;
        self.count(class, None)?;
        Ok(AdmittedAccount::decided(account))
    }

    /// The same without a count: what a request needs beside.
    ///
    /// # Errors
    /// `AccessDeniedException` that says why.
    pub(crate) fn allowed_in_account(
        &self,
        action: &'static str,
        resource: &str,
        facts: &Facts<'_>,
        new_key: Option<NewKeyFacts<'_>>,
    ) -> Result<AccountId, KmsError> {
        let asked = Asked { caller: self.caller, key: None, new_key, facts, now: self.now };
        let account = self.caller.principal.account_id().ok_or_else(|| KmsError::new(Exception::AccessDenied))?;
        let request = policy::Request {
            principal: &self.caller.principal,
            action,
            resource,
            resource_account: account,
            context: &asked,
        };
        let decision = policy::decide(&request, None, &self.caller.policies, None);
        self.note(|| Explanation::new(question(&request), &decision));
        if let Decision::Denied(denied) = decision {
            return Err(self.denied(action, resource, because(&denied)));
        }
        Ok(account)
    }

    /// What the caller named: strangers who know an alias are not told the key.
    fn resource_of(&self, found: &Found) -> Arc<str> {
        let key = &found.snapshot.record;
        match &found.alias {
            Some(alias) if self.is_stranger_to(key) => {
                Arn::new(key.region.clone(), key.account, Resource::Alias(alias.clone())).to_string().into()
            }
            _ => found.snapshot.arn_text.clone(),
        }
    }

    /// Whether the key is of another account than the caller.
    pub(crate) fn is_stranger_to(&self, key: &KeyRecord) -> bool {
        self.caller.principal.account_id().is_some_and(|account| account != key.account)
    }

    /// Why, in AWS's words. Strangers are not told whether there is such a key, unless its policy lets their account; and
    /// for those who have no identity policies, the roots of accounts and services, it is the key that does not let them.
    fn because(&self, denied: &Denied<'_>, key: &KeyRecord) -> &'static str {
        let principal = &self.caller.principal;
        match denied {
            Denied::NoIdentityPolicy(_) => because(denied),
            _ if self.is_stranger_to(key) => BY_RESOURCE,
            Denied::NoStatement if principal.is_root() || principal.account_id().is_none() => BY_RESOURCE,
            _ => because(denied),
        }
    }
}

const fn question<'a>(request: &policy::Request<'a>) -> Question<'a> {
    Question { principal: request.principal, action: request.action, resource: request.resource }
}

/// Whether an operation may be asked for on a key of another account: "Cross-account use" of the API reference.
pub(crate) const fn crosses_accounts(operation: crate::api::Operation) -> bool {
    use crate::api::Operation as O;
    matches!(
        operation,
        O::CreateGrant
            | O::Decrypt
            | O::DeriveSharedSecret
            | O::DescribeKey
            | O::Encrypt
            | O::GenerateDataKey
            | O::GenerateDataKeyPair
            | O::GenerateDataKeyPairWithoutPlaintext
            | O::GenerateDataKeyWithoutPlaintext
            | O::GenerateMac
            | O::GetKeyRotationStatus
            | O::GetPublicKey
            | O::ListGrants
            | O::ReEncrypt
            | O::RetireGrant
            | O::RevokeGrant
            | O::Sign
            | O::Verify
            | O::VerifyMac
    )
}

pub(crate) const BY_RESOURCE: &str = "no resource-based policy allows";

/// Why, in AWS's words: which kind of policy, and no more.
const fn because(denied: &Denied<'_>) -> &'static str {
    match denied {
        Denied::KeyPolicy(_) => "there is an explicit deny in a resource-based policy for",
        Denied::IdentityPolicy { .. } => "there is an explicit deny in an identity-based policy for",
        Denied::NotDelegated { .. } => BY_RESOURCE,
        _ => "no identity-based policy allows",
    }
}

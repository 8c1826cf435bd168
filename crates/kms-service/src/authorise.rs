//! Whether a caller may do what they ask: the key's policy, their identity policies, and grants.

mod admit;

pub(crate) use admit::{Admitted, AdmittedAccount, Authorized, Ready};

use std::sync::Arc;

use crate::facts::{Asked, Facts, NewKeyFacts};
use crate::grants;
use crate::policy::{self, Allowed, Decision, Denied, GrantMatch};
use crate::quota::Class;
use crate::record::GrantRecord;
use crate::step::{Found, Names, Step};
use crate::{AccountId, Exception, KmsError};

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
        for token in tokens {
            grants::check_token(&self.service.store, token)?;
        }
        let foreign =
            self.caller.principal.account_id().is_some_and(|account| account != found.snapshot.record.account);
        if foreign && !crosses_accounts(self.operation) {
            return Err(self.denied(action, &found.snapshot.arn_text, BY_RESOURCE));
        }
        let grant = self.with_decision(&found, action, facts, |decision, grant| match decision {
            Decision::Allowed(Allowed::Grant(_)) => Ok(grant),
            Decision::Allowed(_) => Ok(None),
            // Strangers are not told whether there is such a key.
            Decision::Denied(_) if foreign && found.by_ciphertext => Err(self.denied_by_ciphertext(action)),
            Decision::Denied(_) if foreign => Err(self.denied(action, &found.snapshot.arn_text, BY_RESOURCE)),
            Decision::Denied(denied) => Err(self.denied(action, &found.snapshot.arn_text, because(denied))),
        })?;
        Ok(Authorized::decided(self, found, grant))
    }

    /// The decision alone: for simulations, too.
    pub(crate) fn with_decision<T>(
        &self,
        found: &Found,
        action: &str,
        facts: &Facts<'_>,
        then: impl FnOnce(&Decision<'_>, Option<Arc<GrantRecord>>) -> T,
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
        then(&decision, grant.clone())
    }

    /// A caller whom the grant itself lets retire it: no policy is asked, except that none may deny it.
    ///
    /// # Errors
    /// `AccessDeniedException` for an explicit denial.
    pub(crate) fn authorise_by_grant(
        &'a self,
        found: Found,
        action: &'static str,
        grant: &Arc<GrantRecord>,
    ) -> Result<Authorized<'a>, KmsError> {
        self.with_decision(&found, action, &Facts::default(), |decision, _| match decision {
            Decision::Denied(denied @ (Denied::KeyPolicy(_) | Denied::IdentityPolicy { .. })) => {
                Err(self.denied(action, &found.snapshot.arn_text, because(denied)))
            }
            _ => Ok(()),
        })?;
        Ok(Authorized::decided(self, found, Some(grant.clone())))
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
        if let Decision::Denied(denied) = policy::decide(&request, None, &self.caller.policies, None) {
            return Err(self.denied(action, resource, because(&denied)));
        }
        Ok(account)
    }
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

const BY_RESOURCE: &str = "no resource-based policy allows";

/// Why, in AWS's words: which kind of policy, and no more.
const fn because(denied: &Denied<'_>) -> &'static str {
    match denied {
        Denied::KeyPolicy(_) => "there is an explicit deny in a resource-based policy for",
        Denied::IdentityPolicy { .. } => "there is an explicit deny in an identity-based policy for",
        Denied::NotDelegated { .. } => BY_RESOURCE,
        _ => "no identity-based policy allows",
    }
}

//! Key policies, and the check that nobody locks themselves out.

use super::Sealed;
use super::pages::{LONG, Page};
use crate::api::{
    GetKeyPolicyRequest, GetKeyPolicyResponse, ListKeyPoliciesRequest, ListKeyPoliciesResponse, PutKeyPolicyRequest,
};
use crate::facts::{Asked, Facts};
use crate::policy::{self, Policy, PolicyKind, Verdict};
use crate::record::KeyRecord;
use crate::step::{Step, not_found};
use crate::{AccountId, Exception, KmsError};

/// The one name that a key policy can have.
const NAME: &str = "default";

/// The policy of a key whose maker gives none: everyone of the account, through the account's identity policies.
pub(crate) fn default_policy(account: AccountId) -> String {
    format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:aws:iam::{account}:root"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"#
    )
}

/// The policy of the service's own keys: everyone of the account may use them, nobody may change them. Grants are for the
/// services that the keys are for: with one of their own, users could let other accounts in.
pub(crate) fn aws_managed_policy(account: AccountId) -> String {
    format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "auto-default-key",
  "Statement" : [ {{
    "Sid" : "Allow use by all principals in the account",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "*"
    }},
    "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey" ],
    "Resource" : "*",
    "Condition" : {{
      "StringEquals" : {{
        "kms:CallerAccount" : "{account}"
      }}
    }}
  }}, {{
    "Sid" : "Allow services to create grants for principals in the account",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "*"
    }},
    "Action" : "kms:CreateGrant",
    "Resource" : "*",
    "Condition" : {{
      "StringEquals" : {{
        "kms:CallerAccount" : "{account}"
      }},
      "Bool" : {{
        "kms:GrantIsForAWSResource" : "true"
      }}
    }}
  }}, {{
    "Sid" : "Allow direct access to key metadata to the account",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:aws:iam::{account}:root"
    }},
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant" ],
    "Resource" : "*"
  }} ]
}}"#
    )
}

/// A policy of a key, of the size and the language.
///
/// # Errors
/// `LimitExceededException` over `most` bytes, `MalformedPolicyDocumentException`.
pub(crate) fn read_key_policy(text: &str, most: usize) -> Result<Policy, KmsError> {
    if text.len() > most {
        let text = format!("The key policy has {} bytes, and {most} is the limit.", text.len());
        return Err(KmsError::with(Exception::LimitExceeded, text));
    }
    Policy::parse(PolicyKind::Key, text)
        .map_err(|error| KmsError::with(Exception::MalformedPolicyDocument, error.to_string()))
}

/// That the policy of a key, which is as it will be, can be one: of the size, the language, and one that leaves its author
/// the right to change it again.
///
/// # Errors
/// `LimitExceededException`, `MalformedPolicyDocumentException`.
pub(super) fn check_new_policy(step: &Step<'_>, key: &KeyRecord, bypass: Option<bool>) -> Result<(), KmsError> {
    let policy = read_key_policy(&key.policy, step.service.limits.key_policy)?;
    if bypass == Some(true) {
        return Ok(());
    }
    let facts = Facts { requested_region: Some(&key.region), ..Facts::default() };
    let asked = Asked { caller: step.caller, key: Some(key), new_key: None, facts: &facts, now: step.now };
    let request = policy::Request {
        principal: &step.caller.principal,
        action: "kms:PutKeyPolicy",
        resource: &key.arn().to_string(),
        resource_account: key.account,
        context: &asked,
    };
    // Identity policies do not matter: it is enough that the key leaves it to the account.
    match policy.evaluate(&request) {
        Verdict::Allow(_) | Verdict::Delegate(_) => Ok(()),
        Verdict::Deny(_) | Verdict::NoMatch => Err(KmsError::with(
            Exception::MalformedPolicyDocument,
            "The new key policy will not allow you to update the key policy in the future.",
        )),
    }
}

/// A key has one policy, of one name.
fn named(name: Option<&str>) -> Result<(), KmsError> {
    match name {
        None | Some(NAME) => Ok(()),
        Some(_) => Err(not_found("No such policy exists")),
    }
}

impl Sealed for GetKeyPolicyRequest {
    fn perform(&self, step: &Step<'_>) -> Result<GetKeyPolicyResponse, KmsError> {
        let admitted = step.admitted(&self.key_id, "kms:GetKeyPolicy", &Facts::default())?;
        named(self.policy_name.as_deref())?;
        Ok(GetKeyPolicyResponse { policy: admitted.record().policy.clone(), policy_name: Some(NAME.into()) })
    }
}

impl Sealed for PutKeyPolicyRequest {
    fn perform(&self, step: &Step<'_>) -> Result<(), KmsError> {
        let bypass = self.bypass_policy_lockout_safety_check;
        let facts = Facts { bypass_lockout_check: Some(bypass == Some(true)), ..Facts::default() };
        let admitted = step.admitted(&self.key_id, "kms:PutKeyPolicy", &facts)?;
        named(self.policy_name.as_deref())?;
        let key = KeyRecord { policy: self.policy.to_string(), ..admitted.record().clone() };
        check_new_policy(step, &key, bypass)?;
        admitted.change(|key, _| {
            key.policy.clone_from(&self.policy);
            Ok(())
        })
    }
}

impl Sealed for ListKeyPoliciesRequest {
    fn perform(&self, step: &Step<'_>) -> Result<ListKeyPoliciesResponse, KmsError> {
        let admitted = step.admitted(&self.key_id, "kms:ListKeyPolicies", &Facts::default())?;
        let prefix = format!("policies of {}", admitted.arn()).into_bytes();
        Page::new(step, prefix, self.limit, self.marker.as_deref(), LONG)?;
        Ok(ListKeyPoliciesResponse { policy_names: vec![NAME.to_owned()].into(), next_marker: None, truncated: false })
    }
}

//! Grants.

use kms_core::EncryptionContext;

use crate::api::structure::{request, response, structure};
use crate::api::validation::missing;
use crate::api::{GrantOperation, Named, Required};
use crate::{KmsError, Timestamp};

/// The most pairs of an encryption context in a grant constraint.
pub const MAX_CONSTRAINT_PAIRS: usize = 8;
/// The longest value of an encryption context in a grant constraint, in characters.
pub const MAX_CONSTRAINT_VALUE: usize = 384;

structure! {
    /// What a request must have for a grant to allow it.
    #[derive(Clone, PartialEq, Eq)]
    GrantConstraints {
        /// Pairs that its encryption context must have among others: at most 8, values of at most 384 characters.
        encryption_context_subset: Option<EncryptionContext>,
        /// What its encryption context must be: at most 8 pairs, values of at most 384 characters.
        encryption_context_equals: Option<EncryptionContext>,
        /// The resource on whose behalf a service asks: 20 to 512 characters.
        source_arn: Option<String> => SOURCE_ARN,
    }
}

request! {
    /// Lets a principal use a key for some operations.
    CreateGrantRequest: CreateGrant -> CreateGrantResponse where grant_fits {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
        /// Who may use it, by ARN: 1 to 256 characters. This or `grantee_service_principal`.
        grantee_principal: Option<String> => PRINCIPAL,
        /// Who may retire the grant, by ARN: 1 to 256 characters.
        retiring_principal: Option<String> => PRINCIPAL,
        /// What for.
        operations: Required<Vec<Named<GrantOperation>>>,
        /// What requests must have.
        constraints: Option<GrantConstraints>,
        /// Tokens of grants that are not known everywhere yet: at most 10, of 1 to 8,192 characters.
        grant_tokens: Vec<String> => GRANT_TOKENS,
        /// A name, which makes asking again safe: 1 to 256 characters.
        name: Option<String> => GRANT_NAME,
        /// Whether only to check that the request would succeed.
        dry_run: Option<bool>,
        /// The service that may use it: 1 to 128 characters. This or `grantee_principal`.
        grantee_service_principal: Option<String> => SERVICE_PRINCIPAL,
        /// The service that may retire the grant: 1 to 128 characters.
        retiring_service_principal: Option<String> => SERVICE_PRINCIPAL,
    }
}

fn grant_fits(request: &CreateGrantRequest) -> Result<(), KmsError> {
    match (&request.grantee_principal, &request.grantee_service_principal) {
        (None, None) => return Err(missing("granteePrincipal")),
        (Some(_), Some(_)) => {
            return Err(KmsError::validation(
                "GranteePrincipal and GranteeServicePrincipal cannot be specified in the same request.",
            ));
        }
        _ => {}
    }
    if request.retiring_principal.is_some() && request.retiring_service_principal.is_some() {
        return Err(KmsError::validation(
            "RetiringPrincipal and RetiringServicePrincipal cannot be specified in the same request.",
        ));
    }
    let Some(constraints) = &request.constraints else { return Ok(()) };
    for context in
        [&constraints.encryption_context_subset, &constraints.encryption_context_equals].into_iter().flatten()
    {
        if context.pairs().len() > MAX_CONSTRAINT_PAIRS {
            return Err(KmsError::validation("A grant constraint can have at most 8 encryption context pairs."));
        }
        if context.pairs().any(|(_, value)| value.chars().count() > MAX_CONSTRAINT_VALUE) {
            return Err(KmsError::validation(
                "An encryption context value in a grant constraint can have at most 384 characters.",
            ));
        }
    }
    Ok(())
}

response! {
    /// What `CreateGrant` answers.
    CreateGrantResponse: CreateGrant {
        /// A token with which the grant can be used at once.
        grant_token: String => GRANT_TOKEN,
        /// The id of the grant: 64 hexadecimal digits.
        grant_id: String,
    }
}

request! {
    /// Lists the grants of a key.
    ListGrantsRequest: ListGrants -> ListGrantsResponse {
        /// The most entries of an answer: 1 to 1,000.
        limit: Option<i32> => LIMIT,
        /// Where the answer before ended: 1 to 1,024 characters.
        marker: Option<String> => MARKER,
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
        /// The grant that is meant: 1 to 128 characters.
        grant_id: Option<String> => GRANT_ID,
        /// The grantee that is meant: 1 to 256 characters.
        grantee_principal: Option<String> => PRINCIPAL,
        /// The service that is meant as grantee: 1 to 128 characters.
        grantee_service_principal: Option<String> => SERVICE_PRINCIPAL,
    }
}

structure! {
    /// A grant in a list.
    #[derive(Clone, PartialEq, Eq)]
    GrantListEntry {
        /// The key.
        key_id: String,
        /// The id of the grant: 64 hexadecimal digits.
        grant_id: String,
        /// Its name.
        name: Option<String>,
        /// When it was made.
        creation_date: Option<Timestamp>,
        /// Who may use the key.
        grantee_principal: Option<String>,
        /// Who may retire the grant.
        retiring_principal: Option<String>,
        /// The account that made the grant, as the ARN of its root.
        issuing_account: Option<String>,
        /// What it allows.
        operations: Vec<GrantOperation>,
        /// What requests must have.
        constraints: Option<GrantConstraints>,
        /// The service that may use the key.
        grantee_service_principal: Option<String>,
        /// The service that may retire the grant.
        retiring_service_principal: Option<String>,
    }
}

response! {
    /// What `ListGrants` answers.
    ListGrantsResponse: ListGrants {
        /// The grants.
        grants: Required<Vec<GrantListEntry>>,
        /// The marker of the request for more.
        next_marker: Option<String>,
        /// Whether there is more.
        truncated: bool,
    }
}

request! {
    /// Lists the grants that a principal may retire.
    ListRetirableGrantsRequest: ListRetirableGrants -> ListRetirableGrantsResponse where retiring_is_named {
        /// The most entries of an answer: 1 to 1,000.
        limit: Option<i32> => LIMIT,
        /// Where the answer before ended: 1 to 1,024 characters.
        marker: Option<String> => MARKER,
        /// The principal: 1 to 256 characters. This or `retiring_service_principal`.
        retiring_principal: Option<String> => PRINCIPAL,
        /// The service: 1 to 128 characters. This or `retiring_principal`.
        retiring_service_principal: Option<String> => SERVICE_PRINCIPAL,
    }
}

fn retiring_is_named(request: &ListRetirableGrantsRequest) -> Result<(), KmsError> {
    match (&request.retiring_principal, &request.retiring_service_principal) {
        (None, None) => Err(missing("retiringPrincipal")),
        (Some(_), Some(_)) => Err(KmsError::validation(
            "RetiringPrincipal and RetiringServicePrincipal cannot be specified in the same request.",
        )),
        _ => Ok(()),
    }
}

response! {
    /// What `ListRetirableGrants` answers.
    ListRetirableGrantsResponse: ListRetirableGrants {
        /// The grants.
        grants: Required<Vec<GrantListEntry>>,
        /// The marker of the request for more.
        next_marker: Option<String>,
        /// Whether there is more.
        truncated: bool,
    }
}

request! {
    /// Gives a grant up, as its grantee or its retiring principal. Answers nothing.
    RetireGrantRequest: RetireGrant -> () where grant_is_named {
        /// The token of the grant: 1 to 8,192 characters. This, or `key_id` and `grant_id`.
        grant_token: Option<String> => GRANT_TOKEN,
        /// The key: its id or ARN.
        key_id: Option<String> => KEY_ID,
        /// The id of the grant: 1 to 128 characters.
        grant_id: Option<String> => GRANT_ID,
        /// Whether only to check that the request would succeed.
        dry_run: Option<bool>,
    }
}

fn grant_is_named(request: &RetireGrantRequest) -> Result<(), KmsError> {
    match (&request.grant_token, &request.key_id, &request.grant_id) {
        (Some(_), None, None) | (None, Some(_), Some(_)) => Ok(()),
        _ => Err(KmsError::validation("Either GrantToken, or both KeyId and GrantId, must be specified.")),
    }
}

request! {
    /// Takes a grant back. Answers nothing.
    RevokeGrantRequest: RevokeGrant -> () {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
        /// The id of the grant: 1 to 128 characters.
        grant_id: Required<String> => GRANT_ID,
        /// Whether only to check that the request would succeed.
        dry_run: Option<bool>,
    }
}

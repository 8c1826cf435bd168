//! Grants: what they allow, their tokens, and how one put back is noticed.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64ct::{Base64, Encoding};
use kms_core::primitives::mac::hmac;
use kms_core::{EncryptionContext, Error, KeyId, MacAlgorithm};

use crate::caller::Caller;
use crate::facts::{Facts, NewGrantFacts};
use crate::policy::Principal;
use crate::record::{Constraint, GrantRecord, KeyRecord};
use crate::sealed::SealedStore;
use crate::snapshot::Snapshot;
use crate::{AccountId, Exception, KmsError, Region, place};

/// What tokens are sealed for.
const TOKEN: &[u8] = b"grant token";

/// The grant, if there is one, by which the caller may do `action` with the key.
pub(crate) fn allowing(
    snapshot: &Snapshot,
    caller: &Caller,
    action: &str,
    facts: &Facts<'_>,
) -> Option<Arc<GrantRecord>> {
    if snapshot.record.grants == 0 {
        return None;
    }
    let action = action.strip_prefix("kms:")?;
    let mut grants = names(&caller.principal).into_iter().flatten().flat_map(|name| snapshot.grants_to(name));
    let found = grants.find(|grant| {
        grant.operations.iter().any(|operation| operation == action)
            && grant.constraints.iter().all(|constraint| holds(constraint, action, caller, facts))
            && facts.new_grant.is_none_or(|new| passes_on(grant, &new))
    });
    found.cloned()
}

/// The names by which grants know a principal: its ARN and its role's, or a service's name.
pub(crate) fn names(principal: &Principal) -> [Option<&str>; 2] {
    match principal {
        Principal::Role(role) => [Some(role.arn()), Some(role.role_arn())],
        Principal::Service(name) => [Some(name), None],
        other => [other.arn(), None],
    }
}

/// The account of a principal that a grant names; none of a service.
pub(crate) fn account_of(name: &str) -> Option<AccountId> {
    name.parse::<Principal>().ok()?.account_id()
}

/// Whether the operation has an encryption context that a grant can constrain.
pub(crate) fn has_context(operation: &str) -> bool {
    matches!(
        operation,
        "Encrypt"
            | "Decrypt"
            | "GenerateDataKey"
            | "GenerateDataKeyWithoutPlaintext"
            | "GenerateDataKeyPair"
            | "GenerateDataKeyPairWithoutPlaintext"
            | "ReEncryptFrom"
            | "ReEncryptTo"
    )
}

fn holds(constraint: &Constraint, action: &str, caller: &Caller, facts: &Facts<'_>) -> bool {
    const NONE: &EncryptionContext = &EncryptionContext::empty();
    let context = facts.encryption_context.unwrap_or(NONE);
    match constraint {
        Constraint::EncryptionContextSubset(_) | Constraint::EncryptionContextEquals(_) if !has_context(action) => true,
        Constraint::EncryptionContextSubset(wanted) => contains(context, wanted),
        Constraint::EncryptionContextEquals(wanted) => {
            contains(context, wanted) && context.pairs().len() == wanted.len()
        }
        Constraint::SourceArn(wanted) => caller.source_arn.as_ref() == Some(wanted),
    }
}

/// Whether a grantee who has only this grant may make the other: it allows no more, fewer operations under constraints at
/// least as strict.
fn passes_on(grant: &GrantRecord, new: &NewGrantFacts<'_>) -> bool {
    let has = |operation: &&str| grant.operations.iter().any(|name| name == operation);
    new.operations.iter().all(has) && grant.constraints.iter().all(|limit| implied(limit, new.constraints))
}

/// Whether what is constrained so is also constrained by `limit`.
fn implied(limit: &Constraint, constraints: &[Constraint]) -> bool {
    use Constraint::{EncryptionContextEquals as Equals, EncryptionContextSubset as Subset};
    constraints.iter().any(|one| match (limit, one) {
        (Subset(wanted), Subset(has) | Equals(has)) => wanted.iter().all(|(key, value)| has.get(key) == Some(value)),
        (limit, one) => limit == one,
    })
}

fn contains(context: &EncryptionContext, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(key, value)| context.get(key) == Some(value))
}

/// What a grant token says.
pub(crate) struct Token {
    pub(crate) region: Region,
    pub(crate) key: KeyId,
    pub(crate) grant: String,
}

/// A token for a grant: says which it is, and that this service made it.
pub(crate) fn token(store: &SealedStore, record: &KeyRecord, grant: &str) -> Result<String, Error> {
    let clear = format!("{}/{}/{grant}", record.region, record.id.id());
    Ok(Base64::encode_string(&store.seal(TOKEN, clear.as_bytes())?))
}

/// # Errors
/// `InvalidGrantTokenException`.
pub(crate) fn open_token(store: &SealedStore, token: &str) -> Result<Token, KmsError> {
    let invalid = || KmsError::new(Exception::InvalidGrantToken);
    let sealed = Base64::decode_vec(token).map_err(|_| invalid())?;
    let clear = store.unseal(TOKEN, &sealed).map_err(|_| invalid())?;
    let text = core::str::from_utf8(clear.expose()).map_err(|_| invalid())?;
    let mut parts = text.split('/');
    let mut next = || parts.next().ok_or_else(invalid);
    Ok(Token {
        region: next()?.parse().map_err(|_| invalid())?,
        key: next()?.parse().map_err(|_| invalid())?,
        grant: next()?.to_owned(),
    })
}

/// That a token is one of this service. The grant itself is in force from the moment it was made: nothing waits for a
/// token here.
pub(crate) fn check_token(store: &SealedStore, token: &str) -> Result<(), KmsError> {
    open_token(store, token).map(drop)
}

/// A grant's part in the digest of its key's grants.
pub(crate) fn fingerprint(store: &SealedStore, record: &KeyRecord, grant: &GrantRecord) -> Result<Vec<u8>, Error> {
    let place = place::grant(&record.region, record.id.id(), &grant.id);
    let json = serde_json::to_vec(grant).map_err(|_| Error::from(kms_core::ErrorKind::Internal))?;
    let key = store.derived_key("grants");
    Ok(hmac(MacAlgorithm::HmacSha256, key.expose(), &[place, json].concat()).expose().to_vec())
}

/// Adds a grant to the digest, or takes it away: both are the same.
pub(crate) fn toggle(digest: &mut Vec<u8>, fingerprint: &[u8]) {
    digest.resize(fingerprint.len(), 0);
    digest.iter_mut().zip(fingerprint).for_each(|(digest, byte)| *digest ^= byte);
    if digest.iter().all(|&byte| byte == 0) {
        digest.clear();
    }
}

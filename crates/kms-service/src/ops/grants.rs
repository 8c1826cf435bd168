//! Grants: made, listed, retired, revoked.

use std::collections::BTreeMap;

use base16ct::lower::encode_string;
use kms_core::{AlgorithmSet, EncryptionContext, KeySpec, KeyUsage, RandomSource};

use super::Sealed;
use super::pages::{Page, SHORT};
use crate::api::{
    CreateGrantRequest, CreateGrantResponse, GrantConstraints, GrantListEntry, GrantOperation, ListGrantsRequest,
    ListGrantsResponse, ListRetirableGrantsRequest, ListRetirableGrantsResponse, Named, RetireGrantRequest,
    RevokeGrantRequest,
};
use crate::authorise::{Admitted, Authorized};
use crate::facts::{Fact, Facts, NewGrantFacts};
use crate::grants::{self, has_context};
use crate::policy::Principal;
use crate::quota::Class;
use crate::record::{Constraint, GrantRecord, KeyRecord};
use crate::snapshot::Snapshot;
use crate::step::{Found, Names, Step, not_found};
use crate::{Exception, KmsError, place};

/// The operations that a grant on such a key can name.
fn fits(operation: GrantOperation, spec: KeySpec, usage: KeyUsage) -> bool {
    use GrantOperation as G;
    match operation {
        G::CreateGrant | G::RetireGrant | G::DescribeKey => true,
        G::GetPublicKey => spec.is_asymmetric(),
        G::Encrypt | G::Decrypt | G::ReEncryptFrom | G::ReEncryptTo => usage == KeyUsage::EncryptDecrypt,
        G::GenerateDataKey
        | G::GenerateDataKeyWithoutPlaintext
        | G::GenerateDataKeyPair
        | G::GenerateDataKeyPairWithoutPlaintext => spec == KeySpec::SymmetricDefault,
        G::Sign | G::Verify => usage == KeyUsage::SignVerify,
        G::GenerateMac | G::VerifyMac => usage == KeyUsage::GenerateVerifyMac,
        G::DeriveSharedSecret => usage == KeyUsage::KeyAgreement,
        _ => false,
    }
}

fn constraints(given: Option<&GrantConstraints>) -> Vec<Constraint> {
    let pairs = |context: &EncryptionContext| {
        context.pairs().map(|(key, value)| (key.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>()
    };
    let Some(given) = given else { return Vec::new() };
    let subset = given.encryption_context_subset.as_ref().map(|all| Constraint::EncryptionContextSubset(pairs(all)));
    let equals = given.encryption_context_equals.as_ref().map(|all| Constraint::EncryptionContextEquals(pairs(all)));
    let source = given.source_arn.clone().map(Constraint::SourceArn);
    [subset, equals, source].into_iter().flatten().collect()
}

fn is_principal(name: &str) -> Result<(), KmsError> {
    match name.parse::<Principal>() {
        Ok(_) => Ok(()),
        Err(_) => Err(KmsError::with(Exception::InvalidArn, format!("{name} is not a valid principal."))),
    }
}

/// Whether it can be a grant's id: 64 hexadecimal digits.
fn is_id(id: &str) -> Result<(), KmsError> {
    if id.len() == 64 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Ok(());
    }
    Err(KmsError::with(Exception::InvalidGrantId, format!("{id} is not a grant id, which is 64 hexadecimal digits.")))
}

impl CreateGrantRequest {
    fn check(&self, key: &KeyRecord, constraints: &[Constraint]) -> Result<Vec<GrantOperation>, KmsError> {
        let mut operations: Vec<GrantOperation> = Vec::new();
        for operation in self.operations.iter().map(Named::get) {
            let operation = operation?;
            // Each once, in the order that they were asked for.
            if !operations.contains(&operation) {
                operations.push(operation);
            }
        }
        let bad = |text: String| Err(KmsError::validation(text));
        if AlgorithmSet::of(key.spec, key.usage).is_empty() || operations.is_empty() {
            return bad("Operations must not be empty.".into());
        }
        if let Some(other) = operations.iter().find(|&&operation| !fits(operation, key.spec, key.usage)) {
            return bad(format!("The operation {other} is not valid for a {} key for {}.", key.spec, key.usage));
        }
        let on_context = constraints.iter().any(|one| !matches!(one, Constraint::SourceArn(_)));
        let goes_without = |operation: &&GrantOperation| {
            !has_context(operation.as_str())
                && !matches!(
                    operation,
                    GrantOperation::CreateGrant | GrantOperation::RetireGrant | GrantOperation::DescribeKey
                )
        };
        if on_context && key.spec != KeySpec::SymmetricDefault {
            return bad("Encryption context constraints are valid only for symmetric encryption keys.".into());
        }
        if let Some(other) = operations.iter().find(goes_without).filter(|_| on_context) {
            return bad(format!("The operation {other} has no encryption context to constrain."));
        }
        [&self.grantee_principal, &self.retiring_principal]
            .into_iter()
            .flatten()
            .try_for_each(|name| is_principal(name))?;
        Ok(operations)
    }
}

impl Sealed for CreateGrantRequest {
    fn perform(&self, step: &Step<'_>) -> Result<CreateGrantResponse, KmsError> {
        let grantee = self.grantee_principal.as_ref().or(self.grantee_service_principal.as_ref());
        let grantee = grantee.cloned().unwrap_or_default();
        let retiring = self.retiring_principal.as_ref().or(self.retiring_service_principal.as_ref()).cloned();
        let names: Vec<&str> = self.operations.iter().map(Named::as_str).collect();
        let kind = self.constraints.as_ref().and_then(|all| {
            let subset = all.encryption_context_subset.as_ref().map(|_| "EncryptionContextSubset");
            subset.or(all.encryption_context_equals.as_ref().map(|_| "EncryptionContextEquals"))
        });
        let mut more = vec![
            ("grantoperations", Fact::Texts(names.clone())),
            ("granteeprincipal", Fact::Text(&grantee)),
            ("grantisforawsresource", Fact::Flag(step.caller.via_service.is_some())),
        ];
        more.extend(retiring.as_deref().map(|retiring| ("retiringprincipal", Fact::Text(retiring))));
        more.extend(kind.map(|kind| ("grantconstrainttype", Fact::Text(kind))));
        let constraints = constraints(self.constraints.as_ref());
        let new_grant = Some(NewGrantFacts { operations: &names, constraints: &constraints });
        let facts = Facts { more: &more, new_grant, ..Facts::default() };
        let found = step.find(&self.key_id, Names::Keys)?;
        let allowed = step.authorise(found, "kms:CreateGrant", &facts, &self.grant_tokens)?;
        let admitted = allowed.admit(Class::Operation(step.operation))?;
        admitted.check_state()?;
        let operations = self.check(admitted.record(), &constraints)?;
        step.dry_run(self.dry_run)?;
        let mut id = [0; 32];
        step.service.random.fill(&mut id)?;
        let new = GrantRecord {
            id: encode_string(&id),
            name: self.name.clone(),
            created: step.now,
            grantee,
            retiring,
            issuing_account: step.caller.account(),
            operations: operations.iter().map(|operation| operation.as_str().to_owned()).collect(),
            constraints,
        };
        let id = match same(admitted.snapshot(), &new) {
            // Asked for again, by a name: the grant that there is.
            Some(id) => id,
            None => {
                let most = step.service.limits.grants_of_key;
                admitted.change(|key, edit| {
                    // Somebody may have asked for the same at the same time.
                    let now = edit.service().key(&key.region, key.id.id())?;
                    if let Some(id) = now.and_then(|now| same(&now, &new)) {
                        return Ok(id);
                    }
                    if key.grants >= most {
                        let text = format!("{} has {most} grants, which is its limit.", key.arn());
                        return Err(KmsError::with(Exception::LimitExceeded, text));
                    }
                    edit.add_grant(key, &new)?;
                    Ok(new.id.clone())
                })?
            }
        };
        let token = grants::token(&step.service.store, admitted.record(), &id)?;
        Ok(CreateGrantResponse { grant_token: token, grant_id: id })
    }
}

/// The grant that has the name of `new` and is the same otherwise.
fn same(key: &Snapshot, new: &GrantRecord) -> Option<String> {
    new.name.as_ref()?;
    let same = |grant: &&std::sync::Arc<GrantRecord>| {
        let twin = GrantRecord { id: new.id.clone(), created: new.created, ..GrantRecord::clone(grant) };
        twin == *new
    };
    key.grants_to(&new.grantee).iter().find(same).map(|grant| grant.id.clone())
}

fn entry(record: &GrantRecord, key: String) -> GrantListEntry {
    let is_service = |name: &String| !name.starts_with("arn:");
    let pairs = |all: &BTreeMap<String, String>| EncryptionContext::with_reserved(all.clone()).ok();
    let mut constraints = GrantConstraints::default();
    for constraint in &record.constraints {
        match constraint {
            Constraint::EncryptionContextSubset(all) => constraints.encryption_context_subset = pairs(all),
            Constraint::EncryptionContextEquals(all) => constraints.encryption_context_equals = pairs(all),
            Constraint::SourceArn(arn) => constraints.source_arn = Some(arn.clone()),
        }
    }
    let (grantee, retiring) = (Some(record.grantee.clone()), record.retiring.clone());
    GrantListEntry {
        key_id: key,
        grant_id: record.id.clone(),
        name: record.name.clone(),
        creation_date: Some(record.created),
        grantee_service_principal: grantee.clone().filter(is_service),
        grantee_principal: grantee.filter(|name| !is_service(name)),
        retiring_service_principal: retiring.clone().filter(is_service),
        retiring_principal: retiring.filter(|name| !is_service(name)),
        issuing_account: Some(format!("arn:aws:iam::{}:root", record.issuing_account)),
        operations: record.operations.iter().filter_map(|name| name.parse().ok()).collect(),
        constraints: (!record.constraints.is_empty()).then_some(constraints),
    }
}

impl Sealed for ListGrantsRequest {
    fn perform(&self, step: &Step<'_>) -> Result<ListGrantsResponse, KmsError> {
        let admitted = step.admitted(&self.key_id, "kms:ListGrants", &Facts::default())?;
        self.grant_id.as_deref().map_or(Ok(()), is_id)?;
        let key = admitted.record();
        let prefix = place::grants_of(&key.region, key.id.id());
        let page = Page::new(step, prefix, self.limit, self.marker.as_deref(), SHORT)?;
        let wanted = self.grantee_principal.as_ref().or(self.grantee_service_principal.as_ref());
        let fits = |grant: &GrantRecord| {
            wanted.is_none_or(|wanted| grant.grantee == *wanted)
                && self.grant_id.as_ref().is_none_or(|wanted| grant.id == *wanted)
        };
        // What is in memory was compared with the key's record: one that was put back is an error, not a grant.
        let after = page.after.as_deref().and_then(place::last);
        let grants = admitted.snapshot().grants_after(after).filter(|grant| fits(grant));
        let mut grants: Vec<_> = grants.take(page.limit + 1).collect();
        let next = page.cut(step, &mut grants, |grant| place::grant(&key.region, key.id.id(), &grant.id))?;
        let grants: Vec<_> = grants.iter().map(|grant| entry(grant, admitted.arn().to_string())).collect();
        Ok(ListGrantsResponse { grants: grants.into(), truncated: next.is_some(), next_marker: next })
    }
}

impl Sealed for ListRetirableGrantsRequest {
    fn perform(&self, step: &Step<'_>) -> Result<ListRetirableGrantsResponse, KmsError> {
        let class = Class::Operation(step.operation);
        let admitted = step.account("kms:ListRetirableGrants", "*", &Facts::default(), None, class)?;
        let retiring = self.retiring_principal.as_ref().or(self.retiring_service_principal.as_ref());
        let retiring = retiring.map_or("", String::as_str);
        self.retiring_principal.as_deref().map_or(Ok(()), is_principal)?;
        let theirs = grants::account_of(retiring);
        if theirs.is_some_and(|account| account != admitted.account) {
            return Err(step.denied("ListRetirableGrants", retiring, "no resource-based policy allows"));
        }
        let prefix = place::retirable_by(admitted.account, &step.caller.region, retiring);
        let page = Page::new(step, prefix, self.limit, self.marker.as_deref(), SHORT)?;
        let found = step.service.store.list::<String>(page.prefix(), page.after.as_deref(), page.limit + 1)?;
        let mut places: Vec<_> = found.into_iter().map(|(place, _)| place).collect();
        let next = page.cut(step, &mut places, Clone::clone)?;
        let mut grants = Vec::new();
        for place in &places {
            let Some((key, grant)) = place::retirable_parts(place) else { continue };
            // The key's own list is what counts.
            let Some(snapshot) = step.service.key(&step.caller.region, key)? else { continue };
            grants.extend(snapshot.grant(grant).map(|grant| entry(grant, snapshot.arn_text.to_string())));
        }
        Ok(ListRetirableGrantsResponse { grants: grants.into(), truncated: next.is_some(), next_marker: next })
    }
}

impl Sealed for RetireGrantRequest {
    fn perform(&self, step: &Step<'_>) -> Result<(), KmsError> {
        let (found, id) = match (&self.grant_token, &self.key_id, &self.grant_id) {
            (Some(token), ..) => {
                let token = grants::open_token(&step.service.store, token)?;
                if token.region != step.caller.region {
                    return Err(KmsError::new(Exception::InvalidGrantToken));
                }
                let unknown = || not_found(format!("Grant {} does not exist.", token.grant));
                (step.find_by_id(token.key)?.ok_or_else(unknown)?, token.grant)
            }
            (None, Some(key), Some(id)) => (step.find(key, Names::Keys)?, id.clone()),
            _ => return Err(KmsError::validation("Either GrantToken, or both KeyId and GrantId, must be specified.")),
        };
        let unknown = || not_found(format!("Grant {id} does not exist."));
        let grant = found.snapshot.grant(&id).cloned();
        let allowed = match &grant {
            Some(grant) => may_retire(step, found, grant)?,
            None => step.authorise(found, "kms:RetireGrant", &Facts::default(), &[])?,
        };
        let admitted = allowed.admit(Class::Operation(step.operation))?;
        is_id(&id)?;
        let grant = grant.ok_or_else(unknown)?;
        step.dry_run(self.dry_run)?;
        delete(&admitted, &grant.id)
    }
}

/// Who may retire a grant is said by the grant: its retiring principal, a grantee who has `RetireGrant`, and the account
/// that made it, which may leave that to its users by their identity policies. A key policy can only deny it.
fn may_retire<'a>(step: &'a Step<'_>, found: Found, grant: &GrantRecord) -> Result<Authorized<'a>, KmsError> {
    const ACTION: &str = "kms:RetireGrant";
    let mine = |name: &str| grants::names(&step.caller.principal).contains(&Some(name));
    let retires = grant.operations.iter().any(|name| name == GrantOperation::RetireGrant.as_str());
    if !(grant.retiring.as_deref().is_some_and(mine) || retires && mine(&grant.grantee)) {
        let arn = &found.snapshot.arn_text;
        if step.caller.principal.account_id() != Some(grant.issuing_account) {
            return Err(step.denied(ACTION, arn, "no resource-based policy allows"));
        }
        step.allowed_in_account(ACTION, arn, &Facts::default(), None)?;
    }
    step.authorise_by_grant(found, ACTION, grant)
}

impl Sealed for RevokeGrantRequest {
    fn perform(&self, step: &Step<'_>) -> Result<(), KmsError> {
        let admitted = step.admitted(&self.key_id, "kms:RevokeGrant", &Facts::default())?;
        is_id(&self.grant_id)?;
        if admitted.snapshot().grant(&self.grant_id).is_none() {
            return Err(not_found(format!("Grant {} does not exist.", *self.grant_id)));
        }
        step.dry_run(self.dry_run)?;
        delete(&admitted, &self.grant_id)
    }
}

fn delete(admitted: &Admitted<'_>, id: &str) -> Result<(), KmsError> {
    admitted.change(|key, edit| {
        let place = place::grant(&key.region, key.id.id(), id);
        let grant = edit.service().store.get::<GrantRecord>(&place)?;
        let grant = grant.ok_or_else(|| not_found(format!("Grant {id} does not exist.")))?;
        edit.delete_grant(key, &grant.record)
    })
}

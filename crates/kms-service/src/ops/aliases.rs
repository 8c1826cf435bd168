//! Aliases.

use super::Sealed;
use super::pages::{Page, SHORT};
use crate::api::{
    AliasListEntry, CreateAliasRequest, DeleteAliasRequest, ListAliasesRequest, ListAliasesResponse, UpdateAliasRequest,
};
use crate::facts::Facts;
use crate::name::Resource;
use crate::quota::Class;
use crate::record::AliasRecord;
use crate::step::{Names, Step, not_found};
use crate::{AccountId, AliasName, Arn, Exception, KmsError, place};

/// How often an alias that others move is looked up again.
const TRIES: usize = 8;

fn name(text: &str) -> Result<AliasName, KmsError> {
    let name: AliasName =
        text.parse().map_err(|_| KmsError::with(Exception::InvalidAliasName, format!("{text} is not an alias.")))?;
    if name.is_reserved() {
        return Err(KmsError::new(Exception::NotAuthorized));
    }
    Ok(name)
}

/// An alias is changed by whoever may change both it and its key.
fn allowed_on_alias(step: &Step<'_>, action: &'static str, name: &AliasName) -> Result<AccountId, KmsError> {
    let account = step.caller.account();
    let arn = Arn::new(step.caller.region.clone(), account, Resource::Alias(name.clone())).to_string();
    step.allowed_in_account(action, &arn, &Facts::default(), None)
}

fn unknown(step: &Step<'_>, account: AccountId, name: &AliasName) -> KmsError {
    let arn = Arn::new(step.caller.region.clone(), account, Resource::Alias(name.clone()));
    not_found(format!("Alias {arn} is not found."))
}

impl Sealed for CreateAliasRequest {
    fn perform(&self, step: &Step<'_>) -> Result<(), KmsError> {
        let name = name(&self.alias_name)?;
        let found = step.find(&self.target_key_id, Names::Keys)?;
        let allowed = step.authorise(found, "kms:CreateAlias", &Facts::default(), &[])?;
        let account = allowed_on_alias(step, "kms:CreateAlias", &name)?;
        let admitted = allowed.admit(Class::Operation(step.operation))?;
        let most = step.service.limits.aliases_of_key;
        admitted.change(|key, edit| {
            if let Some(taken) = edit.alias(account, &key.region, &name)? {
                // One whose key does not know it is not there: it was put back, or its key is gone.
                let target = edit.key(&key.region, taken.record.target.id())?;
                if target.is_some_and(|target| target.record.aliases.contains(name.as_str())) {
                    let arn = Arn::new(key.region.clone(), account, Resource::Alias(name.clone()));
                    let text = format!("An alias with the name {arn} already exists");
                    return Err(KmsError::with(Exception::AlreadyExists, text));
                }
                edit.delete_alias(account, &key.region, &name);
            }
            if key.aliases.len() >= most {
                let text = format!("{} has {most} aliases, which is its limit.", key.arn());
                return Err(KmsError::with(Exception::LimitExceeded, text));
            }
            key.aliases.insert(name.to_string());
            let alias = AliasRecord { name: name.clone(), target: key.id, created: step.now, updated: step.now };
            edit.put_alias(account, &key.region, &alias, None)
        })
    }
}

impl Sealed for UpdateAliasRequest {
    fn perform(&self, step: &Step<'_>) -> Result<(), KmsError> {
        for _ in 0..TRIES {
            let mut has_moved = false;
            let done = self.attempt(step, &mut has_moved);
            if !has_moved {
                return done;
            }
        }
        Err(KmsError::with(Exception::DependencyTimeout, "Too many changes at once: try again."))
    }
}

impl UpdateAliasRequest {
    /// `has_moved`: the alias has another target than the key that the caller was allowed to take it from.
    fn attempt(&self, step: &Step<'_>, has_moved: &mut bool) -> Result<(), KmsError> {
        let name = name(&self.alias_name)?;
        let account = step.caller.account();
        let old = step.service.alias(account, &step.caller.region, &name)?;
        let old = old.ok_or_else(|| unknown(step, account, &name))?;
        // The new target is what the request is about, and what its state has to allow.
        let source = step.find(&old.to_string(), Names::Keys)?;
        let _old_allowed = step.authorise(source, "kms:UpdateAlias", &Facts::default(), &[])?;
        let target = step.find(&self.target_key_id, Names::Keys)?;
        let allowed = step.authorise(target, "kms:UpdateAlias", &Facts::default(), &[])?;
        allowed_on_alias(step, "kms:UpdateAlias", &name)?;
        let admitted = allowed.admit(Class::Operation(step.operation))?;
        let most = step.service.limits.aliases_of_key;
        admitted.change(|key, edit| {
            let alias = edit.alias(account, &key.region, &name)?.ok_or_else(|| unknown(step, account, &name))?;
            let mut record = alias.record;
            if record.target != old {
                *has_moved = true;
                return Err(unknown(step, account, &name));
            }
            if record.target == key.id {
                record.updated = step.now;
                return edit.put_alias(account, &key.region, &record, Some(alias.version));
            }
            let source = edit.key(&key.region, record.target.id())?;
            let source = source.filter(|source| source.record.aliases.contains(name.as_str()));
            let source = source.ok_or_else(|| unknown(step, account, &name))?;
            let (mut source, read) = (source.record, source.version);
            if (source.spec.is_asymmetric(), source.usage) != (key.spec.is_asymmetric(), key.usage) {
                return Err(KmsError::with(
                    Exception::KMSInvalidState,
                    "An alias can only move to a key of the same type and usage.",
                ));
            }
            if key.aliases.len() >= most {
                let text = format!("{} has {most} aliases, which is its limit.", key.arn());
                return Err(KmsError::with(Exception::LimitExceeded, text));
            }
            source.aliases.remove(name.as_str());
            edit.put_key(&mut source, read)?;
            key.aliases.insert(name.to_string());
            (record.target, record.updated) = (key.id, step.now);
            edit.put_alias(account, &key.region, &record, Some(alias.version))
        })
    }
}

impl Sealed for DeleteAliasRequest {
    fn perform(&self, step: &Step<'_>) -> Result<(), KmsError> {
        let name = name(&self.alias_name)?;
        let account = step.caller.account();
        let target = step.service.alias(account, &step.caller.region, &name)?;
        let target = target.ok_or_else(|| unknown(step, account, &name))?;
        let found = step.find(&target.to_string(), Names::Keys)?;
        let allowed = step.authorise(found, "kms:DeleteAlias", &Facts::default(), &[])?;
        allowed_on_alias(step, "kms:DeleteAlias", &name)?;
        let admitted = allowed.admit(Class::Operation(step.operation))?;
        admitted.change(|key, edit| {
            if !key.aliases.remove(name.as_str()) {
                return Err(unknown(step, account, &name));
            }
            edit.delete_alias(account, &key.region, &name);
            Ok(())
        })
    }
}

impl Sealed for ListAliasesRequest {
    fn perform(&self, step: &Step<'_>) -> Result<ListAliasesResponse, KmsError> {
        let class = Class::Operation(step.operation);
        let admitted = step.account("kms:ListAliases", "*", &Facts::default(), None, class)?;
        let (account, region) = (admitted.account, &step.caller.region);
        let prefix = place::aliases_in(account, region);
        let page = Page::new(step, prefix, self.limit, self.marker.as_deref(), SHORT)?;
        let mut records: Vec<AliasRecord> = Vec::new();
        match &self.key_id {
            None => {
                let mut after = page.after.clone();
                while records.len() <= page.limit {
                    let found =
                        step.service.store.list::<AliasRecord>(page.prefix(), after.as_deref(), page.limit + 1)?;
                    let Some((last, _)) = found.last() else { break };
                    after = Some(last.clone());
                    for (_, found) in found {
                        // One whose key does not know it was put back, and is not one.
                        let target = step.service.key(region, found.record.target.id())?;
                        if target.is_some_and(|target| target.record.aliases.contains(found.record.name.as_str())) {
                            records.push(found.record);
                        }
                    }
                }
                records.truncate(page.limit + 1);
            }
            Some(key) => {
                let found = step.find(key, Names::Keys)?;
                if step.is_foreign_to(&found.snapshot) {
                    let arn = &found.snapshot.arn_text;
                    return Err(step.denied("ListAliases", arn, "no resource-based policy allows"));
                }
                // At most fifty, in the order of their names.
                for name in found.snapshot.record.aliases.iter().filter_map(|name| name.parse().ok()) {
                    let place = place::alias(account, region, &name);
                    if page.after.as_ref().is_some_and(|after| *after >= place) {
                        continue;
                    }
                    records.extend(step.service.store.get(&place)?.map(|found| found.record));
                }
            }
        }
        let next = page.cut(step, &mut records, |record| place::alias(account, region, &record.name))?;
        let aliases = records.into_iter().map(|record| AliasListEntry {
            alias_arn: Arn::new(region.clone(), account, Resource::Alias(record.name.clone())).to_string(),
            alias_name: record.name.to_string(),
            target_key_id: Some(record.target.to_string()),
            creation_date: Some(record.created),
            last_updated_date: Some(record.updated),
        });
        let aliases: Vec<_> = aliases.collect();
        Ok(ListAliasesResponse { aliases: aliases.into(), truncated: next.is_some(), next_marker: next })
    }
}

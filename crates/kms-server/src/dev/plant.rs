//! Making what a seed says.

use kms_core::{KeyId, KeyMaterial, KeySpec, KeyUsage, Secret, SystemRandom};
use kms_service::api::{
    CreateAliasRequest, CreateKeyRequest, DisableKeyRequest, EnableKeyRotationRequest, Named, OriginType,
    PutKeyPolicyRequest, Tag, TagResourceRequest,
};
use kms_service::operator::{Adopted, AdoptedGeneration};
use kms_service::{AccountId, Caller, Clock, KmsError, KmsKeyId, Region, Service, SystemClock};

use super::seed::{KeySeed, Seed};

/// Makes all of it, as the root user of each key's account.
pub(super) fn plant(service: &Service, seed: &Seed, account: AccountId, region: &Region) -> Result<(), KmsError> {
    let mut planted = Vec::new();
    for key in &seed.keys {
        let about = |error: KmsError| named(key.key_id.as_deref().unwrap_or("without an id"), &error);
        let caller = caller(key, account, region).map_err(about)?;
        let id = plant_key(service, &caller, key).map_err(about)?;
        planted.push((id, caller));
    }
    for alias in &seed.aliases {
        let about = |error: KmsError| named(&alias.alias_name, &error);
        // The key says in which region and account the alias is.
        let target = planted.iter().find(|(id, _)| *id == alias.target_key_id);
        let (id, caller) = target.ok_or_else(|| about(KmsError::validation("TargetKeyId is no key of the seed.")))?;
        add_alias(service, caller, id, &alias.alias_name).map_err(about)?;
    }
    Ok(())
}

fn named(what: &str, error: &KmsError) -> KmsError {
    let text = error.message().map_or_else(|| error.exception().to_string(), str::to_owned);
    KmsError::with(error.exception(), format!("seed {what}: {text}"))
}

fn invalid(error: impl core::fmt::Display) -> KmsError {
    KmsError::validation(error.to_string())
}

fn caller(key: &KeySeed, account: AccountId, region: &Region) -> Result<Caller, KmsError> {
    let account = key.account.as_deref().map_or(Ok(account), |text| text.parse().map_err(invalid))?;
    let region = key.region.as_deref().map_or(Ok(region.clone()), |text| text.parse().map_err(invalid))?;
    Ok(Caller::root(account, region))
}

fn plant_key(service: &Service, caller: &Caller, key: &KeySeed) -> Result<String, KmsError> {
    let id: KmsKeyId = match &key.key_id {
        Some(text) => text.parse().map_err(invalid)?,
        None => KmsKeyId::random(key.multi_region, &SystemRandom).map_err(invalid)?,
    };
    match material(key)? {
        generations if generations.is_empty() => create(service, caller, id, key)?,
        _ if key.multi_region => {
            return Err(KmsError::validation("A multi-Region key is seeded without material."));
        }
        generations => adopt(service, caller, id.id(), key, generations)?,
    }
    let name = id.to_string();
    for alias in &key.aliases {
        add_alias(service, caller, &name, alias)?;
    }
    if key.rotation {
        service.call(caller, &EnableKeyRotationRequest { key_id: name.clone().into(), ..Default::default() })?;
    }
    if key.enabled == Some(false) {
        service.call(caller, &DisableKeyRequest { key_id: name.clone().into() })?;
    }
    // Last: it may leave nothing to the account.
    if let Some(policy) = &key.policy {
        let policy = policy.as_str().map_or_else(|| policy.to_string(), str::to_owned);
        service.call(
            caller,
            &PutKeyPolicyRequest {
                key_id: name.clone().into(),
                policy: policy.into(),
                bypass_policy_lockout_safety_check: Some(true),
                ..Default::default()
            },
        )?;
    }
    Ok(name)
}

fn add_alias(service: &Service, caller: &Caller, id: &str, alias: &str) -> Result<(), KmsError> {
    service.call(caller, &CreateAliasRequest { alias_name: alias.into(), target_key_id: id.into() })?;
    Ok(())
}

fn tags(key: &KeySeed) -> Vec<Tag> {
    key.tags.iter().map(|(key, value)| Tag::new(key.as_str(), value.as_str())).collect()
}

fn create(service: &Service, caller: &Caller, id: KmsKeyId, key: &KeySeed) -> Result<(), KmsError> {
    let request = CreateKeyRequest {
        key_spec: key.key_spec.clone().map(|name| Named::from(name.as_str())),
        key_usage: key.key_usage.clone().map(|name| Named::from(name.as_str())),
        origin: key.origin.clone().map(|name| Named::from(name.as_str())),
        description: Some(key.description.clone()),
        multi_region: Some(key.multi_region),
        tags: tags(key),
        ..CreateKeyRequest::default()
    };
    service.create_key_as(caller, id, &request).map(|_| ())
}

fn adopt(
    service: &Service,
    caller: &Caller,
    id: KeyId,
    key: &KeySeed,
    generations: Vec<KeyMaterial>,
) -> Result<(), KmsError> {
    let spec = match (&key.key_spec, generations.first()) {
        (Some(spec), _) => spec.parse().map_err(invalid)?,
        (None, Some(pem @ KeyMaterial::Pkcs8(_))) => pem.spec().map_err(invalid)?,
        (None, _) => KeySpec::SymmetricDefault,
    };
    let usage = match &key.key_usage {
        Some(usage) => usage.parse().map_err(invalid)?,
        None => only_usage(spec)?,
    };
    let imported = key.origin.as_deref() == Some(OriginType::External.as_str());
    let mut adopted = Adopted::new(id, spec, usage, imported);
    adopted.description.clone_from(&key.description);
    let created = SystemClock.now().to_second();
    adopted.generations =
        (0..).zip(generations).map(|(number, material)| (number, AdoptedGeneration { created, material })).collect();
    if !service.adopt(caller, adopted)? {
        return Err(KmsError::validation("Another key of the seed has the same id."));
    }
    let tags = tags(key);
    if !tags.is_empty() {
        service.call(caller, &TagResourceRequest { key_id: id.to_string().into(), tags: tags.into() })?;
    }
    Ok(())
}

/// The usage of keys whose spec has one, or that of symmetric keys.
fn only_usage(spec: KeySpec) -> Result<KeyUsage, KmsError> {
    let mut usages = KeyUsage::ALL.iter().copied().filter(|usage| spec.check_usage(*usage).is_ok());
    match (usages.next(), usages.next()) {
        (Some(usage), None) => Ok(usage),
        _ => Err(KmsError::validation(format!("KeyUsage is not set, and keys of {spec} have several."))),
    }
}

/// The material of each generation, as far as the seed has it.
fn material(key: &KeySeed) -> Result<Vec<KeyMaterial>, KmsError> {
    let mut found = Vec::new();
    for digits in &key.backing_keys {
        let mut bytes = Secret::zeroed(digits.len() / 2);
        let wrong = "BackingKeys are hexadecimal digits, such as those of `openssl rand -hex 32`.";
        base16ct::mixed::decode(digits, bytes.expose_mut()).map_err(|_| KmsError::validation(wrong))?;
        found.push(KeyMaterial::Raw(bytes));
    }
    if let Some(pem) = &key.private_key_pem {
        found.push(KeyMaterial::from_pem(pem).map_err(invalid)?);
    }
    Ok(found)
}

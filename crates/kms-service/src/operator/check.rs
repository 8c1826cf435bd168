//! Whether what is in the store belongs together.

use core::fmt;

use kms_core::{ErrorKind, KeyId, MaterialId};
use serde::de::DeserializeOwned;

use crate::api::OriginType;
use crate::name::Resource;
use crate::policy::{Policy, PolicyKind};
use crate::record::{AliasRecord, Counts, Generation, GrantRecord, KeyRecord, Listed};
use crate::service::{Inner, Service};
use crate::snapshot::check_grants;
use crate::store::MAX_PAGE;
use crate::{AccountId, AliasName, Arn, KmsError, KmsKeyId, Region, place};

/// What [`Service::check`] looked at, and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Checked {
    /// Records that open.
    pub records: u64,
    /// Keys.
    pub keys: u64,
    /// Generations of key material that open, and are of their key's spec and usage.
    pub materials: u64,
    /// What is wrong; nothing in a sound store.
    pub findings: Vec<Finding>,
}

/// Something that is wrong, and where. Its text says what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    place: String,
    what: String,
}

impl Finding {
    /// The place of the record in the store.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl Service {
    /// Reads every record and opens the material of every key: that each opens under the root key at its own place, that
    /// keys, lists, aliases and grants agree, that no key lacks material, and that no material is without a key (what a
    /// crash in the middle of a deletion leaves, and all that is left of a key whose record is gone).
    ///
    /// Bounded memory. Changes that are made meanwhile can show as findings that are gone the next time. `spare` is
    /// material that the operator keeps in the store beside keys.
    ///
    /// # Errors
    /// The store's faults; what is wrong with a record is a finding.
    pub fn check(&self, spare: &[MaterialId]) -> Result<Checked, KmsError> {
        let service = &*self.inner;
        let mut check = Check { service, spare, checked: Checked::default() };
        let mut after = None::<Vec<u8>>;
        loop {
            let page = service.store.engine().list(b"", after.as_deref(), MAX_PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(check.checked) };
            after = Some(last.clone());
            for (place, stored) in &page {
                match check.record(place, &stored.value) {
                    Ok(()) => check.checked.records += 1,
                    Err(what) => check.checked.findings.push(Finding { place: place.escape_ascii().to_string(), what }),
                }
            }
        }
    }
}

struct Check<'a> {
    service: &'a Inner,
    spare: &'a [MaterialId],
    checked: Checked,
}

/// What is wrong with a record, in words.
type Verdict = Result<(), String>;

fn said(error: impl fmt::Display) -> String {
    error.to_string()
}

impl Check<'_> {
    fn record(&mut self, place: &[u8], value: &[u8]) -> Verdict {
        if place == b"s/header" {
            return Ok(());
        }
        self.service.store.unseal(place, value).map_err(said)?;
        let text = core::str::from_utf8(place).map_err(said)?;
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            ["k", region, id] => self.key(&parse(region)?, parse(id)?),
            ["l", account, region, id] => self.listed(parse(account)?, &parse(region)?, parse(id)?, place),
            ["a", account, region, ..] => self.alias(parse(account)?, &parse(region)?, place),
            ["g", region, id, _] => self.grant(&parse(region)?, parse(id)?, place),
            ["m", ..] => self.material(place::material_id(place).ok_or("not the place of key material")?),
            ["q", account, region] => self.counts(parse(account)?, &parse(region)?, place),
            ["s" | "r" | "n" | "u" | "b" | "d" | "c", ..] => Ok(()),
            _ => Err("no record of this service has this place".into()),
        }
    }

    fn get<T: DeserializeOwned>(&self, place: &[u8]) -> Result<T, String> {
        let found = self.service.store.get::<T>(place).map_err(said)?;
        Ok(found.ok_or_else(|| format!("there is no {}", place.escape_ascii()))?.record)
    }

    fn find(&self, region: &Region, id: KeyId) -> Result<Option<KeyRecord>, String> {
        let found = self.service.store.get::<KeyRecord>(&place::key(region, id)).map_err(said)?;
        Ok(found.map(|found| found.record))
    }

    fn key(&mut self, region: &Region, id: KeyId) -> Verdict {
        self.checked.keys += 1;
        let key: KeyRecord = self.get(&place::key(region, id))?;
        if (&key.region, key.id.id()) != (region, id) {
            return Err(format!("it is the record of {}", key.arn()));
        }
        Policy::parse(PolicyKind::Key, &key.policy).map_err(said)?;
        let listed: Listed = self.get(&place::listed(key.account, region, key.id))?;
        if listed.revision != key.revision {
            return Err(format!("it was changed {} times, and the list says {}", key.revision, listed.revision));
        }
        for alias in &key.aliases {
            let name: AliasName = parse(alias)?;
            let record: AliasRecord = self.get(&place::alias(key.account, region, &name))?;
            if record.target != key.id {
                return Err(format!("{alias} is another key's, {}", record.target));
            }
        }
        self.grants(&key)?;
        if !key.generations.is_empty() && key.current().is_none() {
            return Err(format!("there is no generation {}, which is the current one", key.current));
        }
        // In an HSM, the material is not in this store.
        if key.origin == OriginType::AwsCloudhsm {
            return Ok(());
        }
        let present = |one: &&Generation| one.import.as_ref().is_none_or(|import| import.present);
        for generation in key.generations.iter().filter(present) {
            self.open(&key, generation.number)?;
        }
        Ok(())
    }

    fn grants(&self, key: &KeyRecord) -> Verdict {
        let prefix = place::grants_of(&key.region, key.id.id());
        let (mut grants, mut after) = (Vec::new(), None::<Vec<u8>>);
        loop {
            let page = self.service.store.list::<GrantRecord>(&prefix, after.as_deref(), MAX_PAGE).map_err(said)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            grants.extend(page.into_iter().map(|(_, found)| found.record));
        }
        check_grants(&self.service.store, key, &grants).map_err(said)
    }

    fn open(&mut self, key: &KeyRecord, generation: u32) -> Verdict {
        let home = &self.service.home;
        let opened = home.open(MaterialId { key: key.id.id(), generation }, &home.call());
        let opened = opened.map_err(|error| match error.kind() {
            ErrorKind::KeyUnavailable => format!("the material of generation {generation} is lost"),
            _ => format!("the material of generation {generation} does not open: {error}"),
        })?;
        let info = opened.info();
        if (info.spec, info.usage) != (key.spec, key.usage) {
            return Err(format!("the material of generation {generation} is {} for {}", info.spec, info.usage));
        }
        self.checked.materials += 1;
        Ok(())
    }

    fn listed(&self, account: AccountId, region: &Region, id: KmsKeyId, place: &[u8]) -> Verdict {
        self.get::<Listed>(place)?;
        match self.find(region, id.id())? {
            Some(key) if key.account == account => Ok(()),
            Some(key) => Err(format!("the key is the account {}'s", key.account)),
            None => Err("the record of the key is gone".into()),
        }
    }

    fn alias(&self, account: AccountId, region: &Region, place: &[u8]) -> Verdict {
        let alias: AliasRecord = self.get(place)?;
        if place != place::alias(account, region, &alias.name) {
            return Err(format!("it is the record of {}", alias.name));
        }
        let key = self.find(region, alias.target.id())?;
        match key.filter(|key| key.account == account && key.aliases.contains(alias.name.as_str())) {
            Some(_) => Ok(()),
            None => {
                let arn = Arn::new(region.clone(), account, Resource::Key(alias.target));
                Err(format!("{arn} does not have this alias, or is gone"))
            }
        }
    }

    fn grant(&self, region: &Region, id: KeyId, place: &[u8]) -> Verdict {
        self.get::<GrantRecord>(place)?;
        match self.find(region, id)? {
            Some(_) => Ok(()),
            None => Err("the key is gone".into()),
        }
    }

    fn material(&self, id: MaterialId) -> Verdict {
        if self.spare.contains(&id) {
            return Ok(());
        }
        for region in &self.service.regions {
            if self.find(region, id.key)?.is_some_and(|key| key.generation(id.generation).is_some()) {
                return Ok(());
            }
        }
        Err("the material is of no key: a crash may have left it".into())
    }

    fn counts(&self, account: AccountId, region: &Region, place: &[u8]) -> Verdict {
        let counts: Counts = self.get(place)?;
        let (prefix, mut after, mut keys) = (place::listed_in(account, region), None::<Vec<u8>>, 0_u64);
        loop {
            let page = self.service.store.engine().list(&prefix, after.as_deref(), MAX_PAGE).map_err(said)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            keys = keys.saturating_add(u64::try_from(page.len()).unwrap_or(u64::MAX));
        }
        // Keys of the service's own do not count, and are in the list.
        if counts.keys <= keys { Ok(()) } else { Err(format!("{} keys are counted, and {keys} listed", counts.keys)) }
    }
}

fn parse<T: core::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} in its place is no name"))
}

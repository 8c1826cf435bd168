//! Looking at everything in a store: whether each record can be read, and whether they belong together.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use kms_core::{Error, KeyId};
use serde::de::DeserializeOwned;

use crate::api::OriginType;
use crate::ops::CustomKeyStoreRecord;
use crate::policy::{Policy, PolicyKind};
use crate::record::{AliasRecord, Counts, Generation, GrantRecord, KeyRecord, Listed};
use crate::sealed::SealedStore;
use crate::snapshot::check_grants;
use crate::store::MAX_PAGE;
use crate::usage::UsageRecord;
use crate::{AccountId, Region, grants, place};

/// Something that is wrong with a store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Flaw {
    /// The record's place.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// Whether nothing is lost: something is there that nobody needs.
    pub harmless: bool,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}{}", self.place, self.what, if self.harmless { " (harmless)" } else { "" })
    }
}

/// What a check of a store has found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Checked {
    /// Keys that were looked at.
    pub keys: u64,
    /// Aliases that were looked at.
    pub aliases: u64,
    /// Grants that were looked at.
    pub grants: u64,
    /// Records of key material.
    pub materials: u64,
    /// What is wrong.
    pub flaws: Vec<Flaw>,
}

impl SealedStore {
    /// Reads every record, and compares those that belong together. Memory grows with the number of keys, by about 200
    /// bytes each. Changes made meanwhile may show as flaws: run it again, or on a copy.
    ///
    /// # Errors
    /// The engine's faults.
    pub fn check(&self) -> Result<Checked, Error> {
        let mut check = Check {
            store: self,
            done: Checked::default(),
            keys: BTreeMap::new(),
            counts: BTreeMap::new(),
            in_stores: BTreeMap::new(),
        };
        check.keys()?;
        check.listed()?;
        check.aliases()?;
        check.grants()?;
        check.retirable()?;
        check.counts()?;
        check.custom_key_stores()?;
        check.materials()?;
        check.rest()?;
        let mut done = check.done;
        done.flaws.sort();
        Ok(done)
    }
}

/// What is remembered of a key.
struct Known {
    revision: u64,
    account: AccountId,
    aliases: BTreeSet<String>,
    /// Whether its material is in the service's own backend.
    is_at_home: bool,
    /// All generations, and whether their material is there.
    generations: BTreeMap<u32, bool>,
}

struct Check<'a> {
    store: &'a SealedStore,
    done: Checked,
    keys: BTreeMap<(Region, KeyId), Known>,
    /// Keys of each account and region, the service's own not counted.
    counts: BTreeMap<(AccountId, Region), u64>,
    /// Keys in each custom key store.
    in_stores: BTreeMap<Vec<u8>, u64>,
}

impl Check<'_> {
    fn flaw(&mut self, place: &[u8], what: impl Into<String>) {
        self.done.flaws.push(Flaw { place: place.escape_ascii().to_string(), what: what.into(), harmless: false });
    }

    fn harmless(&mut self, place: &[u8], what: impl Into<String>) {
        self.done.flaws.push(Flaw { place: place.escape_ascii().to_string(), what: what.into(), harmless: true });
    }

    /// Every record whose place begins so, as far as it can be read.
    fn each<T: DeserializeOwned>(
        &mut self,
        prefix: &[u8],
        mut work: impl FnMut(&mut Self, &[u8], T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut after = None::<Vec<u8>>;
        loop {
            let page = self.store.engine().list(prefix, after.as_deref(), MAX_PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            for (place, stored) in &page {
                match self.store.read::<T>(place, &stored.value) {
                    Ok(record) => work(self, place, record)?,
                    Err(error) => self.flaw(place, error.to_string()),
                }
            }
        }
    }

    fn keys(&mut self) -> Result<(), Error> {
        self.each(b"k/", |check, at, key: KeyRecord| {
            check.done.keys += 1;
            if place::key(&key.region, key.id.id()) != at {
                check.flaw(at, "the record is of another key");
                return Ok(());
            }
            if let Err(error) = Policy::parse(PolicyKind::Key, &key.policy) {
                check.flaw(at, format!("the policy cannot be read: {error}"));
            }
            let grants = crate::snapshot::all_grants(check.store, &key);
            if let Err(error) = grants.and_then(|grants| check_grants(check.store, &key, &grants)) {
                check.flaw(at, error.to_string());
            }
            if !key.aws_managed {
                *check.counts.entry((key.account, key.region.clone())).or_default() += 1;
            }
            let id = key.id.id();
            if let Some(store) = &key.custom_key_store {
                *check.in_stores.entry(place::custom_key_store(key.account, &key.region, store)).or_default() += 1;
            }
            let is_there = |one: &Generation| one.import.as_ref().is_none_or(|import| import.present);
            let known = Known {
                revision: key.revision,
                account: key.account,
                is_at_home: key.origin != OriginType::AwsCloudhsm,
                generations: key.generations.iter().map(|one| (one.number, is_there(one))).collect(),
                aliases: key.aliases,
            };
            check.keys.insert((key.region, id), known);
            Ok(())
        })
    }

    fn listed(&mut self) -> Result<(), Error> {
        let mut seen = BTreeSet::new();
        self.each(b"l/", |check, at, listed: Listed| {
            let parts = place::listed_parts(at);
            let known = parts.as_ref().and_then(|(account, region, id)| {
                check.keys.get(&(region.clone(), id.id())).filter(|known| known.account == *account)
            });
            match known.map(|known| known.revision == listed.revision) {
                Some(true) => {}
                Some(false) => check.flaw(at, "the key's record is of another revision: one of the two was put back"),
                None => check.flaw(at, "there is no such key: its record is missing"),
            }
            seen.extend(parts.map(|(_, region, id)| (region, id.id())));
            Ok(())
        })?;
        let missing: Vec<_> = self.keys.keys().filter(|name| !seen.contains(name)).cloned().collect();
        for (region, id) in missing {
            self.flaw(&place::key(&region, id), "the key is not in the list of its account");
        }
        Ok(())
    }

    fn aliases(&mut self) -> Result<(), Error> {
        let mut seen = BTreeSet::new();
        self.each(b"a/", |check, at, alias: AliasRecord| {
            check.done.aliases += 1;
            let region = place::region_of(at);
            let target = region.and_then(|region| check.keys.get(&(region, alias.target.id())));
            if target.is_some_and(|known| known.aliases.contains(alias.name.as_str())) {
                seen.insert((place::region_of(at), alias.target.id(), alias.name.to_string()));
            } else {
                check.flaw(at, "the key does not know the alias: one of the two was put back");
            }
            Ok(())
        })?;
        let missing: Vec<_> = self
            .keys
            .iter()
            .flat_map(|((region, id), known)| {
                known.aliases.iter().map(move |name| (Some(region.clone()), *id, name.clone()))
            })
            .filter(|alias| !seen.contains(alias))
            .collect();
        for (region, id, name) in missing.into_iter().filter_map(|(region, id, name)| Some((region?, id, name))) {
            self.flaw(&place::key(&region, id), format!("the record of {name} is missing"));
        }
        Ok(())
    }

    fn grants(&mut self) -> Result<(), Error> {
        self.each(b"g/", |check, at, grant: GrantRecord| {
            check.done.grants += 1;
            let name = place::grant_parts(at);
            let Some((name, known)) = name.and_then(|name| check.keys.get(&name).map(|known| (name, known))) else {
                check.flaw(at, "the grant is on a key that is not there");
                return Ok(());
            };
            if let Some(retiring) = &grant.retiring {
                // In the list of their account; the first stores have it in that of the key's.
                let account = grants::account_of(retiring).unwrap_or(known.account);
                let entry = |account| place::retirable(account, &name.0, retiring, name.1, &grant.id);
                if check.store.engine().get(&[&entry(account), &entry(known.account)])? == [None, None] {
                    check.flaw(at, "the grant is not in the list of whoever may retire it");
                }
            }
            Ok(())
        })
    }

    /// The lists of grants that somebody may retire. A key's own list is what counts, so what they have more does no harm.
    fn retirable(&mut self) -> Result<(), Error> {
        self.each(b"r/", |check, at, _: String| {
            let grant = place::retirable_region(at).zip(place::retirable_parts(at));
            let grant = grant.map(|(region, (key, grant))| place::grant(&region, key, grant));
            let is_there = match grant {
                Some(grant) => check.store.engine().get(&[&grant])? != [None],
                None => false,
            };
            if !is_there {
                check.harmless(at, "there is no such grant");
            }
            Ok(())
        })
    }

    fn custom_key_stores(&mut self) -> Result<(), Error> {
        self.each(b"c/", |check, at, store: CustomKeyStoreRecord| {
            let found = check.in_stores.remove(at).unwrap_or_default();
            if store.keys != found {
                check.flaw(at, format!("it says {} keys, and there are {found}", store.keys));
            }
            Ok(())
        })?;
        for place in core::mem::take(&mut self.in_stores).into_keys() {
            self.flaw(&place, "keys are in a custom key store that is not there");
        }
        Ok(())
    }

    fn counts(&mut self) -> Result<(), Error> {
        self.each(b"q/", |check, at, counts: Counts| {
            let name = place::counts_parts(at);
            let found = name.and_then(|name| check.counts.remove(&name)).unwrap_or_default();
            if counts.keys != found {
                check.flaw(at, format!("it says {} keys, and there are {found}", counts.keys));
            }
            Ok(())
        })?;
        for ((account, region), _) in core::mem::take(&mut self.counts) {
            self.flaw(&place::counts(account, &region), "the count of keys is missing");
        }
        Ok(())
    }

    fn materials(&mut self) -> Result<(), Error> {
        // By key, and whether a region has it: all regions of a key share their material.
        let mut generations: BTreeMap<KeyId, BTreeMap<u32, bool>> = BTreeMap::new();
        for ((_, id), known) in &self.keys {
            let all = generations.entry(*id).or_default();
            for (number, is_there) in &known.generations {
                *all.entry(*number).or_default() |= is_there;
            }
        }
        let mut seen = BTreeSet::new();
        for id in self.store.records().list()? {
            self.done.materials += 1;
            let place = place::material(id);
            match self.store.records().get(id) {
                Err(error) => self.flaw(&place, error.to_string()),
                Ok(_) => match generations.get(&id.key).map(|all| all.get(&id.generation)) {
                    // What a crash between the making of material and the making of its key leaves.
                    None => self.harmless(&place, "the material is of no key"),
                    Some(None) => self.harmless(&place, "the material is of no generation of its key"),
                    Some(Some(false)) => self.harmless(&place, "the key does not have this material any more"),
                    Some(Some(true)) => {}
                },
            }
            seen.insert((id.key, id.generation));
        }
        // A backend may keep its keys itself: all of them, or none.
        let at_home = |(_, known): &(&(Region, KeyId), &Known)| known.is_at_home;
        let keeps_here = |((_, id), known): (&(Region, KeyId), &Known)| {
            known.generations.keys().any(|number| seen.contains(&(*id, *number)))
        };
        let all_here = self.keys.iter().filter(at_home).any(keeps_here);
        let missing: Vec<_> = self
            .keys
            .iter()
            .filter(at_home)
            .flat_map(|(name, known)| {
                known.generations.iter().map(move |(number, is_there)| (name, *number, *is_there))
            })
            .filter(|((_, id), number, is_there)| *is_there && !seen.contains(&(*id, *number)))
            .map(|((region, id), number, _)| (place::key(region, *id), number))
            .collect();
        for (key, number) in missing {
            let text = format!("the store has no record of the material of generation {number}");
            if all_here { self.flaw(&key, text) } else { self.harmless(&key, text) }
        }
        Ok(())
    }

    /// What stands alone has only to be readable.
    fn rest(&mut self) -> Result<(), Error> {
        self.each(b"u/", |_, _, _: UsageRecord| Ok(()))?;
        self.each(place::AUDIT_LOGS, |_, _, _: String| Ok(()))?;
        for prefix in [b"b/".as_slice(), b"d/", b"h/", b"n/"] {
            self.each(prefix, |_, _, _: serde_json::Value| Ok(()))?;
        }
        Ok(())
    }
}

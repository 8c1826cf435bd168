//! Looking at everything in a store: whether each record can be read, and whether they belong together.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use kms_core::{Error, KeyId};
use serde::de::DeserializeOwned;

use crate::api::OriginType;
use crate::policy::{Policy, PolicyKind};
use crate::record::{AliasRecord, Counts, GrantRecord, KeyRecord, Listed};
use crate::sealed::SealedStore;
use crate::snapshot::check_grants;
use crate::store::MAX_PAGE;
use crate::usage::UsageRecord;
use crate::{AccountId, Region, place};

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
        let mut check = Check { store: self, done: Checked::default(), keys: BTreeMap::new(), counts: BTreeMap::new() };
        check.keys()?;
        check.listed()?;
        check.aliases()?;
        check.grants()?;
        check.counts()?;
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
}

struct Check<'a> {
    store: &'a SealedStore,
    done: Checked,
    keys: BTreeMap<(Region, KeyId), Known>,
    /// Keys of each account and region, the service's own not counted.
    counts: BTreeMap<(AccountId, Region), u64>,
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
            if key.origin == OriginType::AwsKms && check.store.engine().get(&[&place::material(id.into())])? == [None] {
                // The key may be in a backend that keeps its keys itself.
                check.harmless(at, "the store has no record of the key's material");
            }
            let known = Known { revision: key.revision, account: key.account, aliases: key.aliases };
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
        self.each(b"g/", |check, at, _: GrantRecord| {
            check.done.grants += 1;
            let key = place::grant_parts(at).filter(|name| check.keys.contains_key(name));
            if key.is_none() {
                check.flaw(at, "the grant is on a key that is not there");
            }
            Ok(())
        })
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
        let keys: BTreeSet<KeyId> = self.keys.keys().map(|(_, id)| *id).collect();
        for id in self.store.records().list()? {
            self.done.materials += 1;
            let place = place::material(id);
            match self.store.records().get(id) {
                Err(error) => self.flaw(&place, error.to_string()),
                // What a crash between the making of material and the making of its key leaves.
                Ok(_) if !keys.contains(&id.key) => self.harmless(&place, "the material is of no key"),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// What stands alone has only to be readable.
    fn rest(&mut self) -> Result<(), Error> {
        self.each(b"u/", |_, _, _: UsageRecord| Ok(()))?;
        self.each(place::AUDIT_LOGS, |_, _, _: String| Ok(()))?;
        for prefix in [b"c/".as_slice(), b"b/", b"d/", b"h/", b"n/", b"r/"] {
            self.each(prefix, |_, _, _: serde_json::Value| Ok(()))?;
        }
        Ok(())
    }
}

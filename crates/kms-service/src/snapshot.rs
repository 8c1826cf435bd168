//! A key as requests see it: read once, unsealed once, and kept until it changes.

use core::ops::Bound;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use kms_core::{Call, Error, ErrorKind, Key, KeyId, MaterialId};

use crate::authorise::Ready;
use crate::backends::Home;
use crate::policy::{Policy, PolicyKind};
use crate::quota::Class;
use crate::record::{GrantRecord, KeyRecord, Listed};
use crate::sealed::SealedStore;
use crate::service::Inner;
use crate::step::Step;
use crate::store::MAX_PAGE;
use crate::usage::{Count, Uses};
use crate::{KmsError, Region, grants, place};

/// How often a key that is being changed is read again.
const TRIES: usize = 100;

/// A KMS key, as of one revision of the store. Nothing in it changes but the counters.
pub(crate) struct Snapshot {
    pub(crate) record: KeyRecord,
    /// The ARN, which every answer and audit record holds.
    pub(crate) arn_text: Arc<str>,
    pub(crate) policy: Policy,
    /// The grants, by id.
    grants: BTreeMap<String, Arc<GrantRecord>>,
    /// The same, by grantee.
    by_grantee: HashMap<String, Vec<Arc<GrantRecord>>>,
    home: Arc<Home>,
    /// Whether the custom key store is connected that the key is in.
    pub(crate) connected: bool,
    /// The custom key store.
    pub(crate) custom_key_store: Option<Arc<str>>,
    /// The generations, and those that were used opened.
    generations: Box<[(u32, OnceLock<Opened>)]>,
    uses: Arc<Uses>,
    /// Which [epoch](super::cache::Cache) it was read in.
    pub(crate) epoch: u64,
}

/// A generation of a key's material, opened.
struct Opened {
    key: Key,
    count: Arc<Count>,
}

impl Snapshot {
    /// Reads a key. `None`: there is none.
    ///
    /// # Errors
    /// `KMSInternalException` if a part of it is missing or older than the rest; the store's faults.
    pub(crate) fn read(service: &Inner, region: &Region, id: KeyId, epoch: u64) -> Result<Option<Self>, KmsError> {
        let store = &service.store;
        // A change between two of the reads shows in the last one.
        for _ in 0..TRIES {
            let place = place::key(region, id);
            let Some(found) = store.get::<KeyRecord>(&place)? else { return Ok(None) };
            let record = found.record;
            let grants = all_grants(store, &record)?;
            let list_place = place::listed(record.account, region, record.id);
            let mut both = store.engine().get(&[&list_place, &place])?.into_iter();
            let (listed, again) = (both.next().flatten(), both.next().flatten());
            if again.is_none_or(|again| again.version != found.version) {
                continue;
            }
            let listed = listed.map(|listed| store.read::<Listed>(&list_place, &listed.value)).transpose()?;
            if listed.is_none_or(|listed| listed.revision != record.revision) {
                return Err(rolled_back(&record).into());
            }
            check_grants(store, &record, &grants)?;
            let mut by_grantee: HashMap<String, Vec<Arc<GrantRecord>>> = HashMap::new();
            let grants: BTreeMap<_, _> = grants.into_iter().map(|grant| (grant.id.clone(), Arc::new(grant))).collect();
            for grant in grants.values() {
                by_grantee.entry(grant.grantee.clone()).or_default().push(grant.clone());
            }
            let policy = Policy::parse(PolicyKind::Key, &record.policy).map_err(|error| {
                Error::malformed(format!("the policy of the key {} cannot be read: {error}", record.id))
            })?;
            let (home, connected) = service.home_of(&record)?;
            return Ok(Some(Self {
                arn_text: record.arn().to_string().into(),
                policy,
                grants,
                by_grantee,
                home,
                connected,
                custom_key_store: record.custom_key_store.as_deref().map(Arc::from),
                generations: record.generations.iter().map(|one| (one.number, OnceLock::new())).collect(),
                uses: service.ledger.of(&(region.clone(), id)),
                record,
                epoch,
            }));
        }
        Err(Error::with_detail(ErrorKind::Busy, "the key is being changed all the time").into())
    }

    /// The grants of a grantee.
    pub(crate) fn grants_to(&self, grantee: &str) -> &[Arc<GrantRecord>] {
        self.by_grantee.get(grantee).map_or(&[], Vec::as_slice)
    }

    /// The grant with that id.
    pub(crate) fn grant(&self, id: &str) -> Option<&Arc<GrantRecord>> {
        self.grants.get(id)
    }

    /// The grants in the order of their ids, from the first after `after` on.
    pub(crate) fn grants_after(&self, after: Option<&str>) -> impl Iterator<Item = &Arc<GrantRecord>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.grants.range::<str, _>((from, Bound::Unbounded)).map(|(_, grant)| grant)
    }

    /// One generation of the key's material, opened.
    ///
    /// `_ready` is proof that the caller may use the key, and that its state allows it.
    pub(crate) fn material(&self, _ready: &Ready<'_>, generation: u32, call: &Call) -> Result<&Key, Error> {
        let slot = self
            .generation(generation)
            .ok_or_else(|| Error::with_detail(ErrorKind::Internal, "the key has no such generation"))?;
        if let Some(opened) = slot.get() {
            return Ok(&opened.key);
        }
        let key = self.home.open(MaterialId { key: self.record.id.id(), generation }, call)?;
        // Of several that open it at once, the first one's stays.
        Ok(&slot.get_or_init(|| Opened { key, count: self.uses.of(generation) }).key)
    }

    /// Whether the key can be used without waiting: it is symmetric, in the memory of this process, and the generation is
    /// opened, or the current one if none is named.
    pub(crate) fn is_at_hand(&self, generation: Option<u32>) -> bool {
        let is_quick = matches!(Class::of_key(self.record.spec), Class::Symmetric);
        let opened = self.generation(generation.unwrap_or(self.record.current)).and_then(OnceLock::get);
        is_quick && self.home.is_in_process() && opened.is_some()
    }

    fn generation(&self, number: u32) -> Option<&OnceLock<Opened>> {
        self.generations.iter().find(|(one, _)| *one == number).map(|(_, slot)| slot)
    }

    /// Counts a use of a generation, which has succeeded.
    pub(crate) fn used(&self, generation: u32, step: &Step<'_>) {
        match self.generation(generation).and_then(OnceLock::get) {
            Some(opened) => opened.count.add(step.now),
            None => self.uses.of(generation).add(step.now),
        }
        self.uses.note_last(step);
    }

    pub(crate) fn home(&self) -> &Arc<Home> {
        &self.home
    }
}

pub(crate) fn all_grants(store: &SealedStore, record: &KeyRecord) -> Result<Vec<GrantRecord>, Error> {
    let prefix = place::grants_of(&record.region, record.id.id());
    let (mut grants, mut after) = (Vec::new(), None::<Vec<u8>>);
    loop {
        let page = store.list::<GrantRecord>(&prefix, after.as_deref(), MAX_PAGE)?;
        let (count, last) = (page.len(), page.last().map(|(place, _)| place.clone()));
        grants.extend(page.into_iter().map(|(_, found)| found.record));
        if count < MAX_PAGE {
            return Ok(grants);
        }
        after = last;
    }
}

/// That the key's grants are those that its record counts.
pub(crate) fn check_grants(store: &SealedStore, record: &KeyRecord, all: &[GrantRecord]) -> Result<(), Error> {
    let mut digest = Vec::new();
    for grant in all {
        grants::toggle(&mut digest, &grants::fingerprint(store, record, grant)?);
    }
    let counted = u64::try_from(all.len()).is_ok_and(|count| count == record.grants);
    if counted && digest == record.grants_digest { Ok(()) } else { Err(rolled_back(record)) }
}

pub(crate) fn rolled_back(record: &KeyRecord) -> Error {
    Error::malformed(format!(
        "the records of the key {} do not belong together: one was put back, or is missing. `kms store check` says more",
        record.id
    ))
}

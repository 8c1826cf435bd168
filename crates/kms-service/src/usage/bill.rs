//! What keys cost: by the month, and by the request.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use kms_core::{Error, KeySpec};
use serde::{Deserialize, Serialize};

use super::{MONTHS, UsageRecord, month};
use crate::api::OriginType;
use crate::record::{Generation, KeyRecord, Listed};
use crate::service::{Inner, Service};
use crate::store::MAX_PAGE;
use crate::{AccountId, KmsError, KmsKeyId, Region, Timestamp, place, text};

/// The kinds of keys that have a price of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum KeyKind {
    /// Made by the service for a customer.
    CustomerManaged,
    /// With imported material.
    Imported,
    /// In a custom key store.
    CustomKeyStore,
    /// The service's own, `alias/aws/…`.
    Default,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CustomerManaged => "customer managed",
            Self::Imported => "imported",
            Self::CustomKeyStore => "custom key store",
            Self::Default => "default",
        })
    }
}

/// What things cost, in millionths of a unit of the operator's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prices {
    /// A customer managed key, each month.
    pub customer_managed: u64,
    /// A key with imported material, each month.
    pub imported: u64,
    /// A key in a custom key store, each month.
    pub custom_key_store: u64,
    /// A default key, each month.
    pub default: u64,
    /// Each of the first two rotations, each month after it.
    pub rotation: u64,
    /// 10,000 requests with symmetric, HMAC and RSA-2048 keys.
    pub ten_thousand_requests: u64,
    /// 10,000 requests with other asymmetric keys.
    pub ten_thousand_asymmetric_requests: u64,
}

/// Those of AWS: 1.00 for a key of any kind but the default ones, as much for each of its first two rotations, 0.03 and
/// 0.15 for 10,000 requests.
impl Default for Prices {
    fn default() -> Self {
        Self {
            customer_managed: 1_000_000,
            imported: 1_000_000,
            custom_key_store: 1_000_000,
            default: 0,
            rotation: 1_000_000,
            ten_thousand_requests: 30_000,
            ten_thousand_asymmetric_requests: 150_000,
        }
    }
}

impl Prices {
    /// The table in a JSON object: `{"CustomerManaged": 1.0, "TenThousandRequests": 0.03}`. The names are those of the
    /// members, in Pascal case; the amounts are in units of the currency, to the millionth. What is left out costs what
    /// it does at AWS.
    ///
    /// # Errors
    /// `InvalidInput` that names what is wrong: not an object of numbers, an unknown name, an amount below 0 or above
    /// a million.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let bad = |what: String| Error::invalid_input(format!("not a table of prices: {what}"));
        let table: BTreeMap<String, f64> = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
        let mut prices = Self::default();
        for (name, amount) in table {
            let price = match name.as_str() {
                "CustomerManaged" => &mut prices.customer_managed,
                "Imported" => &mut prices.imported,
                "CustomKeyStore" => &mut prices.custom_key_store,
                "Default" => &mut prices.default,
                "Rotation" => &mut prices.rotation,
                "TenThousandRequests" => &mut prices.ten_thousand_requests,
                "TenThousandAsymmetricRequests" => &mut prices.ten_thousand_asymmetric_requests,
                _ => return Err(bad(format!("there is no {name:?}"))),
            };
            if !(0.0..=1e6).contains(&amount) {
                return Err(bad(format!("{name} is {amount}, not 0 to 1,000,000")));
            }
            // In range, so that nothing is cut off but what is below a millionth.
            *price = format!("{:.0}", amount * 1e6).parse().map_err(|_| bad(name))?;
        }
        Ok(prices)
    }
}

/// What the keys of an account in a region were used, and cost, in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bill {
    /// The month, as `2026-11`.
    pub month: String,
    /// A line for each key.
    pub lines: Vec<BillLine>,
}

/// A key in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BillLine {
    /// The key.
    pub key: KmsKeyId,
    /// What kind of key it is.
    pub kind: KeyKind,
    /// Type and size.
    pub spec: KeySpec,
    /// The part of the month, in thousandths, in which the key was there and not waiting for its deletion.
    pub thousandths: u64,
    /// Requests that used it.
    pub requests: u64,
    /// What the key costs, in millionths.
    pub key_cost: u64,
    /// What the requests cost, in millionths.
    pub request_cost: u64,
}

impl Bill {
    /// What all of it costs, in millionths.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.lines.iter().map(|line| line.key_cost + line.request_cost).sum()
    }
}

/// What is kept of a key that is gone, for the bill of its last months.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Remains {
    #[serde(with = "text::millis")]
    created: Timestamp,
    #[serde(with = "text::millis")]
    ended: Timestamp,
    kind: KeyKind,
    #[serde(with = "text")]
    spec: KeySpec,
    rotations: u64,
    requests: u64,
}

fn kind(key: &KeyRecord) -> KeyKind {
    match key.origin {
        _ if key.aws_managed => KeyKind::Default,
        OriginType::External => KeyKind::Imported,
        OriginType::AwsCloudhsm => KeyKind::CustomKeyStore,
        _ => KeyKind::CustomerManaged,
    }
}

impl Remains {
    fn of(key: &KeyRecord, usage: &UsageRecord, month: &str, ended: Timestamp) -> Self {
        // A rotation costs from the month on that it is made in.
        let end = bounds(month).map_or(ended, |(_, end)| end);
        let rotated = |one: &&Generation| one.rotated.is_some_and(|rotated| rotated.date < end);
        let rotations = key.generations.iter().filter(rotated).count();
        Self {
            created: key.created,
            ended,
            kind: kind(key),
            spec: key.spec,
            rotations: u64::try_from(rotations).unwrap_or(u64::MAX),
            requests: usage.months.get(month).copied().unwrap_or_default(),
        }
    }

    fn line(&self, key: KmsKeyId, (start, end): (Timestamp, Timestamp), prices: &Prices) -> BillLine {
        let there = self.ended.min(end).since(self.created.max(start)).as_millis();
        let whole = end.since(start).as_millis().max(1);
        let thousandths = u64::try_from(there * 1000 / whole).unwrap_or(1000);
        let price = match self.kind {
            KeyKind::CustomerManaged => prices.customer_managed,
            KeyKind::Imported => prices.imported,
            KeyKind::CustomKeyStore => prices.custom_key_store,
            KeyKind::Default => prices.default,
        };
        let rotations = if self.kind == KeyKind::Default { 0 } else { self.rotations.min(2) * prices.rotation };
        let requests = match self.spec {
            KeySpec::Rsa2048 => prices.ten_thousand_requests,
            spec if spec.is_asymmetric() => prices.ten_thousand_asymmetric_requests,
            _ => prices.ten_thousand_requests,
        };
        BillLine {
            key,
            kind: self.kind,
            spec: self.spec,
            thousandths,
            requests: self.requests,
            key_cost: (price + rotations) * thousandths / 1000,
            request_cost: requests * self.requests / 10_000,
        }
    }
}

/// When a month begins, and when the next one does.
fn bounds(month: &str) -> Option<(Timestamp, Timestamp)> {
    let (year, number) = month.split_once('-')?;
    let (year, number): (u32, u32) = (year.parse().ok()?, number.parse().ok()?);
    let start = |year: u32, month: u32| {
        let time: jiff::Timestamp = format!("{year:04}-{month:02}-01T00:00:00Z").parse().ok()?;
        Some(Timestamp::from_millis(u64::try_from(time.as_millisecond()).ok()?))
    };
    let next = if number == 12 { start(year.checked_add(1)?, 1) } else { start(year, number + 1) };
    Some((start(year, number)?, next?))
}

/// Keeps what a key that is about to go is to be billed for.
pub(super) fn keep(service: &Inner, key: &KeyRecord, now: Timestamp) -> Result<(), KmsError> {
    let usage = service.usage_of(&key.region, key.id.id())?;
    // A key that waits for its deletion costs nothing.
    let window = key.deletion.map(|deletion| crate::time::DAY * deletion.window_days).unwrap_or_default();
    let ended = key.deletion.and_then(|deletion| deletion.date).map_or(now, |date| date - window);
    // All months that it was there and can still be billed for, those included in which nobody used it.
    let mut months: BTreeSet<String> = usage.months.keys().cloned().collect();
    let mut last = month(ended);
    while months.len() < 2 * MONTHS {
        let Some((start, _)) = bounds(&last) else { break };
        months.insert(core::mem::replace(&mut last, month(start - crate::time::DAY)));
        if start <= key.created {
            break;
        }
    }
    service.edit(|edit| {
        for month in &months {
            let place = place::bill(month, key.account, &key.region, key.id);
            let read = service.store.get::<Remains>(&place)?.map(|found| found.version);
            edit.put(place, &Remains::of(key, &usage, month, ended), read)?;
        }
        Ok(())
    })
}

impl Service {
    /// What the keys of an account in a region were used, and cost, in a month such as `2026-11`.
    ///
    /// # Errors
    /// `ValidationException` if that is not a month; the store's faults.
    pub fn bill(&self, account: AccountId, region: &Region, month: &str, prices: &Prices) -> Result<Bill, KmsError> {
        let service = &*self.inner;
        let bad = || KmsError::validation(format!("a month looks like 2026-11, unlike {month:?}"));
        let (start, end) = bounds(month).ok_or_else(bad)?;
        let end = end.min(service.clock.now().max(start));
        let (_, whole_end) = bounds(month).ok_or_else(bad)?;
        let mut lines = Vec::new();
        let (prefix, mut after) = (place::listed_in(account, region), None::<Vec<u8>>);
        loop {
            let page = service.store.list::<Listed>(&prefix, after.as_deref(), MAX_PAGE)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for id in page.iter().filter_map(|(place, _)| place::listed_id(place)) {
                let Some(found) = service.store.get::<KeyRecord>(&place::key(region, id.id()))? else { continue };
                let key = found.record;
                let window = key.deletion.map(|deletion| crate::time::DAY * deletion.window_days).unwrap_or_default();
                let ended =
                    key.deletion.and_then(|deletion| deletion.date).map_or(end, |date| (date - window).min(end));
                let remains = Remains::of(&key, &service.usage_of(region, id.id())?, month, ended);
                if remains.created < whole_end {
                    lines.push(remains.line(id, (start, whole_end), prices));
                }
            }
        }
        let (prefix, mut after) = (place::bills_in(month, account, region), None::<Vec<u8>>);
        loop {
            let page = service.store.list::<Remains>(&prefix, after.as_deref(), MAX_PAGE)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (place, found) in &page {
                let Some(id) = place::listed_id(place) else { continue };
                // A key that is about to go has its line already.
                if service.store.engine().get(&[&place::listed(account, region, id)])? == [None] {
                    lines.push(found.record.line(id, (start, whole_end), prices));
                }
            }
        }
        Ok(Bill { month: month.to_owned(), lines })
    }
}

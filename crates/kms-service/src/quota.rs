//! Request quotas: how often an account may ask for what, in a region.
//!
//! Each quota is a token bucket that holds one second's worth of requests, kept as one atomic number (the generic cell
//! rate algorithm, ITU-T I.371): counting takes no lock. A request over quota does nothing.

use core::fmt;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use kms_core::KeySpec;
use parking_lot::Mutex;

use crate::api::Operation;
use crate::{AccountId, Exception, KmsError, Region};

mod forced;

use forced::Forced;
pub use forced::Throttle;

/// What shares one quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Class {
    /// Cryptographic operations with symmetric and HMAC keys, and `GenerateRandom`.
    Symmetric,
    /// Cryptographic operations with RSA keys.
    Rsa,
    /// Cryptographic operations with elliptic curve keys.
    Ecc,
    /// Cryptographic operations with the keys of one custom key store; counted for each.
    CustomKeyStore,
    /// `GenerateDataKeyPair` and `GenerateDataKeyPairWithoutPlaintext` for key pairs of a spec.
    DataKeyPair(KeySpec),
    /// Requests that no other class counts, since they were refused before: for keys that do not exist, or which the
    /// caller may not use. AWS documents no quota for them; the default, ten times that of [`Symmetric`](Self::Symmetric),
    /// is out of reach of all but programs that have gone wrong.
    Refused,
    /// Any other operation, by itself.
    Operation(Operation),
}

impl Class {
    /// The class of a request that uses key material of `spec`.
    #[must_use]
    pub const fn of_key(spec: KeySpec) -> Self {
        if spec.is_rsa() {
            Self::Rsa
        } else if spec.is_ecc() {
            Self::Ecc
        } else {
            Self::Symmetric
        }
    }

    /// Requests each second that AWS documents as its defaults, those of the regions with the highest ones.
    #[must_use]
    pub fn aws_default(self) -> f64 {
        use Operation as O;
        match self {
            Self::Symmetric => 50_000.0,
            Self::Refused => 500_000.0,
            Self::Rsa => 500.0,
            Self::Ecc => 300.0,
            Self::CustomKeyStore => 1_800.0,
            Self::DataKeyPair(spec) => match spec {
                KeySpec::EccNistP384 => 10.0,
                KeySpec::EccNistP521 => 5.0,
                KeySpec::Rsa2048 => 1.0,
                KeySpec::Rsa3072 => 0.5,
                KeySpec::Rsa4096 => 0.1,
                _ => 25.0,
            },
            Self::Operation(operation) => match operation {
                O::DescribeKey | O::GetPublicKey | O::ListResourceTags => 2_000.0,
                O::GetKeyPolicy | O::GetKeyRotationStatus => 1_000.0,
                O::ListKeys | O::ListAliases => 500.0,
                O::ListGrants | O::ListKeyPolicies | O::ListRetirableGrants | O::ListKeyRotations => 100.0,
                O::GetKeyLastUsage => 100.0,
                O::CreateGrant => 50.0,
                O::RetireGrant | O::RevokeGrant => 30.0,
                O::DeleteAlias | O::EnableKeyRotation | O::PutKeyPolicy | O::ScheduleKeyDeletion => 15.0,
                O::TagResource => 10.0,
                O::GetParametersForImport => 0.25,
                _ => 5.0,
            },
        }
    }
}

/// How many requests of each class an account may make each second, in a region.
#[derive(Debug, Clone)]
pub struct Quotas {
    /// `None`: as many as they like.
    default: Option<fn(Class) -> f64>,
    rates: HashMap<Class, f64>,
}

impl Quotas {
    /// The defaults of AWS.
    #[must_use]
    pub fn aws() -> Self {
        Self { default: Some(Class::aws_default), rates: HashMap::new() }
    }

    /// None at all.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { default: None, rates: HashMap::new() }
    }

    /// Sets the requests each second for a class; at least one in 10,000 seconds.
    #[must_use]
    pub fn with(mut self, class: Class, per_second: f64) -> Self {
        self.rates.insert(class, per_second.clamp(0.000_1, 1e9));
        self
    }

    fn rate(&self, class: Class) -> Option<f64> {
        self.rates.get(&class).copied().or_else(|| self.default.map(|default| default(class)))
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self::aws()
    }
}

/// One bucket: when it will be full again, in nanoseconds of the clock that runs. On a cache line of its own: whatever
/// else were there would be taken from the other cores with each count.
#[repr(align(128))]
struct Bucket {
    full_at: AtomicU64,
    /// Nanoseconds that one request takes.
    interval: u64,
    /// Nanoseconds that the bucket holds.
    depth: u64,
}

impl Bucket {
    fn new(per_second: f64) -> Self {
        let interval = Duration::try_from_secs_f64(1.0 / per_second).unwrap_or(Duration::MAX).as_nanos();
        let interval = u64::try_from(interval).unwrap_or(u64::MAX / 4).clamp(1, u64::MAX / 4);
        Self { full_at: AtomicU64::new(0), interval, depth: interval.max(1_000_000_000) }
    }

    /// Whether a request's worth is not there.
    fn is_used_up(&self, now: u64) -> bool {
        self.full_at.load(Ordering::Relaxed).max(now).saturating_add(self.interval) - now > self.depth
    }

    /// Takes a request's worth, if it is there.
    fn take(&self, now: u64) -> bool {
        let mut full_at = self.full_at.load(Ordering::Relaxed);
        loop {
            let after = full_at.max(now).saturating_add(self.interval);
            if after - now > self.depth {
                return false;
            }
            match self.full_at.compare_exchange_weak(full_at, after, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => full_at = other,
            }
        }
    }
}

/// What is counted apart: for each account and class, each region, and for custom key stores each of them.
type Buckets = HashMap<(AccountId, Class), Vec<Place>>;

/// A bucket, and where its requests are counted.
#[derive(Clone)]
struct Place {
    region: Region,
    store: Option<Arc<str>>,
    /// `None`: without limit.
    bucket: Option<Arc<Bucket>>,
}

impl Place {
    fn is(&self, region: &Region, store: Option<&Arc<str>>) -> bool {
        self.region == *region && self.store.as_ref() == store
    }
}

/// The bucket of requests, if there has been one.
fn find<'a>(
    buckets: &'a Buckets,
    account: AccountId,
    region: &Region,
    class: Class,
    store: Option<&Arc<str>>,
) -> Option<&'a Place> {
    buckets.get(&(account, class))?.iter().find(|place| place.is(region, store))
}

/// The counts of all quotas.
pub(crate) struct Admission {
    quotas: Quotas,
    /// Grows by a bucket at the first request of its kind, and is only read afterwards.
    buckets: ArcSwap<Buckets>,
    growing: Mutex<()>,
    /// Whether anybody was ever refused too often: nobody else pays for the look at the count.
    refused_too_often: AtomicBool,
    forced: Forced,
}

impl Admission {
    pub(crate) fn new(quotas: Quotas) -> Self {
        Self {
            quotas,
            buckets: ArcSwap::default(),
            growing: Mutex::new(()),
            refused_too_often: AtomicBool::new(false),
            forced: Forced::default(),
        }
    }

    pub(crate) const fn forced(&self) -> &Forced {
        &self.forced
    }

    /// Counts a request.
    ///
    /// # Errors
    /// `ThrottlingException` if the quota is used up.
    pub(crate) fn count(
        &self,
        account: AccountId,
        region: &Region,
        class: Class,
        store: Option<&Arc<str>>,
        now: Duration,
    ) -> Result<(), KmsError> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX / 2);
        let mut buckets = self.buckets.load();
        if find(&buckets, account, region, class, store).is_none() {
            self.grow(account, region, class, store);
            buckets = self.buckets.load();
        }
        let place = find(&buckets, account, region, class, store);
        let bucket = place.and_then(|place| place.bucket.as_deref());
        if bucket.is_none_or(|bucket| bucket.take(now)) { Ok(()) } else { Err(throttled()) }
    }

    /// Counts a request that was refused before it was counted otherwise.
    ///
    /// # Errors
    /// `ThrottlingException` if there were too many: what the request was refused for is not told then.
    pub(crate) fn count_refused(&self, account: AccountId, region: &Region, now: Duration) -> Result<(), KmsError> {
        let counted = self.count(account, region, Class::Refused, None, now);
        if counted.is_err() {
            self.refused_too_often.store(true, Ordering::Relaxed);
        }
        counted
    }

    /// That not too many requests of the account were refused. Counts nothing.
    ///
    /// # Errors
    /// `ThrottlingException` if there were too many: nothing is read or decided for more of them.
    pub(crate) fn check_refused(
        &self,
        account: AccountId,
        region: &Region,
        running: impl FnOnce() -> Duration,
    ) -> Result<(), KmsError> {
        if !self.refused_too_often.load(Ordering::Relaxed) {
            return Ok(());
        }
        let now = u64::try_from(running().as_nanos()).unwrap_or(u64::MAX / 2);
        let buckets = self.buckets.load();
        let bucket = find(&buckets, account, region, Class::Refused, None).and_then(|place| place.bucket.as_ref());
        if bucket.is_some_and(|bucket| bucket.is_used_up(now)) { Err(throttled()) } else { Ok(()) }
    }

    fn grow(&self, account: AccountId, region: &Region, class: Class, store: Option<&Arc<str>>) {
        let _one_at_a_time = self.growing.lock();
        let mut buckets = Buckets::clone(&self.buckets.load());
        let places = buckets.entry((account, class)).or_default();
        if !places.iter().any(|place| place.is(region, store)) {
            let bucket = self.quotas.rate(class).map(|rate| Arc::new(Bucket::new(rate)));
            places.push(Place { region: region.clone(), store: store.cloned(), bucket });
            self.buckets.store(Arc::new(buckets));
        }
    }
}

/// What is answered over quota.
pub(crate) fn throttled() -> KmsError {
    const TEXT: &str = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.";
    KmsError::with(Exception::Throttling, TEXT)
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Admission({} buckets)", self.buckets.load().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(bucket: &Bucket, from: u64, requests: usize) -> usize {
        (0..requests).filter(|_| bucket.take(from)).count()
    }

    #[test]
    fn a_bucket_holds_a_second_and_fills_at_its_rate() {
        const SECOND: u64 = 1_000_000_000;
        let bucket = Bucket::new(5.0);
        assert_eq!(passes(&bucket, 7, 20), 5);
        assert_eq!(passes(&bucket, 7 + SECOND / 5, 20), 1);
        assert_eq!(passes(&bucket, 7 + SECOND * 100, 20), 5, "and no more than a second's worth");
        let slow = Bucket::new(0.25);
        assert_eq!(passes(&slow, 0, 3), 1);
        assert_eq!(passes(&slow, 4 * SECOND - 1, 3), 0);
        assert_eq!(passes(&slow, 4 * SECOND, 3), 1);
    }

    #[test]
    fn threads_share_a_bucket_exactly() {
        let bucket = Bucket::new(1000.0);
        let passed = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| passed.fetch_add(passes(&bucket, 42, 1000), Ordering::SeqCst));
            }
        });
        assert_eq!(passed.into_inner(), 1000);
    }

    #[test]
    fn quotas_are_independent() {
        let admission = Admission::new(Quotas::aws().with(Class::Rsa, 1.0));
        let (one, two): (AccountId, AccountId) = ("111122223333".parse().unwrap(), "444455556666".parse().unwrap());
        let (here, there): (Region, Region) = ("eu-central-1".parse().unwrap(), "us-east-1".parse().unwrap());
        let ask = |account, region, class| admission.count(account, region, class, None, Duration::ZERO);
        assert!(ask(one, &here, Class::Rsa).is_ok());
        let error = ask(one, &here, Class::Rsa).unwrap_err();
        assert_eq!(error.exception(), Exception::Throttling);
        assert!(ask(two, &here, Class::Rsa).is_ok());
        assert!(ask(one, &there, Class::Rsa).is_ok());
        assert!(ask(one, &here, Class::Ecc).is_ok());
        let unlimited = Admission::new(Quotas::unlimited());
        assert!((0..100_000).all(|_| unlimited.count(one, &here, Class::Symmetric, None, Duration::ZERO).is_ok()));
    }
}

//! Where each record is: the one list of the store's keys.
//!
//! | place | record |
//! |---|---|
//! | `s/header` | which root key opens the store; the only one in clear |
//! | `s/clock` | the latest time the service has seen, and how long it has run |
//! | `s/audit/LOG` | how far an audit log goes, as far as the store has seen |
//! | `k/REGION/KEY` | a KMS key |
//! | `l/ACCOUNT/REGION/KEY` | the same key in the list of its account; how often it was changed |
//! | `a/ACCOUNT/REGION/ALIAS` | an alias |
//! | `g/REGION/KEY/GRANT` | a grant |
//! | `r/ACCOUNT/REGION/PRINCIPAL/KEY/GRANT` | the same grant, for whoever may retire it; the account is theirs |
//! | `m/KEY/GENERATION` | what the backend keeps of key material |
//! | `n/KEY/GENERATION` | how many nonces are set aside for it |
//! | `u/REGION/KEY` | how much a key was used |
//! | `b/MONTH/ACCOUNT/REGION/KEY` | what is to be billed for a key in a month |
//! | `d/TIME/KIND/REGION/KEY` | something that is due; for `destroy`, a key that is gone, whose material may be there |
//! | `c/ACCOUNT/REGION/STORE` | a custom key store |
//! | `h/HSM` | the custom key store that is in front of an HSM |
//! | `q/ACCOUNT/REGION` | how many keys and custom key stores an account has |

use kms_core::primitives::hash::hash;
use kms_core::{HashAlgorithm, KeyId, MaterialId};

use crate::{AccountId, AliasName, KmsKeyId, Region, Timestamp};

pub(crate) const MATERIALS: &[u8] = b"m/";
pub(crate) const DUE: &[u8] = b"d/";
/// What the store says of itself.
pub(crate) const OF_STORE: &[u8] = b"s/";
pub(crate) const AUDIT_LOGS: &[u8] = b"s/audit/";
pub(crate) const CLOCK: &[u8] = b"s/clock";

pub(crate) fn audit_log(id: &[u8; 16]) -> Vec<u8> {
    [AUDIT_LOGS, base16ct::lower::encode_string(id).as_bytes()].concat()
}

pub(crate) fn key(region: &Region, id: KeyId) -> Vec<u8> {
    format!("k/{region}/{id}").into_bytes()
}

pub(crate) fn listed(account: AccountId, region: &Region, id: KmsKeyId) -> Vec<u8> {
    format!("l/{account}/{region}/{id}").into_bytes()
}

/// All keys of an account in a region.
pub(crate) fn listed_in(account: AccountId, region: &Region) -> Vec<u8> {
    format!("l/{account}/{region}/").into_bytes()
}

/// The keys of an account in a region whose ids begin so.
pub(crate) fn listed_from(account: AccountId, region: &Region, prefix: &str) -> Vec<u8> {
    format!("l/{account}/{region}/{prefix}").into_bytes()
}

/// The key that an entry of [`listed_in`] is of.
pub(crate) fn listed_id(place: &[u8]) -> Option<KmsKeyId> {
    last(place)?.parse().ok()
}

pub(crate) fn alias(account: AccountId, region: &Region, name: &AliasName) -> Vec<u8> {
    format!("a/{account}/{region}/{name}").into_bytes()
}

/// All aliases of an account in a region.
pub(crate) fn aliases_in(account: AccountId, region: &Region) -> Vec<u8> {
    format!("a/{account}/{region}/").into_bytes()
}

pub(crate) fn grant(region: &Region, id: KeyId, grant: &str) -> Vec<u8> {
    format!("g/{region}/{id}/{grant}").into_bytes()
}

/// All grants of a key.
pub(crate) fn grants_of(region: &Region, id: KeyId) -> Vec<u8> {
    format!("g/{region}/{id}/").into_bytes()
}

pub(crate) fn retirable(account: AccountId, region: &Region, principal: &str, id: KeyId, grant: &str) -> Vec<u8> {
    let mut place = retirable_by(account, region, principal);
    place.extend(format!("{id}/{grant}").into_bytes());
    place
}

/// All grants that a principal may retire. Principals are hashed, since they are longer than a place may be.
pub(crate) fn retirable_by(account: AccountId, region: &Region, principal: &str) -> Vec<u8> {
    let digest = hash(HashAlgorithm::Sha256, principal.as_bytes());
    let digest: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("r/{account}/{region}/{digest}/").into_bytes()
}

/// The key and the grant that an entry of [`retirable_by`] is of.
pub(crate) fn retirable_parts(place: &[u8]) -> Option<(KeyId, &str)> {
    let mut parts = core::str::from_utf8(place).ok()?.rsplit('/');
    let (grant, key) = (parts.next()?, parts.next()?);
    Some((key.parse().ok()?, grant))
}

/// The region of an entry of [`retirable_by`].
pub(crate) fn retirable_region(place: &[u8]) -> Option<Region> {
    let [_, region, _, _, _] = parts(place)?;
    region.parse().ok()
}

pub(crate) fn material(id: MaterialId) -> Vec<u8> {
    format!("m/{}/{:010}", id.key, id.generation).into_bytes()
}

/// The material that an entry of [`MATERIALS`] is of.
pub(crate) fn material_id(place: &[u8]) -> Option<MaterialId> {
    let (key, generation) = core::str::from_utf8(place.strip_prefix(MATERIALS)?).ok()?.split_once('/')?;
    Some(MaterialId { key: key.parse().ok()?, generation: generation.parse().ok()? })
}

pub(crate) fn nonces(id: MaterialId) -> Vec<u8> {
    format!("n/{}/{:010}", id.key, id.generation).into_bytes()
}

pub(crate) fn usage(region: &Region, id: KeyId) -> Vec<u8> {
    format!("u/{region}/{id}").into_bytes()
}

/// `month` as `2026-11`.
pub(crate) fn bill(month: &str, account: AccountId, region: &Region, id: KmsKeyId) -> Vec<u8> {
    format!("b/{month}/{account}/{region}/{id}").into_bytes()
}

/// The bills of an account in a region for keys that are gone.
pub(crate) fn bills_in(month: &str, account: AccountId, region: &Region) -> Vec<u8> {
    format!("b/{month}/{account}/{region}/").into_bytes()
}

/// What is due at a time; in the order of time.
pub(crate) fn due(at: Timestamp, kind: &str, region: &Region, id: KeyId) -> Vec<u8> {
    format!("d/{:016x}/{kind}/{region}/{id}", at.as_millis()).into_bytes()
}

pub(crate) fn custom_key_store(account: AccountId, region: &Region, id: &str) -> Vec<u8> {
    format!("c/{account}/{region}/{id}").into_bytes()
}

/// `cluster` as the operator calls it.
pub(crate) fn cluster(cluster: &str) -> Vec<u8> {
    format!("h/{cluster}").into_bytes()
}

/// All custom key stores of an account in a region.
pub(crate) fn custom_key_stores_in(account: AccountId, region: &Region) -> Vec<u8> {
    format!("c/{account}/{region}/").into_bytes()
}

pub(crate) fn counts(account: AccountId, region: &Region) -> Vec<u8> {
    format!("q/{account}/{region}").into_bytes()
}

/// The parts of a place, after its kind.
fn parts<const N: usize>(place: &[u8]) -> Option<[&str; N]> {
    let mut parts = core::str::from_utf8(place).ok()?.splitn(N + 1, '/').skip(1);
    let mut all = [""; N];
    for part in &mut all {
        *part = parts.next()?;
    }
    Some(all)
}

/// The account, region and key of an entry of [`listed`].
pub(crate) fn listed_parts(place: &[u8]) -> Option<(AccountId, Region, KmsKeyId)> {
    let [account, region, id] = parts(place)?;
    Some((account.parse().ok()?, region.parse().ok()?, id.parse().ok()?))
}

/// The region of an alias.
pub(crate) fn region_of(place: &[u8]) -> Option<Region> {
    let [_, region, _] = parts(place)?;
    region.parse().ok()
}

/// The region and key of an entry of [`key`] or [`grant`].
pub(crate) fn key_parts(place: &[u8]) -> Option<(Region, KeyId)> {
    let [region, id] = parts(place)?;
    Some((region.parse().ok()?, id.split('/').next()?.parse().ok()?))
}

/// The account, region and name of an entry of [`alias`].
pub(crate) fn alias_parts(place: &[u8]) -> Option<(AccountId, Region, AliasName)> {
    let text = core::str::from_utf8(place.strip_prefix(b"a/")?).ok()?;
    let mut parts = text.splitn(3, '/');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The region and key of a grant.
pub(crate) fn grant_parts(place: &[u8]) -> Option<(Region, KeyId)> {
    let [region, id, _] = parts(place)?;
    Some((region.parse().ok()?, id.parse().ok()?))
}

/// The account and region of [`counts`].
pub(crate) fn counts_parts(place: &[u8]) -> Option<(AccountId, Region)> {
    let [account, region] = parts(place)?;
    Some((account.parse().ok()?, region.parse().ok()?))
}

/// What stands after the last slash.
pub(crate) fn last(place: &[u8]) -> Option<&str> {
    core::str::from_utf8(place).ok()?.rsplit('/').next()
}

//! How much a multi-region key may be, so that one transaction can change it in all of its regions.

use crate::record::KeyRecord;
use crate::store::{MAX_BYTES, MAX_VALUE};
use crate::{Exception, KmsError};

/// Replicas of a key, at most. A transaction has 64 steps, of which each region takes three: its key, its place in the list
/// of the account, and that it is the one that was read. The deletion of a replica has the most besides, eleven.
pub(super) const MAX_REPLICAS: usize = 16;
/// Bytes of each record that are set aside for what comes to it by itself: about 50 generations of key material.
const GENERATIONS: usize = 16 * 1024;

/// Bytes that the description, the policy and the tags of a key of so many replicas may have together, in each region. With
/// 16 replicas they are 41,870, which a policy of 32,768 bytes has room in; with up to two, more than they can be.
fn share(replicas: usize) -> usize {
    // That of one more region is for the rest.
    (MAX_BYTES / replicas.saturating_add(2)).min(MAX_VALUE).saturating_sub(GENERATIONS)
}

/// Bytes of the description, the policy and the tags of a multi-region key, as its record has them. 0 for other keys.
pub(crate) fn taken(key: &KeyRecord) -> usize {
    if key.multi_region.is_none() {
        return 0;
    }
    serde_json::to_vec(&(&key.description, &key.policy, &key.tags)).map_or(usize::MAX, |json| json.len())
}

/// That a multi-region key still fits, if it takes more than `before`.
///
/// # Errors
/// `LimitExceededException`.
pub(crate) fn still_fits(key: &KeyRecord, before: usize) -> Result<(), KmsError> {
    let Some(regions) = &key.multi_region else { return Ok(()) };
    fits(key, regions.replicas.len(), before)
}

/// The same with so many replicas.
///
/// # Errors
/// `LimitExceededException`.
pub(super) fn fits(key: &KeyRecord, replicas: usize, before: usize) -> Result<(), KmsError> {
    if replicas > MAX_REPLICAS {
        let text = format!("{} has {MAX_REPLICAS} replicas, which is its limit.", key.arn());
        return Err(KmsError::with(Exception::LimitExceeded, text));
    }
    let (taken, most) = (taken(key), share(replicas));
    if taken <= before || taken <= most {
        return Ok(());
    }
    let text = format!(
        "The description, the policy and the tags of {} take {taken} bytes, and {most} is the limit with {replicas} \
         replicas.",
        key.arn()
    );
    Err(KmsError::with(Exception::LimitExceeded, text))
}

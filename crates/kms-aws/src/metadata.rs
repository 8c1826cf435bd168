//! What the endpoint says of a key, as the core says it.

use aws_sdk_kms::types::{KeyMetadata, KeyState};
use kms_core::{
    Algorithm, AlgorithmSet, EncryptionAlgorithm, Error, ErrorKind, KeyAgreementAlgorithm, KeyInfo, KeySpec, KeyUsage,
    MacAlgorithm, MaterialId, SigningAlgorithm,
};

use crate::arn::Arn;
use crate::client::bad_answer;

/// The ARN of a key that was described.
pub(crate) fn arn(metadata: &KeyMetadata) -> Result<Arn, Error> {
    metadata.arn().ok_or_else(|| bad_answer("the key's ARN"))?.parse()
}

/// Refuses a key that cannot be used now.
pub(crate) fn check_enabled(metadata: &KeyMetadata) -> Result<(), Error> {
    match metadata.key_state() {
        Some(KeyState::Enabled) => Ok(()),
        // Endpoints of old say only whether it is.
        None if metadata.enabled() => Ok(()),
        state => Err(Error::with_detail(
            ErrorKind::KeyUnavailable,
            format!("{}: its state is {}", name(metadata), state.map_or("Disabled", KeyState::as_str)),
        )),
    }
}

/// Whether the key will be gone, and is as good as gone.
pub(crate) fn is_pending_deletion(metadata: &KeyMetadata) -> bool {
    matches!(metadata.key_state(), Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion))
}

/// Spec, usage and algorithms of a key, under the name `id`.
///
/// # Errors
/// `Unsupported` if they are not those of this version: `SM2`, `ML_DSA_44`, …
pub(crate) fn info(metadata: &KeyMetadata, id: MaterialId) -> Result<KeyInfo, Error> {
    let spec = metadata.key_spec().map_or("no key spec", |spec| spec.as_str());
    let usage = metadata.key_usage().map_or("no key usage", |usage| usage.as_str());
    let unknown = || Error::unsupported(format!("{}: a {spec} key for {usage}", name(metadata)));
    let spec: KeySpec = spec.parse().map_err(|_| unknown())?;
    let usage: KeyUsage = usage.parse().map_err(|_| unknown())?;
    let info = KeyInfo::new(id, spec, usage)?;
    let there = algorithms(metadata);
    // The lists are optional.
    Ok(if there.is_empty() { info } else { info.limited_to(there) })
}

fn algorithms(metadata: &KeyMetadata) -> AlgorithmSet {
    let encryption =
        metadata.encryption_algorithms().iter().filter_map(|one| known::<EncryptionAlgorithm>(one.as_str()));
    let signing = metadata.signing_algorithms().iter().filter_map(|one| known::<SigningAlgorithm>(one.as_str()));
    let mac = metadata.mac_algorithms().iter().filter_map(|one| known::<MacAlgorithm>(one.as_str()));
    let agreement =
        metadata.key_agreement_algorithms().iter().filter_map(|one| known::<KeyAgreementAlgorithm>(one.as_str()));
    encryption.chain(signing).chain(mac).chain(agreement).collect()
}

fn known<A: std::str::FromStr + Into<Algorithm>>(name: &str) -> Option<Algorithm> {
    name.parse::<A>().ok().map(Into::into)
}

fn name(metadata: &KeyMetadata) -> &str {
    metadata.arn().unwrap_or_else(|| metadata.key_id())
}

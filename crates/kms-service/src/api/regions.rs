//! Multi-region keys.

use crate::KmsError;
use crate::api::structure::{request, response};
use crate::api::tags::{Tag, check_tags};
use crate::api::{KeyMetadata, Required};

request! {
    /// Makes a replica of a multi-region primary key in another region.
    ReplicateKeyRequest: ReplicateKey -> ReplicateKeyResponse where replica_fits {
        /// The primary key: its id or ARN.
        key_id: Required<String> => KEY_ID,
        /// Where to: 1 to 32 characters, such as `eu-central-1`.
        replica_region: Required<String> => REGION,
        /// The replica's key policy, in JSON: 1 to 131,072 characters. The default one if it is left out.
        policy: Option<String> => POLICY,
        /// Whether the policy may keep its author from changing it again.
        bypass_policy_lockout_safety_check: Option<bool>,
        /// A text for people: at most 8,192 characters.
        description: Option<String> => DESCRIPTION,
        /// The replica's tags: at most 50.
        tags: Vec<Tag>,
    }
}

fn replica_fits(request: &ReplicateKeyRequest) -> Result<(), KmsError> {
    check_tags(&request.tags)
}

response! {
    /// What `ReplicateKey` answers.
    ReplicateKeyResponse: ReplicateKey {
        /// The replica.
        replica_key_metadata: KeyMetadata,
        /// Its key policy.
        replica_policy: Option<String>,
        /// Its tags.
        replica_tags: Required<Vec<Tag>>,
    }
}

request! {
    /// Makes a replica the primary key, and the primary key a replica. Answers nothing.
    UpdatePrimaryRegionRequest: UpdatePrimaryRegion -> () {
        /// The primary key: its id or ARN.
        key_id: Required<String> => KEY_ID,
        /// Where the new primary key is: 1 to 32 characters, such as `eu-central-1`.
        primary_region: Required<String> => REGION,
    }
}

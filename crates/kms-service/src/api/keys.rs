//! Keys and their life.

use crate::api::structure::{request, response, structure};
use crate::api::tags::{Tag, check_tags};
use crate::api::{
    CustomerMasterKeySpec, EncapsulationAlgorithmSpec, EncryptionAlgorithmSpec, ExpirationModelType,
    KeyAgreementAlgorithmSpec, KeyLastUsageTrackingOperation, KeyManagerType, KeySpec, KeyState, KeyUsageType,
    MacAlgorithmSpec, MultiRegionKeyType, Named, OriginType, Required, ResourceOwnerType, SigningAlgorithmSpec,
};
use crate::{KmsError, Timestamp};

request! {
    /// Makes a key.
    CreateKeyRequest: CreateKey -> CreateKeyResponse where new_key_fits {
        /// The key policy, in JSON: 1 to 131,072 characters. The default one if it is left out.
        policy: Option<String> => POLICY,
        /// A text for people: at most 8,192 characters.
        description: Option<String> => DESCRIPTION,
        /// What the key is for. `ENCRYPT_DECRYPT` if it is left out, as it may be for symmetric keys only.
        key_usage: Option<Named<KeyUsageType>>,
        /// The old form of `key_spec`.
        customer_master_key_spec: Option<Named<CustomerMasterKeySpec>>,
        /// The type of the key. `SYMMETRIC_DEFAULT` if it is left out.
        key_spec: Option<Named<KeySpec>>,
        /// Where its material comes from. `AWS_KMS`, from here, if it is left out.
        origin: Option<Named<OriginType>>,
        /// The custom key store that makes and keeps the material: 1 to 64 characters.
        custom_key_store_id: Option<String> => CUSTOM_KEY_STORE_ID,
        /// Whether the policy may keep its author from changing it again.
        bypass_policy_lockout_safety_check: Option<bool>,
        /// Tags: at most 50.
        tags: Vec<Tag>,
        /// Whether the key may be replicated to other regions.
        multi_region: Option<bool>,
        /// The key of an external key store: 1 to 128 letters, digits and `-_.`.
        xks_key_id: Option<String> => XKS_KEY_ID,
    }
}

impl CreateKeyRequest {
    /// The type of the key that is asked for, in whichever form.
    ///
    /// # Errors
    /// `ValidationException` for both forms, or a name that AWS does not have.
    pub fn spec(&self) -> Result<KeySpec, KmsError> {
        match (&self.key_spec, &self.customer_master_key_spec) {
            (None, None) => Ok(KeySpec::SymmetricDefault),
            (Some(spec), None) => spec.get(),
            (None, Some(spec)) => spec.get().map(KeySpec::from),
            (Some(_), Some(_)) => Err(KmsError::validation(
                "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. \
                 CustomerMasterKeySpec is deprecated.",
            )),
        }
    }

    /// What the key is to be for.
    ///
    /// # Errors
    /// `ValidationException` for a key of another type than `SYMMETRIC_DEFAULT` whose usage is left out, a usage that
    /// does not go with its type, or a name that AWS does not have.
    pub fn usage(&self) -> Result<KeyUsageType, KmsError> {
        let spec = self.spec()?;
        let usage = match &self.key_usage {
            Some(usage) => usage.get()?,
            None if spec == KeySpec::SymmetricDefault => KeyUsageType::EncryptDecrypt,
            None => {
                return Err(KmsError::validation(
                    "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
                ));
            }
        };
        if spec.usages().contains(&usage) {
            return Ok(usage);
        }
        Err(KmsError::validation(format!("KeyUsage {usage} is not compatible with KeySpec {spec}")))
    }
}

fn new_key_fits(request: &CreateKeyRequest) -> Result<(), KmsError> {
    request.usage()?;
    check_tags(&request.tags)
}

response! {
    /// What `CreateKey` answers.
    CreateKeyResponse: CreateKey {
        /// The key.
        key_metadata: KeyMetadata,
    }
}

structure! {
    /// What there is to know of a key.
    #[derive(Clone, PartialEq, Eq)]
    KeyMetadata {
        /// The account: twelve digits.
        #[serde(rename = "AWSAccountId")]
        aws_account_id: Option<String>,
        /// The id.
        key_id: String,
        /// The ARN.
        arn: String,
        /// When the key was made.
        creation_date: Option<Timestamp>,
        /// Whether its state is `Enabled`.
        enabled: bool,
        /// The text for people.
        description: Option<String>,
        /// What the key is for.
        key_usage: Option<KeyUsageType>,
        /// What it can do at the moment.
        key_state: Option<KeyState>,
        /// When it will be deleted, if that is scheduled.
        deletion_date: Option<Timestamp>,
        /// When the imported material expires, if it does.
        valid_to: Option<Timestamp>,
        /// Where the material comes from.
        origin: Option<OriginType>,
        /// The custom key store that keeps the material.
        custom_key_store_id: Option<String>,
        /// The cluster of that custom key store.
        cloud_hsm_cluster_id: Option<String>,
        /// Whether imported material expires.
        expiration_model: Option<ExpirationModelType>,
        /// Who manages the key.
        key_manager: Option<KeyManagerType>,
        /// The old form of `key_spec`.
        customer_master_key_spec: Option<CustomerMasterKeySpec>,
        /// The type of the key.
        key_spec: Option<KeySpec>,
        /// The algorithms of a key that encrypts.
        encryption_algorithms: Vec<EncryptionAlgorithmSpec>,
        /// The algorithms of a key that signs.
        signing_algorithms: Vec<SigningAlgorithmSpec>,
        /// The algorithms of a key that agrees on secrets.
        key_agreement_algorithms: Vec<KeyAgreementAlgorithmSpec>,
        /// The algorithms of a key that encapsulates secrets.
        encapsulation_algorithms: Vec<EncapsulationAlgorithmSpec>,
        /// Whether the key may be replicated to other regions.
        multi_region: Option<bool>,
        /// Where the key and its replicas are, if it may.
        multi_region_configuration: Option<MultiRegionConfiguration>,
        /// How long after its last replica a primary key is deleted, in days, if that is scheduled.
        pending_deletion_window_in_days: Option<i32>,
        /// The algorithms of a key that authenticates.
        mac_algorithms: Vec<MacAlgorithmSpec>,
        /// The external key.
        xks_key_configuration: Option<XksKeyConfigurationType>,
        /// The generation of material in use: 64 hexadecimal digits.
        current_key_material_id: Option<String>,
    }
}

structure! {
    /// A multi-region key and its replicas.
    #[derive(Clone, PartialEq, Eq)]
    MultiRegionConfiguration {
        /// What this key is.
        multi_region_key_type: Option<MultiRegionKeyType>,
        /// The primary key.
        primary_key: Option<MultiRegionKey>,
        /// The replicas.
        replica_keys: Vec<MultiRegionKey>,
    }
}

structure! {
    /// A multi-region key in one region.
    #[derive(Clone, PartialEq, Eq)]
    MultiRegionKey {
        /// The ARN.
        arn: String,
        /// The region.
        region: String,
    }
}

structure! {
    /// A key of an external key store.
    #[derive(Clone, PartialEq, Eq)]
    XksKeyConfigurationType {
        /// Its id there.
        id: Option<String>,
    }
}

request! {
    /// Tells what there is to know of a key.
    DescribeKeyRequest: DescribeKey -> DescribeKeyResponse {
        /// The key: its id, ARN, alias name or alias ARN.
        key_id: Required<String> => KEY_ID,
        /// Tokens of grants that are not known everywhere yet: at most 10, of 1 to 8,192 characters.
        grant_tokens: Vec<String> => GRANT_TOKENS,
    }
}

response! {
    /// What `DescribeKey` answers.
    DescribeKeyResponse: DescribeKey {
        /// The key.
        key_metadata: KeyMetadata,
    }
}

request! {
    /// Lists the keys of the account and region.
    ListKeysRequest: ListKeys -> ListKeysResponse {
        /// The most entries of an answer: 1 to 1,000.
        limit: Option<i32> => LIMIT,
        /// Where the answer before ended: 1 to 1,024 characters.
        marker: Option<String> => MARKER,
        /// Whose keys: 1 or 2 kinds of owners.
        resource_owners: Option<Vec<Named<ResourceOwnerType>>> => RESOURCE_OWNERS,
    }
}

structure! {
    /// A key in a list.
    #[derive(Clone, PartialEq, Eq)]
    KeyListEntry {
        /// The id.
        key_id: String,
        /// The ARN.
        key_arn: String,
    }
}

response! {
    /// What `ListKeys` answers.
    ListKeysResponse: ListKeys {
        /// The keys.
        keys: Required<Vec<KeyListEntry>>,
        /// The marker of the request for more.
        next_marker: Option<String>,
        /// Whether there is more.
        truncated: bool,
    }
}

request! {
    /// Changes the description of a key. Answers nothing.
    UpdateKeyDescriptionRequest: UpdateKeyDescription -> () {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
        /// The text: at most 8,192 characters.
        description: Required<String> => DESCRIPTION,
    }
}

request! {
    /// Lets a key be used again. Answers nothing.
    EnableKeyRequest: EnableKey -> () {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
    }
}

request! {
    /// Keeps a key from being used. Answers nothing.
    DisableKeyRequest: DisableKey -> () {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
    }
}

request! {
    /// Schedules a key to be deleted, for good, with all that it encrypted.
    ScheduleKeyDeletionRequest: ScheduleKeyDeletion -> ScheduleKeyDeletionResponse where window_fits {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
        /// After how many days: 7 to 30. 30 if it is left out.
        pending_window_in_days: Option<i32> => PENDING_WINDOW_IN_DAYS,
    }
}

/// The model of the API allows 1 to 365, its documentation 7 to 30, and so does the service.
fn window_fits(request: &ScheduleKeyDeletionRequest) -> Result<(), KmsError> {
    match request.pending_window_in_days {
        Some(days) if !(7..=30).contains(&days) => {
            Err(KmsError::validation("PendingWindowInDays must be between 7 and 30 (inclusive)."))
        }
        _ => Ok(()),
    }
}

response! {
    /// What `ScheduleKeyDeletion` answers.
    ScheduleKeyDeletionResponse: ScheduleKeyDeletion {
        /// The ARN of the key.
        key_id: String,
        /// When it will be deleted; absent while a primary key waits for its replicas.
        deletion_date: Option<Timestamp>,
        /// Its state: `PendingDeletion` or `PendingReplicaDeletion`.
        key_state: Option<KeyState>,
        /// After how many days.
        pending_window_in_days: Option<i32>,
    }
}

request! {
    /// Keeps a key from being deleted. It is disabled then.
    CancelKeyDeletionRequest: CancelKeyDeletion -> CancelKeyDeletionResponse {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
    }
}

response! {
    /// What `CancelKeyDeletion` answers.
    CancelKeyDeletionResponse: CancelKeyDeletion {
        /// The ARN of the key.
        key_id: String,
    }
}

request! {
    /// Tells when a key was last used.
    GetKeyLastUsageRequest: GetKeyLastUsage -> GetKeyLastUsageResponse {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
    }
}

structure! {
    /// The last use of a key.
    #[derive(Clone, PartialEq, Eq)]
    KeyLastUsageData {
        /// What it was used for.
        operation: Option<KeyLastUsageTrackingOperation>,
        /// When.
        timestamp: Option<Timestamp>,
        /// The event of the audit trail.
        cloud_trail_event_id: Option<String>,
        /// The id of the request.
        kms_request_id: Option<String>,
    }
}

response! {
    /// What `GetKeyLastUsage` answers.
    GetKeyLastUsageResponse: GetKeyLastUsage {
        /// The ARN of the key.
        key_id: String,
        /// The last use, if there was one since the tracking began.
        key_last_usage: Option<KeyLastUsageData>,
        /// Since when uses are tracked.
        tracking_start_date: Option<Timestamp>,
        /// When the key was made.
        key_creation_date: Option<Timestamp>,
    }
}

request! {
    /// Shows the public key of an asymmetric key.
    GetPublicKeyRequest: GetPublicKey -> GetPublicKeyResponse {
        /// The key: its id, ARN, alias name or alias ARN.
        key_id: Required<String> => KEY_ID,
        /// Tokens of grants that are not known everywhere yet: at most 10, of 1 to 8,192 characters.
        grant_tokens: Vec<String> => GRANT_TOKENS,
    }
}

response! {
    /// What `GetPublicKey` answers.
    GetPublicKeyResponse: GetPublicKey {
        /// The ARN of the key.
        key_id: String,
        /// The public key, SubjectPublicKeyInfo in DER (RFC 5280).
        public_key: crate::api::Blob,
        /// The old form of `key_spec`.
        customer_master_key_spec: Option<CustomerMasterKeySpec>,
        /// The type of the key.
        key_spec: Option<KeySpec>,
        /// What the key is for.
        key_usage: Option<KeyUsageType>,
        /// The algorithms of a key that encrypts.
        encryption_algorithms: Vec<EncryptionAlgorithmSpec>,
        /// The algorithms of a key that signs.
        signing_algorithms: Vec<SigningAlgorithmSpec>,
        /// The algorithms of a key that agrees on secrets.
        key_agreement_algorithms: Vec<KeyAgreementAlgorithmSpec>,
        /// The algorithms of a key that encapsulates secrets.
        encapsulation_algorithms: Vec<EncapsulationAlgorithmSpec>,
    }
}

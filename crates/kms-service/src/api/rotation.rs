//! Rotation of key material.

use crate::Timestamp;
use crate::api::structure::{request, response, structure};
use crate::api::{
    ExpirationModelType, ImportState, IncludeKeyMaterial, KeyMaterialState, Named, Required, RotationType,
};

request! {
    /// Rotates a key from time to time. Answers nothing.
    EnableKeyRotationRequest: EnableKeyRotation -> () {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
        /// How often, in days: 90 to 2,560. 365 if it is left out.
        rotation_period_in_days: Option<i32> => ROTATION_PERIOD_IN_DAYS,
    }
}

request! {
    /// Rotates a key from time to time no more. Answers nothing.
    DisableKeyRotationRequest: DisableKeyRotation -> () {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
    }
}

request! {
    /// Tells when a key is rotated.
    GetKeyRotationStatusRequest: GetKeyRotationStatus -> GetKeyRotationStatusResponse {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
    }
}

response! {
    /// What `GetKeyRotationStatus` answers.
    GetKeyRotationStatusResponse: GetKeyRotationStatus {
        /// Whether the key is rotated from time to time.
        key_rotation_enabled: bool,
        /// The ARN of the key.
        key_id: Option<String>,
        /// How often, in days.
        rotation_period_in_days: Option<i32>,
        /// When next.
        next_rotation_date: Option<Timestamp>,
        /// When a rotation on demand that is still going on began.
        on_demand_rotation_start_date: Option<Timestamp>,
    }
}

request! {
    /// Lists the rotations of a key.
    ListKeyRotationsRequest: ListKeyRotations -> ListKeyRotationsResponse {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
        /// Whether to list the first material too, and what waits for its rotation.
        include_key_material: Option<Named<IncludeKeyMaterial>>,
        /// The most entries of an answer: 1 to 1,000.
        limit: Option<i32> => LIMIT,
        /// Where the answer before ended: 1 to 1,024 characters.
        marker: Option<String> => MARKER,
    }
}

structure! {
    /// A rotation, or a generation of key material, in a list.
    #[derive(Clone, PartialEq, Eq)]
    RotationsListEntry {
        /// The key.
        key_id: String,
        /// The generation: 64 hexadecimal digits.
        key_material_id: Option<String>,
        /// The text that came with imported material.
        key_material_description: Option<String>,
        /// Whether imported material is there.
        import_state: Option<ImportState>,
        /// What it is to the key.
        key_material_state: Option<KeyMaterialState>,
        /// Whether imported material expires.
        expiration_model: Option<ExpirationModelType>,
        /// When it does.
        valid_to: Option<Timestamp>,
        /// When the rotation was; absent for the first material.
        rotation_date: Option<Timestamp>,
        /// Why.
        rotation_type: Option<RotationType>,
    }
}

response! {
    /// What `ListKeyRotations` answers.
    ListKeyRotationsResponse: ListKeyRotations {
        /// The rotations.
        rotations: Required<Vec<RotationsListEntry>>,
        /// The marker of the request for more.
        next_marker: Option<String>,
        /// Whether there is more.
        truncated: bool,
    }
}

request! {
    /// Rotates a key now.
    RotateKeyOnDemandRequest: RotateKeyOnDemand -> RotateKeyOnDemandResponse {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
    }
}

response! {
    /// What `RotateKeyOnDemand` answers.
    RotateKeyOnDemandResponse: RotateKeyOnDemand {
        /// The ARN of the key.
        key_id: String,
    }
}

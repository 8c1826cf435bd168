//! The material of keys: import and rotation.

use crate::api::enums::names;

names! {
    /// Whether imported key material expires.
    ExpirationModelType:
    KeyMaterialExpires = "KEY_MATERIAL_EXPIRES",
    KeyMaterialDoesNotExpire = "KEY_MATERIAL_DOES_NOT_EXPIRE",
}

names! {
    /// Whether imported key material is there.
    ImportState:
    Imported = "IMPORTED",
    PendingImport = "PENDING_IMPORT",
}

names! {
    /// Whether imported key material is new to its key.
    ImportType:
    NewKeyMaterial = "NEW_KEY_MATERIAL",
    ExistingKeyMaterial = "EXISTING_KEY_MATERIAL",
}

names! {
    /// What `ListKeyRotations` lists.
    IncludeKeyMaterial:
    AllKeyMaterial = "ALL_KEY_MATERIAL",
    RotationsOnly = "ROTATIONS_ONLY",
}

names! {
    /// What a generation of key material is to its key.
    KeyMaterialState:
    NonCurrent = "NON_CURRENT",
    Current = "CURRENT",
    PendingRotation = "PENDING_ROTATION",
    PendingMultiRegionImportAndRotation = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION",
}

names! {
    /// Why a key was rotated.
    RotationType:
    Automatic = "AUTOMATIC",
    OnDemand = "ON_DEMAND",
}

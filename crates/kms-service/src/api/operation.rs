//! The operations.

use crate::api::enums::names;

names! {
    /// An operation of the AWS KMS API, 2014-11-01. On the wire: `X-Amz-Target: TrentService.` and the name.
    Operation:
    CancelKeyDeletion = "CancelKeyDeletion",
    ConnectCustomKeyStore = "ConnectCustomKeyStore",
    CreateAlias = "CreateAlias",
    CreateCustomKeyStore = "CreateCustomKeyStore",
    CreateGrant = "CreateGrant",
    CreateKey = "CreateKey",
    Decapsulate = "Decapsulate",
    Decrypt = "Decrypt",
    DeleteAlias = "DeleteAlias",
    DeleteCustomKeyStore = "DeleteCustomKeyStore",
    DeleteImportedKeyMaterial = "DeleteImportedKeyMaterial",
    DeriveSharedSecret = "DeriveSharedSecret",
    DescribeCustomKeyStores = "DescribeCustomKeyStores",
    DescribeKey = "DescribeKey",
    DisableKey = "DisableKey",
    DisableKeyRotation = "DisableKeyRotation",
    DisconnectCustomKeyStore = "DisconnectCustomKeyStore",
    EnableKey = "EnableKey",
    EnableKeyRotation = "EnableKeyRotation",
    Encapsulate = "Encapsulate",
    Encrypt = "Encrypt",
    GenerateDataKey = "GenerateDataKey",
    GenerateDataKeyPair = "GenerateDataKeyPair",
    GenerateDataKeyPairWithoutPlaintext = "GenerateDataKeyPairWithoutPlaintext",
    GenerateDataKeyWithoutPlaintext = "GenerateDataKeyWithoutPlaintext",
    GenerateMac = "GenerateMac",
    GenerateRandom = "GenerateRandom",
    GetKeyLastUsage = "GetKeyLastUsage",
    GetKeyPolicy = "GetKeyPolicy",
    GetKeyRotationStatus = "GetKeyRotationStatus",
    GetParametersForImport = "GetParametersForImport",
    GetPublicKey = "GetPublicKey",
    ImportKeyMaterial = "ImportKeyMaterial",
    ListAliases = "ListAliases",
    ListGrants = "ListGrants",
    ListKeyPolicies = "ListKeyPolicies",
    ListKeyRotations = "ListKeyRotations",
    ListKeys = "ListKeys",
    ListResourceTags = "ListResourceTags",
    ListRetirableGrants = "ListRetirableGrants",
    PutKeyPolicy = "PutKeyPolicy",
    ReEncrypt = "ReEncrypt",
    ReplicateKey = "ReplicateKey",
    RetireGrant = "RetireGrant",
    RevokeGrant = "RevokeGrant",
    RotateKeyOnDemand = "RotateKeyOnDemand",
    ScheduleKeyDeletion = "ScheduleKeyDeletion",
    Sign = "Sign",
    TagResource = "TagResource",
    UntagResource = "UntagResource",
    UpdateAlias = "UpdateAlias",
    UpdateCustomKeyStore = "UpdateCustomKeyStore",
    UpdateKeyDescription = "UpdateKeyDescription",
    UpdatePrimaryRegion = "UpdatePrimaryRegion",
    Verify = "Verify",
    VerifyMac = "VerifyMac",
}

impl Operation {
    /// Whether the operation changes nothing that the service keeps: `readOnly` of a CloudTrail event.
    #[must_use]
    pub const fn is_read_only(self) -> bool {
        matches!(
            self,
            Self::Decapsulate
                | Self::Decrypt
                | Self::DeriveSharedSecret
                | Self::DescribeCustomKeyStores
                | Self::DescribeKey
                | Self::Encapsulate
                | Self::Encrypt
                | Self::GenerateDataKey
                | Self::GenerateDataKeyPair
                | Self::GenerateDataKeyPairWithoutPlaintext
                | Self::GenerateDataKeyWithoutPlaintext
                | Self::GenerateMac
                | Self::GenerateRandom
                | Self::GetKeyLastUsage
                | Self::GetKeyPolicy
                | Self::GetKeyRotationStatus
                | Self::GetParametersForImport
                | Self::GetPublicKey
                | Self::ListAliases
                | Self::ListGrants
                | Self::ListKeyPolicies
                | Self::ListKeyRotations
                | Self::ListKeys
                | Self::ListResourceTags
                | Self::ListRetirableGrants
                | Self::ReEncrypt
                | Self::Sign
                | Self::Verify
                | Self::VerifyMac
        )
    }
}

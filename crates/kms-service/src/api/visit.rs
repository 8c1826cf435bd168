//! From an operation to the type of its request.

use crate::Perform;
use crate::api::{Operation, Request};

/// Something to be done with the type of a request, whichever it is.
pub trait RequestVisitor {
    /// What comes of it.
    type Output;

    /// Does it.
    fn visit<R: Perform>(self) -> Self::Output;
}

macro_rules! requests {
    ($($operation:ident $request:ident,)+) => {
        impl Operation {
            /// Calls `visitor` with the type of the operation's request.
            ///
            /// ```
            /// use kms_service::KmsError;
            /// use kms_service::api::{Operation, Request, RequestVisitor};
            ///
            /// struct Check<'a>(&'a str);
            ///
            /// impl RequestVisitor for Check<'_> {
            ///     type Output = Result<Result<(), KmsError>, serde_json::Error>;
            ///
            ///     fn visit<R: Request>(self) -> Self::Output {
            ///         Ok(serde_json::from_str::<R>(self.0)?.validate())
            ///     }
            /// }
            ///
            /// let operation: Operation = "DescribeKey".parse()?;
            /// assert!(operation.visit(Check(r#"{"KeyId": "alias/backup"}"#))?.is_ok());
            /// assert!(operation.visit(Check("{}"))?.is_err());
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn visit<V: RequestVisitor>(self, visitor: V) -> V::Output {
                match self {
                    $(Self::$operation => {
                        // Names and types belong together: checked when this is compiled.
                        const { assert!(matches!(<crate::api::$request as Request>::OPERATION, Self::$operation)) };
                        visitor.visit::<crate::api::$request>()
                    })+
                }
            }
        }
    };
}

requests! {
    CancelKeyDeletion CancelKeyDeletionRequest,
    ConnectCustomKeyStore ConnectCustomKeyStoreRequest,
    CreateAlias CreateAliasRequest,
    CreateCustomKeyStore CreateCustomKeyStoreRequest,
    CreateGrant CreateGrantRequest,
    CreateKey CreateKeyRequest,
    Decapsulate DecapsulateRequest,
    Decrypt DecryptRequest,
    DeleteAlias DeleteAliasRequest,
    DeleteCustomKeyStore DeleteCustomKeyStoreRequest,
    DeleteImportedKeyMaterial DeleteImportedKeyMaterialRequest,
    DeriveSharedSecret DeriveSharedSecretRequest,
    DescribeCustomKeyStores DescribeCustomKeyStoresRequest,
    DescribeKey DescribeKeyRequest,
    DisableKey DisableKeyRequest,
    DisableKeyRotation DisableKeyRotationRequest,
    DisconnectCustomKeyStore DisconnectCustomKeyStoreRequest,
    EnableKey EnableKeyRequest,
    EnableKeyRotation EnableKeyRotationRequest,
    Encapsulate EncapsulateRequest,
    Encrypt EncryptRequest,
    GenerateDataKey GenerateDataKeyRequest,
    GenerateDataKeyPair GenerateDataKeyPairRequest,
    GenerateDataKeyPairWithoutPlaintext GenerateDataKeyPairWithoutPlaintextRequest,
    GenerateDataKeyWithoutPlaintext GenerateDataKeyWithoutPlaintextRequest,
    GenerateMac GenerateMacRequest,
    GenerateRandom GenerateRandomRequest,
    GetKeyLastUsage GetKeyLastUsageRequest,
    GetKeyPolicy GetKeyPolicyRequest,
    GetKeyRotationStatus GetKeyRotationStatusRequest,
    GetParametersForImport GetParametersForImportRequest,
    GetPublicKey GetPublicKeyRequest,
    ImportKeyMaterial ImportKeyMaterialRequest,
    ListAliases ListAliasesRequest,
    ListGrants ListGrantsRequest,
    ListKeyPolicies ListKeyPoliciesRequest,
    ListKeyRotations ListKeyRotationsRequest,
    ListKeys ListKeysRequest,
    ListResourceTags ListResourceTagsRequest,
    ListRetirableGrants ListRetirableGrantsRequest,
    PutKeyPolicy PutKeyPolicyRequest,
    ReEncrypt ReEncryptRequest,
    ReplicateKey ReplicateKeyRequest,
    RetireGrant RetireGrantRequest,
    RevokeGrant RevokeGrantRequest,
    RotateKeyOnDemand RotateKeyOnDemandRequest,
    ScheduleKeyDeletion ScheduleKeyDeletionRequest,
    Sign SignRequest,
    TagResource TagResourceRequest,
    UntagResource UntagResourceRequest,
    UpdateAlias UpdateAliasRequest,
    UpdateCustomKeyStore UpdateCustomKeyStoreRequest,
    UpdateKeyDescription UpdateKeyDescriptionRequest,
    UpdatePrimaryRegion UpdatePrimaryRegionRequest,
    Verify VerifyRequest,
    VerifyMac VerifyMacRequest,
}

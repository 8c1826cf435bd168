//! Grants, custom key stores, and switches.

use crate::api::enums::names;

names! {
    /// Why a custom key store does not connect.
    ConnectionErrorCodeType:
    InvalidCredentials = "INVALID_CREDENTIALS",
    ClusterNotFound = "CLUSTER_NOT_FOUND",
    NetworkErrors = "NETWORK_ERRORS",
    InternalError = "INTERNAL_ERROR",
    InsufficientCloudhsmHsms = "INSUFFICIENT_CLOUDHSM_HSMS",
    UserLockedOut = "USER_LOCKED_OUT",
    UserNotFound = "USER_NOT_FOUND",
    UserLoggedIn = "USER_LOGGED_IN",
    SubnetNotFound = "SUBNET_NOT_FOUND",
    InsufficientFreeAddressesInSubnet = "INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET",
    XksProxyAccessDenied = "XKS_PROXY_ACCESS_DENIED",
    XksProxyNotReachable = "XKS_PROXY_NOT_REACHABLE",
    XksVpcEndpointServiceNotFound = "XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND",
    XksProxyInvalidResponse = "XKS_PROXY_INVALID_RESPONSE",
    XksProxyInvalidConfiguration = "XKS_PROXY_INVALID_CONFIGURATION",
    XksVpcEndpointServiceInvalidConfiguration = "XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION",
    XksProxyTimedOut = "XKS_PROXY_TIMED_OUT",
    XksProxyInvalidTlsConfiguration = "XKS_PROXY_INVALID_TLS_CONFIGURATION",
}

names! {
    /// Whether a custom key store is connected.
    ConnectionStateType:
    Connected = "CONNECTED",
    Connecting = "CONNECTING",
    Failed = "FAILED",
    Disconnected = "DISCONNECTED",
    Disconnecting = "DISCONNECTING",
}

names! {
    /// What a custom key store is.
    CustomKeyStoreType:
    AwsCloudhsm = "AWS_CLOUDHSM",
    ExternalKeyStore = "EXTERNAL_KEY_STORE",
}

names! {
    /// What a dry run leaves out.
    DryRunModifierType:
    IgnoreCiphertext = "IGNORE_CIPHERTEXT",
}

names! {
    /// What a grant may allow.
    GrantOperation:
    Decrypt = "Decrypt",
    Encrypt = "Encrypt",
    GenerateDataKey = "GenerateDataKey",
    GenerateDataKeyWithoutPlaintext = "GenerateDataKeyWithoutPlaintext",
    ReEncryptFrom = "ReEncryptFrom",
    ReEncryptTo = "ReEncryptTo",
    Sign = "Sign",
    Verify = "Verify",
    GetPublicKey = "GetPublicKey",
    CreateGrant = "CreateGrant",
    RetireGrant = "RetireGrant",
    DescribeKey = "DescribeKey",
    GenerateDataKeyPair = "GenerateDataKeyPair",
    GenerateDataKeyPairWithoutPlaintext = "GenerateDataKeyPairWithoutPlaintext",
    GenerateMac = "GenerateMac",
    VerifyMac = "VerifyMac",
    DeriveSharedSecret = "DeriveSharedSecret",
    Encapsulate = "Encapsulate",
    Decapsulate = "Decapsulate",
}

names! {
    /// Whose keys `ListKeys` lists.
    ResourceOwnerType:
    Own = "SELF",
    OtherAccountsViaRam = "OTHER_ACCOUNTS_VIA_RAM",
}

names! {
    /// How the proxy of an external key store is reached.
    XksProxyConnectivityType:
    PublicEndpoint = "PUBLIC_ENDPOINT",
    VpcEndpointService = "VPC_ENDPOINT_SERVICE",
}

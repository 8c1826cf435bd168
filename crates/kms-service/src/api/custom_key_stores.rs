//! Custom key stores: other places for the material of keys.

use crate::Timestamp;
use crate::api::structure::{request, response, structure};
use crate::api::{
    ConnectionErrorCodeType, ConnectionStateType, CustomKeyStoreType, Named, Required, SecretText,
    XksProxyConnectivityType,
};

structure! {
    /// What signs the requests to the proxy of an external key store.
    XksProxyAuthenticationCredentialType {
        /// The name of the secret: 20 to 30 of `A-Z2-7`.
        access_key_id: Required<SecretText> => XKS_ACCESS_KEY_ID,
        /// The secret: 43 to 64 characters of base64.
        raw_secret_access_key: Required<SecretText> => XKS_RAW_SECRET_ACCESS_KEY,
    }
}

request! {
    /// Makes a custom key store.
    CreateCustomKeyStoreRequest: CreateCustomKeyStore -> CreateCustomKeyStoreResponse {
        /// The name: 1 to 256 characters.
        custom_key_store_name: Required<String> => CUSTOM_KEY_STORE_NAME,
        /// The CloudHSM cluster: `cluster-` and 11 to 16 characters.
        cloud_hsm_cluster_id: Option<String> => CLOUD_HSM_CLUSTER_ID,
        /// The certificate of the cluster: 1 to 5,000 characters.
        trust_anchor_certificate: Option<String> => TRUST_ANCHOR_CERTIFICATE,
        /// The password of the cluster's user: 7 to 32 characters.
        key_store_password: Option<SecretText> => KEY_STORE_PASSWORD,
        /// What it is. `AWS_CLOUDHSM` if it is left out.
        custom_key_store_type: Option<Named<CustomKeyStoreType>>,
        /// Where the proxy is: `https://` and a host, 10 to 128 characters.
        xks_proxy_uri_endpoint: Option<String> => XKS_URI_ENDPOINT,
        /// The path there, which ends in `/kms/xks/v1`: 10 to 128 characters.
        xks_proxy_uri_path: Option<String> => XKS_URI_PATH,
        /// The endpoint service: 20 to 64 characters.
        xks_proxy_vpc_endpoint_service_name: Option<String> => XKS_VPC_ENDPOINT_SERVICE_NAME,
        /// The account of the endpoint service: twelve digits.
        xks_proxy_vpc_endpoint_service_owner: Option<String> => ACCOUNT_ID,
        /// What signs requests to the proxy.
        xks_proxy_authentication_credential: Option<XksProxyAuthenticationCredentialType>,
        /// How the proxy is reached.
        xks_proxy_connectivity: Option<Named<XksProxyConnectivityType>>,
    }
}

response! {
    /// What `CreateCustomKeyStore` answers.
    CreateCustomKeyStoreResponse: CreateCustomKeyStore {
        /// The id: 1 to 64 characters.
        custom_key_store_id: String,
    }
}

request! {
    /// Changes a custom key store.
    UpdateCustomKeyStoreRequest: UpdateCustomKeyStore -> UpdateCustomKeyStoreResponse {
        /// The id: 1 to 64 characters.
        custom_key_store_id: Required<String> => CUSTOM_KEY_STORE_ID,
        /// Its new name: 1 to 256 characters.
        new_custom_key_store_name: Option<String> => CUSTOM_KEY_STORE_NAME,
        /// The password of the cluster's user: 7 to 32 characters.
        key_store_password: Option<SecretText> => KEY_STORE_PASSWORD,
        /// The CloudHSM cluster: `cluster-` and 11 to 16 characters.
        cloud_hsm_cluster_id: Option<String> => CLOUD_HSM_CLUSTER_ID,
        /// Where the proxy is: `https://` and a host, 10 to 128 characters.
        xks_proxy_uri_endpoint: Option<String> => XKS_URI_ENDPOINT,
        /// The path there, which ends in `/kms/xks/v1`: 10 to 128 characters.
        xks_proxy_uri_path: Option<String> => XKS_URI_PATH,
        /// The endpoint service: 20 to 64 characters.
        xks_proxy_vpc_endpoint_service_name: Option<String> => XKS_VPC_ENDPOINT_SERVICE_NAME,
        /// The account of the endpoint service: twelve digits.
        xks_proxy_vpc_endpoint_service_owner: Option<String> => ACCOUNT_ID,
        /// What signs requests to the proxy.
        xks_proxy_authentication_credential: Option<XksProxyAuthenticationCredentialType>,
        /// How the proxy is reached.
        xks_proxy_connectivity: Option<Named<XksProxyConnectivityType>>,
    }
}

response! {
    /// What `UpdateCustomKeyStore` answers: an empty object.
    UpdateCustomKeyStoreResponse: UpdateCustomKeyStore {}
}

request! {
    /// Connects a custom key store to its device or proxy.
    ConnectCustomKeyStoreRequest: ConnectCustomKeyStore -> ConnectCustomKeyStoreResponse {
        /// The id: 1 to 64 characters.
        custom_key_store_id: Required<String> => CUSTOM_KEY_STORE_ID,
    }
}

response! {
    /// What `ConnectCustomKeyStore` answers: an empty object.
    ConnectCustomKeyStoreResponse: ConnectCustomKeyStore {}
}

request! {
    /// Disconnects a custom key store.
    DisconnectCustomKeyStoreRequest: DisconnectCustomKeyStore -> DisconnectCustomKeyStoreResponse {
        /// The id: 1 to 64 characters.
        custom_key_store_id: Required<String> => CUSTOM_KEY_STORE_ID,
    }
}

response! {
    /// What `DisconnectCustomKeyStore` answers: an empty object.
    DisconnectCustomKeyStoreResponse: DisconnectCustomKeyStore {}
}

request! {
    /// Deletes a custom key store that has no keys.
    DeleteCustomKeyStoreRequest: DeleteCustomKeyStore -> DeleteCustomKeyStoreResponse {
        /// The id: 1 to 64 characters.
        custom_key_store_id: Required<String> => CUSTOM_KEY_STORE_ID,
    }
}

response! {
    /// What `DeleteCustomKeyStore` answers: an empty object.
    DeleteCustomKeyStoreResponse: DeleteCustomKeyStore {}
}

request! {
    /// Lists custom key stores.
    DescribeCustomKeyStoresRequest: DescribeCustomKeyStores -> DescribeCustomKeyStoresResponse {
        /// The one that is meant, by its id: 1 to 64 characters.
        custom_key_store_id: Option<String> => CUSTOM_KEY_STORE_ID,
        /// The one that is meant, by its name: 1 to 256 characters.
        custom_key_store_name: Option<String> => CUSTOM_KEY_STORE_NAME,
        /// The most entries of an answer: 1 to 1,000.
        limit: Option<i32> => LIMIT,
        /// Where the answer before ended: 1 to 1,024 characters.
        marker: Option<String> => MARKER,
    }
}

structure! {
    /// How the proxy of an external key store is reached.
    XksProxyConfigurationType {
        /// By which way.
        connectivity: Option<XksProxyConnectivityType>,
        /// The name of the secret that signs requests.
        access_key_id: Option<SecretText>,
        /// Where it is.
        uri_endpoint: Option<String>,
        /// The path there.
        uri_path: Option<String>,
        /// The endpoint service.
        vpc_endpoint_service_name: Option<String>,
        /// The account of the endpoint service.
        vpc_endpoint_service_owner: Option<String>,
    }
}

structure! {
    /// A custom key store in a list.
    CustomKeyStoresListEntry {
        /// The id.
        custom_key_store_id: String,
        /// The name.
        custom_key_store_name: String,
        /// The CloudHSM cluster.
        cloud_hsm_cluster_id: Option<String>,
        /// The certificate of the cluster.
        trust_anchor_certificate: Option<String>,
        /// Whether it is connected.
        connection_state: Option<ConnectionStateType>,
        /// Why it does not connect.
        connection_error_code: Option<ConnectionErrorCodeType>,
        /// When it was made.
        creation_date: Option<Timestamp>,
        /// What it is.
        custom_key_store_type: Option<CustomKeyStoreType>,
        /// How the proxy is reached.
        xks_proxy_configuration: Option<XksProxyConfigurationType>,
    }
}

response! {
    /// What `DescribeCustomKeyStores` answers.
    DescribeCustomKeyStoresResponse: DescribeCustomKeyStores {
        /// The custom key stores.
        custom_key_stores: Required<Vec<CustomKeyStoresListEntry>>,
        /// The marker of the request for more.
        next_marker: Option<String>,
        /// Whether there is more.
        truncated: bool,
    }
}

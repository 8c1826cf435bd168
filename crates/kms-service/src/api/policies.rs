//! Key policies.

use crate::api::Required;
use crate::api::structure::{request, response};

request! {
    /// Shows a policy of a key.
    GetKeyPolicyRequest: GetKeyPolicy -> GetKeyPolicyResponse {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
        /// The name: 1 to 128 letters, digits and `_`. There is one, `default`.
        policy_name: Option<String> => POLICY_NAME,
    }
}

response! {
    /// What `GetKeyPolicy` answers.
    GetKeyPolicyResponse: GetKeyPolicy {
        /// The policy, in JSON.
        policy: String,
        /// Its name.
        policy_name: Option<String>,
    }
}

request! {
    /// Lists the names of the policies of a key.
    ListKeyPoliciesRequest: ListKeyPolicies -> ListKeyPoliciesResponse {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
        /// The most entries of an answer: 1 to 1,000.
        limit: Option<i32> => LIMIT,
        /// Where the answer before ended: 1 to 1,024 characters.
        marker: Option<String> => MARKER,
    }
}

response! {
    /// What `ListKeyPolicies` answers.
    ListKeyPoliciesResponse: ListKeyPolicies {
        /// The names.
        policy_names: Required<Vec<String>>,
        /// The marker of the request for more.
        next_marker: Option<String>,
        /// Whether there is more.
        truncated: bool,
    }
}

request! {
    /// Replaces the policy of a key. Answers nothing.
    PutKeyPolicyRequest: PutKeyPolicy -> () {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
        /// The name: 1 to 128 letters, digits and `_`. There is one, `default`.
        policy_name: Option<String> => POLICY_NAME,
        /// The policy, in JSON: 1 to 131,072 characters of U+0020 to U+00FF, tabs and line ends. A quota allows
        /// 32,768 bytes.
        policy: Required<String> => POLICY,
        /// Whether the policy may keep its author from changing it again.
        bypass_policy_lockout_safety_check: Option<bool>,
    }
}

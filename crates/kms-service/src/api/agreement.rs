//! Shared secrets: key agreement and key encapsulation.

use kms_core::Secret;

use crate::api::cryptography::RecipientInfo;
use crate::api::structure::{request, response};
use crate::api::{Blob, EncapsulationAlgorithmSpec, KeyAgreementAlgorithmSpec, Named, OriginType, Required};

request! {
    /// Derives the secret that a key shares with a public key.
    DeriveSharedSecretRequest: DeriveSharedSecret -> DeriveSharedSecretResponse {
        /// The key: its id, ARN, alias name or alias ARN.
        key_id: Required<String> => KEY_ID,
        /// How.
        key_agreement_algorithm: Required<Named<KeyAgreementAlgorithmSpec>>,
        /// The peer's public key on the same curve, SubjectPublicKeyInfo in DER: 1 to 8,192 bytes.
        public_key: Required<Blob> => PUBLIC_KEY,
        /// Tokens of grants that are not known everywhere yet: at most 10, of 1 to 8,192 characters.
        grant_tokens: Vec<String> => GRANT_TOKENS,
        /// Whether only to check that the request would succeed.
        dry_run: Option<bool>,
        /// Who gets the secret, instead of the caller.
        recipient: Option<RecipientInfo>,
    }
}

response! {
    /// What `DeriveSharedSecret` answers.
    DeriveSharedSecretResponse: DeriveSharedSecret {
        /// The ARN of the key.
        key_id: String,
        /// The raw x coordinate of the shared point; absent if there is a recipient.
        shared_secret: Option<Secret>,
        /// The secret for the recipient: CMS (RFC 5652).
        ciphertext_for_recipient: Option<Blob>,
        /// How it was derived.
        key_agreement_algorithm: Option<KeyAgreementAlgorithmSpec>,
        /// Where the material of the key comes from.
        key_origin: Option<OriginType>,
    }
}

request! {
    /// Makes a secret, and the ciphertext that `Decapsulate` gets it back from (FIPS 203).
    EncapsulateRequest: Encapsulate -> EncapsulateResponse {
        /// The key: its id, ARN, alias name or alias ARN.
        key_id: Required<String> => KEY_ID,
        /// How.
        encapsulation_algorithm: Required<Named<EncapsulationAlgorithmSpec>>,
        /// Tokens of grants that are not known everywhere yet: at most 10, of 1 to 8,192 characters.
        grant_tokens: Vec<String> => GRANT_TOKENS,
        /// Whether only to check that the request would succeed.
        dry_run: Option<bool>,
    }
}

response! {
    /// What `Encapsulate` answers.
    EncapsulateResponse: Encapsulate {
        /// The ARN of the key.
        key_id: String,
        /// The secret: 32 bytes.
        shared_secret: Option<Secret>,
        /// The secret, encapsulated: 768, 1,088 or 1,568 bytes.
        shared_secret_ciphertext_blob: Blob,
        /// How.
        encapsulation_algorithm: Option<EncapsulationAlgorithmSpec>,
    }
}

request! {
    /// Gets back the secret of an encapsulation.
    DecapsulateRequest: Decapsulate -> DecapsulateResponse {
        /// The key: its id, ARN, alias name or alias ARN.
        key_id: Required<String> => KEY_ID,
        /// The secret, encapsulated: 1 to 6,144 bytes.
        shared_secret_ciphertext_blob: Required<Blob> => CIPHERTEXT,
        /// How.
        encapsulation_algorithm: Required<Named<EncapsulationAlgorithmSpec>>,
        /// Tokens of grants that are not known everywhere yet: at most 10, of 1 to 8,192 characters.
        grant_tokens: Vec<String> => GRANT_TOKENS,
        /// Whether only to check that the request would succeed.
        dry_run: Option<bool>,
    }
}

response! {
    /// What `Decapsulate` answers.
    DecapsulateResponse: Decapsulate {
        /// The ARN of the key.
        key_id: String,
        /// The secret: 32 bytes.
        shared_secret: Option<Secret>,
        /// How.
        encapsulation_algorithm: Option<EncapsulationAlgorithmSpec>,
    }
}

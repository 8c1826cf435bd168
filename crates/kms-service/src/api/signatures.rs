//! Signatures and message authentication codes.

use kms_core::Secret;

use crate::KmsError;
use crate::api::structure::{request, response};
use crate::api::{Blob, MacAlgorithmSpec, MessageType, Named, Required, SigningAlgorithmSpec};

request! {
    /// Signs a message or its digest.
    SignRequest: Sign -> SignResponse where sign_digest_fits {
        /// The key: its id, ARN, alias name or alias ARN.
        key_id: Required<String> => KEY_ID,
        /// The message or its digest: 1 to 4,096 bytes.
        message: Required<Secret> => PLAINTEXT,
        /// Which of the two. `RAW`, the message, if it is left out.
        message_type: Option<Named<MessageType>>,
        /// Tokens of grants that are not known everywhere yet: at most 10, of 1 to 8,192 characters.
        grant_tokens: Vec<String> => GRANT_TOKENS,
        /// How to sign.
        signing_algorithm: Required<Named<SigningAlgorithmSpec>>,
        /// Whether only to check that the request would succeed.
        dry_run: Option<bool>,
    }
}

fn sign_digest_fits(request: &SignRequest) -> Result<(), KmsError> {
    digest_fits(request.message_type.as_ref(), &request.signing_algorithm, request.message.len())
}

/// A digest has the length that the algorithm's hash function gives it.
fn digest_fits(
    message_type: Option<&Named<MessageType>>,
    algorithm: &Named<SigningAlgorithmSpec>,
    length: usize,
) -> Result<(), KmsError> {
    let is_digest = message_type.is_some_and(|message_type| *message_type == MessageType::Digest);
    let core = algorithm.known().and_then(|algorithm| kms_core::SigningAlgorithm::try_from(algorithm).ok());
    match core {
        Some(core) if is_digest && core.hash().output_len() != length => {
            Err(KmsError::validation(format!("Digest is invalid length for algorithm {algorithm}.")))
        }
        _ => Ok(()),
    }
}

response! {
    /// What `Sign` answers.
    SignResponse: Sign {
        /// The ARN of the key.
        key_id: String,
        /// The signature; of an ECDSA key, in DER (RFC 3279, section 2.2.3).
        signature: Blob,
        /// How it was made.
        signing_algorithm: Option<SigningAlgorithmSpec>,
    }
}

request! {
    /// Verifies what `Sign` made.
    VerifyRequest: Verify -> VerifyResponse where verify_digest_fits {
        /// The key: its id, ARN, alias name or alias ARN.
        key_id: Required<String> => KEY_ID,
        /// The message or its digest: 1 to 4,096 bytes.
        message: Required<Secret> => PLAINTEXT,
        /// Which of the two. `RAW`, the message, if it is left out.
        message_type: Option<Named<MessageType>>,
        /// The signature: 1 to 6,144 bytes.
        signature: Required<Blob> => CIPHERTEXT,
        /// How it was made.
        signing_algorithm: Required<Named<SigningAlgorithmSpec>>,
        /// Tokens of grants that are not known everywhere yet: at most 10, of 1 to 8,192 characters.
        grant_tokens: Vec<String> => GRANT_TOKENS,
        /// Whether only to check that the request would succeed.
        dry_run: Option<bool>,
    }
}

fn verify_digest_fits(request: &VerifyRequest) -> Result<(), KmsError> {
    digest_fits(request.message_type.as_ref(), &request.signing_algorithm, request.message.len())
}

response! {
    /// What `Verify` answers.
    VerifyResponse: Verify {
        /// The ARN of the key.
        key_id: String,
        /// True: a signature that is not valid is a `KMSInvalidSignatureException`.
        signature_valid: bool,
        /// How it was made.
        signing_algorithm: Option<SigningAlgorithmSpec>,
    }
}

request! {
    /// Makes a message authentication code.
    GenerateMacRequest: GenerateMac -> GenerateMacResponse {
        /// The message: 1 to 4,096 bytes.
        message: Required<Secret> => PLAINTEXT,
        /// The key: its id, ARN, alias name or alias ARN.
        key_id: Required<String> => KEY_ID,
        /// How.
        mac_algorithm: Required<Named<MacAlgorithmSpec>>,
        /// Tokens of grants that are not known everywhere yet: at most 10, of 1 to 8,192 characters.
        grant_tokens: Vec<String> => GRANT_TOKENS,
        /// Whether only to check that the request would succeed.
        dry_run: Option<bool>,
    }
}

response! {
    /// What `GenerateMac` answers.
    GenerateMacResponse: GenerateMac {
        /// The code: 28 to 64 bytes.
        mac: Blob,
        /// How it was made.
        mac_algorithm: Option<MacAlgorithmSpec>,
        /// The ARN of the key.
        key_id: String,
    }
}

request! {
    /// Verifies what `GenerateMac` made.
    VerifyMacRequest: VerifyMac -> VerifyMacResponse {
        /// The message: 1 to 4,096 bytes.
        message: Required<Secret> => PLAINTEXT,
        /// The key: its id, ARN, alias name or alias ARN.
        key_id: Required<String> => KEY_ID,
        /// How the code was made.
        mac_algorithm: Required<Named<MacAlgorithmSpec>>,
        /// The code: 1 to 6,144 bytes.
        mac: Required<Blob> => CIPHERTEXT,
        /// Tokens of grants that are not known everywhere yet: at most 10, of 1 to 8,192 characters.
        grant_tokens: Vec<String> => GRANT_TOKENS,
        /// Whether only to check that the request would succeed.
        dry_run: Option<bool>,
    }
}

response! {
    /// What `VerifyMac` answers.
    VerifyMacResponse: VerifyMac {
        /// The ARN of the key.
        key_id: String,
        /// True: a code that is not valid is a `KMSInvalidMacException`.
        mac_valid: bool,
        /// How it was made.
        mac_algorithm: Option<MacAlgorithmSpec>,
    }
}

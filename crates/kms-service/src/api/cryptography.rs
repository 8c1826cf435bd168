//! Encryption, data keys, and random bytes.

use kms_core::{EncryptionContext, Secret};

use crate::KmsError;
use crate::api::structure::{request, response, structure};
use crate::api::validation::missing;
use crate::api::{
    Blob, DataKeyPairSpec, DataKeySpec, DryRunModifierType, EncryptionAlgorithmSpec, KeyEncryptionMechanism, Named,
    Required,
};

structure! {
    /// An attested Nitro enclave, for which a plaintext is encrypted.
    RecipientInfo {
        /// How the plaintext is encrypted for it.
        key_encryption_algorithm: Option<Named<KeyEncryptionMechanism>>,
        /// The signed attestation document: 1 to 262,144 bytes.
        attestation_document: Option<Blob> => ATTESTATION_DOCUMENT,
    }
}

request! {
    /// Encrypts up to 4,096 bytes.
    EncryptRequest: Encrypt -> EncryptResponse {
        /// The key: its id, ARN, alias name or alias ARN.
        key_id: Required<String> => KEY_ID,
        /// What to encrypt: 1 to 4,096 bytes; less for RSA keys.
        plaintext: Required<Secret> => PLAINTEXT,
        /// Pairs that decryption must present again; for symmetric keys only.
        encryption_context: EncryptionContext,
        /// Tokens of grants that are not known everywhere yet: at most 10, of 1 to 8,192 characters.
        grant_tokens: Vec<String> => GRANT_TOKENS,
        /// How. `SYMMETRIC_DEFAULT` if it is left out.
        encryption_algorithm: Option<Named<EncryptionAlgorithmSpec>>,
        /// Whether only to check that the request would succeed.
        dry_run: Option<bool>,
    }
}

response! {
    /// What `Encrypt` answers.
    EncryptResponse: Encrypt {
        /// The ciphertext: at most 6,144 bytes.
        ciphertext_blob: Blob,
        /// The ARN of the key.
        key_id: String,
        /// How it was encrypted.
        encryption_algorithm: Option<EncryptionAlgorithmSpec>,
    }
}

request! {
    /// Decrypts what `Encrypt`, `ReEncrypt` or one of `GenerateDataKey…` made.
    DecryptRequest: Decrypt -> DecryptResponse where decrypt_has_ciphertext {
        /// The ciphertext: 1 to 6,144 bytes. May be absent in a dry run with `IGNORE_CIPHERTEXT` only.
        ciphertext_blob: Option<Blob> => CIPHERTEXT,
        /// The pairs it was encrypted with.
        encryption_context: EncryptionContext,
        /// Tokens of grants that are not known everywhere yet: at most 10, of 1 to 8,192 characters.
        grant_tokens: Vec<String> => GRANT_TOKENS,
        /// The key that it must have been encrypted under. A symmetric ciphertext names its key itself.
        key_id: Option<String> => KEY_ID,
        /// How it was encrypted. `SYMMETRIC_DEFAULT` if it is left out.
        encryption_algorithm: Option<Named<EncryptionAlgorithmSpec>>,
        /// Who gets the plaintext, instead of the caller.
        recipient: Option<RecipientInfo>,
        /// Whether only to check that the request would succeed.
        dry_run: Option<bool>,
        /// What the dry run leaves out.
        dry_run_modifiers: Vec<Named<DryRunModifierType>>,
    }
}

pub(crate) fn ignores_ciphertext(dry_run: Option<bool>, modifiers: &[Named<DryRunModifierType>]) -> bool {
    dry_run == Some(true) && modifiers.iter().any(|modifier| *modifier == DryRunModifierType::IgnoreCiphertext)
}

fn decrypt_has_ciphertext(request: &DecryptRequest) -> Result<(), KmsError> {
    match (&request.ciphertext_blob, &request.key_id) {
        (Some(_), _) => Ok(()),
        (None, _) if !ignores_ciphertext(request.dry_run, &request.dry_run_modifiers) => Err(missing("ciphertextBlob")),
        (None, None) => Err(missing("keyId")),
        (None, Some(_)) => Ok(()),
    }
}

response! {
    /// What `Decrypt` answers.
    DecryptResponse: Decrypt {
        /// The ARN of the key.
        key_id: String,
        /// What was encrypted; absent if there is a recipient.
        plaintext: Option<Secret>,
        /// How it was encrypted.
        encryption_algorithm: Option<EncryptionAlgorithmSpec>,
        /// The plaintext for the recipient: CMS (RFC 5652).
        ciphertext_for_recipient: Option<Blob>,
        /// The generation of key material that decrypted, of a symmetric key: 64 hexadecimal digits.
        key_material_id: Option<String>,
    }
}

request! {
    /// Decrypts, and encrypts under another key, algorithm or context, without showing the plaintext.
    ReEncryptRequest: ReEncrypt -> ReEncryptResponse where re_encrypt_has_ciphertext {
        /// The ciphertext: 1 to 6,144 bytes. May be absent in a dry run with `IGNORE_CIPHERTEXT` only.
        ciphertext_blob: Option<Blob> => CIPHERTEXT,
        /// The pairs it was encrypted with.
        source_encryption_context: EncryptionContext,
        /// The key that it must have been encrypted under.
        source_key_id: Option<String> => KEY_ID,
        /// The key to encrypt under: its id, ARN, alias name or alias ARN.
        destination_key_id: Required<String> => KEY_ID,
        /// The pairs of the new ciphertext.
        destination_encryption_context: EncryptionContext,
        /// How it was encrypted. `SYMMETRIC_DEFAULT` if it is left out.
        source_encryption_algorithm: Option<Named<EncryptionAlgorithmSpec>>,
        /// How to encrypt. `SYMMETRIC_DEFAULT` if it is left out.
        destination_encryption_algorithm: Option<Named<EncryptionAlgorithmSpec>>,
        /// Tokens of grants that are not known everywhere yet: at most 10, of 1 to 8,192 characters.
        grant_tokens: Vec<String> => GRANT_TOKENS,
        /// Whether only to check that the request would succeed.
        dry_run: Option<bool>,
        /// What the dry run leaves out.
        dry_run_modifiers: Vec<Named<DryRunModifierType>>,
    }
}

fn re_encrypt_has_ciphertext(request: &ReEncryptRequest) -> Result<(), KmsError> {
    match (&request.ciphertext_blob, &request.source_key_id) {
        (Some(_), _) => Ok(()),
        (None, _) if !ignores_ciphertext(request.dry_run, &request.dry_run_modifiers) => Err(missing("ciphertextBlob")),
        (None, None) => Err(missing("sourceKeyId")),
        (None, Some(_)) => Ok(()),
    }
}

response! {
    /// What `ReEncrypt` answers.
    ReEncryptResponse: ReEncrypt {
        /// The new ciphertext: at most 6,144 bytes.
        ciphertext_blob: Blob,
        /// The ARN of the key of the old ciphertext.
        source_key_id: String,
        /// The ARN of the key of the new one.
        key_id: String,
        /// How the old one was encrypted.
        source_encryption_algorithm: Option<EncryptionAlgorithmSpec>,
        /// How the new one is encrypted.
        destination_encryption_algorithm: Option<EncryptionAlgorithmSpec>,
        /// The generation of key material that decrypted, of a symmetric key.
        source_key_material_id: Option<String>,
        /// The generation of key material that encrypted, of a symmetric key.
        destination_key_material_id: Option<String>,
    }
}

request! {
    /// Makes a data key: once in clear, once encrypted under a symmetric key.
    GenerateDataKeyRequest: GenerateDataKey -> GenerateDataKeyResponse where data_key_has_length {
        /// The key: its id, ARN, alias name or alias ARN.
        key_id: Required<String> => KEY_ID,
        /// Pairs that decryption must present again.
        encryption_context: EncryptionContext,
        /// The length of the data key, 1 to 1,024 bytes; this or `key_spec`.
        number_of_bytes: Option<i32> => NUMBER_OF_BYTES,
        /// The length of the data key, by name; this or `number_of_bytes`.
        key_spec: Option<Named<DataKeySpec>>,
        /// Tokens of grants that are not known everywhere yet: at most 10, of 1 to 8,192 characters.
        grant_tokens: Vec<String> => GRANT_TOKENS,
        /// Who gets the data key in clear, instead of the caller.
        recipient: Option<RecipientInfo>,
        /// Whether only to check that the request would succeed.
        dry_run: Option<bool>,
    }
}

fn data_key_has_length(request: &GenerateDataKeyRequest) -> Result<(), KmsError> {
    one_length(request.number_of_bytes.is_some(), request.key_spec.is_some())
}

fn one_length(number_of_bytes: bool, key_spec: bool) -> Result<(), KmsError> {
    if number_of_bytes == key_spec {
        return Err(KmsError::validation("Please specify either number of bytes or key spec."));
    }
    Ok(())
}

response! {
    /// What `GenerateDataKey` answers.
    GenerateDataKeyResponse: GenerateDataKey {
        /// The data key, encrypted.
        ciphertext_blob: Blob,
        /// The data key; absent if there is a recipient.
        plaintext: Option<Secret>,
        /// The ARN of the key.
        key_id: String,
        /// The data key for the recipient: CMS (RFC 5652).
        ciphertext_for_recipient: Option<Blob>,
        /// The generation of key material that encrypted: 64 hexadecimal digits.
        key_material_id: Option<String>,
    }
}

request! {
    /// Makes a data key, encrypted under a symmetric key, for later use.
    GenerateDataKeyWithoutPlaintextRequest: GenerateDataKeyWithoutPlaintext -> GenerateDataKeyWithoutPlaintextResponse
    where sealed_data_key_has_length {
        /// The key: its id, ARN, alias name or alias ARN.
        key_id: Required<String> => KEY_ID,
        /// Pairs that decryption must present again.
        encryption_context: EncryptionContext,
        /// The length of the data key, by name; this or `number_of_bytes`.
        key_spec: Option<Named<DataKeySpec>>,
        /// The length of the data key, 1 to 1,024 bytes; this or `key_spec`.
        number_of_bytes: Option<i32> => NUMBER_OF_BYTES,
        /// Tokens of grants that are not known everywhere yet: at most 10, of 1 to 8,192 characters.
        grant_tokens: Vec<String> => GRANT_TOKENS,
        /// Whether only to check that the request would succeed.
        dry_run: Option<bool>,
    }
}

fn sealed_data_key_has_length(request: &GenerateDataKeyWithoutPlaintextRequest) -> Result<(), KmsError> {
    one_length(request.number_of_bytes.is_some(), request.key_spec.is_some())
}

response! {
    /// What `GenerateDataKeyWithoutPlaintext` answers.
    GenerateDataKeyWithoutPlaintextResponse: GenerateDataKeyWithoutPlaintext {
        /// The data key, encrypted.
        ciphertext_blob: Blob,
        /// The ARN of the key.
        key_id: String,
        /// The generation of key material that encrypted: 64 hexadecimal digits.
        key_material_id: Option<String>,
    }
}

request! {
    /// Makes a key pair: its public key, and its private key in clear and encrypted under a symmetric key.
    GenerateDataKeyPairRequest: GenerateDataKeyPair -> GenerateDataKeyPairResponse {
        /// Pairs that decryption must present again.
        encryption_context: EncryptionContext,
        /// The key: its id, ARN, alias name or alias ARN.
        key_id: Required<String> => KEY_ID,
        /// The type of the pair.
        key_pair_spec: Required<Named<DataKeyPairSpec>>,
        /// Tokens of grants that are not known everywhere yet: at most 10, of 1 to 8,192 characters.
        grant_tokens: Vec<String> => GRANT_TOKENS,
        /// Who gets the private key in clear, instead of the caller.
        recipient: Option<RecipientInfo>,
        /// Whether only to check that the request would succeed.
        dry_run: Option<bool>,
    }
}

response! {
    /// What `GenerateDataKeyPair` answers.
    GenerateDataKeyPairResponse: GenerateDataKeyPair {
        /// The private key, encrypted.
        private_key_ciphertext_blob: Blob,
        /// The private key, PKCS#8 in DER (RFC 5958); absent if there is a recipient.
        private_key_plaintext: Option<Secret>,
        /// The public key, SubjectPublicKeyInfo in DER (RFC 5280).
        public_key: Blob,
        /// The ARN of the key.
        key_id: String,
        /// The type of the pair.
        key_pair_spec: Option<DataKeyPairSpec>,
        /// The private key for the recipient: CMS (RFC 5652).
        ciphertext_for_recipient: Option<Blob>,
        /// The generation of key material that encrypted: 64 hexadecimal digits.
        key_material_id: Option<String>,
    }
}

request! {
    /// Makes a key pair: its public key, and its private key encrypted under a symmetric key.
    GenerateDataKeyPairWithoutPlaintextRequest:
        GenerateDataKeyPairWithoutPlaintext -> GenerateDataKeyPairWithoutPlaintextResponse
    {
        /// Pairs that decryption must present again.
        encryption_context: EncryptionContext,
        /// The key: its id, ARN, alias name or alias ARN.
        key_id: Required<String> => KEY_ID,
        /// The type of the pair.
        key_pair_spec: Required<Named<DataKeyPairSpec>>,
        /// Tokens of grants that are not known everywhere yet: at most 10, of 1 to 8,192 characters.
        grant_tokens: Vec<String> => GRANT_TOKENS,
        /// Whether only to check that the request would succeed.
        dry_run: Option<bool>,
    }
}

response! {
    /// What `GenerateDataKeyPairWithoutPlaintext` answers.
    GenerateDataKeyPairWithoutPlaintextResponse: GenerateDataKeyPairWithoutPlaintext {
        /// The private key, encrypted.
        private_key_ciphertext_blob: Blob,
        /// The public key, SubjectPublicKeyInfo in DER (RFC 5280).
        public_key: Blob,
        /// The ARN of the key.
        key_id: String,
        /// The type of the pair.
        key_pair_spec: Option<DataKeyPairSpec>,
        /// The generation of key material that encrypted: 64 hexadecimal digits.
        key_material_id: Option<String>,
    }
}

request! {
    /// Makes random bytes.
    GenerateRandomRequest: GenerateRandom -> GenerateRandomResponse where random_has_length {
        /// How many: 1 to 1,024.
        number_of_bytes: Option<i32> => NUMBER_OF_BYTES,
        /// The custom key store whose device makes them: 1 to 64 characters.
        custom_key_store_id: Option<String> => CUSTOM_KEY_STORE_ID,
        /// Who gets them, instead of the caller.
        recipient: Option<RecipientInfo>,
    }
}

fn random_has_length(request: &GenerateRandomRequest) -> Result<(), KmsError> {
    match request.number_of_bytes {
        Some(_) => Ok(()),
        None => Err(KmsError::validation("NumberOfBytes is required.")),
    }
}

response! {
    /// What `GenerateRandom` answers.
    GenerateRandomResponse: GenerateRandom {
        /// The bytes; absent if there is a recipient.
        plaintext: Option<Secret>,
        /// The bytes for the recipient: CMS (RFC 5652).
        ciphertext_for_recipient: Option<Blob>,
    }
}

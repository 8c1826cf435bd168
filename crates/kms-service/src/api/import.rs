//! Imported key material.

use crate::api::structure::{request, response};
use crate::api::{AlgorithmSpec, Blob, ExpirationModelType, ImportType, Named, Required, WrappingKeySpec};
use crate::{KmsError, Timestamp};

request! {
    /// Makes what an import needs: a public key that wraps the material, and a token.
    GetParametersForImportRequest: GetParametersForImport -> GetParametersForImportResponse {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
        /// How the material will be wrapped.
        wrapping_algorithm: Required<Named<AlgorithmSpec>>,
        /// The type of the public key.
        wrapping_key_spec: Required<Named<WrappingKeySpec>>,
    }
}

response! {
    /// What `GetParametersForImport` answers.
    GetParametersForImportResponse: GetParametersForImport {
        /// The ARN of the key.
        key_id: String,
        /// The token for `ImportKeyMaterial`: at most 6,144 bytes.
        import_token: Blob,
        /// The public key, SubjectPublicKeyInfo in DER (RFC 5280).
        public_key: Blob,
        /// When both expire: after 24 hours.
        parameters_valid_to: Option<Timestamp>,
    }
}

request! {
    /// Imports key material.
    ImportKeyMaterialRequest: ImportKeyMaterial -> ImportKeyMaterialResponse where expiration_fits {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
        /// The token of `GetParametersForImport`: 1 to 6,144 bytes.
        import_token: Required<Blob> => CIPHERTEXT,
        /// The material, wrapped: 1 to 6,144 bytes.
        encrypted_key_material: Required<Blob> => CIPHERTEXT,
        /// When the material expires: at most 365 days ahead.
        valid_to: Option<Timestamp>,
        /// Whether it expires. `KEY_MATERIAL_EXPIRES` if it is left out.
        expiration_model: Option<Named<ExpirationModelType>>,
        /// Whether the material is new to the key.
        import_type: Option<Named<ImportType>>,
        /// A text for people: at most 256 letters, digits, spaces and `:/_.-`.
        key_material_description: Option<String> => KEY_MATERIAL_DESCRIPTION,
        /// The generation that the material must be of: 64 hexadecimal digits.
        key_material_id: Option<String> => BACKING_KEY_ID,
    }
}

fn expiration_fits(request: &ImportKeyMaterialRequest) -> Result<(), KmsError> {
    let never = ExpirationModelType::KeyMaterialDoesNotExpire;
    let expires = request.expiration_model.as_ref().is_none_or(|model| *model != never);
    match (expires, request.valid_to) {
        (true, None) => {
            Err(KmsError::validation("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"))
        }
        (false, Some(_)) => Err(KmsError::validation(
            "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE",
        )),
        _ => Ok(()),
    }
}

response! {
    /// What `ImportKeyMaterial` answers.
    ImportKeyMaterialResponse: ImportKeyMaterial {
        /// The ARN of the key.
        key_id: String,
        /// The generation of the material: 64 hexadecimal digits.
        key_material_id: Option<String>,
    }
}

request! {
    /// Deletes imported key material.
    DeleteImportedKeyMaterialRequest: DeleteImportedKeyMaterial -> DeleteImportedKeyMaterialResponse {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
        /// The generation that is meant: 64 hexadecimal digits. The current one if it is left out.
        key_material_id: Option<String> => BACKING_KEY_ID,
    }
}

response! {
    /// What `DeleteImportedKeyMaterial` answers.
    DeleteImportedKeyMaterialResponse: DeleteImportedKeyMaterial {
        /// The ARN of the key.
        key_id: String,
        /// The generation that was deleted.
        key_material_id: Option<String>,
    }
}

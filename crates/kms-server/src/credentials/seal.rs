//! Secrets that are sealed under the root key, so that the file has none in clear.

use base64ct::{Base64, Encoding};
use kms_core::{Call, EncryptionContext, Error, ErrorKind, Key, Secret};

use super::CredentialsError;

/// Binds a sealed secret to its use, and to its access key: it opens for no other.
fn context(access_key_id: &str) -> Result<EncryptionContext, Error> {
    EncryptionContext::new([("kms:purpose", "credentials"), ("kms:access-key-id", access_key_id)])
}

/// Seals a secret access key under the root key: the value of `secret_access_key_sealed` in the file.
///
/// # Errors
/// `InvalidInput` if the id or the secret is too long; the root key's faults.
pub fn seal(root: &Key, access_key_id: &str, secret_access_key: &Secret) -> Result<String, Error> {
    let sealed = root.encrypt(secret_access_key.expose(), &context(access_key_id)?, &Call::default())?;
    Ok(Base64::encode_string(sealed.as_bytes()))
}

/// Opens what [`seal`] made for this access key.
pub(super) fn open(root: &Key, access_key_id: &str, sealed: &str) -> Result<Secret, CredentialsError> {
    let blob = Base64::decode_vec(sealed)
        .map_err(|_| CredentialsError::new("secret_access_key_sealed is not base64: copy it anew"))?;
    let opened = context(access_key_id).and_then(|context| root.decrypt(&blob, &context, &Call::default()));
    opened.map_err(|error| {
        CredentialsError::new(match error.kind() {
            ErrorKind::IncorrectKey => "secret_access_key_sealed was sealed under another root key: seal it anew".into(),
            ErrorKind::Rejected | ErrorKind::Malformed | ErrorKind::Unsupported => format!(
                "secret_access_key_sealed is damaged, or was sealed for another access key than {access_key_id}: seal it anew"
            ),
            _ => format!("the root key does not open secret_access_key_sealed: {error}"),
        })
    })
}

//! Encrypt, Decrypt, ReEncrypt.

use kms_core::{Algorithm, EncryptionAlgorithm, EncryptionContext, Error, ErrorKind, KeyUsage, Secret, blob};

use super::{Sealed, no_recipient};
use crate::api::cryptography::ignores_ciphertext;
use crate::api::{
    DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse, EncryptionAlgorithmSpec, Named, ReEncryptRequest,
    ReEncryptResponse,
};
use crate::authorise::Ready;
use crate::facts::Facts;
use crate::quota::Class;
use crate::step::{Found, Names, Step};
use crate::{Exception, KmsError};

/// What an algorithm is when none is named.
const DEFAULT: EncryptionAlgorithmSpec = EncryptionAlgorithmSpec::SymmetricDefault;

fn algorithm(
    named: Option<&Named<EncryptionAlgorithmSpec>>,
) -> Result<(EncryptionAlgorithmSpec, EncryptionAlgorithm), KmsError> {
    let spec = named.map_or(Ok(DEFAULT), Named::get)?;
    Ok((spec, spec.try_into()?))
}

impl Sealed for EncryptRequest {
    fn perform(&self, step: &Step<'_>) -> Result<EncryptResponse, KmsError> {
        let (spec, algorithm) = algorithm(self.encryption_algorithm.as_ref())?;
        let found = step.find(&self.key_id, Names::All)?;
        let facts = Facts {
            encryption_context: Some(&self.encryption_context),
            encryption_algorithm: Some(spec.as_str()),
            ..Facts::default()
        };
        let ready = step.ready(found, "kms:Encrypt", &facts, &self.grant_tokens)?;
        let ready = fits(ready, algorithm, &self.encryption_context)?;
        has_room(&ready, algorithm, &self.plaintext)?;
        step.dry_run(self.dry_run)?;
        let ciphertext = seal(&ready, algorithm, &self.plaintext, &self.encryption_context)?;
        Ok(EncryptResponse {
            ciphertext_blob: ciphertext.into(),
            key_id: ready.arn().to_string(),
            encryption_algorithm: Some(spec),
        })
    }
}

impl Sealed for DecryptRequest {
    fn perform(&self, step: &Step<'_>) -> Result<DecryptResponse, KmsError> {
        no_recipient(self.recipient.as_ref())?;
        let (spec, algorithm) = algorithm(self.encryption_algorithm.as_ref())?;
        let source = Source {
            ciphertext: self.ciphertext_blob.as_deref(),
            is_ignored: ignores_ciphertext(self.dry_run, &self.dry_run_modifiers),
            key_id: self.key_id.as_deref(),
            algorithm,
            context: &self.encryption_context,
        };
        let found = source.find(step)?;
        let facts = Facts {
            encryption_context: Some(&self.encryption_context),
            encryption_algorithm: Some(spec.as_str()),
            ..Facts::default()
        };
        let ready = source.check(step.ready(found, "kms:Decrypt", &facts, &self.grant_tokens)?)?;
        if source.is_ignored {
            step.dry_run(self.dry_run)?;
        }
        let (plaintext, generation) = source.open(&ready)?;
        step.dry_run(self.dry_run)?;
        ready.used(generation.unwrap_or_else(|| ready.current()));
        Ok(DecryptResponse {
            key_id: ready.arn().to_string(),
            plaintext: Some(plaintext),
            encryption_algorithm: Some(spec),
            ciphertext_for_recipient: None,
            key_material_id: generation.and_then(|generation| ready.material_id(generation)),
        })
    }
}

impl Sealed for ReEncryptRequest {
    fn perform(&self, step: &Step<'_>) -> Result<ReEncryptResponse, KmsError> {
        let (from, from_algorithm) = algorithm(self.source_encryption_algorithm.as_ref())?;
        let (to, to_algorithm) = algorithm(self.destination_encryption_algorithm.as_ref())?;
        let source = Source {
            ciphertext: self.ciphertext_blob.as_deref(),
            is_ignored: ignores_ciphertext(self.dry_run, &self.dry_run_modifiers),
            key_id: self.source_key_id.as_deref(),
            algorithm: from_algorithm,
            context: &self.source_encryption_context,
        };
        let (found, destination) = (source.find(step)?, step.find(&self.destination_key_id, Names::All)?);
        let same = found.snapshot.arn_text == destination.snapshot.arn_text;
        let facts = |context, algorithm: EncryptionAlgorithmSpec| Facts {
            encryption_context: Some(context),
            encryption_algorithm: Some(algorithm.as_str()),
            re_encrypt_on_same_key: Some(same),
            ..Facts::default()
        };
        let tokens = &self.grant_tokens;
        let facts_from = facts(&self.source_encryption_context, from);
        let facts_to = facts(&self.destination_encryption_context, to);
        // One request, one count: against the quota of the source key's class.
        let source_allowed = step.authorise(found, "kms:ReEncryptFrom", &facts_from, tokens)?;
        let destination_allowed = step.authorise(destination, "kms:ReEncryptTo", &facts_to, tokens)?;
        let class = Class::of_key(source_allowed.record().spec);
        let source_ready = source.check(source_allowed.admit(class)?.ready()?)?;
        let destination_ready = destination_allowed.admit_with(&source_ready)?.ready()?;
        let destination_ready = fits(destination_ready, to_algorithm, &self.destination_encryption_context)?;
        if source.is_ignored {
            step.dry_run(self.dry_run)?;
        }
        let (plaintext, generation) = source.open(&source_ready)?;
        has_room(&destination_ready, to_algorithm, &plaintext)?;
        step.dry_run(self.dry_run)?;
        source_ready.used(generation.unwrap_or_else(|| source_ready.current()));
        let sealed = seal(&destination_ready, to_algorithm, &plaintext, &self.destination_encryption_context)?;
        let symmetric = to == DEFAULT;
        Ok(ReEncryptResponse {
            ciphertext_blob: sealed.into(),
            source_key_id: source_ready.arn().to_string(),
            key_id: destination_ready.arn().to_string(),
            source_encryption_algorithm: Some(from),
            destination_encryption_algorithm: Some(to),
            source_key_material_id: generation.and_then(|generation| source_ready.material_id(generation)),
            destination_key_material_id: symmetric
                .then(|| destination_ready.material_id(destination_ready.current()))
                .flatten(),
        })
    }
}

/// That the key encrypts with the algorithm, and that only a symmetric one is given a context.
fn fits<'a>(
    ready: Ready<'a>,
    algorithm: EncryptionAlgorithm,
    context: &EncryptionContext,
) -> Result<Ready<'a>, KmsError> {
    let ready = ready.for_usage(KeyUsage::EncryptDecrypt)?.with_algorithm(Algorithm::from(algorithm))?;
    if algorithm != EncryptionAlgorithm::SymmetricDefault && !context.is_empty() {
        return Err(KmsError::validation("EncryptionContext is not supported with asymmetric keys."));
    }
    Ok(ready)
}

fn seal(
    ready: &Ready<'_>,
    algorithm: EncryptionAlgorithm,
    plaintext: &Secret,
    context: &EncryptionContext,
) -> Result<Vec<u8>, KmsError> {
    let key = ready.key(ready.current())?;
    let sealed = if algorithm == EncryptionAlgorithm::SymmetricDefault {
        key.encrypt(plaintext.expose(), context, &ready.call())?.into_bytes()
    } else {
        key.public_key()?.encrypt(algorithm, plaintext.expose(), &kms_core::SystemRandom)?
    };
    ready.used(ready.current());
    Ok(sealed)
}

/// That the key can encrypt so much: RSA keys have limits of their own.
fn has_room(ready: &Ready<'_>, algorithm: EncryptionAlgorithm, plaintext: &Secret) -> Result<(), KmsError> {
    let spec = ready.record().spec;
    match spec.max_plaintext(algorithm) {
        Some(most) if plaintext.len() > most => Err(KmsError::validation(format!(
            "Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {most} bytes."
        ))),
        _ => Ok(()),
    }
}

/// A ciphertext, and what is said of where it comes from.
struct Source<'a> {
    /// `None`: the request asks only whether it would be allowed.
    ciphertext: Option<&'a [u8]>,
    /// Even if there is one.
    is_ignored: bool,
    key_id: Option<&'a str>,
    algorithm: EncryptionAlgorithm,
    context: &'a EncryptionContext,
}

impl Source<'_> {
    fn is_symmetric(&self) -> bool {
        self.algorithm == EncryptionAlgorithm::SymmetricDefault
    }

    /// The key: the one that is named, or else the one that a symmetric ciphertext names.
    fn find(&self, step: &Step<'_>) -> Result<Found, KmsError> {
        let found = match (self.key_id, self.ciphertext) {
            (Some(name), _) => step.find(name, Names::All)?,
            (None, Some(ciphertext)) if self.is_symmetric() => {
                step.find_by_ciphertext(blob::material_id(ciphertext).map_err(invalid)?.key)?
            }
            _ => return Err(KmsError::validation("A KeyId is required to decrypt with an asymmetric key.")),
        };
        if let Some(Ok(names)) = self.ciphertext.map(blob::material_id) {
            step.needs(&found.snapshot, names.generation)?;
        }
        Ok(found)
    }

    /// That the key is the one of the ciphertext, and decrypts with the algorithm.
    fn check<'a>(&self, ready: Ready<'a>) -> Result<Ready<'a>, KmsError> {
        const OTHER: &str = "The key ID in the request does not identify a CMK that can perform this operation.";
        let other = || KmsError::with(Exception::IncorrectKey, OTHER);
        if let (Some(ciphertext), true, false) = (self.ciphertext, self.is_symmetric(), self.is_ignored) {
            let names = blob::material_id(ciphertext).map_err(invalid)?;
            if names.key != ready.record().id.id() {
                return Err(other());
            }
        }
        fits(ready, self.algorithm, self.context)
    }

    /// The plaintext, and the generation that a symmetric ciphertext names.
    fn open(&self, ready: &Ready<'_>) -> Result<(Secret, Option<u32>), KmsError> {
        let ciphertext = self.ciphertext.ok_or_else(|| KmsError::new(Exception::InvalidCiphertext))?;
        if !self.is_symmetric() {
            let key = ready.key(ready.current())?;
            let opened = key.decrypt_asymmetric(self.algorithm, ciphertext, &ready.call()).map_err(invalid)?;
            return Ok((opened, None));
        }
        let generation = blob::material_id(ciphertext).map_err(invalid)?.generation;
        if ready.record().generation(generation).is_none() {
            return Err(KmsError::new(Exception::InvalidCiphertext));
        }
        let opened = ready.key(generation)?.decrypt(ciphertext, self.context, &ready.call()).map_err(invalid)?;
        Ok((opened, Some(generation)))
    }
}

/// What a ciphertext is to blame for, which is not told any further; else the backend's fault.
fn invalid(error: Error) -> KmsError {
    match error.kind() {
        ErrorKind::Rejected
        | ErrorKind::Malformed
        | ErrorKind::IncorrectKey
        | ErrorKind::InvalidInput
        | ErrorKind::Unsupported => KmsError::new(Exception::InvalidCiphertext),
        _ => error.into(),
    }
}

//! One key behind the endpoint.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::KeyMetadata;
use aws_sdk_kms::types::{
    EncryptionAlgorithmSpec, KeyAgreementAlgorithmSpec, MacAlgorithmSpec, MessageType, SigningAlgorithmSpec,
};
use kms_core::primitives::ecc::signature_from_der;
use kms_core::{
    Algorithm, Call, CiphertextBlob, EncryptionAlgorithm, EncryptionContext, Error, ErrorKind, KeyAgreementAlgorithm,
    KeyInfo, KeySpec, KeyUsage, MacAlgorithm, MasterKey, MaterialId, Secret, SigningAlgorithm,
};

use crate::arn::{Arn, Resource};
use crate::client::{AwsClient, bad_answer, bytes, secret};
use crate::io::Deadline;
use crate::metadata;

/// A key behind the endpoint, which is asked for every operation; only the public half is kept here.
///
/// Its ciphertexts are the endpoint's own. Requests name the key by its ARN, so that an alias which is moved does not
/// make this another key.
pub struct AwsKey {
    client: AwsClient,
    arn: Arn,
    info: KeyInfo,
    public_key: Option<Vec<u8>>,
}

impl AwsKey {
    pub(crate) fn named(client: &AwsClient, name: &str, deadline: Deadline) -> Result<Self, Error> {
        let client = match name.parse::<Arn>() {
            Ok(arn) => client.in_region(arn.region()),
            Err(error) if name.starts_with("arn:") => return Err(error),
            Err(_) => client.clone(),
        };
        let described = client.describe(name, deadline)?.ok_or_else(|| absent(name, &client))?;
        let id = metadata::arn(&described)?.material_id();
        Self::described(&client, &described, id, deadline)
    }

    /// The key that was described, under the name `id`.
    pub(crate) fn described(
        client: &AwsClient,
        described: &KeyMetadata,
        id: MaterialId,
        deadline: Deadline,
    ) -> Result<Self, Error> {
        metadata::check_enabled(described)?;
        let (arn, info) = (metadata::arn(described)?, metadata::info(described, id)?);
        let public_key = if info.spec.is_asymmetric() {
            let asked = client.kms.get_public_key().key_id(arn.as_str()).send();
            Some(bytes(client.ask(deadline, arn.as_str(), asked)?.public_key)?)
        } else {
            None
        };
        Ok(Self { client: client.clone(), arn, info, public_key })
    }

    pub(crate) fn symmetric(client: &AwsClient, arn: &Arn) -> Result<Self, Error> {
        if let Resource::Alias(_) = arn.resource() {
            return Err(Error::invalid_input(format!("{arn}: an alias, where the ARN of a key is needed")));
        }
        let info = KeyInfo::new(arn.material_id(), KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt)?;
        Ok(Self { client: client.in_region(arn.region()), arn: arn.clone(), info, public_key: None })
    }

    /// The ARN: what messages name the key by.
    #[must_use]
    pub const fn arn(&self) -> &Arn {
        &self.arn
    }

    fn needs(&self, algorithm: impl Into<Algorithm>) -> Result<(), Error> {
        let algorithm = algorithm.into();
        if self.info.algorithms.contains(algorithm) {
            return Ok(());
        }
        Err(Error::unsupported(format!("{algorithm} with {}, a {} key", self.arn, self.info.spec)))
    }

    /// The answer of another key than was asked is none (AWS Encryption SDK, `framework/aws-kms/aws-kms-keyring.md`).
    fn answered(&self, key_id: Option<&str>) -> Result<(), Error> {
        if key_id == Some(self.arn.as_str()) { Ok(()) } else { Err(bad_answer("the ARN of the key that was asked")) }
    }
}

pub(crate) fn absent(name: &str, client: &AwsClient) -> Error {
    Error::with_detail(ErrorKind::KeyUnavailable, format!("no key {name} in {}", client.region()))
}

fn pairs(context: &EncryptionContext) -> Option<HashMap<String, String>> {
    let pairs = || context.pairs().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    (!context.is_empty()).then(pairs)
}

impl MasterKey for AwsKey {
    fn info(&self) -> &KeyInfo {
        &self.info
    }

    fn public_key(&self) -> Option<&[u8]> {
        self.public_key.as_deref()
    }

    fn fill_random(&self, out: &mut [u8], call: &Call) -> Result<(), Error> {
        self.client.fill_random(out, Deadline::of(call))
    }

    fn seal(&self, plaintext: &[u8], context: &EncryptionContext, call: &Call) -> Result<CiphertextBlob, Error> {
        self.needs(EncryptionAlgorithm::SymmetricDefault)?;
        let request = self.client.kms.encrypt().key_id(self.arn.as_str()).set_encryption_context(pairs(context));
        let sealed = request.plaintext(Blob::new(plaintext)).send();
        let sealed = self.client.ask(Deadline::of(call), self.arn.as_str(), sealed)?;
        self.answered(sealed.key_id())?;
        Ok(bytes(sealed.ciphertext_blob)?.into())
    }

    fn open(&self, blob: &[u8], context: &EncryptionContext, call: &Call) -> Result<Secret, Error> {
        self.needs(EncryptionAlgorithm::SymmetricDefault)?;
        let request = self.client.kms.decrypt().key_id(self.arn.as_str()).set_encryption_context(pairs(context));
        let opened = request.ciphertext_blob(Blob::new(blob)).send();
        let opened = self.client.ask(Deadline::of(call), self.arn.as_str(), opened)?;
        self.answered(opened.key_id())?;
        secret(opened.plaintext)
    }

    fn decrypt(&self, algorithm: EncryptionAlgorithm, ciphertext: &[u8], call: &Call) -> Result<Secret, Error> {
        if algorithm == EncryptionAlgorithm::SymmetricDefault {
            return Err(Error::unsupported("SYMMETRIC_DEFAULT is not an algorithm of private keys"));
        }
        self.needs(algorithm)?;
        // Refused for its length, which is no secret: the endpoint has an exception of another kind for some lengths.
        if self.info.spec.modulus_len() != Some(ciphertext.len()) {
            return Err(Error::rejected());
        }
        let request = self.client.kms.decrypt().key_id(self.arn.as_str()).ciphertext_blob(Blob::new(ciphertext));
        let opened = request.encryption_algorithm(EncryptionAlgorithmSpec::from(algorithm.as_str())).send();
        secret(self.client.ask(Deadline::of(call), self.arn.as_str(), opened)?.plaintext)
    }

    fn sign_digest(&self, algorithm: SigningAlgorithm, digest: &[u8], call: &Call) -> Result<Vec<u8>, Error> {
        self.needs(algorithm)?;
        let request = self.client.kms.sign().key_id(self.arn.as_str()).message(Blob::new(digest));
        let request = request.message_type(MessageType::Digest);
        let signed = request.signing_algorithm(SigningAlgorithmSpec::from(algorithm.as_str())).send();
        let signature = bytes(self.client.ask(Deadline::of(call), self.arn.as_str(), signed)?.signature)?;
        if !self.info.spec.is_ecc() {
            return Ok(signature);
        }
        signature_from_der(self.info.spec, &signature).map_err(|_| bad_answer("an ECDSA signature in DER"))
    }

    fn mac(&self, algorithm: MacAlgorithm, message: &[u8], call: &Call) -> Result<Secret, Error> {
        self.needs(algorithm)?;
        let request = self.client.kms.generate_mac().key_id(self.arn.as_str()).message(Blob::new(message));
        let made = request.mac_algorithm(MacAlgorithmSpec::from(algorithm.as_str())).send();
        secret(self.client.ask(Deadline::of(call), self.arn.as_str(), made)?.mac)
    }

    fn agree(&self, peer: &[u8], call: &Call) -> Result<Secret, Error> {
        self.needs(KeyAgreementAlgorithm::Ecdh)?;
        let request = self.client.kms.derive_shared_secret().key_id(self.arn.as_str()).public_key(Blob::new(peer));
        let agreed = request.key_agreement_algorithm(KeyAgreementAlgorithmSpec::Ecdh).send();
        secret(self.client.ask(Deadline::of(call), self.arn.as_str(), agreed)?.shared_secret)
    }

    /// In one request.
    fn generate_data_key(
        &self,
        len: usize,
        context: &EncryptionContext,
        call: &Call,
    ) -> Result<(Secret, CiphertextBlob), Error> {
        self.needs(EncryptionAlgorithm::SymmetricDefault)?;
        let bytes_asked = i32::try_from(len).map_err(|_| Error::invalid_input("a data key has 1 to 1,024 bytes"))?;
        let request = self.client.kms.generate_data_key().key_id(self.arn.as_str()).number_of_bytes(bytes_asked);
        let made = request.set_encryption_context(pairs(context)).send();
        let made = self.client.ask(Deadline::of(call), self.arn.as_str(), made)?;
        self.answered(made.key_id())?;
        Ok((secret(made.plaintext)?, bytes(made.ciphertext_blob)?.into()))
    }
}

impl fmt::Debug for AwsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsKey").field("arn", &self.arn.as_str()).field("info", &self.info).finish_non_exhaustive()
    }
}

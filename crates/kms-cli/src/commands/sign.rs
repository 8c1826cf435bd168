//! `kms sign` and `kms verify`.

use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding};
use clap::Args;
use kms_core::primitives::hash::Hasher;
use kms_core::{Algorithm, AlgorithmSet, ErrorKind, KeyUsage, MessageType, PublicKey, SigningAlgorithm};
use serde_json::json;

use super::Common;
use crate::failure::Failure;
use crate::input::{Input, as_pem, read_full};
use crate::keys::Entry;
use crate::output::{Destination, refuse_terminal, write_small};
use crate::progress::Watched;

/// What is added to a file's name for its signature.
const SUFFIX: &str = ".sig";
/// The longest signature that is read, in bytes; RSA-4096 has 512.
const MAX_SIGNATURE: u64 = 4096;

/// Sign a file
///
/// The signature of FILE goes to FILE.sig: DER for elliptic curve keys, the plain number for RSA, as in AWS KMS.
#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Sign with this key, by alias, id or ARN
    #[arg(short, long, value_name = "KEY")]
    key: String,

    /// The algorithm, for example RSASSA_PSS_SHA_256 or ECDSA_SHA_256 [default: the first of the key's]
    #[arg(short, long, value_name = "NAME")]
    algorithm: Option<SigningAlgorithm>,

    /// Write the signature there; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace an output that exists
    #[arg(short, long)]
    force: bool,
}

/// Verify the signature of a file
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The signature [default: FILE.sig]
    #[arg(short, long, value_name = "FILE")]
    signature: Option<PathBuf>,

    /// The key in the keyring, by alias, id or ARN
    #[arg(short, long, value_name = "KEY", required_unless_present = "public_key")]
    key: Option<String>,

    /// Or a public key in a file, PEM or DER; no keyring is needed
    #[arg(short, long, value_name = "FILE", conflicts_with = "key")]
    public_key: Option<PathBuf>,

    /// The algorithm [default: the first of the key's]
    #[arg(short, long, value_name = "NAME")]
    algorithm: Option<SigningAlgorithm>,
}

impl Sign {
    pub(crate) fn run(&self, common: &Common) -> Result<(), Failure> {
        let keys = common.keyring.open_for(&self.key, common.report)?;
        let entry = keys.find(&self.key)?;
        if !entry.usages.contains(&KeyUsage::SignVerify) {
            return Err(self.does_not_sign(&entry));
        }
        let algorithms = keys.algorithms(&entry, KeyUsage::SignVerify)?;
        let algorithm = choose(self.algorithm, algorithms).ok_or_else(|| self.does_not_sign(&entry))?;
        let to = match &self.output {
            Some(path) => Destination::from_argument(path),
            None if self.file == Path::new("-") => Destination::Stdout,
            None => Destination::File(signature_of(&self.file)),
        };
        if !common.report.json || to != Destination::Stdout {
            refuse_terminal(&to, self.output.is_some())?;
        }
        let digest = digest(common, &self.file, algorithm)?;
        let signature = keys.sign(&entry, algorithm, &digest)?;
        if !(common.report.json && to == Destination::Stdout) {
            write_small(&to, self.force, 0o644, &signature)?;
        }
        if to != Destination::Stdout {
            common.report.done(&format!("{} -> {}  ({algorithm} by {})", self.file.display(), to.name(), self.key));
        }
        common.report.record(|| {
            json!({
                "KeyId": entry.arn(),
                "SigningAlgorithm": algorithm.as_str(),
                "Signature": Base64::encode_string(&signature),
            })
        })
    }
}

impl Sign {
    fn does_not_sign(&self, entry: &Entry) -> Failure {
        Failure::usage(format!("{} is a {} key for {}, which does not sign", self.key, entry.spec, entry.usage()))
            .hint("`kms key create --spec ECC_NIST_P256` makes one that does.")
    }
}

impl Verify {
    pub(crate) fn run(&self, common: &Common) -> Result<(), Failure> {
        let (public, by) = self.public_key(common)?;
        let algorithms = AlgorithmSet::of(public.spec(), KeyUsage::SignVerify);
        let algorithm = choose(self.algorithm, algorithms)
            .ok_or_else(|| Failure::usage(format!("a {} key does not sign", public.spec())))?;
        let signature_path = match &self.signature {
            Some(path) => path.clone(),
            None if self.file == Path::new("-") => {
                return Err(Failure::usage("which signature?").hint("Name it with --signature FILE."));
            }
            None => signature_of(&self.file),
        };
        let signature = Input::open(&signature_path)?.read_small(MAX_SIGNATURE)?;
        let digest = digest(common, &self.file, algorithm)?;
        let name = self.file.display();
        public.verify(algorithm, MessageType::Digest, &digest, &signature).map_err(|error| {
            let hint = format!("This is no {algorithm} signature of that file by {by}.");
            Failure::hinting(error, ErrorKind::Rejected, hint).about(&name)
        })?;
        common.report.done(&format!("{name}: good signature by {by} ({algorithm})"));
        common.report.record(|| json!({ "SignatureValid": true, "SigningAlgorithm": algorithm.as_str(), "Key": by }))
    }

    fn public_key(&self, common: &Common) -> Result<(PublicKey, String), Failure> {
        if let Some(path) = &self.public_key {
            let bytes = Input::open(path)?.read_small(64 * 1024)?;
            let key = match as_pem(&bytes) {
                Some(pem) => PublicKey::from_pem(pem),
                None => PublicKey::from_spki_der(&bytes),
            };
            return Ok((key.map_err(|error| Failure::from(error).about(path.display()))?, path.display().to_string()));
        }
        let name = self.key.clone().unwrap_or_default();
        let keys = common.keyring.open_for(&name, common.report)?;
        Ok((keys.public_key(&keys.find(&name)?)?, name))
    }
}

fn signature_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(SUFFIX);
    name.into()
}

/// The algorithm asked for, or the first of a key's.
fn choose(asked: Option<SigningAlgorithm>, algorithms: AlgorithmSet) -> Option<SigningAlgorithm> {
    let first = algorithms.iter().find_map(|algorithm| match algorithm {
        Algorithm::Signing(algorithm) => Some(algorithm),
        _ => None,
    });
    first.map(|first| asked.unwrap_or(first))
}

/// The digest of a file of any length.
fn digest(common: &Common, file: &Path, algorithm: SigningAlgorithm) -> Result<Vec<u8>, Failure> {
    let input = Input::open(file)?;
    let (name, len) = (input.name.clone(), input.len);
    let mut input = Watched::new(input, &name, len, common.report.quiet);
    let mut hasher = Hasher::new(algorithm.hash());
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let len = read_full(&mut input, &mut buffer).map_err(|error| Failure::from(error).about(&name))?;
        match buffer.get(..len) {
            Some(read) if !read.is_empty() => hasher.update(read),
            _ => return Ok(hasher.finish()),
        }
    }
}

#[cfg(test)]
mod tests {
    use kms_core::KeySpec;

    use super::*;

    #[test]
    fn the_first_algorithm_of_a_key_is_the_default() {
        let of = |spec| choose(None, AlgorithmSet::of(spec, KeyUsage::SignVerify));
        assert_eq!(of(KeySpec::Rsa2048), Some(SigningAlgorithm::RsassaPssSha256));
        assert_eq!(of(KeySpec::EccNistP521), Some(SigningAlgorithm::EcdsaSha512));
        assert_eq!(of(KeySpec::Hmac256), None);
    }
}

//! The list of a corpus: its keys, its messages, and what is to become of each.

use std::collections::BTreeMap;
use std::io;

use kms_core::HashAlgorithm;
use kms_core::primitives::hash::hash;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use shake::{ExtendableOutput, Shake128, Update, XofReader};

use crate::files::Files;

/// The format this module reads and writes.
pub const FORMAT: &str = "esdk-corpus/1";

/// A corpus. Fields that only people read are left out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the shape of a file")]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// The wrapping keys, by the names the messages use for them.
    pub keys: BTreeMap<String, KeyEntry>,
    /// The messages.
    pub messages: Vec<MessageEntry>,
}

impl Manifest {
    /// Reads a manifest from JSON.
    ///
    /// # Errors
    /// If it is not one, or of another format.
    pub fn parse(json: &[u8]) -> io::Result<Self> {
        let manifest: Self = serde_json::from_slice(json)?;
        if manifest.format != FORMAT {
            let detail = format!("format {:?}, not {FORMAT:?}", manifest.format);
            return Err(io::Error::new(io::ErrorKind::InvalidData, detail));
        }
        Ok(manifest)
    }

    /// As JSON.
    ///
    /// # Errors
    /// Does not happen.
    pub fn to_json(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec_pretty(self)?)
    }
}

/// A raw wrapping key. Test material, published.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the shape of a file")]
pub enum KeyEntry {
    /// An AES key.
    Aes {
        /// The key.
        hex: Hex,
        /// Its namespace: the provider id.
        namespace: String,
        /// Its name in that.
        name: String,
    },
    /// An RSA key.
    Rsa {
        /// Its namespace: the provider id.
        namespace: String,
        /// Its name in that.
        name: String,
        /// PKCS#8.
        private_pem: String,
        /// SubjectPublicKeyInfo.
        public_pem: String,
    },
}

/// What is to become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the shape of a file")]
pub enum Expect {
    /// It decrypts.
    #[serde(alias = "accept")]
    Ok,
    /// It does not.
    Reject,
}

/// A wrapping key in use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the shape of a file")]
pub struct KeyUse {
    /// Its name in the manifest.
    pub key: String,
    /// `AES_GCM`, `RSA_PKCS1`, `RSA_OAEP_SHA256` and so on.
    pub wrapping: String,
}

/// A message.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the shape of a file")]
pub struct MessageEntry {
    /// Its file, relative to the manifest.
    pub file: String,
    /// Its algorithm suite, in four hexadecimal digits.
    pub suite: String,
    /// What is to become of it.
    pub expect: Expect,
    /// The same where implementations disagree, by the text of the specification; goes before `expect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict_expect: Option<Expect>,
    /// The family of its defect.
    pub group: String,
    /// What is special about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The key to decrypt it with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decrypt_with: Option<KeyUse>,
    /// Every key it is encrypted under.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wrapped_by: Vec<KeyUse>,
    /// The data key itself, instead of a key to decrypt it with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_key: Option<Hex>,
    /// The key commitment that follows from `data_key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commitment: Option<Hex>,
    /// What it decrypts to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plaintext: Option<Plaintext>,
    /// The whole encryption context, without what the format adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_context: Option<BTreeMap<String, String>>,
    /// The keys of pairs that are authenticated but not stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_context_keys: Vec<String>,
    /// What to present for those.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reproduced_context: BTreeMap<String, String>,
    /// Its frame length; 0 if it is not framed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_length: Option<u32>,
}

impl MessageEntry {
    /// What is to become of it.
    #[must_use]
    pub fn verdict(&self) -> Expect {
        self.strict_expect.unwrap_or(self.expect)
    }
}

/// A plaintext, and how to come by it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the shape of a file")]
pub struct Plaintext {
    /// Its length in bytes.
    pub len: usize,
    /// Its SHA-256.
    pub sha256: Hex,
    /// It is the SHAKE-128 of this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// It is in this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// It is this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hex: Option<Hex>,
}

impl Plaintext {
    /// `len` bytes of the SHAKE-128 of `seed`.
    #[must_use]
    pub fn from_seed(seed: &str, len: usize) -> Self {
        let sha256 = Hex(hash(HashAlgorithm::Sha256, &shake128(seed, len)));
        Self { len, sha256, seed: Some(seed.into()), file: None, hex: None }
    }

    /// The bytes.
    ///
    /// # Errors
    /// If the file is missing, or the bytes are not of the length and hash they should be.
    pub fn bytes(&self, files: &dyn Files) -> io::Result<Vec<u8>> {
        let bytes = match (&self.seed, &self.file, &self.hex) {
            (Some(seed), None, None) => shake128(seed, self.len),
            (None, Some(file), None) => files.read(file)?,
            (None, None, Some(hex)) => hex.0.clone(),
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "a plaintext has one of seed, file and hex")),
        };
        if bytes.len() != self.len || hash(HashAlgorithm::Sha256, &bytes) != self.sha256.0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the plaintext is not that of its length and hash"));
        }
        Ok(bytes)
    }
}

fn shake128(seed: &str, len: usize) -> Vec<u8> {
    let mut hasher = Shake128::default();
    hasher.update(seed.as_bytes());
    let mut out = vec![0; len];
    hasher.finalize_xof().read(&mut out);
    out
}

/// Bytes, in hexadecimal in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "nothing else is in it")]
pub struct Hex(pub Vec<u8>);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base16ct::lower::encode_string(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        base16ct::lower::decode_vec(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first bytes of SHAKE-128 of nothing (FIPS 202, NIST's example values).
    #[test]
    fn plaintexts_are_shake_128() {
        let known = b"\x7f\x9c\x2b\xa4\xe8\x8f\x82\x7d\x61\x60\x45\x50\x76\x05\x85\x3e";
        assert_eq!(shake128("", 16), known);
    }

    #[test]
    fn another_format_is_refused() {
        let json = br#"{"format": "esdk-corpus/2", "keys": {}, "messages": []}"#;
        assert!(Manifest::parse(json).is_err());
    }

    #[test]
    fn a_plaintext_must_have_its_hash() {
        let nowhere = crate::files::Directory::new("/nonexistent");
        let mut plaintext = Plaintext::from_seed("a", 5);
        assert_eq!(plaintext.bytes(&nowhere).unwrap().len(), 5);
        plaintext.seed = Some("b".into());
        assert!(plaintext.bytes(&nowhere).is_err());
        plaintext.file = Some("b".into());
        assert!(plaintext.bytes(&nowhere).is_err());
    }
}

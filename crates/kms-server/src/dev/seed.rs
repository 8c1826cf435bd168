//! The file that says which keys a server for tests starts with.
//!
//! ```yaml
//! Keys:
//!   - KeyId: bc436485-5092-42b8-92a3-0aa8b93536dc
//!     Aliases: [alias/orders]
//!     Tags: { team: shop }
//!     BackingKeys: [5cdaead27fe7da2de47945d73cd6d79e36494e73802f3cd3869f1d2cb0b5d7a9]
//!   - KeyId: mrk-1234abcd12ab34cd56ef1234567890ab
//!     MultiRegion: true
//!   - KeyId: 800d5768-3fd7-4edd-a4b8-4c81c3e4c147
//!     KeySpec: ECC_NIST_P256
//!     KeyUsage: SIGN_VERIFY
//! Aliases:
//!   - AliasName: alias/testing
//!     TargetKeyId: bc436485-5092-42b8-92a3-0aa8b93536dc
//! ```
//!
//! The seed files of local-kms are read as well, where `Keys` is `Symmetric: {Aes, Hmac}` and `Asymmetric: {Rsa, Ecc}`.

use core::fmt;
use std::collections::BTreeMap;
use std::path::Path;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The keys and aliases that a server for tests starts with.
///
/// `Debug` shows no material.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Seed {
    /// The keys.
    #[serde(deserialize_with = "keys")]
    pub keys: Vec<KeySeed>,
    /// Aliases, beside those that stand with their keys.
    pub aliases: Vec<AliasSeed>,
}

/// Tags by their names.
pub type Tags = BTreeMap<String, String>;

/// One key. Members are called as in `CreateKey`.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct KeySeed {
    /// The id, or a random one.
    pub key_id: Option<String>,
    /// The region, or the first that is served.
    pub region: Option<String>,
    /// The account, or the one that is served.
    pub account: Option<String>,
    /// The spec; with `PrivateKeyPem`, what that is. `SYMMETRIC_DEFAULT`.
    pub key_spec: Option<String>,
    /// The usage. `ENCRYPT_DECRYPT`, or the only one that keys of the spec have.
    pub key_usage: Option<String>,
    /// `AWS_KMS` or `EXTERNAL`, which waits for its material if there is none here.
    pub origin: Option<String>,
    /// A text.
    pub description: String,
    /// Whether it can be replicated. Its id begins with `mrk-`.
    pub multi_region: bool,
    /// The key policy, as JSON or as YAML; else the default one.
    pub policy: Option<serde_json::Value>,
    /// Tags.
    pub tags: Tags,
    /// Names, with `alias/` before them.
    pub aliases: Vec<String>,
    /// Whether it is enabled.
    pub enabled: Option<bool>,
    /// Whether it rotates each year.
    pub rotation: bool,
    /// The material of a symmetric or HMAC key, in hexadecimal digits: one for each generation, the current one last.
    pub backing_keys: Vec<String>,
    /// The material of an RSA or elliptic curve key: PKCS#8 in PEM, `-----BEGIN PRIVATE KEY-----`.
    pub private_key_pem: Option<String>,
}

/// One alias.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct AliasSeed {
    /// The name, with `alias/` before it.
    pub alias_name: String,
    /// The id of a key of the seed.
    pub target_key_id: String,
}

impl Seed {
    /// Reads a seed.
    ///
    /// # Errors
    /// What is wrong, with line and column.
    pub fn parse(text: &str) -> Result<Self, SeedError> {
        serde_saphyr::from_str(text).map_err(|error| SeedError(error.to_string()))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), or if it cannot be read, with the name of the file.
    pub fn load(path: &Path) -> Result<Self, SeedError> {
        let about = |error: String| SeedError(format!("{}: {error}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| about(error.to_string()))?;
        Self::parse(&text).map_err(|SeedError(error)| about(error))
    }
}

/// What is wrong with a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedError(String);

impl fmt::Display for SeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for SeedError {}

impl fmt::Debug for KeySeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySeed")
            .field("key_id", &self.key_id)
            .field("key_spec", &self.key_spec)
            .finish_non_exhaustive()
    }
}

/// `Keys`: a list, or what local-kms has.
fn keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<KeySeed>, D::Error> {
    struct Either;
    impl<'de> Visitor<'de> for Either {
        type Value = Vec<KeySeed>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of keys, or Symmetric and Asymmetric with the keys of each kind")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<KeySeed>, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(list))
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<KeySeed>, A::Error> {
            LocalKms::deserialize(MapAccessDeserializer::new(map)).map(LocalKms::keys)
        }

        fn visit_unit<E: Error>(self) -> Result<Vec<KeySeed>, E> {
            Ok(Vec::new())
        }
    }
    deserializer.deserialize_any(Either)
}

/// `Keys` of local-kms.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct LocalKms {
    symmetric: Symmetric,
    asymmetric: Asymmetric,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Symmetric {
    aes: Vec<LocalKmsKey>,
    hmac: Vec<LocalKmsKey>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Asymmetric {
    rsa: Vec<LocalKmsKey>,
    ecc: Vec<LocalKmsKey>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct LocalKmsKey {
    metadata: KeySeed,
    backing_keys: Vec<String>,
    private_key_pem: Option<String>,
    /// When the next rotation is. Here it is a year after the key was made, as in AWS.
    next_key_rotation: Option<String>,
    tags: Vec<LocalKmsTag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct LocalKmsTag {
    tag_key: String,
    tag_value: String,
}

impl LocalKms {
    fn keys(self) -> Vec<KeySeed> {
        let Self { symmetric: Symmetric { aes, hmac }, asymmetric: Asymmetric { rsa, ecc } } = self;
        aes.into_iter().chain(hmac).chain(rsa).chain(ecc).map(LocalKmsKey::seed).collect()
    }
}

impl LocalKmsKey {
    fn seed(self) -> KeySeed {
        let mut seed = self.metadata;
        seed.backing_keys.extend(self.backing_keys);
        seed.private_key_pem = self.private_key_pem.or(seed.private_key_pem);
        seed.rotation |= self.next_key_rotation.is_some();
        seed.tags.extend(self.tags.into_iter().map(|tag| (tag.tag_key, tag.tag_value)));
        seed
    }
}

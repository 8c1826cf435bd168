//! The keys there are.

use cryptoki::object::Attribute;
use kms_core::{Call, Error, KeyId, KeySpec, KeyUsage, Locator, MaterialId};

use super::Pkcs11Backend;
use crate::wrapped::{KeyOrigin, Record};

/// A key of a token, as it is listed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ListedKey {
    /// Where it is. For a key that was not made here, the id is computed from its identifier in the token.
    pub at: Locator,
    /// Type and size.
    pub spec: KeySpec,
    /// What the token permits it to be used for.
    pub usages: Vec<KeyUsage>,
    /// The label of an object in the token; a wrapped key has none.
    pub label: Option<String>,
    /// For a wrapped key: how it came to be, and when, in seconds since 1970.
    pub record: Option<(KeyOrigin, u64)>,
    /// The public half, as the DER of a SubjectPublicKeyInfo.
    pub public_key: Option<Vec<u8>>,
}

impl Pkcs11Backend {
    /// The keys that can be used: those wrapped, then those in the token. Root keys, and what this crate has no use for,
    /// are left out.
    ///
    /// Wrapped keys are listed as their records say, which is authenticated when a key is opened.
    ///
    /// # Errors
    /// The faults of the token, and of the place where records are.
    pub fn list(&self, call: &Call) -> Result<Vec<ListedKey>, Error> {
        let mut keys = Vec::new();
        let wrapped = self.token.uri().to_string();
        for id in self.records.list()? {
            let Some(bytes) = self.records.get(id)? else { continue };
            let record = Record::parse(&bytes)?;
            keys.push(ListedKey {
                at: Locator::new(id, wrapped.clone()),
                spec: record.spec,
                usages: vec![record.usage],
                label: None,
                record: Some((record.origin, record.created)),
                public_key: record.public_key,
            });
        }
        let found = self.token.run(call, |attempt| attempt.described(&[Attribute::Token(true)]))?;
        for described in found.into_iter().flatten() {
            if described.label.starts_with("kms root ") {
                continue;
            }
            let mut uri = self.token.uri();
            let id = material_id(&described.id, &described.label);
            if described.id.is_empty() {
                uri.object = Some(described.label.clone());
            } else {
                uri.id = Some(described.id);
            }
            keys.push(ListedKey {
                at: Locator::new(id, uri.to_string()),
                spec: described.spec,
                usages: described.usages,
                label: Some(described.label).filter(|label| !label.is_empty()),
                record: None,
                public_key: described.public_key,
            });
        }
        Ok(keys)
    }
}

/// The id of a key in a token. Keys made here say it in CKA_ID. For others it is computed (as a version 8 UUID,
/// RFC 9562 section 5.8) from CKA_ID, or the label of a key without one: the same everywhere, as long as those stay.
fn material_id(id: &[u8], label: &str) -> MaterialId {
    if let Some((key, generation)) = id.split_first_chunk::<16>()
        && let Ok(generation) = generation.try_into()
    {
        return MaterialId { key: KeyId::from_bytes(*key), generation: u32::from_be_bytes(generation) };
    }
    let input = [&b"kms key in a token: "[..], if id.is_empty() { label.as_bytes() } else { id }].concat();
    let digest = kms_core::primitives::hash::hash(kms_core::HashAlgorithm::Sha256, &input);
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    MaterialId::from(KeyId::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_ours_is_read_and_any_other_is_computed() {
        let ours = MaterialId { key: KeyId::from_bytes([3; 16]), generation: 5 };
        assert_eq!(material_id(&super::super::object_id(ours), ""), ours);
        let theirs = material_id(&[1, 2], "label");
        assert_eq!(theirs, material_id(&[1, 2], "other label"));
        assert_ne!(theirs, material_id(&[1, 3], "label"));
        assert_ne!(material_id(&[], "a"), material_id(&[], "b"));
        assert_eq!(theirs.generation, 0);
    }
}

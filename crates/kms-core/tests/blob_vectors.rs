//! Frozen ciphertext blobs (`vectors/blob-v1.txt`): each opens to its plaintext, is made again from its nonce, byte
//! for byte, and each damaged one is refused with the kind that is written beside it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::collections::HashMap;

use kms_core::primitives::mac::hmac;
use kms_core::{EncryptionContext, Error, KeyId, MacAlgorithm, MaterialId, RandomSource, Secret, blob};

const VECTORS: &str = include_str!("vectors/blob-v1.txt");
/// Not in the published crate, which has no `docs`.
const FORMAT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/FORMAT.md");

struct Vector {
    name: &'static str,
    fields: HashMap<&'static str, &'static str>,
}

impl Vector {
    fn all() -> Vec<Self> {
        let mut vectors: Vec<Self> = Vec::new();
        for line in VECTORS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                vectors.push(Self { name, fields: HashMap::new() });
            } else {
                let (field, value) = line.split_once(" =").unwrap();
                vectors.last_mut().unwrap().fields.insert(field, value.trim());
            }
        }
        vectors
    }

    fn text(&self, field: &str) -> &'static str {
        self.fields.get(field).unwrap_or_else(|| panic!("{}: no {field}", self.name))
    }

    fn bytes(&self, field: &str) -> Vec<u8> {
        let digits = self.text(field).as_bytes();
        digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    fn id(&self) -> MaterialId {
        let key = KeyId::from_bytes(self.bytes("key_id").try_into().unwrap());
        MaterialId { key, generation: self.text("generation").parse().unwrap() }
    }

    fn context(&self) -> EncryptionContext {
        EncryptionContext::parse(&self.bytes("context")).unwrap()
    }

    fn prf(&self) -> impl Fn(&[u8]) -> Result<Secret, Error> {
        let key = self.bytes("master_key");
        move |input| Ok(hmac(MacAlgorithm::HmacSha256, &key, input))
    }

    fn open(&self) -> Result<Secret, Error> {
        blob::open(&self.id(), self.prf(), &self.bytes("blob"), &self.context())
    }

    /// The kind of the error, for a vector that is not to be opened.
    fn refused(&self) -> Option<&'static str> {
        self.fields.get("refused").copied()
    }
}

/// Gives out the recorded nonce.
struct Recorded(Vec<u8>);

impl RandomSource for Recorded {
    fn fill(&self, out: &mut [u8]) -> Result<(), Error> {
        out.copy_from_slice(&self.0);
        Ok(())
    }
}

#[test]
fn every_blob_opens_and_is_made_again() {
    let mut seen = 0;
    for vector in Vector::all().iter().filter(|vector| vector.refused().is_none()) {
        assert_eq!(vector.open().unwrap().expose(), vector.bytes("plaintext"), "{}", vector.name);
        let prf = |input: &[u8]| {
            assert_eq!(input, vector.bytes("kdf_input"), "{}", vector.name);
            let key = vector.prf()(input)?;
            assert_eq!(key.expose(), vector.bytes("blob_key"), "{}", vector.name);
            Ok(key)
        };
        let nonce = Recorded(vector.bytes("nonce"));
        let made = blob::seal(&vector.id(), prf, &nonce, &vector.bytes("plaintext"), &vector.context()).unwrap();
        assert_eq!(made.as_bytes(), vector.bytes("blob"), "{}", vector.name);
        assert_eq!(blob::material_id(made.as_bytes()).unwrap(), vector.id(), "{}", vector.name);
        seen += 1;
    }
    assert_eq!(seen, 8);
}

#[test]
fn every_damaged_blob_is_refused_by_its_kind() {
    let mut seen = 0;
    for vector in Vector::all() {
        let Some(kind) = vector.refused() else { continue };
        assert_eq!(format!("{:?}", vector.open().unwrap_err().kind()), kind, "{}", vector.name);
        seen += 1;
    }
    assert_eq!(seen, 19);
}

/// The worked example of docs/FORMAT.md is the first vector.
#[test]
fn the_drawing_shows_a_vector() {
    let Ok(format) = std::fs::read_to_string(FORMAT) else { return };
    let vectors = Vector::all();
    let example = vectors.iter().find(|vector| vector.name == "worked example").unwrap();
    let drawn: String = format.split_once("### Worked example").unwrap().1.split_whitespace().collect();
    for field in ["master_key", "key_id", "context", "nonce", "plaintext", "kdf_input", "blob_key", "blob"] {
        assert!(drawn.contains(example.text(field)), "{field}");
    }
}

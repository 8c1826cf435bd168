//! The bytes of a keyring file, drawn in the [parent module](super) and in `docs/FORMAT-keyring.md`.
//!
//! Pure and total: no input makes the parser panic, or allocate more than in proportion to its length, and exactly
//! one sequence of bytes stands for given contents.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use kms_core::primitives::hash::hash;
use kms_core::{AlgorithmSet, Error, HashAlgorithm, blob};

use crate::keyring::contents::{Contents, GenerationRecord, KeyRecord, MAX_DESCRIPTION, Origin, is_alias};
use crate::keyring::damage::Damage;
use crate::keyring::root::{PassphraseCost, RootInfo, RootKind};
use crate::wire::{Reader, put_bytes, put_material_id};

/// How a keyring file begins.
const MAGIC: &[u8; 12] = b"KMS keyring\n";
const VERSION: u16 = 1;
/// Magic, version and length of the body.
const PREFIX_LEN: usize = 12 + 2 + 4;
const CHECKSUM_LEN: usize = 32;
/// Longest keyring file in bytes. Who has more keys needs a store, not a file.
pub const MAX_FILE: usize = 64 << 20;

/// Longest body: what the seal and the checksum leave.
const MAX_BODY: usize = MAX_FILE - 2 - blob::MAX_BLOB - CHECKSUM_LEN;

const ROOT_KEY_FILE: u8 = 1;
const ROOT_PASSPHRASE: u8 = 2;
const ROOT_MASTER_KEY: u8 = 3;

/// A keyring file taken apart. Its form and its checksum are right; whether it is genuine, the root key must say.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parsed<'a> {
    /// What it holds.
    pub contents: Contents,
    /// [`digest`](Self::digest), sealed under the root key by whoever wrote the file.
    pub seal: &'a [u8],
    /// SHA-256 of all that comes before the seal.
    pub digest: Vec<u8>,
}

/// Takes a keyring file apart.
///
/// # Errors
/// The way in which it is none, or is damaged.
///
/// ```
/// use kms_soft::keyring::{Damage, format};
/// assert_eq!(format::parse(b"-----BEGIN").unwrap_err(), Damage::NotAKeyring);
/// assert_eq!(format::parse(b"KMS keyring\n\0\x01\0\0").unwrap_err(), Damage::Truncated);
/// ```
pub fn parse(bytes: &[u8]) -> Result<Parsed<'_>, Damage> {
    let (body, rest) = split(bytes)?;
    let mut reader = Reader::new(rest);
    let seal = reader.bytes().ok_or(Damage::Truncated)?;
    let checksum = reader.array::<CHECKSUM_LEN>().ok_or(Damage::Truncated)?;
    if !reader.is_empty() {
        return Err(Damage::TrailingBytes);
    }
    let covered = bytes.get(..bytes.len() - CHECKSUM_LEN).ok_or(Damage::Truncated)?;
    if sha256(covered) != checksum {
        return Err(Damage::Checksum);
    }
    let mut reader = Reader::new(body.get(PREFIX_LEN..).ok_or(Damage::Truncated)?);
    let contents = contents(&mut reader)?;
    if !reader.is_empty() {
        return Err(Damage::Field("the body goes on after the last key"));
    }
    Ok(Parsed { contents, seal, digest: sha256(body) })
}

/// Divides the body from the seal and the checksum.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), Damage> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        let cut = !bytes.is_empty() && MAGIC.starts_with(bytes);
        return Err(if cut { Damage::Truncated } else { Damage::NotAKeyring });
    };
    let mut reader = Reader::new(rest);
    match reader.u16().ok_or(Damage::Truncated)? {
        VERSION => {}
        0 => return Err(Damage::NotAKeyring),
        _ => return Err(Damage::Newer),
    }
    let len = reader.u32().ok_or(Damage::Truncated)?;
    let len = usize::try_from(len).map_err(|_| Damage::Truncated)?;
    if len < PREFIX_LEN {
        return Err(Damage::Field("the length of its body"));
    }
    bytes.split_at_checked(len).ok_or(Damage::Truncated)
}

fn contents(reader: &mut Reader<'_>) -> Result<Contents, Damage> {
    let revision = reader.u64().ok_or(Damage::Field("its revision"))?;
    let id = reader.material_id().ok_or(Damage::Field("the id of its root"))?;
    let kind = root_kind(reader)?;
    let mut contents = Contents { revision, root: RootInfo { id, kind }, keys: BTreeMap::new() };
    let mut aliases = BTreeSet::new();
    for _ in 0..reader.u32().ok_or(Damage::Field("the number of keys"))? {
        let key = key(reader)?;
        if contents.keys.last_key_value().is_some_and(|(last, _)| *last >= key.id) {
            return Err(Damage::Field("keys are not sorted, or not unique"));
        }
        if !key.aliases.iter().all(|alias| aliases.insert(alias.clone())) {
            return Err(Damage::Field("two keys have one alias"));
        }
        contents.keys.insert(key.id, key);
    }
    Ok(contents)
}

fn root_kind(reader: &mut Reader<'_>) -> Result<RootKind, Damage> {
    const WHAT: Damage = Damage::Field("the kind of its root");
    Ok(match reader.u8().ok_or(WHAT)? {
        ROOT_KEY_FILE => RootKind::KeyFile,
        ROOT_PASSPHRASE => {
            let (memory, passes, lanes) = (reader.u32(), reader.u32(), reader.u32());
            let cost = PassphraseCost::new(memory.ok_or(WHAT)?, passes.ok_or(WHAT)?, lanes.ok_or(WHAT)?)
                .map_err(|_| Damage::Field("the cost of its passphrase is out of bounds"))?;
            RootKind::Passphrase { cost, salt: reader.array().ok_or(WHAT)? }
        }
        ROOT_MASTER_KEY => RootKind::MasterKey { address: reader.text().ok_or(WHAT)?.to_owned() },
        _ => return Err(Damage::Newer),
    })
}

fn key(reader: &mut Reader<'_>) -> Result<KeyRecord, Damage> {
    const WHAT: Damage = Damage::Field("a key's record");
    let id = reader.key_id().ok_or(WHAT)?;
    let spec = reader.name().ok_or(WHAT)?.ok_or(Damage::Newer)?;
    let usage = reader.name().ok_or(WHAT)?.ok_or(Damage::Newer)?;
    if AlgorithmSet::of(spec, usage).is_empty() {
        return Err(Damage::Field("a key's usage does not fit its spec"));
    }
    let description = reader.text().ok_or(WHAT)?.to_owned();
    if description.len() > MAX_DESCRIPTION {
        return Err(Damage::Field("a description is too long"));
    }
    let mut aliases = BTreeSet::<String>::new();
    for _ in 0..reader.u16().ok_or(WHAT)? {
        let alias = reader.text().ok_or(WHAT)?;
        if !is_alias(alias) || aliases.last().is_some_and(|last| last.as_str() >= alias) {
            return Err(Damage::Field("aliases are not sorted, not unique, or not of their form"));
        }
        aliases.insert(alias.to_owned());
    }
    let mut generations = BTreeMap::new();
    for _ in 0..reader.u32().ok_or(WHAT)? {
        let number = reader.u32().ok_or(WHAT)?;
        if generations.last_key_value().is_some_and(|(&last, _)| last >= number) {
            return Err(Damage::Field("generations are not sorted, or not unique"));
        }
        generations.insert(number, generation(reader)?);
    }
    if generations.is_empty() {
        return Err(Damage::Field("a key without material"));
    }
    Ok(KeyRecord { id, spec, usage, description, aliases, generations })
}

fn generation(reader: &mut Reader<'_>) -> Result<GenerationRecord, Damage> {
    const WHAT: Damage = Damage::Field("a generation's record");
    let origin: Origin = reader.name().ok_or(WHAT)?.ok_or(Damage::Newer)?;
    let created = Duration::from_secs(reader.u64().ok_or(WHAT)?);
    let sealed = reader.bytes().ok_or(WHAT)?;
    if sealed.is_empty() || sealed.len() > blob::MAX_BLOB {
        return Err(Damage::Field("the length of sealed material"));
    }
    Ok(GenerationRecord { origin, created, sealed: sealed.to_vec().into() })
}

/// Writes all that comes before the seal, and its digest, which is to be sealed.
pub(crate) fn body(contents: &Contents) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let mut out = MAGIC.to_vec();
    out.extend(VERSION.to_be_bytes());
    out.extend([0; 4]);
    out.extend(contents.revision.to_be_bytes());
    put_root(&mut out, &contents.root)?;
    out.extend(count(contents.keys.len())?.to_be_bytes());
    for key in contents.keys.values() {
        put_key(&mut out, key)?;
    }
    let len = u32::try_from(out.len()).ok().filter(|_| out.len() <= MAX_BODY).ok_or_else(full)?;
    if let Some(field) = out.get_mut(PREFIX_LEN - 4..PREFIX_LEN) {
        field.copy_from_slice(&len.to_be_bytes());
    }
    let digest = sha256(&out);
    Ok((out, digest))
}

/// Adds the seal and the checksum to a body.
pub(crate) fn finish(mut body: Vec<u8>, seal: &[u8]) -> Result<Vec<u8>, Error> {
    put_bytes(&mut body, seal)?;
    let checksum = sha256(&body);
    body.extend(checksum);
    Ok(body)
}

fn put_root(out: &mut Vec<u8>, root: &RootInfo) -> Result<(), Error> {
    put_material_id(out, &root.id);
    match &root.kind {
        RootKind::KeyFile => out.push(ROOT_KEY_FILE),
        RootKind::Passphrase { cost, salt } => {
            out.push(ROOT_PASSPHRASE);
            for number in [cost.memory_kib(), cost.passes(), cost.lanes()] {
                out.extend(number.to_be_bytes());
            }
            out.extend(salt);
        }
        RootKind::MasterKey { address } => {
            out.push(ROOT_MASTER_KEY);
            put_bytes(out, address.as_bytes())?;
        }
    }
    Ok(())
}

fn put_key(out: &mut Vec<u8>, key: &KeyRecord) -> Result<(), Error> {
    out.extend(key.id.as_bytes());
    put_bytes(out, key.spec.as_str().as_bytes())?;
    put_bytes(out, key.usage.as_str().as_bytes())?;
    put_bytes(out, key.description.as_bytes())?;
    let aliases = u16::try_from(key.aliases.len()).map_err(|_| Error::invalid_input("a key has too many aliases"))?;
    out.extend(aliases.to_be_bytes());
    for alias in &key.aliases {
        put_bytes(out, alias.as_bytes())?;
    }
    out.extend(count(key.generations.len())?.to_be_bytes());
    for (number, generation) in &key.generations {
        out.extend(number.to_be_bytes());
        put_bytes(out, generation.origin.as_str().as_bytes())?;
        out.extend(generation.created.as_secs().to_be_bytes());
        put_bytes(out, generation.sealed.as_bytes())?;
    }
    Ok(())
}

fn count(len: usize) -> Result<u32, Error> {
    u32::try_from(len).map_err(|_| full())
}

fn full() -> Error {
    Error::invalid_input("the keyring is full: so many keys belong in a store")
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    hash(HashAlgorithm::Sha256, bytes)
}

#[cfg(test)]
mod tests;

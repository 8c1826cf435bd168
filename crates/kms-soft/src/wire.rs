//! Big-endian fields, read by a cursor that never panics and written with their lengths checked.

use alloc::vec::Vec;
use core::str::FromStr;

use kms_core::{Error, KeyId, MaterialId};

/// The core's cursor, for formats whose every fault is the same: a read answers `None` when the bytes are not there.
#[derive(Clone)]
pub(crate) struct Reader<'a>(kms_core::parse::Reader<'a>);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(kms_core::parse::Reader::new(bytes))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.0.array().ok()
    }

    #[cfg(feature = "std")]
    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.0.u8().ok()
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.0.u16().ok()
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.0.u32().ok()
    }

    #[cfg(feature = "std")]
    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.0.u64().ok()
    }

    /// Bytes behind a 16-bit length.
    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        self.0.prefixed_u16().ok()
    }

    /// UTF-8 behind a 16-bit length.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        core::str::from_utf8(self.bytes()?).ok()
    }

    /// A name of the AWS KMS API behind a 16-bit length; the inner `None` is a name this version does not know.
    pub(crate) fn name<T: FromStr>(&mut self) -> Option<Option<T>> {
        self.text().map(|text| text.parse().ok())
    }

    pub(crate) fn key_id(&mut self) -> Option<KeyId> {
        self.array().map(KeyId::from_bytes)
    }

    pub(crate) fn material_id(&mut self) -> Option<MaterialId> {
        Some(MaterialId { key: self.key_id()?, generation: self.u32()? })
    }
}

/// Writes `bytes` behind a 16-bit length.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Error> {
    let len = u16::try_from(bytes.len()).map_err(|_| Error::invalid_input("a field is longer than 65,535 bytes"))?;
    out.extend(len.to_be_bytes());
    out.extend(bytes);
    Ok(())
}

/// Writes an id as [`Reader::material_id`] reads it.
pub(crate) fn put_material_id(out: &mut Vec<u8>, id: &MaterialId) {
    out.extend(id.key.as_bytes());
    out.extend(id.generation.to_be_bytes());
}

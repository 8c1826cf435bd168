//! A cursor over bytes that never panics: every read of bytes that are not there answers how many are missing.
//!
//! For the formats of this project: blobs, messages, and what backends keep. Integers are big-endian.
//!
//! ```
//! use kms_core::parse::{Missing, Reader};
//! let mut reader = Reader::new(&[0, 2, b'h', b'i', 7]);
//! assert_eq!(reader.prefixed_u16(), Ok(&b"hi"[..]));
//! assert_eq!(reader.u32(), Err(Missing(3)));
//! assert_eq!(reader.u8(), Ok(7));
//! assert!(reader.is_empty());
//! ```

/// What is left to read.
#[derive(Debug, Clone)]
pub struct Reader<'a>(&'a [u8]);

/// How many bytes more a read would have needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a number with a name")]
pub struct Missing(pub usize);

impl<'a> Reader<'a> {
    /// All of `bytes` is left.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is left.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// How many bytes are missing; none are taken then.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], Missing> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Missing(len.saturating_sub(self.0.len())))?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next `N` bytes, where they are.
    ///
    /// # Errors
    /// How many bytes are missing; none are taken then.
    pub fn chunk<const N: usize>(&mut self) -> Result<&'a [u8; N], Missing> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(Missing(N.saturating_sub(self.0.len())))?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next `N` bytes, copied.
    ///
    /// # Errors
    /// How many bytes are missing; none are taken then.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Missing> {
        self.chunk().copied()
    }

    /// The next byte.
    ///
    /// # Errors
    /// How many bytes are missing; none are taken then.
    pub fn u8(&mut self) -> Result<u8, Missing> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A 16-bit integer.
    ///
    /// # Errors
    /// How many bytes are missing; none are taken then.
    pub fn u16(&mut self) -> Result<u16, Missing> {
        self.array().map(u16::from_be_bytes)
    }

    /// A 32-bit integer.
    ///
    /// # Errors
    /// How many bytes are missing; none are taken then.
    pub fn u32(&mut self) -> Result<u32, Missing> {
        self.array().map(u32::from_be_bytes)
    }

    /// A 64-bit integer.
    ///
    /// # Errors
    /// How many bytes are missing; none are taken then.
    pub fn u64(&mut self) -> Result<u64, Missing> {
        self.array().map(u64::from_be_bytes)
    }

    /// Bytes behind a 16-bit length.
    ///
    /// # Errors
    /// How many bytes are missing; the length may have been taken.
    pub fn prefixed_u16(&mut self) -> Result<&'a [u8], Missing> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }
}

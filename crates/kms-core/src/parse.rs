//! A cursor over bytes that never panics: every read of bytes that are not there answers how many are missing.

/// What is left to read.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a>(&'a [u8]);

/// How many bytes more a read would have needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing(pub(crate) usize);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is left.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Missing> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Missing(len.saturating_sub(self.0.len())))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn chunk<const N: usize>(&mut self) -> Result<&'a [u8; N], Missing> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(Missing(N.saturating_sub(self.0.len())))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Missing> {
        self.chunk().copied()
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Missing> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Missing> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Missing> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Missing> {
        self.array().map(u64::from_be_bytes)
    }

    /// Bytes behind a 16-bit length.
    pub(crate) fn prefixed_u16(&mut self) -> Result<&'a [u8], Missing> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }
}

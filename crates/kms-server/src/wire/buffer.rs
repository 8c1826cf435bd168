//! Bytes that leave nothing behind.

use std::io;

use zeroize::Zeroizing;

/// Bytes that are wiped when they are dropped, and also where they were before there were more of them.
#[derive(Default)]
pub(crate) struct WipedBuffer(Zeroizing<Vec<u8>>);

impl WipedBuffer {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(capacity)))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        let length = self.0.len().saturating_add(bytes.len());
        if length > self.0.capacity() {
            // A `Vec` that grows by itself leaves its old bytes to the allocator.
            let mut longer = Zeroizing::new(Vec::with_capacity(length.max(self.0.capacity().saturating_mul(2))));
            longer.extend_from_slice(&self.0);
            self.0 = longer;
        }
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn into_inner(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

impl io::Write for WipedBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn grows_and_keeps_its_bytes() {
        let mut buffer = WipedBuffer::with_capacity(3);
        let all: Vec<u8> = (0..=255).collect();
        for chunk in all.chunks(7) {
            buffer.write_all(chunk).unwrap();
        }
        assert_eq!(buffer.len(), 256);
        assert_eq!(*buffer.into_inner(), all);
    }
}

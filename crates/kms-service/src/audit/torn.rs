//! Torn or damaged: what to make of a record that is not right, in the last segment.
//!
//! A record whose batch was not synced was not acknowledged, and after a crash any part of its batch may be missing. A
//! batch is written only when the one before is on the disk. So if anything of a *later* batch follows, the record was on
//! the disk once, and somebody or something damaged it since.

use std::io::{self, Read};

use crate::audit::format::{HEAD_LEN, Head, MAX_BATCH};

/// How much is read at once, in bytes.
const PIECE: usize = 64 * 1024;

/// Looks in `rest`, all that follows the beginning of record `sequence`, for the head of a record of a later batch, and
/// answers its sequence number.
///
/// The head need not be at the end of the record before: that record's length may be what is damaged. The payload of an
/// event cannot hold the likeness of a head, since its first byte is in no UTF-8.
pub(crate) fn later_batch(mut rest: impl Read, sequence: u64) -> io::Result<Option<u64>> {
    let mut bytes = Vec::new();
    loop {
        let read = rest.by_ref().take(u64::try_from(PIECE).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
        for window in bytes.windows(HEAD_LEN) {
            let head = window.first_chunk().map(Head::parse);
            if let Some(head) = head.filter(|head| is_of_later_batch(head, sequence)) {
                return Ok(Some(head.sequence));
            }
        }
        if read == 0 {
            return Ok(None);
        }
        // What is left is shorter than a head.
        bytes.drain(..bytes.len().saturating_sub(HEAD_LEN - 1));
    }
}

/// A head of which only a part was written does not pass: without its beginning it has no mark; without its end its
/// sequence number is smaller, and its place, which stands before, is what it was.
fn is_of_later_batch(head: &Head, sequence: u64) -> bool {
    let distance = head.sequence.saturating_sub(sequence);
    head.kind().is_some() && head.place < MAX_BATCH && u64::from(head.place) < distance
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::audit::format::Kind;

    fn record(sequence: u64, place: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        let head = Head::new(Kind::Event, sequence, place, Timestamp::from_millis(1_700_000_000_000), b"{}").unwrap();
        let _ = head.write_record(&[0x55; 32], b"{}", &mut bytes);
        bytes
    }

    #[test]
    fn only_a_later_batch_proves_that_a_record_was_synced() {
        let same_batch = [vec![0xff; 90], record(8, 1), record(9, 2)].concat();
        assert_eq!(later_batch(&same_batch[..], 7).unwrap(), None);
        // The same records, in a batch that began at 9.
        let later = [vec![0xff; 90], record(8, 1), record(9, 0)].concat();
        assert_eq!(later_batch(&later[..], 7).unwrap(), Some(9));
        // Across the edge of a piece.
        for padding in PIECE - 40..PIECE + 5 {
            let bytes = [vec![0xff; padding], record(9, 0)].concat();
            assert_eq!(later_batch(&bytes[..], 7).unwrap(), Some(9), "{padding}");
        }
    }

    #[test]
    fn a_part_of_a_head_proves_nothing() {
        // 2,305 is 0x0901: of some parts the rest reads like a number, a place or a kind.
        for (sequence, place) in [(9, 2), (2305, 9), (0x0001_0101, 257)] {
            for written in 0..HEAD_LEN {
                let first = sequence - u64::from(place);
                let whole = record(sequence, place);
                let (front, back) = whole.split_at(written);
                let (no_front, no_back) = (vec![0; front.len()], vec![0; back.len()]);
                assert_eq!(later_batch(&[front, &no_back].concat()[..], first).unwrap(), None);
                assert_eq!(later_batch(&[&no_front, back].concat()[..], first).unwrap(), None);
            }
        }
    }
}

//! What is not exactly what was written is refused.

use proptest::prelude::*;
use proptest::sample::Index;

use crate::sample::{refused, sample, sizes};

proptest! {
    #[test]
    fn a_changed_byte(sample in sample(), at in any::<Index>(), change in 1..=255_u8, sizes in sizes()) {
        let mut message = sample.seal();
        *at.get_mut(&mut message) ^= change;
        refused(&message, &sample.plaintext, &sizes)?;
    }

    #[test]
    fn a_cut_end(sample in sample(), at in any::<Index>(), sizes in sizes()) {
        let mut message = sample.seal();
        message.truncate(at.index(message.len()));
        refused(&message, &sample.plaintext, &sizes)?;
    }

    #[test]
    fn bytes_behind_the_end(sample in sample(), more in proptest::collection::vec(any::<u8>(), 1..60), sizes in sizes()) {
        let mut message = sample.seal();
        message.extend(more);
        refused(&message, &sample.plaintext, &sizes)?;
    }

    #[test]
    fn a_missing_piece(sample in sample(), from in any::<Index>(), len in 1..100_usize, sizes in sizes()) {
        let mut message = sample.seal();
        let from = from.index(message.len());
        message.drain(from..(from + len).min(message.len()));
        refused(&message, &sample.plaintext, &sizes)?;
    }

    #[test]
    fn an_inserted_piece(
        sample in sample(),
        at in any::<Index>(),
        more in proptest::collection::vec(any::<u8>(), 1..60),
        sizes in sizes(),
    ) {
        let mut message = sample.seal();
        let at = at.index(message.len());
        message.splice(at..at, more);
        refused(&message, &sample.plaintext, &sizes)?;
    }
}

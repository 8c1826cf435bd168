//! Whole frames, each of them authentic, in the wrong place.

use std::time::Duration;

use kms_core::message::{CacheLimits, DataKeyCache, Header, Parsed, UnitHead, UnitKind};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::sample::{Sample, key, refused, sample, sizes};

/// A message in its parts.
struct Parts {
    header: Vec<u8>,
    frames: Vec<Vec<u8>>,
    footer: Vec<u8>,
}

impl Parts {
    fn of(message: &[u8]) -> Self {
        let Parsed::Complete(header) = Header::parse(message).unwrap() else { unreachable!("a whole message") };
        let (head, mut rest) = message.split_at(header.len);
        let mut frames = Vec::new();
        for number in 1.. {
            let Parsed::Complete(unit) = UnitHead::parse(rest, header.content, number).unwrap() else {
                unreachable!("a whole frame")
            };
            let (frame, more) = rest.split_at(usize::try_from(unit.len).unwrap());
            frames.push(frame.to_vec());
            rest = more;
            if unit.kind == UnitKind::Final {
                break;
            }
        }
        Self { header: head.to_vec(), frames, footer: rest.to_vec() }
    }

    fn join(&self) -> Vec<u8> {
        [&self.header, &self.frames.concat(), &self.footer].into_iter().flatten().copied().collect()
    }
}

/// A message of at least two frames.
fn framed() -> impl Strategy<Value = Sample> {
    sample().prop_map(|mut sample| {
        let enough = usize::try_from(sample.frame_len).unwrap() + 1;
        let len = sample.plaintext.len().max(enough);
        sample.plaintext.resize(len, 7);
        sample
    })
}

proptest! {
    #[test]
    fn swapped(sample in framed(), one in any::<Index>(), other in any::<Index>(), sizes in sizes()) {
        let mut parts = Parts::of(&sample.seal());
        let (one, other) = (one.index(parts.frames.len()), other.index(parts.frames.len()));
        prop_assume!(one != other);
        parts.frames.swap(one, other);
        refused(&parts.join(), &sample.plaintext, &sizes)?;
    }

    #[test]
    fn repeated(sample in framed(), which in any::<Index>(), at in any::<Index>(), sizes in sizes()) {
        let mut parts = Parts::of(&sample.seal());
        let frame = which.get(&parts.frames).clone();
        let at = at.index(parts.frames.len() + 1);
        parts.frames.insert(at, frame);
        refused(&parts.join(), &sample.plaintext, &sizes)?;
    }

    #[test]
    fn missing(sample in framed(), which in any::<Index>(), sizes in sizes()) {
        let mut parts = Parts::of(&sample.seal());
        let which = which.index(parts.frames.len());
        parts.frames.remove(which);
        refused(&parts.join(), &sample.plaintext, &sizes)?;
    }

    /// A frame of another message under the same data key, at the same place, with the same plaintext.
    #[test]
    fn of_another_message(sample in framed(), which in any::<Index>(), sizes in sizes()) {
        prop_assume!(sample.suite.kdf_hash().is_some());
        let cache = DataKeyCache::new(key(), CacheLimits::new(Duration::from_secs(60)), || Duration::ZERO);
        let mut parts = Parts::of(&sample.seal_under(&cache));
        let other = Parts::of(&sample.seal_under(&cache));
        prop_assert_eq!(cache.stats().hits, 1);
        let which = which.index(parts.frames.len());
        parts.frames.splice(which..=which, [other.frames[which].clone()]);
        refused(&parts.join(), &sample.plaintext, &sizes)?;
    }

    /// The header of one, the body of the other.
    #[test]
    fn under_another_header(sample in framed(), sizes in sizes()) {
        prop_assume!(sample.suite.kdf_hash().is_some());
        let cache = DataKeyCache::new(key(), CacheLimits::new(Duration::from_secs(60)), || Duration::ZERO);
        let mut parts = Parts::of(&sample.seal_under(&cache));
        parts.header = Parts::of(&sample.seal_under(&cache)).header;
        refused(&parts.join(), &sample.plaintext, &sizes)?;
    }

    /// The same parts, put together again: the tests above fail for the reason they name.
    #[test]
    fn in_their_place(sample in framed()) {
        let message = sample.seal();
        prop_assert_eq!(Parts::of(&message).join(), message);
    }
}

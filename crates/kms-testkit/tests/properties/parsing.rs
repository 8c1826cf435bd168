//! Parsers answer every input, with an error at the worst.

use kms_core::message::{Content, Header, Parsed, UnitHead};
use kms_core::{EncryptionContext, PublicKey};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::sample::{open, open_streaming, sample, sizes};

proptest! {
    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..300), sizes in sizes()) {
        prop_assert!(open(&bytes).is_err());
        prop_assert!(open_streaming(&bytes, &sizes).1.is_err());
        let _ = (EncryptionContext::parse(&bytes), PublicKey::from_spki_der(&bytes), Header::parse(&bytes));
        for content in [Content::NonFramed, Content::Framed(1), Content::Framed(u32::MAX)] {
            let _ = UnitHead::parse(&bytes, content, 1);
        }
    }

    /// The beginning of a header is incomplete, says how much more it has at least, and never says too much.
    #[test]
    fn a_header_asks_for_no_more_than_it_has(sample in sample(), at in any::<Index>()) {
        let message = sample.seal();
        let Parsed::Complete(whole) = Header::parse(&message).unwrap() else { unreachable!("a whole message") };
        let cut = at.index(whole.len);
        match Header::parse(&message[..cut]).unwrap() {
            Parsed::Incomplete(needed) => prop_assert!(cut < needed && needed <= whole.len),
            Parsed::Complete(_) => prop_assert!(false, "complete after {} of {} bytes", cut, whole.len),
        }
    }

    /// A context that reads is written as the same bytes.
    #[test]
    fn a_context_has_one_form(sample in sample()) {
        let context = EncryptionContext::new(sample.context).unwrap();
        prop_assert_eq!(EncryptionContext::parse(context.aad()).unwrap(), context);
    }

    #[test]
    fn a_damaged_header_is_an_error_or_a_header(sample in sample(), at in any::<Index>(), value in any::<u8>()) {
        let mut message = sample.seal();
        *at.get_mut(&mut message) = value;
        if let Ok(Parsed::Complete(header)) = Header::parse(&message) {
            prop_assert!(header.len <= message.len());
        }
    }
}

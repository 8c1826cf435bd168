//! The header of a message, and the heads of the units behind it, without a key.

#![no_main]

use kms_core::EncryptionContext;
use kms_core::message::{Header, Parsed, UnitHead, UnitKind};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let header = match Header::parse(data) {
        Ok(Parsed::Complete(header)) => header,
        // What is missing is missing: the same bytes cannot already hold it.
        Ok(Parsed::Incomplete(len)) => return assert!(len > data.len()),
        Err(_) => return,
    };
    // A whole header is read from its own bytes alone, and from no fewer.
    assert!(header.len <= data.len() && !header.encrypted_data_keys.is_empty());
    assert!(matches!(Header::parse(&data[..header.len]), Ok(Parsed::Complete(_))));
    assert!(matches!(Header::parse(&data[..header.len - 1]), Ok(Parsed::Incomplete(len)) if len == header.len));
    // The context is sorted, without duplicates, and reads back from its canonical form.
    let pairs: Vec<_> = header.context.clone().collect();
    assert!(pairs.windows(2).all(|two| two[0].0 < two[1].0));
    if let Ok(context) = EncryptionContext::new(pairs.iter().copied()) {
        assert_eq!(EncryptionContext::parse(context.aad()).unwrap(), context);
    }

    let mut rest = &data[header.len..];
    for number in 1.. {
        match UnitHead::parse(rest, header.content, number) {
            Ok(Parsed::Complete(unit)) => {
                assert!(unit.len > unit.plaintext_len && unit.sequence_number == number);
                let Ok(len) = usize::try_from(unit.len) else { return };
                let Some(after) = rest.get(len..) else { return };
                if unit.kind != UnitKind::Regular {
                    return;
                }
                rest = after;
            }
            Ok(Parsed::Incomplete(len)) => return assert!(len > rest.len() && len <= 24),
            Err(_) => return,
        }
    }
});

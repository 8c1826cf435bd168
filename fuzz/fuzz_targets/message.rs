//! Whole messages under known keys: in one call, and as a stream in small pieces. Both say the same.

#![no_main]

use std::io::Read;
use std::sync::LazyLock;

use kms_core::message::{self, DecryptOptions, DecryptReader, RawAesKey, WrappingKeys};
use kms_core::{Call, Secret};
use libfuzzer_sys::fuzz_target;

/// The keys of the seeds, from `tests/vectors`, and one whose data keys a mutation can reach.
static KEYS: LazyLock<WrappingKeys<'static>> = LazyLock::new(|| {
    let key = |name: &str, bytes: &[u8]| RawAesKey::new("fuzz", name, Secret::copy_from(bytes)).unwrap();
    WrappingKeys::new().with(key("128", &[1; 16])).with(key("192", &[2; 24])).with(key("256", &[3; 32]))
});

struct Dribble<'a>(&'a [u8]);

impl Read for Dribble<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let len = out.len().min(7);
        self.0.read(&mut out[..len])
    }
}

fuzz_target!(|data: &[u8]| {
    let call = Call::default();
    let options = DecryptOptions::new().with_unverified_release(true);
    let whole = message::decrypt(&*KEYS, &options, data, &call);
    let mut streamed = Vec::new();
    let stream = DecryptReader::new(Dribble(data), &*KEYS, &options, &call)
        .and_then(|mut reader| Ok(reader.read_to_end(&mut streamed).map(|_| reader.header().clone())?));
    match (whole, stream) {
        (Ok(whole), Ok(header)) => {
            assert_eq!(whole.plaintext.expose(), streamed);
            assert_eq!(whole.header, header);
            assert!(data.len() > streamed.len());
            // The end of a message is the end.
            assert!(message::decrypt(&*KEYS, &options, &data[..data.len() - 1], &call).is_err());
            assert!(message::decrypt(&*KEYS, &options, &[data, &[0]].concat(), &call).is_err());
        }
        (Err(whole), Err(stream)) => assert_eq!(whole.kind(), stream.kind(), "{whole} / {stream}"),
        (whole, stream) => panic!("{:?} / {:?}", whole.map(|_| ()), stream.map(|_| ())),
    }
});

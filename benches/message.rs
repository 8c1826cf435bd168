//! Whole messages in memory beside the bare AEAD over the same bytes in frames of the same size.
//!
//! Ours makes and wraps a data key, derives and commits to the message key, writes a header, and allocates what it
//! returns; the bare side has an expanded key and a buffer to write to. The files `overhead.rs` and `stream.rs`
//! measure the frames alone.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

use criterion::{BenchmarkId, Criterion, Throughput};
use kms_benches::{Bare, TAG_LEN, context, payload, wrapping_key};
use kms_core::message::{self, DecryptOptions, EncryptOptions};
use kms_core::{Call, SystemRandom};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let (keys, bare, call) = (wrapping_key(), Bare::new(), Call::default());

    for frame_len in [4096, 65_536] {
        let options = EncryptOptions::new(context()).with_frame_len(frame_len);
        let frame_len = frame_len as usize;
        for size in [64, 4096, 65_536, 1 << 20] {
            let plaintext = payload(size);
            let mut out = vec![0; size + size.div_ceil(frame_len) * TAG_LEN];
            let mut opened = vec![0; size];
            let name = |side| BenchmarkId::new(side, format!("{size} in frames of {frame_len}"));

            let mut group = criterion.benchmark_group("message encrypt");
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_function(name("ours"), |bencher| {
                bencher.iter(|| message::encrypt(&keys, &options, &plaintext, &SystemRandom, &call).unwrap());
            });
            group.bench_function(name("bare"), |bencher| {
                bencher.iter(|| bare.seal_frames(&plaintext, frame_len, 0, &mut out));
            });
            group.finish();

            let sealed = message::encrypt(&keys, &options, &plaintext, &SystemRandom, &call).unwrap();
            bare.seal_frames(&plaintext, frame_len, 0, &mut out);
            let mut group = criterion.benchmark_group("message decrypt");
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_function(name("ours"), |bencher| {
                bencher.iter(|| message::decrypt(&keys, &DecryptOptions::new(), &sealed, &call).unwrap());
            });
            group.bench_function(name("bare"), |bencher| {
                bencher.iter(|| bare.open_frames(&out, frame_len, 0, &mut opened));
            });
            group.finish();
        }
    }
    criterion.final_summary();
}

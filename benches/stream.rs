//! Messages of 64 MiB through `EncryptWriter` and `DecryptReader`, in memory on the other side.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

use std::io::{self, BufRead, Read, Write};

use criterion::{BenchmarkId, Criterion, Throughput};
use kms_benches::{context, payload, wrapping_key};
use kms_core::message::{self, DecryptOptions, DecryptReader, EncryptOptions, EncryptWriter};
use kms_core::{Call, SystemRandom};

const SIZE: usize = 64 << 20;
/// How much is written and read at once.
const PIECE: usize = 65_536;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let (keys, call, plaintext) = (wrapping_key(), Call::default(), payload(SIZE));
    let mut group = criterion.benchmark_group("stream");
    group.sample_size(10).throughput(Throughput::Bytes(SIZE as u64));

    for frame_len in [4096, 65_536] {
        let options = EncryptOptions::new(context()).with_frame_len(frame_len);
        let name = |what| BenchmarkId::new(what, format!("frames of {frame_len}"));

        group.bench_function(name("EncryptWriter"), |bencher| {
            bencher.iter(|| {
                let mut writer = EncryptWriter::new(io::sink(), &keys, &options, &SystemRandom, &call).unwrap();
                plaintext.chunks(PIECE).for_each(|piece| writer.write_all(piece).unwrap());
                writer.finish().unwrap();
            });
        });

        let sealed = message::encrypt(&keys, &options, &plaintext, &SystemRandom, &call).unwrap();
        let open = || DecryptReader::new(&sealed[..], &keys, &DecryptOptions::new(), &call).unwrap();
        let mut piece = vec![0; PIECE];
        group.bench_function(name("DecryptReader read"), |bencher| {
            bencher.iter(|| {
                let mut reader = open();
                while reader.read(&mut piece).unwrap() > 0 {}
            });
        });
        group.bench_function(name("DecryptReader fill_buf"), |bencher| {
            bencher.iter(|| {
                let mut reader = open();
                loop {
                    let len = reader.fill_buf().unwrap().len();
                    if len == 0 {
                        break;
                    }
                    reader.consume(len);
                }
            });
        });
    }
    group.finish();
    criterion.final_summary();
}

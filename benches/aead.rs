//! `AesGcm` of kms-core beside the `aes-gcm` crate it calls, both out of place into a reused buffer.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

use criterion::{BenchmarkId, Criterion, Throughput};
use kms_benches::{Bare, TAG_LEN, payload};
use kms_core::primitives::aead::AesGcm;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let (ours, bare) = (AesGcm::new(&[7; 32]).unwrap(), Bare::new());
    let nonce = [0; 12];

    for size in [64, 4096, 65_536, 1 << 20] {
        let plaintext = payload(size);
        let mut out = vec![0; size + TAG_LEN];

        let mut group = criterion.benchmark_group("aead seal");
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("ours", size), |bencher| {
            bencher.iter(|| ours.seal(&nonce, &[], &plaintext, out.split_at_mut(size).0).unwrap());
        });
        group.bench_function(BenchmarkId::new("bare", size), |bencher| {
            bencher.iter(|| bare.seal(0, &plaintext, &mut out));
        });
        group.finish();

        bare.seal(0, &plaintext, &mut out);
        let (sealed, tag) = out.split_last_chunk().unwrap();
        let mut opened = vec![0; size];
        let mut group = criterion.benchmark_group("aead open");
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("ours", size), |bencher| {
            bencher.iter(|| ours.open(&nonce, &[], sealed, tag, &mut opened).unwrap());
        });
        group.bench_function(BenchmarkId::new("bare", size), |bencher| {
            bencher.iter(|| bare.open(0, &out, &mut opened));
        });
        group.finish();
    }
    criterion.final_summary();
}

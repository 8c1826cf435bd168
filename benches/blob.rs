//! Ciphertext blobs of a key in memory beside the bare AEAD on a plaintext of the same size. The difference is
//! what a blob is: a random nonce from the system, a key derived and expanded for it, the commitment, the context.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

use criterion::{BenchmarkId, Criterion, Throughput};
use kms_benches::{Bare, TAG_LEN, context, create, payload};
use kms_core::{Call, KeySpec, KeyUsage};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let key = create(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let (bare, context, call) = (Bare::new(), context(), Call::default());

    for size in [64, 4096] {
        let plaintext = payload(size);
        let (mut out, mut opened) = (vec![0; size + TAG_LEN], vec![0; size]);

        let mut group = criterion.benchmark_group("blob seal");
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("ours", size), |bencher| {
            bencher.iter(|| key.encrypt(&plaintext, &context, &call).unwrap());
        });
        group.bench_function(BenchmarkId::new("bare", size), |bencher| {
            bencher.iter(|| bare.seal(0, &plaintext, &mut out));
        });
        group.finish();

        let blob = key.encrypt(&plaintext, &context, &call).unwrap();
        bare.seal(0, &plaintext, &mut out);
        let mut group = criterion.benchmark_group("blob open");
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("ours", size), |bencher| {
            bencher.iter(|| key.decrypt(blob.as_bytes(), &context, &call).unwrap());
        });
        group.bench_function(BenchmarkId::new("bare", size), |bencher| {
            bencher.iter(|| bare.open(0, &out, &mut opened));
        });
        group.finish();
    }

    criterion.bench_function("generate_data_key/32", |bencher| {
        bencher.iter(|| key.generate_data_key(32, &context, &call).unwrap());
    });
    criterion.final_summary();
}

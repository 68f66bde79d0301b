//! A wallet's trial decryption, on one core.

#![allow(
    missing_docs,
    reason = "criterion's macro writes an undocumented function"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use subrosa_benches::scan::{NOTES, Scan};

/// Transactions that are scanned at once, as in the catch-up of a wallet.
const TRANSACTIONS: usize = 2_048;

fn scan(c: &mut Criterion) {
    let scan = Scan::new(TRANSACTIONS).expect("a thread pool of one");
    let mut group = c.benchmark_group("scan");
    group.sample_size(10);
    group.throughput(Throughput::Elements((NOTES * TRANSACTIONS) as u64));
    group.bench_function("notes of strangers", |b| {
        b.iter(|| assert_eq!(scan.scan(), 0));
    });
    group.finish();
}

criterion_group!(benches, scan);
criterion_main!(benches);

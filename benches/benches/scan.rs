//! A wallet's trial decryption, on one core.

use divan::{Bencher, counter::ItemsCount};
use subrosa_benches::scan::Scan;

/// Transactions that are scanned at once, as in the catch-up of a wallet.
const TRANSACTIONS: usize = 2_048;

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 10)]
fn notes_of_strangers(bencher: Bencher<'_, '_>) {
    let scan = Scan::new(TRANSACTIONS).expect("a thread pool of one");
    bencher
        .counter(ItemsCount::new(TRANSACTIONS))
        .bench_local(|| assert_eq!(scan.scan(), 0));
}
